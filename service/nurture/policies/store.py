"""The SQL of what policies did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.leads.tables import leads
from service.nurture.activities.kinds import KINDS
from service.nurture.policies.tables import parked_leads, policy_firings

Row = dict[str, Any]

_SYSTEM: Final = [kind.kind for kind in KINDS if kind.direction == "system"]

# A lead remembers what was done to those that became part of it.
_FAMILY: Final = """family (id, lead_id) AS (
        SELECT id, id FROM unnest(CAST(:ids AS uuid[])) AS asked (id)
        UNION ALL SELECT leads.id, family.lead_id FROM leads JOIN family ON leads.merged_into = family.id)"""
_REMEMBERED: Final = text(
    f"""WITH RECURSIVE {_FAMILY}
    SELECT DISTINCT ON (family.lead_id, policy, outcome = 'refused')
        family.lead_id, policy, outcome = 'refused' AS refused, fired_at, stage, journey, sequence
    FROM policy_firings JOIN family ON family.id = policy_firings.lead_id
    WHERE outcome <> 'parked' AND policy = ANY(CAST(:policies AS text[]))
    ORDER BY family.lead_id, policy, outcome = 'refused', fired_at DESC, policy_firings.id DESC"""
)
_MOVES: Final = text(
    f"""WITH RECURSIVE {_FAMILY}
    SELECT family.lead_id, fired_at FROM policy_firings JOIN family ON family.id = policy_firings.lead_id
    WHERE outcome = 'moved' AND fired_at > :since ORDER BY fired_at, policy_firings.id"""
)
_PARKED: Final = text(
    """SELECT lead_id, bool_or(unparked_at IS NULL) AS parked, max(unparked_at) AS unparked_at
    FROM parked_leads WHERE lead_id = ANY(CAST(:ids AS uuid[])) GROUP BY lead_id"""
)
_ACTIVITIES: Final = text(
    """SELECT lead_id, id, kind, occurred_at, rating, rating_worst, rating_best FROM activities
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND occurred_at >= :since ORDER BY lead_id, occurred_at, id"""
)
_HEARD: Final = text(
    """SELECT lead_id, max(at) AS at FROM (
        SELECT lead_id, max(occurred_at) AS at FROM activities
        WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND kind <> ALL(CAST(:system AS text[])) GROUP BY lead_id
        UNION ALL SELECT lead_id, max(occurred_at) FROM touchpoints
        WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND journey > 0 GROUP BY lead_id) AS heard
    GROUP BY lead_id"""
)
_TIMERS: Final = text(
    "SELECT lead_id, due_at FROM timers WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND kind = :kind AND key = :key"
)
_ADD: Final = text(
    "INSERT INTO policy_firings SELECT * FROM json_populate_recordset(NULL::policy_firings, CAST(:rows AS json))"
)
_PARK: Final = text(
    "INSERT INTO parked_leads SELECT * FROM json_populate_recordset(NULL::parked_leads, CAST(:rows AS json))"
)
# Where a merge wove the ledger anew, a move is named as it stands there now.
_OF_LEAD: Final = text(
    f"""WITH RECURSIVE {_FAMILY}
    SELECT fired.lead_id, fired.id, policy, version, trigger, why, outcome, actions, stage, fired.journey,
        coalesce(woven.id, transition_id) AS transition_id, fired_at
    FROM policy_firings AS fired JOIN family ON family.id = fired.lead_id
    LEFT JOIN transitions AS woven ON woven.lead_id = family.lead_id AND woven.source = fired.transition_id
        AND woven.superseded_at IS NULL
    ORDER BY fired_at, fired.id"""
)
_UNPARKED: Final = text(
    f"""WITH RECURSIVE {_FAMILY}
    SELECT parked_leads.* FROM parked_leads JOIN family ON family.id = parked_leads.lead_id
    WHERE unparked_at IS NOT NULL ORDER BY unparked_at, parked_leads.id"""
)


_UNEXPLAINED: Final = text(
    """SELECT DISTINCT lead_id FROM transitions
    WHERE actor LIKE 'policy:%' AND superseded_at IS NULL AND NOT EXISTS (
        SELECT FROM policy_firings WHERE policy_firings.transition_id = coalesce(transitions.source, transitions.id))
    ORDER BY lead_id LIMIT :most"""
)


async def read_fired(connection: AsyncConnection, ids: Collection[UUID], policies: Collection[str]) -> list[Row]:
    """Return when each policy last fired for each lead, and when its move was last refused."""
    return await fetch(connection, _REMEMBERED, ids=list(ids), policies=list(policies))


async def read_moves(connection: AsyncConnection, ids: Collection[UUID], *, since: datetime) -> list[Row]:
    """Return when policies moved leads after a time."""
    return await fetch(connection, _MOVES, ids=list(ids), since=since)


async def read_parked(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, Row]:
    """Return of leads that ever were parked whether they are, and when they were last let go on."""
    return {row["lead_id"]: row for row in await fetch(connection, _PARKED, ids=list(ids))}


async def read_activities(connection: AsyncConnection, ids: Collection[UUID], *, since: datetime) -> list[Row]:
    """Return what leads did since a time, in order."""
    return await fetch(connection, _ACTIVITIES, ids=list(ids), since=since)


async def read_heard(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return when leads last gave a sign of life; what machines do is none."""
    return {row["lead_id"]: row["at"] for row in await fetch(connection, _HEARD, ids=list(ids), system=_SYSTEM)}


