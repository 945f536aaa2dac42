"""Teams kept: each is written on its own, and every version of all of them stays, so that what was decided under one can be explained."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict
from service.core.http.etags import Precondition
from service.leads.operations import Writer
from service.nurture import store as rule_store
from service.nurture.assignment import store
from service.nurture.assignment.errors import TeamInUse, TeamNotFound
from service.nurture.assignment.picking import LEAD
from service.nurture.assignment.rules import ASSIGNMENT_RULES, TEAMS, Member, Team, TeamBody
from service.nurture.rules import Rules, read_rules


async def list_teams(
    connection: AsyncConnection, *, after: str | None, limit: int, now: datetime
) -> list[dict[str, Any]]:
    """Return teams by their keys."""
    teams = (await read_rules(connection)).of(TEAMS).teams
    keys = [key for key in sorted(teams) if after is None or key > after][:limit]
    return await _shown(connection, {key: teams[key] for key in keys}, now=now)


async def read_team(connection: AsyncConnection, key: str, *, now: datetime) -> dict[str, Any]:
    """Return a team; raises `TeamNotFound`."""
    team = _found((await read_rules(connection)).of(TEAMS).teams, key)
    return (await _shown(connection, {key: team}, now=now))[0]


async def put_team(
    connection: AsyncConnection, key: str, body: TeamBody, writer: Writer
) -> tuple[dict[str, Any], bool]:
    """Write a team as a whole, and return it and whether it is new. Who comes to it begins with what the others have."""
    # One at a time: all teams are one document.
    await store.lock(connection)
    rules = await read_rules(connection)
    teams = dict(rules.of(TEAMS).teams)
    known = teams.get(key)
    _check(writer.precondition, known)
    teams[key] = Team(
        **body.model_dump(),
        version=rules.version(TEAMS) + 1,
        created_at=known.created_at if known else writer.now,
        updated_at=writer.now,
    )
    await _write(connection, teams, writer)
    return (await _shown(connection, {key: teams[key]}, now=writer.now))[0], known is None


async def drop_team(connection: AsyncConnection, key: str, writer: Writer) -> None:
    """Delete a team: its leads stay whose they are. Raises `TeamNotFound`, and `TeamInUse` if rules name it."""
    await store.lock(connection)
    rules = await read_rules(connection)
    teams = dict(rules.of(TEAMS).teams)
    _check(writer.precondition, _found(teams, key))
    if named := _naming(rules, key):
        raise TeamInUse(f"rule {named!r} names the team", rule=named)
    del teams[key]
    await _write(connection, teams, writer)
    await store.drop_turns(connection, key)


def _naming(rules: Rules, key: str) -> str | None:
    held = rules.of(ASSIGNMENT_RULES)
    named = [rule.key for rule in held.rules if key in {rule.to.team, rule.fallback}]
    named += [rule.key for rule in held.reclaim if key in rule.teams]
    return named[0] if named else None


def _found(teams: Mapping[str, Team], key: str) -> Team:
    if key not in teams:
        raise TeamNotFound(f"there is no team {key!r}")
    return teams[key]


def _check(precondition: Precondition, team: Team | None) -> None:
    if team is None:
        precondition.check_missing()
    else:
        precondition.check(team.version)


async def _write(connection: AsyncConnection, teams: Mapping[str, Team], writer: Writer) -> None:
    stored = {"teams": {key: team.model_dump(mode="json", exclude_defaults=True) for key, team in teams.items()}}
    if await rule_store.add_version(connection, TEAMS.name, stored, actor=writer.actor, now=writer.now) is None:
        raise Conflict("somebody else wrote a team at this very moment; try again", code="rules_changed")


async def _shown(connection: AsyncConnection, teams: Mapping[str, Team], *, now: datetime) -> list[dict[str, Any]]:
    owners = {member.owner for team in teams.values() for member in team.members}
    loads = await store.read_loads(connection, owners)
    turns = {(row["team"], row["owner"]): row for row in await store.read_turns(connection, teams.keys())}
    return [
        {
            "key": key,
            "label": team.label,
            "members": [
                _member_out(member, loads.get(member.owner, 0), turns.get((key, member.owner)), now=now)
                for member in team.members
            ],
            **{name: getattr(team, name) for name in ("version", "created_at", "updated_at")},
        }
        for key, team in teams.items()
    ]


def _member_out(member: Member, load: int, turn: Mapping[str, Any] | None, *, now: datetime) -> dict[str, Any]:
    is_full = member.capacity is not None and load >= member.capacity
    return member.model_dump() | {
        "open": load,
        "available": member.is_there(now) and not is_full,
        "given": turn["given"] if turn else 0,
        "due": round(turn["credit"] / LEAD, 6) if turn else 0.0,
    }
