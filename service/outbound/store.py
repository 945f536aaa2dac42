"""All SQL of the outbox, the change feed and the installation they belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.core.tables import installation
from service.outbound.tables import outbox

# What the statement that writes events puts into their ``position``; it must run after the events' leads were locked.
#
# A transaction's own id is not enough: it may be older than the lock on the lead, and then the lead's events would be out of order. The
# newest transaction that had ended when this statement began is newer than all that wrote to the lead before. Both together stay at or
# above the transaction's own id, and that is all the reader's horizon asks for. See docs/decisions/2026-11-21-change-feed-position.md.
POSITION: Final = """(SELECT (feed_epoch::bigint << 48) + greatest(
    pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1) FROM installation)"""

_HORIZON: Final = text(
    "SELECT (feed_epoch::bigint << 48) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon FROM installation"
)
# A restored copy has another system identifier; a promoted or rewound one another timeline.
_CLUSTER: Final = text(
    """SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/'
    || (SELECT timeline_id::text FROM pg_control_checkpoint()) AS identifier"""
)
_REMEMBER: Final = text(
    """INSERT INTO installation (id, system_identifier, feed_epoch, pepper, created_at)
    VALUES (1, :identifier, 1, :pepper, :now) ON CONFLICT DO NOTHING"""
)
# Two starting processes that both had read the row would deadlock over locking its table.
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(:lock)")
_INSTALLATION_LOCK: Final = 0x6C656164_00000002
_WAIT_FOR_WRITERS: Final = text("LOCK TABLE installation IN ACCESS EXCLUSIVE MODE")
_RAISE_EPOCH: Final = text(
    """UPDATE installation SET feed_epoch = feed_epoch + 1, system_identifier = :identifier
    WHERE system_identifier <> :identifier RETURNING feed_epoch"""
)

Place = tuple[int, int, UUID]
"""Where an event stands in the feed: position, sequence, id."""


_COLUMNS: Final = ", ".join(column.name for column in outbox.columns if column.name != "position")
_INSERT: Final = text(
    f"""INSERT INTO outbox ({_COLUMNS}, position) SELECT {_COLUMNS}, {POSITION}
    FROM json_populate_recordset(NULL::outbox, CAST(:rows AS json))"""
)


async def insert_events(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write events that belong to no lead; those of leads are written together with what they tell of."""
    await connection.execute(_INSERT, {"rows": dumps(list(rows))})


async def read_horizon(connection: AsyncConnection) -> int:
    """Return the position below which every event there will ever be is already visible."""
    horizon: int = (await connection.execute(_HORIZON)).scalar_one()
    return horizon


