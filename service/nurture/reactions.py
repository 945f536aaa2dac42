"""What the service does of its own accord, in the order in which one sees the other's doings."""

from __future__ import annotations

from typing import Final

from service.nurture.rounds import Reaction

REACTIONS: Final[tuple[Reaction, ...]] = ()
