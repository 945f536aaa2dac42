"""The SQL of merges."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.leads.identities import Identity
from service.leads.merging.tables import merges
from service.lifecycle.machine import STARTS_JOURNEY

MOVED: Final = ("touchpoints", "activities", "consents")
"""The tables whose rows go with the person."""
_IN_JOURNEYS: Final = ("touchpoints", "activities")
_STARTS: Final = "(" + ", ".join(f"'{event}'" for event in sorted(STARTS_JOURNEY)) + ")"

_INSERT: Final = text(
    "INSERT INTO merges SELECT * FROM json_populate_record(NULL::merges, CAST(:row AS json)) RETURNING id"
)
_READ: Final = text("SELECT * FROM merges WHERE id = :id")
_ACTIVE: Final = text("SELECT * FROM merges WHERE lead_id = :lead_id AND undone_at IS NULL ORDER BY recorded_at, id")
_OF_LEAD: Final = text("SELECT * FROM merges WHERE lead_id = :lead_id ORDER BY recorded_at, id")
_ACTIVE_AMONG: Final = text("SELECT id FROM merges WHERE lead_id = ANY(CAST(:ids AS uuid[])) AND undone_at IS NULL")
_UNDO: Final = text(
    """UPDATE merges SET undone_at = :now, undone_by = :actor, before = '{}'
    WHERE lead_id = :lead_id AND id = :id"""
)
_KEEP_BEFORE: Final = text("UPDATE merges SET before = CAST(:before AS jsonb) WHERE lead_id = :lead_id AND id = :id")
_MEMBERS: Final = text(
    """WITH RECURSIVE member (id) AS (SELECT CAST(:lead_id AS uuid)
        UNION SELECT leads.id FROM leads JOIN member ON leads.merged_into = member.id)
    SELECT id FROM member"""
)
_SET_ASIDE: Final = text("SELECT * FROM set_aside WHERE lead_id = :lead_id ORDER BY occurred_at, source")
_SET_ASIDE_BY: Final = text(
    "SELECT * FROM set_aside WHERE merge_id = ANY(CAST(:ids AS uuid[])) ORDER BY occurred_at, source"
)
_EMPTY_SET_ASIDE: Final = text("DELETE FROM set_aside WHERE lead_id = :lead_id")
_FILL_SET_ASIDE: Final = text(
    "INSERT INTO set_aside SELECT * FROM json_populate_recordset(NULL::set_aside, CAST(:rows AS json))"
)
_MOVE_IDENTITIES: Final = text(
    """UPDATE identities SET lead_id = :towards WHERE lead_id = :away RETURNING kind, value"""
)
_RETURN_IDENTITIES: Final = text(
    """UPDATE identities SET lead_id = :towards WHERE lead_id = :away
    AND (kind, value) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]))) RETURNING kind, value"""
)
_SNAPSHOTS: Final = text(
    """SELECT lead_id, occurred_at, data ->> 'merge_id' AS merge_id, data -> 'lead' AS lead FROM outbox
    WHERE lead_id = ANY(CAST(:ids AS uuid[])) ORDER BY lead_id, sequence"""
)
_LEDGER_OF: Final = text(
    "SELECT * FROM transitions WHERE lead_id = :lead_id AND id = ANY(CAST(:ids AS uuid[])) ORDER BY sequence"
)
_WITHDRAWN: Final = text(
    "SELECT * FROM transitions WHERE lead_id = :lead_id AND superseded_by = :merge_id ORDER BY sequence"
)


def _told(table: str) -> str:
    return f"""UPDATE {table} SET began_with = coalesce(start.source, start.id) FROM transitions AS start
    WHERE {table}.lead_id = ANY(CAST(:ids AS uuid[])) AND {table}.began_with IS NULL
        AND start.lead_id = {table}.lead_id AND start.journey = {table}.journey
        AND start.superseded_at IS NULL AND start.event IN {_STARTS}"""


def _numbered(table: str) -> str:
    return f"""UPDATE {table} SET journey = place.number FROM (
        SELECT {table}.id, coalesce(start.journey, (
            SELECT max(journeys.number) FROM journeys
            WHERE journeys.lead_id = :lead_id AND journeys.started_at <= {table}.occurred_at), 1) AS number
        FROM {table} LEFT JOIN transitions AS start ON start.lead_id = :lead_id AND start.superseded_at IS NULL
            AND start.event IN {_STARTS} AND coalesce(start.source, start.id) = {table}.began_with
        WHERE {table}.lead_id = :lead_id AND {table}.journey > 0) AS place
    WHERE {table}.lead_id = :lead_id AND {table}.id = place.id AND {table}.journey <> place.number"""


def _moved(table: str) -> str:
    journey = f"{table}.journey" if table in _IN_JOURNEYS else "NULL::int"
    return f"""WITH gone AS (DELETE FROM {table} WHERE lead_id = :away
        RETURNING to_jsonb({table}) || jsonb_build_object('lead_id', CAST(:towards AS uuid), 'merged_from',
            coalesce({table}.merged_from, '[]') || jsonb_build_array(jsonb_build_array(lead_id, {journey}))) AS row)
    INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, gone.row)).* FROM gone RETURNING id"""


def _returned(table: str) -> str:
    journey = ", 'journey', merged_from -> -1 -> 1" if table in _IN_JOURNEYS else ""
    return f"""WITH gone AS (DELETE FROM {table} WHERE lead_id = :away
            AND merged_from -> -1 ->> 0 = CAST(CAST(:towards AS uuid) AS text)
        RETURNING to_jsonb({table}) || jsonb_build_object('lead_id', CAST(:towards AS uuid),
            'merged_from', nullif(merged_from - (-1), '[]'){journey}) AS row)
    INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, gone.row)).* FROM gone RETURNING id"""


_TELL_BEGINNINGS: Final = tuple(text(_told(table)) for table in _IN_JOURNEYS)
_NUMBER_JOURNEYS: Final = tuple(text(_numbered(table)) for table in _IN_JOURNEYS)
_MOVE: Final = {table: text(_moved(table)) for table in MOVED}
_RETURN: Final = {table: text(_returned(table)) for table in MOVED}


_REACHED: Final = """WITH RECURSIVE reached (id) AS (SELECT unnest(CAST(:ids AS uuid[]))
    UNION SELECT merges.lead_id FROM merges JOIN reached ON merges.duplicate_id = reached.id)"""
_FORGET_NOTES: Final = text(
    f"""{_REACHED}, brought AS (UPDATE transitions SET note = NULL
        WHERE lead_id IN (SELECT id FROM reached) AND origin = ANY(CAST(:ids AS uuid[])) RETURNING lead_id, id)
    UPDATE outbox SET data = jsonb_set(CAST(data AS jsonb), '{{transition,note}}', 'null') FROM brought
    WHERE outbox.lead_id = brought.lead_id AND outbox.transition_id = brought.id"""
)
_ONCE_MERGED: Final = text(
    f"""{_REACHED} SELECT told.lead_id, min(told.sequence) AS first, max(told.sequence) AS last
    FROM merges JOIN reached ON merges.duplicate_id = reached.id
    JOIN outbox AS told ON told.lead_id = merges.lead_id AND told.type IN ('lead.merged', 'lead.unmerged')
        AND told.data ->> 'merge_id' = CAST(merges.id AS text)
    WHERE merges.undone_at IS NOT NULL AND NOT merges.lead_id = ANY(CAST(:ids AS uuid[]))
    GROUP BY told.lead_id, merges.id"""
)


async def insert_merge(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Remember a merge."""
    await connection.execute(_INSERT, {"row": dumps(row)})


