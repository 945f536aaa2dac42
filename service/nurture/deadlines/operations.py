"""Reading deadlines: those of a lead, and all that are to be met."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core import clock
from service.core.errors import Invalid
from service.core.http.answers import json_answer
from service.core.http.paging import PageQuery, paginate
from service.leads.present import lead_out
from service.leads.reading import find_lead
from service.nurture.deadlines import store
from service.nurture.deadlines.calendars import NeverReached
from service.nurture.deadlines.present import deadline_out
from service.nurture.deadlines.rules import SlaRules
from service.nurture.deadlines.schemas import DeadlineQuery
from service.stats.segments.operations import find_segments

_PAGING: Final = frozenset({"limit", "cursor", "count"})
_COLUMNS: Final = {
    "what": "what",
    "owner": "owner",
    "channel": "channel",
    "stage": "stage",
    "rule": "rule",
    "ended": "ended_how",
}


async def check_rules(connection: AsyncConnection, rules: SlaRules) -> None:
    """Raise `Invalid` for a segment that does not exist, and for a time that never comes."""
    known = await find_segments(connection, rules.segments)
    for number, rule in enumerate(rules.rules):
        if rule.segment is not None and rule.segment not in known:
            raise Invalid(f"/rules/{number}/segment", f"there is no segment {rule.segment!r}")
        try:
            rules.calendar_of(rule.calendar).add(clock.now(), rule.span)
        except NeverReached:
            raise Invalid(
                f"/rules/{number}/allowed", "the calendar has not so much working time in the next hundred years"
            ) from None


async def list_of_lead(connection: AsyncConnection, lead_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return all deadlines that a lead ever had, the earliest first."""
    await find_lead(connection, lead_id)
    rows = await store.read_deadlines(connection, [lead_id])
    return {"data": [deadline_out(row, at=now) for row in rows], "next_cursor": None}


async def answer_page(
    connection: AsyncConnection, query: DeadlineQuery, *, request: Request, now: datetime
) -> Response:
    """Return a page of deadlines with their leads, those due first before the others."""
    chosen = chosen_by(query, now=now)
    pairs = sorted((name, value) for name, value in request.query_params.multi_items() if name not in _PAGING)
    filters = {"list": "deadlines", "pairs": pairs}
    paging, response = PageQuery(query.limit, query.cursor), Response()
    after = paging.after(filters, datetime, UUID, UUID)
    rows = await store.read_page(connection, chosen, after=after, limit=query.limit + 1)
    body = paginate(rows, request=request, response=response, paging=paging, filters=filters, key=_place)
    leads = await store.read_leads(connection, {row["lead_id"] for row in body["data"]})
    body["data"] = [deadline_out(row, at=chosen.at) | {"lead": lead_out(leads[row["lead_id"]])} for row in body["data"]]
    if query.count:
        body["total"] = await store.count(connection, chosen)
    link = response.headers.get("Link")
    return json_answer(body, headers={"Link": link} if link else None)


def _place(row: Mapping[str, Any]) -> list[Any]:
    return [row["due_at"], row["lead_id"], row["id"]]


def chosen_by(query: DeadlineQuery, *, now: datetime) -> store.Chosen:
    """Return which deadlines a query means."""
    return store.Chosen(
        at=query.at or now,
        states=query.state,
        values={column: getattr(query, name) for name, column in _COLUMNS.items() if getattr(query, name)},
        missing=query.missing,
        start=query.from_,
        end=query.to,
    )