async def read_feed(
    connection: AsyncConnection,
    *,
    after: Place,
    before: int,
    types: Collection[str],
    lead_id: UUID | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return the events after a place and below a position, oldest first."""
    place = tuple_(outbox.c.position, outbox.c.sequence, outbox.c.id)
    statement: Select[Any] = (
        select(outbox)
        .where(place > tuple_(*after), outbox.c.position < before)
        .order_by(outbox.c.position, outbox.c.sequence, outbox.c.id)
        .limit(limit)
    )
    if types:
        statement = statement.where(outbox.c.type.in_(types))
    if lead_id is not None:
        statement = statement.where(outbox.c.lead_id == lead_id)
    return await fetch(connection, statement)


async def read_event(connection: AsyncConnection, event_id: UUID) -> dict[str, Any] | None:
    """Return one event, or None."""
    rows = await fetch(connection, select(outbox).where(outbox.c.id == event_id))
    return rows[0] if rows else None


_CHANGES: Final = text(
    """SELECT occurred_at, recorded_at, data -> 'changed' AS changed FROM outbox
    WHERE lead_id = :lead_id AND type = 'lead.updated' ORDER BY sequence"""
)


async def read_changes(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return what ``lead.updated`` told of a lead, in order: ``occurred_at, recorded_at, changed``."""
    return await fetch(connection, _CHANGES, lead_id=lead_id)


_REDACT: Final = text(
    """UPDATE outbox SET data = CAST(data AS jsonb) || jsonb_build_object(
        'lead', CAST(data -> 'lead' AS jsonb) || CAST(:redacted AS jsonb)
            || jsonb_build_object('company', CAST(data -> 'lead' -> 'company' AS jsonb) || CAST(:company AS jsonb))
        ) || CASE WHEN data -> 'transition' IS NOT NULL
            THEN jsonb_build_object('transition', CAST(data -> 'transition' AS jsonb) || '{"note": null}') ELSE '{}' END
        || CASE WHEN data -> 'activity' IS NOT NULL
            THEN jsonb_build_object('activity', CAST(data -> 'activity' AS jsonb) || '{"data": {}, "key": null}') ELSE '{}' END
    WHERE lead_id = :lead_id AND sequence BETWEEN :first AND :last"""
)
_ALL: Final = (1, 2**31 - 1)


async def redact_events(
    connection: AsyncConnection,
    lead_id: UUID,
    *,
    redacted: Mapping[str, Any],
    company: Mapping[str, Any],
    between: tuple[int, int] = _ALL,
) -> None:
    """Overwrite what a lead's events tell of the person (``redacted``, and ``company`` within it); what moved and when stays.

    ``between`` are the first and the last of the events, by sequence.
    """
    first, last = between
    given = {"redacted": dumps(redacted), "company": dumps(company)}
    await connection.execute(_REDACT, {"lead_id": lead_id, "first": first, "last": last, **given})


_REDACT_REFERRER: Final = text(
    """UPDATE outbox SET data = jsonb_set(CAST(data AS jsonb), '{lead,referred_by}', 'null')
    WHERE lead_id = :lead_id AND lower(btrim(data -> 'lead' ->> 'referred_by')) = ANY(CAST(:names AS text[]))"""
)


async def redact_referrer(connection: AsyncConnection, lead_id: UUID, *, names: Collection[str]) -> None:
    """Take out of a lead's events who referred it, if that is one of these names, which are in lower case."""
    await connection.execute(_REDACT_REFERRER, {"lead_id": lead_id, "names": list(names)})


async def read_cluster(connection: AsyncConnection) -> str:
    """Return what tells this database cluster, and this line of its history, from every other."""
    identifier: str = (await connection.execute(_CLUSTER)).scalar_one()
    return identifier


async def remember_installation(connection: AsyncConnection, *, identifier: str, pepper: bytes, now: datetime) -> str:
    """Write the installation's row unless it is there, and return the cluster identifier it holds; one process at a time."""
    await connection.execute(_ONE_AT_A_TIME, {"lock": _INSTALLATION_LOCK})
    await connection.execute(_REMEMBER, {"identifier": identifier, "pepper": pepper, "now": now})
    remembered: str = (await connection.execute(select(installation.c.system_identifier))).scalar_one()
    return remembered


async def raise_epoch(connection: AsyncConnection, *, identifier: str) -> int | None:
    """Raise the feed's epoch once for a new cluster and return it, or None if another process just did.

    Waits for every transaction that has written events: one that still carries the old epoch would commit behind cursors of the new.
    """
    await connection.execute(_WAIT_FOR_WRITERS)
    epoch: int | None = (await connection.execute(_RAISE_EPOCH, {"identifier": identifier})).scalar_one_or_none()
    return epoch


_AS_OF: Final = text(
    """SELECT outbox.lead_id, data -> 'lead' AS lead FROM outbox
    JOIN unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[])) AS wanted (lead_id, version)
        ON wanted.lead_id = outbox.lead_id AND wanted.version = outbox.sequence"""
)


async def read_snapshots(connection: AsyncConnection, versions: Mapping[UUID, int]) -> dict[UUID, dict[str, Any]]:
    """Return leads as they were at a version, by the event that brought them there."""
    rows = await fetch(connection, _AS_OF, ids=list(versions), versions=list(versions.values()))
    return {row["lead_id"]: row["lead"] for row in rows}
