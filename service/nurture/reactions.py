"""What the service does of its own accord, in the order in which one sees the other's doings."""

from __future__ import annotations

from typing import Final

from service.nurture.accounts.reaction import ACCOUNTS
from service.nurture.assignment.following import ASSIGNMENT
from service.nurture.deadlines.reacting import DEADLINES
from service.nurture.policies.reacting import REACTION as POLICIES
from service.nurture.rounds import Reaction
from service.nurture.scoring.reacting import REACTION as SCORING

REACTIONS: Final[tuple[Reaction, ...]] = (SCORING, POLICIES, ASSIGNMENT, DEADLINES, ACCOUNTS)
