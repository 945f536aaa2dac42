"""Whether rules of assignment name what there is."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.nurture.assignment.rules import TEAMS, AssignmentRules
from service.nurture.rules import read_rules
from service.stats.segments.operations import check_filters, find_segments


async def check_rules(connection: AsyncConnection, rules: AssignmentRules) -> None:
    """Raise `Invalid` for rules that name a team or a segment that does not exist, or what leads cannot be filtered by."""
    teams = (await read_rules(connection)).of(TEAMS).teams
    segments = await find_segments(connection, [rule.when.segment for rule in rules.rules if rule.when.segment])
    for number, rule in enumerate(rules.rules):
        for name, key in (("to/team", rule.to.team), ("fallback", rule.fallback)):
            if key is not None and key not in teams:
                raise Invalid(f"/rules/{number}/{name}", f"there is no team {key!r}")
        if rule.when.segment is not None and rule.when.segment not in segments:
            raise Invalid(f"/rules/{number}/when/segment", f"there is no segment {rule.when.segment!r}")
        if rule.when.filters is not None:
            try:
                await check_filters(connection, rule.when.filters)
            except Invalid as fault:
                pointer = fault.extra["errors"][0]["pointer"]
                raise Invalid(f"/rules/{number}/when{pointer}", fault.detail) from None
    for number, one in enumerate(rules.reclaim):
        for key in one.teams:
            if key not in teams:
                raise Invalid(f"/reclaim/{number}/teams", f"there is no team {key!r}")