async def read_merge(connection: AsyncConnection, merge_id: UUID) -> dict[str, Any] | None:
    """Return a merge, or None."""
    rows = await fetch(connection, _READ, id=merge_id)
    return rows[0] if rows else None


async def read_merges(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the merges into a lead, those that were undone too, in the order they were made."""
    return await fetch(connection, _OF_LEAD, lead_id=lead_id)


async def active_merges(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the merges into a lead that hold, in the order they were made."""
    return await fetch(connection, _ACTIVE, lead_id=lead_id)


async def active_among(connection: AsyncConnection, lead_ids: Collection[UUID]) -> set[UUID]:
    """Return the merges that hold into any of these leads."""
    return {row["id"] for row in await fetch(connection, _ACTIVE_AMONG, ids=sorted(lead_ids))}


async def list_merges(
    connection: AsyncConnection,
    *,
    lead_id: UUID | None,
    active: bool | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return merges, the latest first; ``lead_id`` is either of the two leads."""
    order = tuple_(merges.c.recorded_at, merges.c.id)
    statement: Select[Any] = select(merges).order_by(merges.c.recorded_at.desc(), merges.c.id.desc()).limit(limit)
    if lead_id is not None:
        statement = statement.where((merges.c.lead_id == lead_id) | (merges.c.duplicate_id == lead_id))
    if active is not None:
        statement = statement.where(merges.c.undone_at.is_(None) if active else merges.c.undone_at.is_not(None))
    if after is not None:
        statement = statement.where(order < tuple_(*after))
    return await fetch(connection, statement)


async def mark_undone(connection: AsyncConnection, merge: Mapping[str, Any], *, actor: str, now: datetime) -> None:
    """Remember that a merge was undone, and forget what undoing it needed."""
    given = {"lead_id": merge["lead_id"], "id": merge["id"], "actor": actor, "now": now}
    await connection.execute(_UNDO, given)


async def keep_before(connection: AsyncConnection, merge: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Rewrite what undoing a merge needs."""
    await connection.execute(_KEEP_BEFORE, {"lead_id": merge["lead_id"], "id": merge["id"], "before": dumps(before)})


async def members_of(connection: AsyncConnection, lead_id: UUID) -> frozenset[UUID]:
    """Return a lead and all that live on in it."""
    return frozenset(row["id"] for row in await fetch(connection, _MEMBERS, lead_id=lead_id))


async def read_set_aside(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the steps that are not in a lead's ledger because they could not be woven in, by time."""
    return await fetch(connection, _SET_ASIDE, lead_id=lead_id)


async def set_aside_by(connection: AsyncConnection, merge_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the steps that merges set aside and that have no place yet, by time."""
    return await fetch(connection, _SET_ASIDE_BY, ids=list(merge_ids)) if merge_ids else []


async def write_set_aside(connection: AsyncConnection, lead_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace the steps that are set aside of a lead's ledger."""
    await connection.execute(_EMPTY_SET_ASIDE, {"lead_id": lead_id})
    if rows:
        await connection.execute(_FILL_SET_ASIDE, {"rows": dumps(rows)})


async def forget_notes(connection: AsyncConnection, lead_ids: Collection[UUID]) -> None:
    """Take the notes off the steps that leads ever brought to others, and off the events of these steps."""
    await connection.execute(_FORGET_NOTES, {"ids": sorted(lead_ids)})


async def once_merged(connection: AsyncConnection, lead_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return the other leads that these were merged into until it was undone: ``lead_id``, and ``first, last`` of its events since."""
    return await fetch(connection, _ONCE_MERGED, ids=sorted(lead_ids))


async def move_identities(connection: AsyncConnection, *, away: UUID, towards: UUID) -> list[Identity]:
    """Let a lead be known by all that another one was known by, and return it."""
    rows = await fetch(connection, _MOVE_IDENTITIES, away=away, towards=towards)
    return sorted(Identity(row["kind"], row["value"]) for row in rows)


async def return_identities(
    connection: AsyncConnection, wanted: Collection[Identity], *, away: UUID, towards: UUID
) -> list[Identity]:
    """Give identities back to the lead they came from, those that the other one still has, and return these."""
    given = {"kinds": [one.kind for one in wanted], "values": [one.value for one in wanted]}
    rows = await fetch(connection, _RETURN_IDENTITIES, away=away, towards=towards, **given)
    return sorted(Identity(row["kind"], row["value"]) for row in rows)


async def tell_beginnings(connection: AsyncConnection, lead_ids: Collection[UUID]) -> None:
    """Write on touchpoints and activities with which transition their journey began, while the ledger still tells."""
    for statement in _TELL_BEGINNINGS:
        await connection.execute(statement, {"ids": sorted(lead_ids)})


async def number_journeys(connection: AsyncConnection, lead_id: UUID) -> None:
    """Put touchpoints and activities into the journey that began with what began theirs, or else into that of their time."""
    for statement in _NUMBER_JOURNEYS:
        await connection.execute(statement, {"lead_id": lead_id})


async def move_children(connection: AsyncConnection, *, away: UUID, towards: UUID) -> dict[str, int]:
    """Move what belongs to a lead to another one, noting the way, and return how many rows of each table."""
    given = {"away": away, "towards": towards}
    return {table: len(await fetch(connection, statement, **given)) for table, statement in _MOVE.items()}


async def return_children(connection: AsyncConnection, *, away: UUID, towards: UUID) -> dict[str, int]:
    """Move what came from a lead back to it, into the journeys it was in, and return how many rows of each table."""
    given = {"away": away, "towards": towards}
    return {table: len(await fetch(connection, statement, **given)) for table, statement in _RETURN.items()}


async def read_snapshots(connection: AsyncConnection, lead_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return leads as their events showed them, in order: ``lead_id, occurred_at, merge_id, lead``."""
    return await fetch(connection, _SNAPSHOTS, ids=sorted(lead_ids))


async def read_rows(connection: AsyncConnection, lead_id: UUID, ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return these rows of a lead's ledger, superseded or not, in order."""
    return await fetch(connection, _LEDGER_OF, lead_id=lead_id, ids=list(ids))


async def read_withdrawn(connection: AsyncConnection, lead_id: UUID, merge_id: UUID) -> list[dict[str, Any]]:
    """Return the ledger that a merge took back, in order."""
    return await fetch(connection, _WITHDRAWN, lead_id=lead_id, merge_id=merge_id)
