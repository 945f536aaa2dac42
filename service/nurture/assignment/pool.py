"""The pool: leads that nobody has, to look at and to take from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_origin
from uuid import UUID

from fastapi import Request
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from service.core import clock
from service.core.errors import Invalid
from service.core.http.answers import json_answer
from service.core.http.paging import PageQuery, paginate
from service.leads.book import Book
from service.leads.listing import LeadFilters, filters_of
from service.leads.operations import Writer
from service.leads.present import lead_out
from service.nurture.assignment import pool_store, store
from service.nurture.assignment.assigning import in_use
from service.nurture.assignment.choosing import Chooser, Found
from service.nurture.assignment.desk import Desk
from service.nurture.assignment.errors import OwnerUnavailable, PoolEmpty
from service.nurture.assignment.present import assignment_out
from service.nurture.assignment.rules import ASSIGNMENT_RULES, TEAMS, AssignmentRules
from service.nurture.assignment.schemas import Claim, PoolQuery
from service.nurture.rules import read_rules

_PAGING: Final = frozenset({"limit", "cursor", "count"})
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {"oldest": (datetime, UUID), "best": (int, datetime, UUID)}
_NAMES: Final = {"oldest": ("stage_entered_at", "id"), "best": ("score", "stage_entered_at", "id")}


async def list_pool(connection: AsyncConnection, request: Request, query: PoolQuery) -> Response:
    """Answer with a page of the pool."""
    rules = (await read_rules(connection)).of(ASSIGNMENT_RULES)
    filters = await _filters(connection, query, rules, now=clock.now())
    paging = PageQuery(query.limit, query.cursor)
    bound = {
        "list": "pool",
        "pairs": sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _PAGING),
    }
    rows = await pool_store.read_page(
        connection, filters, sort=query.sort, after=paging.after(bound, *_KINDS[query.sort]), limit=query.limit + 1
    )
    response = Response()
    page = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=bound,
        key=lambda row: [row[name] for name in _NAMES[query.sort]],
    )
    last = {row["lead_id"]: row for row in await store.of_leads(connection, [row["id"] for row in page["data"]])}
    page["data"] = [
        lead_out(row) | {"last_assignment": assignment_out(last[row["id"]]) if row["id"] in last else None}
        for row in page["data"]
    ]
    if query.count:
        page["total"] = await pool_store.count(connection, filters)
    link = response.headers.get("Link")
    return json_answer(page, headers={"Link": link} if link else None)


async def claim(connection: AsyncConnection, body: Claim, writer: Writer) -> dict[str, Any]:
    """Give the next lead of the pool to whoever claims it; raises `OwnerUnavailable` or `PoolEmpty`.

    Claims come one at a time; a lead that anybody else is at right now is passed over, so that nobody waits.
    """
    rules = await in_use(connection, actor=writer.actor, now=writer.now)
    await store.lock(connection)
    chooser = Chooser(rules.of(TEAMS), now=writer.now)
    chooser.loads = await store.read_loads(connection, [body.owner])
    # Who claims a lead is there, whatever the calendar says.
    if (fault := chooser.fault_of(body.owner)) in {"full", "inactive"}:
        raise OwnerUnavailable(f"{body.owner} cannot take another lead: {fault}", reason=fault)
    filters = await _filters(connection, _asked(body.filters), rules.of(ASSIGNMENT_RULES), now=writer.now)
    lead_id = await pool_store.take_next(connection, filters, owner=body.owner, sort=body.sort)
    if lead_id is None:
        raise PoolEmpty("there is no lead in the pool for that")
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    desk = await Desk.open(book, [entry], rules=rules, owners=[body.owner], by_rules=False)
    desk.reconcile(entry)
    row = desk.give(entry, Found(owner=body.owner, method="claimed"), status="accepted")
    await desk.flush()
    await book.flush()
    return {"assignment": assignment_out(row), "lead": lead_out(entry.row)}


async def _filters(
    connection: AsyncConnection, query: LeadFilters, rules: AssignmentRules, *, now: datetime
) -> dict[str, Any]:
    filters = await filters_of(connection, query, now=now)
    return filters if query.stage else filters | {"stage": rules.pool}


def _asked(given: Mapping[str, Any]) -> LeadFilters:
    """Return filters that came in a body as those of a query; raises `Invalid`."""
    lists = {name for name, field in LeadFilters.model_fields.items() if get_origin(field.annotation) is list}
    wrapped = {
        name: [value] if name in lists and not isinstance(value, list) else value for name, value in given.items()
    }
    try:
        return LeadFilters.model_validate(wrapped)
    except ValidationError as fault:
        first = fault.errors()[0]
        place = "/".join(map(str, first["loc"][:1]))
        raise Invalid(f"/filters/{place}" if place else "/filters", first["msg"]) from None
