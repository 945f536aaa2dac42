"""The SQL of deadlines, but for that of their statistics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.leads.tables import journeys, leads
from service.nurture.deadlines.clocks import LEFT, MET
from service.nurture.deadlines.tables import deadlines

_OF: Final = text("SELECT * FROM deadlines WHERE lead_id = ANY(CAST(:ids AS uuid[])) ORDER BY lead_id, started_at, id")
_LEDGERS: Final = text(
    """SELECT lead_id, sequence, journey, to_stage, channel, occurred_at, recorded_at FROM transitions
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND superseded_at IS NULL ORDER BY lead_id, sequence"""
)
_MERGED: Final = text("SELECT id, merged_into FROM leads WHERE merged_into = ANY(CAST(:ids AS uuid[])) ORDER BY id")
_DONE: Final = text(
    """SELECT lead_id, occurred_at FROM activities
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND kind = ANY(CAST(:kinds AS text[])) ORDER BY lead_id, occurred_at"""
)
_ASTRAY: Final = text(
    """SELECT leads.id FROM leads LEFT JOIN (
        SELECT lead_id, min(due_at) AS due_at FROM deadlines WHERE ended_how IS NULL GROUP BY lead_id) AS open
        ON open.lead_id = leads.id
    WHERE leads.merged_into IS NULL AND leads.erased_at IS NULL AND leads.due_at IS DISTINCT FROM open.due_at ORDER BY leads.id LIMIT :most"""
)
_CHANGED: Final = ", ".join(
    f"{column.name} = excluded.{column.name}" for column in deadlines.columns if not column.primary_key
)
_WRITE: Final = text(
    f"""INSERT INTO deadlines SELECT * FROM json_populate_recordset(NULL::deadlines, CAST(:rows AS json))
    ON CONFLICT (lead_id, id) DO UPDATE SET {_CHANGED}"""
)
_WITHDRAW: Final = text(
    """UPDATE deadlines SET ended_how = 'withdrawn', ended_at = :now, updated_at = :now, worked_seconds = NULL
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND ended_how IS DISTINCT FROM 'withdrawn'
    AND (ended_how IS NULL OR (:ended AND ended_how IN ('met', 'left')))"""
)


async def read_deadlines(connection: AsyncConnection, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return all deadlines of some leads."""
    return await fetch(connection, _OF, ids=sorted(ids))


async def read_ledgers(connection: AsyncConnection, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the ledgers of some leads, as far as deadlines need them."""
    return await fetch(connection, _LEDGERS, ids=sorted(ids))


async def read_merged(connection: AsyncConnection, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return which leads were merged into some leads: ``id, merged_into``."""
    return await fetch(connection, _MERGED, ids=sorted(ids))


async def read_done(
    connection: AsyncConnection, ids: Collection[UUID], *, kinds: Collection[str]
) -> list[dict[str, Any]]:
    """Return when activities of some kinds were, by lead and time."""
    return await fetch(connection, _DONE, ids=sorted(ids), kinds=sorted(kinds))


async def read_astray(connection: AsyncConnection, *, most: int) -> list[UUID]:
    """Return leads that are not due when the earliest of their deadlines is."""
    return [row["id"] for row in await fetch(connection, _ASTRAY, most=most)]


async def write_deadlines(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add deadlines, or change those that exist."""
    await connection.execute(_WRITE, {"rows": dumps(list(rows))})


async def withdraw(connection: AsyncConnection, ids: Collection[UUID], *, ended: bool, now: datetime) -> int:
    """Take back the deadlines of some leads that have not ended, and if so said those that have; return how many."""
    return (await connection.execute(_WITHDRAW, {"ids": sorted(ids), "ended": ended, "now": now})).rowcount


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which deadlines are meant: any of the ``states`` at an instant, and of each of the ``values``' columns any of these.

    ``missing`` names columns of which none is meant as well. Those of leads that do not count never are: tests, and what was reverted.
    """

    at: datetime
    states: Collection[str]
    values: Mapping[str, Collection[str]]
    missing: Collection[str] = ()
    start: datetime | None = None
    end: datetime | None = None


# Every lead has a first journey, which counts if the lead does.
COUNTED: Final = deadlines.join(
    journeys, and_(journeys.c.lead_id == deadlines.c.lead_id, journeys.c.number == 1, journeys.c.counted)
)


def conditions(chosen: Chosen) -> list[ColumnElement[bool]]:
    """Return the conditions on deadlines."""
    found = [or_(*(_in_state(state, chosen.at) for state in chosen.states))]
    for name in sorted({*chosen.values, *chosen.missing}):
        column, values = deadlines.c[name], chosen.values.get(name)
        either = [column.in_(values)] if values else []
        either += [column.is_(None)] if name in chosen.missing else []
        found += [or_(*either)] if either else []
    if chosen.start is not None:
        found.append(deadlines.c.started_at >= chosen.start)
    if chosen.end is not None:
        found.append(deadlines.c.started_at < chosen.end)
    return found


def _in_state(state: str, at: datetime) -> ColumnElement[bool]:
    running, done = deadlines.c.ended_how.is_(None), deadlines.c.ended_how.in_([MET, LEFT])
    match state:
        case "open":
            return and_(running, deadlines.c.due_at > at)
        case "overdue":
            return and_(running, deadlines.c.due_at <= at)
        case "in_time":
            return and_(done, deadlines.c.ended_at <= deadlines.c.due_at)
    return and_(done, deadlines.c.ended_at > deadlines.c.due_at)


async def read_page(
    connection: AsyncConnection, chosen: Chosen, *, after: Sequence[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """Return up to ``limit`` deadlines, those that are due first before the others."""
    place = (deadlines.c.due_at, deadlines.c.lead_id, deadlines.c.id)
    statement = select(deadlines).select_from(COUNTED).where(*conditions(chosen)).order_by(*place).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    return await fetch(connection, statement)


async def count(connection: AsyncConnection, chosen: Chosen) -> int:
    """Return how many deadlines are meant."""
    statement = select(func.count()).select_from(COUNTED).where(*conditions(chosen))
    return int((await connection.execute(statement)).scalar_one())


async def read_leads(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return the rows of leads by their ids."""
    rows = await fetch(connection, select(leads).where(leads.c.id.in_(ids)))
    return {row["id"]: row for row in rows}
