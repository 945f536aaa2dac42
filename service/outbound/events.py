"""Events: what the rest of the world is told about a lead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from service.core import context
from service.core.ids import NIL, bucket_of, new_id


def event_row(
    *,
    lead_id: UUID | None,
    type: str,  # noqa: A002  the word of the wire and the column
    sequence: int,
    data: Mapping[str, Any],
    occurred_at: datetime,
    recorded_at: datetime,
    transition_id: UUID | None = None,
) -> dict[str, Any]:
    """Return a row for the outbox, all but its ``position``: the inserting statement computes that (`store.POSITION`).

    ``sequence`` is the lead's version after the event; ``data`` what a reader of the event gets, as `catalogue` documents it.
    """
    event_id = new_id()
    return {
        "lead_id": lead_id or NIL,
        "id": event_id,
        "bucket": bucket_of(lead_id or event_id),
        "type": type,
        "sequence": sequence,
        "transition_id": transition_id,
        "data": data,
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
        "traceparent": context.traceparent(),
    }


def event_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as the feed and the webhooks show it."""
    return {
        "id": row["id"],
        "type": row["type"],
        "timestamp": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "lead_id": None if row["lead_id"] == NIL else row["lead_id"],
        "sequence": row["sequence"],
        "data": row["data"],
    }