async def read_timers(
    connection: AsyncConnection, ids: Collection[UUID], *, kind: str, key: str
) -> dict[UUID, datetime]:
    """Return for when a timer of leads is set."""
    rows = await fetch(connection, _TIMERS, ids=list(ids), kind=kind, key=key)
    return {row["lead_id"]: row["due_at"] for row in rows}


async def add_firings(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write down what policies did."""
    if rows:
        await connection.execute(_ADD, {"rows": dumps(list(rows))})


async def park(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Park leads, which must not be parked."""
    if rows:
        await connection.execute(_PARK, {"rows": dumps(list(rows))})


async def unpark(connection: AsyncConnection, lead_id: UUID, *, by: str, now: datetime) -> Row | None:
    """Let a lead go on, and return how it was parked, or None if it was not."""
    is_open = (parked_leads.c.lead_id == lead_id) & parked_leads.c.unparked_at.is_(None)
    statement = update(parked_leads).where(is_open).values(unparked_at=now, unparked_by=by).returning(parked_leads)
    rows = await fetch(connection, statement)
    return rows[0] if rows else None


async def list_firings(
    connection: AsyncConnection,
    *,
    lead_id: UUID | None,
    policy: str | None,
    outcome: str | None,
    since: datetime | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[Row]:
    """Return up to ``limit`` firings, the latest first."""
    table = policy_firings
    statement: Select[Any] = select(table).order_by(table.c.fired_at.desc(), table.c.id.desc()).limit(limit)
    for column, value in ((table.c.lead_id, lead_id), (table.c.policy, policy), (table.c.outcome, outcome)):
        statement = statement.where(column == value) if value is not None else statement
    if since is not None:
        statement = statement.where(table.c.fired_at >= since)
    if after is not None:
        statement = statement.where(tuple_(table.c.fired_at, table.c.id) < tuple_(*after))
    return await fetch(connection, statement)


async def list_parked(connection: AsyncConnection, *, after: Sequence[Any] | None, limit: int) -> list[Row]:
    """Return up to ``limit`` leads that are parked and stand for themselves, the latest first."""
    table = parked_leads
    stands = and_(leads.c.id == table.c.lead_id, leads.c.merged_into.is_(None), leads.c.erased_at.is_(None))
    statement = select(table).join(leads, stands).where(table.c.unparked_at.is_(None))
    if after is not None:
        statement = statement.where(tuple_(table.c.parked_at, table.c.id) < tuple_(*after))
    return await fetch(connection, statement.order_by(table.c.parked_at.desc(), table.c.id.desc()).limit(limit))


async def count_firings(connection: AsyncConnection, *, since: datetime, until: datetime) -> list[Row]:
    """Return how often each policy fired with each outcome, for how many leads, and when last."""
    table = policy_firings
    statement = (
        select(
            table.c.policy,
            table.c.outcome,
            func.count().label("count"),
            func.count(table.c.lead_id.distinct()).label("leads"),
            func.max(table.c.fired_at).label("last_at"),
        )
        .where(table.c.fired_at >= since, table.c.fired_at < until)
        .group_by(table.c.policy, table.c.outcome)
        .order_by(table.c.policy, table.c.outcome)
    )
    return await fetch(connection, statement)


async def count_parked(connection: AsyncConnection) -> int:
    """Return how many leads are parked that stand for themselves."""
    table = parked_leads
    stands = and_(leads.c.id == table.c.lead_id, leads.c.merged_into.is_(None), leads.c.erased_at.is_(None))
    statement = select(func.count()).select_from(table.join(leads, stands)).where(table.c.unparked_at.is_(None))
    return (await connection.execute(statement)).scalar_one()


async def read_unexplained(connection: AsyncConnection, *, most: int) -> list[UUID]:
    """Return leads that a policy moved without a firing that says why; there must be none."""
    return [row["lead_id"] for row in await fetch(connection, _UNEXPLAINED, most=most)]


async def read_of_leads(connection: AsyncConnection, ids: Collection[UUID]) -> list[Row]:
    """Return what policies did to leads, oldest first."""
    table = policy_firings
    statement = select(table).where(table.c.lead_id.in_(ids)).order_by(table.c.fired_at, table.c.id)
    return await fetch(connection, statement)


async def read_of_lead(connection: AsyncConnection, lead_id: UUID) -> tuple[list[Row], list[Row]]:
    """Return what policies did to a lead and to those that became part of it, and when these were let go on."""
    return await fetch(connection, _OF_LEAD, ids=[lead_id]), await fetch(connection, _UNPARKED, ids=[lead_id])
