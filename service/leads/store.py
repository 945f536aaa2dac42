"""All SQL of the leads room."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnClause, Table, TextClause, column, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.leads import bulk_store
from service.leads.duplicates.tables import duplicates
from service.leads.privacy.tables import consents
from service.leads.tables import activities, corrections, journeys, leads, touchpoints, transitions
from service.outbound.store import POSITION
from service.outbound.tables import outbox
from service.stats.tables import cohort_deltas, flow_deltas, win_deltas

Rows = Sequence[Mapping[str, Any]]

_JOURNEY_PREFIX: Final = "journey__"

# One round trip brings the lead, locked, and the journey it is on. One lead has a statement of its own: for an array the planner
# makes a new plan each time, which takes it longer than the look-up.
_SELECT_LOCKED: Final = (
    "SELECT "
    + ", ".join(f"leads.{column.name}" for column in leads.columns)
    + ", "
    + ", ".join(f"journeys.{column.name} AS {_JOURNEY_PREFIX}{column.name}" for column in journeys.columns)
    + " FROM leads JOIN journeys ON journeys.lead_id = leads.id AND journeys.number = leads.journey WHERE leads.id "
)
# The names of the columns, said here once, need not be read off every result.
_LOCKED_COLUMNS: Final[list[ColumnClause[Any]]] = [
    *(column(one.name) for one in leads.columns),
    *(column(_JOURNEY_PREFIX + one.name) for one in journeys.columns),
]
_READ_ONE: Final = text(_SELECT_LOCKED + "= CAST(:id AS uuid)").columns(*_LOCKED_COLUMNS)
_LOCK_ONE: Final = text(_SELECT_LOCKED + "= CAST(:id AS uuid) FOR UPDATE OF leads, journeys").columns(*_LOCKED_COLUMNS)
_LOCK_MANY: Final = text(
    _SELECT_LOCKED + "= ANY(CAST(:ids AS uuid[])) ORDER BY leads.id FOR UPDATE OF leads, journeys"
).columns(*_LOCKED_COLUMNS)
_HOLD: Final = text("SELECT id FROM leads WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")

CHANGED: Final = "changed_leads"
POSITION_COLUMN: Final = "position"
"""What an event's row does not say: where it stands in the feed is for the database to tell."""
NEW_JOURNEYS: Final = "new_journeys"
_ADDED: Final[Mapping[str, Table]] = {
    table.name: table
    for table in (
        leads,
        transitions,
        journeys,
        touchpoints,
        activities,
        corrections,
        consents,
        duplicates,
        outbox,
        cohort_deltas,
        flow_deltas,
        win_deltas,
    )
} | {NEW_JOURNEYS: journeys}
_CHANGED_IDS: Final = "changed_ids"
COPIED_FROM: Final = 100
"""A table that gets so many rows is copied into: for fewer, the round trips cost more than the JSON."""
_BULK: Final = (
    leads.name,
    transitions.name,
    NEW_JOURNEYS,
    touchpoints.name,
    activities.name,
    consents.name,
    outbox.name,
    cohort_deltas.name,
    flow_deltas.name,
    win_deltas.name,
)


