"""What became of events, gathered from all lanes and written by one transaction several times a second.

Nothing is written for an endpoint whose lease was lost in the meantime: whoever has it now writes his own. What fails to be written
is written with the next: a lane's cursor never says more than the rows that are written with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import NIL
from service.outbound.delivering import journal_store as store
from service.outbound.delivering.endpoint import Endpoint
from service.outbound.delivering.events import ABOUT_ENDPOINTS, Event
from service.outbound.events import event_row
from service.outbound.store import insert_events

Row = dict[str, Any]


@dataclass(slots=True)
class Page:
    """What is to be written; the first value of each tuple, and ``endpoint_id`` of each row, is the endpoint it is of."""

    attempts: list[tuple[Any, ...]] = field(default_factory=list)
    delivered: list[tuple[UUID, UUID, UUID]] = field(default_factory=list)
    failed: dict[tuple[UUID, UUID], Row] = field(default_factory=dict)
    held: list[Row] = field(default_factory=list)
    touched: set[tuple[UUID, UUID]] = field(default_factory=set)
    told: list[tuple[UUID, Row]] = field(default_factory=list)
    disabled: dict[UUID, tuple[str, Row]] = field(default_factory=dict)
    recovered: set[UUID] = field(default_factory=set)
    endpoints: dict[UUID, Row] = field(default_factory=dict)
    replays: dict[UUID, Row] = field(default_factory=dict)
    written: list[Callable[[], None]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.endpoints)


class Journal:
    """Gathers what is to be written. One per dispatcher."""

    def __init__(self) -> None:
        self._page = Page()
        self.tried = 0

    def turn(self) -> Page:
        """Return what was gathered, and begin anew."""
        page, self._page = self._page, Page()
        return page

    def attempt(self, *values: Any) -> None:
        """Log an attempt: values in the order of `journal_store.ATTEMPT`."""
        self._page.attempts.append(values)
        self.tried += 1

    def delivered(self, endpoint: Endpoint, event: Event) -> None:
        """Something of the queue was delivered; what waited behind it may go."""
        self._page.delivered.append((endpoint.id, event.lead_id, event.id))
        self._page.failed.pop((endpoint.id, event.id), None)
        self._touch(endpoint, event)

    def failed(self, endpoint: Endpoint, event: Event, row: Row) -> None:
        """A try failed: ``row`` says in what state, and when is the next. If there is none, what waited behind it may go."""
        self._page.failed[endpoint.id, event.id] = _queued(endpoint, event) | row
        if row["state"] == "failed":
            self._touch(endpoint, event)
            if event.type not in ABOUT_ENDPOINTS:
                self._tell(endpoint, "delivery.failed", _failure(event, row), at=row["updated_at"])

    def held(self, endpoint: Endpoint, event: Event, *, now: datetime) -> None:
        """An event waits behind another one of its lead."""
        waiting = {"state": "pending", "ordered": True, "attempts": 0, "step": 0, "next_at": None, "status": None}
        self._page.held.append(
            _queued(endpoint, event) | waiting | {"error": None, "created_at": now, "updated_at": now}
        )
        self._touch(endpoint, event)

    def recovered(self, endpoint: Endpoint) -> None:
        """An endpoint answers again: what waits for another try need not wait longer."""
        self._page.recovered.add(endpoint.id)

    def disabled(self, endpoint: Endpoint, *, reason: str, since: datetime, at: datetime) -> None:
        """An endpoint is to be switched off."""
        data = {"endpoint": endpoint.shown, "reason": reason, "since": since}
        self._page.disabled[endpoint.id] = (reason, _event("endpoint.disabled", data, at=at))

    def _tell(self, endpoint: Endpoint, type_: str, data: Row, *, at: datetime) -> None:
        self._page.told.append((endpoint.id, _event(type_, {"endpoint": endpoint.shown, **data}, at=at)))

    def _touch(self, endpoint: Endpoint, event: Event) -> None:
        self._page.touched.add((endpoint.id, event.lead_id))


async def write(connection: AsyncConnection, page: Page, me: UUID, *, now: datetime) -> set[UUID]:
    """Write a page and return the endpoints that are still ours; of the others nothing is written."""
    ours = await store.keep_endpoints(connection, me, list(page.endpoints.values()))
    if attempts := [values for values in page.attempts if values[2] in ours]:
        await store.log_attempts(connection, attempts)
    await _write_queue(connection, page, ours, now=now)
    if replays := _of(ours, page.replays.values()):
        await store.keep_replays(connection, replays)
    told = [row for endpoint, row in page.told if endpoint in ours]
    for endpoint, (reason, row) in page.disabled.items():
        if endpoint in ours and await store.disable(connection, endpoint, reason=reason, now=now):
            told.append(row)
    if told:
        await insert_events(connection, told)
    return ours


async def _write_queue(connection: AsyncConnection, page: Page, ours: Collection[UUID], *, now: datetime) -> None:
    if delivered := [key for key in page.delivered if key[0] in ours]:
        await store.drop_from_queue(connection, delivered)
    if failed := _of(ours, page.failed.values()):
        await store.put_into_queue(connection, failed)
    if held := _of(ours, page.held):
        await store.hold_in_queue(connection, held)
    if recovered := [endpoint for endpoint in page.recovered if endpoint in ours]:
        await store.hasten(connection, recovered, now=now)
    if touched := [pair for pair in page.touched if pair[0] in ours]:
        await store.promote(connection, touched, now=now)


def _of(ours: Collection[UUID], rows: Collection[Row]) -> list[Row]:
    return [row for row in rows if row["endpoint_id"] in ours]


def _queued(endpoint: Endpoint, event: Event) -> Row:
    position, sequence, event_id = event.place
    place = {"position": position, "sequence": sequence, "event_id": event_id}
    return {"endpoint_id": endpoint.id, "lead_id": event.lead_id, **place}


def _failure(event: Event, row: Row) -> Row:
    lead_id = None if event.lead_id == NIL else event.lead_id
    return {
        "event": {"id": event.id, "type": event.type, "lead_id": lead_id, "sequence": event.place[1]},
        "attempts": row["attempts"],
        "last_attempt": {"status": row["status"], "error": row["error"], "at": row["updated_at"]},
    }


def _event(type_: str, data: Row, *, at: datetime) -> Row:
    return event_row(lead_id=None, type=type_, sequence=0, data=data, occurred_at=at, recorded_at=at)
