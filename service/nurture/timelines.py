"""What nurture adds to the timeline of a lead."""

from __future__ import annotations

from typing import Final

from service.leads.reading import Teller

TIMELINES: Final[tuple[Teller, ...]] = ()