async def lock_leads(connection: AsyncConnection, ids: Collection[UUID]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Lock leads, in the order of their ids so that no two transactions wait for each other, and return each with its journey.

    Both rows are locked: of a row that it had to wait for, PostgreSQL reads what was committed meanwhile, but of rows that it joins to
    it only if they are locked as well. A journey that began while we waited is not seen at all, so we look again, now holding the lead.
    """
    found = await _locked(connection, ids)
    missing = set(ids) - {row["id"] for row in found}
    if missing and (held := await fetch(connection, _HOLD, ids=sorted(missing))):
        found += await _locked(connection, [row["id"] for row in held])
    return [_apart(row) for row in found]


def _apart(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    journey = {
        name.removeprefix(_JOURNEY_PREFIX): row.pop(name) for name in list(row) if name.startswith(_JOURNEY_PREFIX)
    }
    return row, journey


async def read_lead_and_journey(
    connection: AsyncConnection, lead_id: UUID
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return a lead with its journey as they are at the moment, not locked; or None."""
    rows = await fetch(connection, _READ_ONE, id=lead_id)
    return _apart(rows[0]) if rows else None


async def _locked(connection: AsyncConnection, ids: Collection[UUID]) -> list[dict[str, Any]]:
    if len(ids) == 1:
        return await fetch(connection, _LOCK_ONE, id=next(iter(ids)))
    return await fetch(connection, _LOCK_MANY, ids=sorted(ids))


async def flush(
    connection: AsyncConnection,
    rows: Mapping[str, Rows],
    wired: Mapping[str, bulk_store.Wired] = MappingProxyType({}),
) -> None:
    """Write the rows of all tables: a few in one statement, one round trip and one plan; tables that get many by COPY.

    The keys are the names of tables, ``changed_leads`` for rows of leads that exist, and ``new_journeys`` for journeys that cannot exist.
    ``wired`` are rows that can only be copied: see `wire`.
    """
    parts = {name: some for name, some in rows.items() if some}
    many = [name for name in _BULK if wired.get(name) or len(parts.get(name, ())) >= COPIED_FROM]
    told: dict[str, Any] = {}
    if outbox.name in many:
        told[POSITION_COLUMN] = await bulk_store.read_position(connection)

    async def copy(name: str) -> None:
        same = told if name == outbox.name else {}
        await bulk_store.copy_rows(connection, _ADDED[name], parts.get(name, ()), wired.get(name, ()), **same)

    # Whatever else is written refers to the leads, so these come first.
    if leads.name in many:
        await copy(leads.name)
    await _write(connection, {name: some for name, some in parts.items() if name not in many})
    for name in many:
        if name != leads.name:
            await copy(name)


async def _write(connection: AsyncConnection, rows: Mapping[str, Rows]) -> None:
    if rows:
        parameters: dict[str, Any] = {name: dumps(some) for name, some in rows.items()}
        if CHANGED in rows:
            parameters[_CHANGED_IDS] = [row["id"] for row in rows[CHANGED]]
        await connection.execute(_flush_statement(tuple(sorted(rows))), parameters)


@cache
def _flush_statement(parts: tuple[str, ...]) -> TextClause:
    written = ", ".join(f"w{number} AS ({part_of(name)})" for number, name in enumerate(parts))
    return text(f"WITH {written} SELECT")


def part_of(name: str, condition: str = "") -> str:
    """Return the SQL that writes the rows of one part; ``condition`` is a WHERE clause on which rows are added."""
    if name == CHANGED:
        columns = [column.name for column in leads.columns if column.name not in {"id", "created_at"}]
        assignments = ", ".join(f"{column} = new.{column}" for column in columns)
        # The array lets the planner look the leads up; from the record set alone it cannot tell how few they are.
        return (
            f"UPDATE leads SET {assignments} FROM {_recordset('leads', name)} new "
            f"WHERE leads.id = new.id AND leads.id = ANY(CAST(:{_CHANGED_IDS} AS uuid[]))"
        )
    table = _ADDED[name]
    if table is outbox:
        columns = [column.name for column in outbox.columns if column.name != POSITION_COLUMN]
        return (
            f"INSERT INTO outbox ({', '.join(columns)}, position) SELECT {', '.join(columns)}, "
            f"{POSITION} FROM {_recordset('outbox', name)}{condition}"
        )
    insert = f"INSERT INTO {table.name} SELECT * FROM {_recordset(table.name, name)}{condition}"
    if table is duplicates:
        # A pair that looked alike is now known for more; what was decided of it stands.
        return (
            f"{insert} ON CONFLICT (lead_id, other_id) DO UPDATE SET status = excluded.status, "
            "found_by = excluded.found_by, why = excluded.why "
            "WHERE duplicates.status = 'open' AND duplicates.found_by = 'similar'"
        )
    if name == journeys.name:
        columns = [column.name for column in journeys.columns if not column.primary_key]
        assignments = ", ".join(f"{column} = excluded.{column}" for column in columns)
        return f"{insert} ON CONFLICT (lead_id, number) DO UPDATE SET {assignments}"
    return insert


def _recordset(table: str, parameter: str) -> str:
    return f"json_populate_recordset(NULL::{table}, CAST(:{parameter} AS json))"


_LEAD = text("SELECT * FROM leads WHERE id = :id")
_SURVIVOR = text(
    """WITH RECURSIVE way (id, merged_into) AS (SELECT id, merged_into FROM leads WHERE id = :id
        UNION SELECT leads.id, leads.merged_into FROM leads JOIN way ON leads.id = way.merged_into)
    SELECT id FROM way WHERE merged_into IS NULL"""
)
_JOURNEYS = text("SELECT * FROM journeys WHERE lead_id = :id ORDER BY number")
_TOUCHPOINTS = text("SELECT * FROM touchpoints WHERE lead_id = :id ORDER BY occurred_at, id")
_ACTIVITIES = text("SELECT * FROM activities WHERE lead_id = :id ORDER BY occurred_at, id")
_CORRECTIONS = text("SELECT * FROM corrections WHERE lead_id = :id ORDER BY recorded_at, id")
_LEDGER = text("SELECT * FROM transitions WHERE lead_id = :id AND superseded_at IS NULL ORDER BY sequence")
_LEDGER_KNOWN = text(
    """SELECT * FROM transitions WHERE lead_id = :id AND recorded_at <= :known_at
    AND (superseded_at IS NULL OR superseded_at > :known_at) ORDER BY sequence"""
)
_MOVES = text(
    """SELECT lead_id, event, to_stage, occurred_at FROM transitions
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND superseded_at IS NULL"""
)
_HISTORY = text("SELECT * FROM transitions WHERE lead_id = :id ORDER BY recorded_at, sequence")
_SUPERSEDE = text(
    """UPDATE transitions SET superseded_at = :at, superseded_by = :correction_id
    WHERE lead_id = :lead_id AND superseded_at IS NULL AND sequence >= :from_sequence"""
)
_DROP_JOURNEYS = (
    text("UPDATE touchpoints SET journey = :last WHERE lead_id = :lead_id AND journey > :last"),
    text("UPDATE activities SET journey = :last WHERE lead_id = :lead_id AND journey > :last"),
    text("DELETE FROM journeys WHERE lead_id = :lead_id AND number > :last"),
)
# A journey's touchpoint is told by what the start said: a start and its touchpoint are written with the same time and source.
_OF_START = """lead_id = :lead_id AND id = (
    SELECT id FROM touchpoints WHERE lead_id = :lead_id AND journey = :was_journey AND occurred_at = :was_at
        AND channel IS NOT DISTINCT FROM CAST(:was_channel AS text) AND campaign IS NOT DISTINCT FROM CAST(:was_campaign AS text)
        AND (via = 'transition' OR :was_journey = 1) ORDER BY id LIMIT 1)"""
_MOVE_TOUCHPOINT = text(
    f"UPDATE touchpoints SET journey = :journey, occurred_at = :at, channel = :channel, campaign = :campaign WHERE {_OF_START}"
)
# Of no journey: no list has it, and no figure, but it is still there.
_WITHDRAW_TOUCHPOINT = text(f"UPDATE touchpoints SET journey = 0 WHERE {_OF_START}")
_UNCOUNT_JOURNEYS = text("UPDATE journeys SET counted = FALSE WHERE lead_id = :lead_id AND counted")
_REASONS = text("SELECT code, category, label, created_at FROM reasons ORDER BY code")
_ADD_REASON = text(
    """INSERT INTO reasons (code, category, label, created_at) VALUES (:code, :category, :label, :created_at)
    ON CONFLICT (code) DO NOTHING RETURNING code"""
)


async def read_lead(connection: AsyncConnection, lead_id: UUID) -> dict[str, Any] | None:
    """Return a lead's row, or None."""
    rows = await fetch(connection, _LEAD, id=lead_id)
    return rows[0] if rows else None


async def read_survivor(connection: AsyncConnection, lead_id: UUID) -> UUID:
    """Return the lead that a merged one lives on in, through all merges."""
    survivor: UUID = (await connection.execute(_SURVIVOR, {"id": lead_id})).scalar_one()
    return survivor


async def read_journeys(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return a lead's journeys, first to last."""
    return await fetch(connection, _JOURNEYS, id=lead_id)


async def read_touchpoints(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return a lead's touchpoints in the order they happened."""
    return await fetch(connection, _TOUCHPOINTS, id=lead_id)


async def read_activities(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return what a lead did, in the order it did it."""
    return await fetch(connection, _ACTIVITIES, id=lead_id)


async def read_corrections(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the corrections of a lead's ledger in the order they were made."""
    return await fetch(connection, _CORRECTIONS, id=lead_id)


async def read_ledger(
    connection: AsyncConnection, lead_id: UUID, *, known_at: datetime | None = None, superseded: bool = False
) -> list[dict[str, Any]]:
    """Return a lead's ledger: as it is, as it was believed at ``known_at``, or with every row that was ever written."""
    if superseded:
        return await fetch(connection, _HISTORY, id=lead_id)
    if known_at is not None:
        return await fetch(connection, _LEDGER_KNOWN, id=lead_id, known_at=known_at)
    return await fetch(connection, _LEDGER, id=lead_id)


async def read_moves(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, set[tuple[str, str, datetime]]]:
    """Return what the ledgers of leads have: event, stage it led to, and when it occurred."""
    moves: dict[UUID, set[tuple[str, str, datetime]]] = {}
    for row in await fetch(connection, _MOVES, ids=list(ids)):
        moves.setdefault(row["lead_id"], set()).add((row["event"], row["to_stage"], row["occurred_at"]))
    return moves


async def supersede(
    connection: AsyncConnection, lead_id: UUID, *, from_sequence: int, correction_id: UUID, at: datetime
) -> None:
    """Mark the tail of a ledger as superseded by a correction."""
    await connection.execute(
        _SUPERSEDE, {"lead_id": lead_id, "from_sequence": from_sequence, "correction_id": correction_id, "at": at}
    )


async def drop_journeys_after(connection: AsyncConnection, lead_id: UUID, last: int) -> None:
    """Delete the journeys that a corrected ledger no longer has; what the lead did in them belongs to the last one that is left."""
    for statement in _DROP_JOURNEYS:
        await connection.execute(statement, {"lead_id": lead_id, "last": last})


async def move_touchpoint(
    connection: AsyncConnection, lead_id: UUID, old: Mapping[str, Any], new: Mapping[str, Any] | None
) -> bool:
    """Let the touchpoint that only says that a journey started so say what the corrected start says, or be of no journey; tell if there was one.

    ``old`` is the row of the ledger, ``new`` has ``journey, at, channel, campaign``. What else touched a lead is left alone: a correction of the
    ledger does not make it not have happened.
    """
    given = {
        "lead_id": lead_id,
        "was_journey": old["journey"],
        "was_at": old["occurred_at"],
        "was_channel": old["channel"],
    }
    given |= {"was_campaign": old["campaign"], **(new or {})}
    done = await connection.execute(_MOVE_TOUCHPOINT if new else _WITHDRAW_TOUCHPOINT, given)
    return bool(done.rowcount)


async def uncount_journeys(connection: AsyncConnection, lead_id: UUID) -> None:
    """Let the journeys of a lead that was merged into another one count no more."""
    await connection.execute(_UNCOUNT_JOURNEYS, {"lead_id": lead_id})


async def read_reasons(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the reason codes that users have added."""
    return await fetch(connection, _REASONS)


async def add_reason(connection: AsyncConnection, row: Mapping[str, Any]) -> bool:
    """Add a reason code, and say whether it was new."""
    result = await connection.execute(_ADD_REASON, dict(row))
    return result.first() is not None
