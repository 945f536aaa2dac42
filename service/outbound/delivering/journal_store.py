"""The SQL that writes down what became of events: one transaction for all endpoints of a worker, without those it no longer holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.outbound.endpoints.tables import attempts

_KEEP: Final = text(
    """UPDATE webhook_endpoints AS kept SET position = new.position, sequence = new.sequence, event_id = new.event_id,
        failing_since = CASE WHEN kept.revision = new.revision THEN new.failing_since ELSE kept.failing_since END,
        failures = CASE WHEN kept.revision = new.revision THEN new.failures ELSE kept.failures END,
        probes = CASE WHEN kept.revision = new.revision THEN new.probes ELSE kept.probes END,
        resume_at = CASE WHEN kept.revision = new.revision THEN new.resume_at ELSE kept.resume_at END,
        last_success_at = coalesce(new.last_success_at, kept.last_success_at)
    FROM json_to_recordset(CAST(:rows AS json)) AS new (id uuid, token integer, revision integer, position bigint,
        sequence integer, event_id uuid, failing_since timestamptz, failures integer, probes integer,
        resume_at timestamptz, last_success_at timestamptz)
    WHERE kept.id = new.id AND kept.lease_owner = :me AND kept.lease_token = new.token
    RETURNING kept.id"""
)
_DELETE: Final = text(
    """DELETE FROM webhook_queue
    USING unnest(CAST(:ids AS uuid[]), CAST(:leads AS uuid[]), CAST(:events AS uuid[])) AS gone (id, lead, event)
    WHERE endpoint_id = gone.id AND lead_id = gone.lead AND event_id = gone.event"""
)
_PUT: Final = text(
    """INSERT INTO webhook_queue SELECT * FROM json_populate_recordset(NULL::webhook_queue, CAST(:rows AS json))
    ON CONFLICT (endpoint_id, lead_id, event_id) DO UPDATE SET state = excluded.state, ordered = excluded.ordered,
        attempts = excluded.attempts, step = excluded.step, next_at = excluded.next_at, status = excluded.status,
        error = excluded.error, updated_at = excluded.updated_at"""
)
_HOLD: Final = text(
    """INSERT INTO webhook_queue SELECT * FROM json_populate_recordset(NULL::webhook_queue, CAST(:rows AS json))
    ON CONFLICT (endpoint_id, lead_id, event_id) DO UPDATE SET state = 'pending', ordered = true, attempts = 0, step = 0,
        next_at = NULL, updated_at = excluded.updated_at
    WHERE webhook_queue.state = 'failed'"""
)
# The first of what waits for each of these leads is due, unless it has a time of its own already.
_PROMOTE: Final = text(
    """UPDATE webhook_queue AS q SET next_at = :now
    FROM (SELECT DISTINCT ON (endpoint_id, lead_id) endpoint_id, lead_id, event_id, next_at FROM webhook_queue
        WHERE (endpoint_id, lead_id) IN (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:leads AS uuid[])))
            AND state = 'pending' AND ordered
        ORDER BY endpoint_id, lead_id, position, sequence, event_id) AS head
    WHERE q.endpoint_id = head.endpoint_id AND q.lead_id = head.lead_id AND q.event_id = head.event_id
        AND head.next_at IS NULL"""
)
# What was tried while the endpoint was away is tried now; if that fails again, no part of its schedule is used up.
_HASTEN: Final = text(
    """UPDATE webhook_queue SET next_at = :now, step = greatest(step - 1, 0)
    WHERE endpoint_id = ANY(CAST(:ids AS uuid[])) AND state = 'pending' AND next_at > :now"""
)
_DISABLE: Final = text(
    """UPDATE webhook_endpoints SET status = 'disabled', disabled_reason = :reason, disabled_at = :now, updated_at = :now
    WHERE id = :id AND status = 'enabled' RETURNING id"""
)
_REPLAYED: Final = text(
    """UPDATE webhook_replays AS kept SET position = new.position, sequence = new.sequence, event_id = new.event_id,
        finished_at = new.finished_at
    FROM json_to_recordset(CAST(:rows AS json)) AS new (id uuid, position bigint, sequence integer, event_id uuid,
        finished_at timestamptz)
    WHERE kept.id = new.id"""
)
ATTEMPT: Final = tuple(column.name for column in attempts.columns)
Pair = tuple[UUID, UUID]
Key = tuple[UUID, UUID, UUID]
Rows = Sequence[dict[str, Any]]


async def keep_endpoints(connection: AsyncConnection, me: UUID, rows: Rows) -> set[UUID]:
    """Write how far endpoints have come and how they are; returns those whose lease is still ours."""
    return {row["id"] for row in await fetch(connection, _KEEP, me=me, rows=dumps(list(rows)))}


async def log_attempts(connection: AsyncConnection, records: Sequence[tuple[Any, ...]]) -> None:
    """Write attempts, as values in the order of `ATTEMPT`."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.copy_records_to_table(attempts.name, records=records, columns=ATTEMPT, timeout=30)


async def drop_from_queue(connection: AsyncConnection, keys: Collection[Key]) -> None:
    """Forget what was delivered: endpoint, lead and event."""
    ids, leads, events = ([key[place] for key in keys] for place in range(3))
    await connection.execute(_DELETE, {"ids": ids, "leads": leads, "events": events})


async def put_into_queue(connection: AsyncConnection, rows: Rows) -> None:
    """Write what failed, and when it is tried again."""
    await connection.execute(_PUT, {"rows": dumps(list(rows))})


async def hold_in_queue(connection: AsyncConnection, rows: Rows) -> None:
    """Write what waits behind something that failed; what waits already, waits on."""
    await connection.execute(_HOLD, {"rows": dumps(list(rows))})


async def promote(connection: AsyncConnection, pairs: Collection[Pair], *, now: datetime) -> None:
    """Let the first that waits be due, for each endpoint and lead."""
    ids, leads = [endpoint for endpoint, _ in pairs], [lead for _, lead in pairs]
    await connection.execute(_PROMOTE, {"ids": ids, "leads": leads, "now": now})


async def hasten(connection: AsyncConnection, ids: Collection[UUID], *, now: datetime) -> None:
    """Let everything that waits at these endpoints for another try be due now."""
    await connection.execute(_HASTEN, {"ids": list(ids), "now": now})


async def disable(connection: AsyncConnection, endpoint_id: UUID, *, reason: str, now: datetime) -> bool:
    """Switch an endpoint off; returns whether it was on."""
    return bool(await fetch(connection, _DISABLE, id=endpoint_id, reason=reason, now=now))


async def keep_replays(connection: AsyncConnection, rows: Rows) -> None:
    """Write how far replays have come."""
    await connection.execute(_REPLAYED, {"rows": dumps(list(rows))})
