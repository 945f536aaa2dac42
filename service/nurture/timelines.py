"""What nurture adds to the timeline of a lead."""

from __future__ import annotations

from typing import Final

from service.leads.reading import Teller
from service.nurture.accounts.personal import tell_roles
from service.nurture.assignment.personal import tell_assignments
from service.nurture.deadlines.personal import tell_deadlines
from service.nurture.policies.present import tell as tell_policies
from service.nurture.scoring.explaining import tell_points

TIMELINES: Final[tuple[Teller, ...]] = (tell_points, tell_policies, tell_assignments, tell_deadlines, tell_roles)
