"""What people have sent: a test, an event once more, or a part of the feed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.core.errors import Invalid, NotFound
from service.core.ids import NIL, first_id, new_id
from service.outbound import store as feed_store
from service.outbound.catalogue import EVENT_TYPES
from service.outbound.delivering.desk import Sends
from service.outbound.delivering.endpoint import Choose, Endpoint, endpoint_of
from service.outbound.delivering.events import ABOUT_ENDPOINTS, Event, event_of
from service.outbound.delivering.outcomes import readable
from service.outbound.endpoints import store
from service.outbound.endpoints.operations import EndpointDisabled, check_types, existing_endpoint
from service.outbound.endpoints.schemas import EndpointReplayCreate

_USUAL: Final = "lead.created"


async def send_test(
    engine: AsyncEngine, sender: Sends, endpoint_id: UUID, type_: str | None, *, now: datetime
) -> dict[str, Any]:
    """Send the example of a type of event, as a real one would be, whether the endpoint is on or off; return the try, which is logged."""
    async with transaction(engine) as connection:
        endpoint = endpoint_of(await existing_endpoint(connection, endpoint_id), None)
    if type_ is not None:
        check_types([type_], "", endpoint.format)
    event = _example(endpoint, type_)
    outgoing = endpoint.outgoing(event, at=now)
    if outgoing is None:
        raise Invalid("/type", f"the example is none that the endpoint's format would send: {endpoint.skips(event)}")
    # No connection to the database is held meanwhile: it may take fifteen seconds.
    answer = await sender.send(outgoing)
    outcome = endpoint.format.outcome_of(answer)
    row = {
        "lead_id": NIL,
        "id": new_id(),
        "endpoint_id": endpoint_id,
        "event_id": event.id,
        "event_type": event.type,
        "number": 0,
        "at": now,
        "status": answer.status,
        "error": None if outcome.verdict == "delivered" else outcome.code,
        "latency_ms": answer.latency_ms,
        "answer": readable(answer.body),
        "next_at": None,
    }
    async with transaction(engine) as connection:
        await store.insert_attempt(connection, row)
    return attempt_out(row)


async def resend(
    connection: AsyncConnection, event_id: UUID, endpoint_id: UUID | None, *, now: datetime, choose: Choose
) -> dict[str, Any]:
    """Send an event once more; raises `NotFound`, `EndpointDisabled`. Later events of its lead do not wait for it."""
    row = await feed_store.read_event(connection, event_id)
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    if endpoint_id is None:
        event = event_of({**row, "data": orjson.dumps(row["data"], default=str).decode()}, 0.0)
        chosen = [
            one for one in await store.enabled_endpoints(connection) if await _wants(connection, one, event, choose)
        ]
    else:
        chosen = [await _enabled(connection, endpoint_id)]
    ids = [one["id"] for one in chosen]
    if ids:
        await store.resend(connection, row, ids, now=now)
    return {"event_id": event_id, "endpoint_ids": ids}


async def replay(
    connection: AsyncConnection, endpoint_id: UUID, given: EndpointReplayCreate, *, now: datetime
) -> dict[str, Any]:
    """Send again what an endpoint wants and was recorded in a time, in order; what it is yet to see comes anyway."""
    if given.until is not None and given.until <= given.since:
        raise Invalid("/until", "must be later than since")
    check_types(given.types, "/types")
    row = await _enabled(connection, endpoint_id)
    position = await store.first_position(connection, first_id(given.since))
    end = (row["position"], row["sequence"], row["event_id"])
    start = end if position is None else min((position, 0, NIL), end)
    return await store.insert_replay(
        connection,
        {
            "id": new_id(),
            "endpoint_id": endpoint_id,
            "event_types": given.types,
            "since": given.since,
            "until": given.until,
            **dict(zip(("position", "sequence", "event_id"), start, strict=True)),
            **dict(zip(("end_position", "end_sequence", "end_event_id"), end, strict=True)),
            "created_at": now,
        },
    )


def attempt_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a try as the API shows it."""
    return {**row, "lead_id": None if row["lead_id"] == NIL else row["lead_id"]}


async def _enabled(connection: AsyncConnection, endpoint_id: UUID) -> dict[str, Any]:
    row = await existing_endpoint(connection, endpoint_id, lock=True)
    if row["status"] != "enabled":
        raise EndpointDisabled("the endpoint is switched off; enable it first")
    return row


async def _wants(connection: AsyncConnection, row: Mapping[str, Any], event: Event, choose: Choose) -> bool:
    filtered = row["segment"] is not None or row["filters"]
    try:
        belongs = await choose(connection, row["segment"], row["filters"]) if filtered else None
    except Invalid:
        return False
    return endpoint_of(row, belongs).wants(event)


def _example(endpoint: Endpoint, type_: str | None) -> Event:
    """Return the example of a type with an id of its own; of the first type the endpoint hears of, if none is asked for."""
    heard = endpoint.types if endpoint.types is not None else {_USUAL}
    name = type_ or next((one for one in EVENT_TYPES if one in heard and one not in ABOUT_ENDPOINTS), _USUAL)
    example = EVENT_TYPES[name].example
    lead_id = UUID(example["lead_id"]) if example["lead_id"] else NIL
    now = clock.now()
    row = {
        "position": 0,
        "sequence": example["sequence"],
        "id": new_id(),
        "lead_id": lead_id,
        "type": name,
        "occurred_at": now,
        "recorded_at": now,
        "data": orjson.dumps(example["data"]).decode(),
        "traceparent": None,
    }
    return event_of(row, 0.0)
