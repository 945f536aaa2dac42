"""`leads verify`, of nurture: does what it keeps of leads agree with what they show?"""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.assignment import store as assignments
from service.nurture.deadlines import store as deadlines
from service.nurture.policies import store as policies

_MOST: Final = 20


async def verify(connection: AsyncConnection) -> list[str]:
    """Return a sentence for everything that should always hold and does not, at most twenty of a kind."""
    astray = await deadlines.read_astray(connection, most=_MOST)
    mistaken = await assignments.read_astray(connection, most=_MOST)
    unexplained = await policies.read_unexplained(connection, most=_MOST)
    return [
        *(f"a lead is not due when the earliest of its open deadlines is (lead_id={lead_id})" for lead_id in astray),
        *(f"a lead is not its owner's by its assignment (lead_id={lead_id})" for lead_id in mistaken),
        *(f"a policy moved a lead, and nothing says why (lead_id={lead_id})" for lead_id in unexplained),
    ]
