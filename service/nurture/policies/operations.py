"""What people ask of policies: what they did, which leads they must not move any more; and let one go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict
from service.core.http.paging import PageQuery, paginate
from service.leads.book import Book
from service.leads.operations import Writer
from service.nurture import rules
from service.nurture.policies import store
from service.nurture.policies.present import firing_out, parked_out
from service.nurture.policies.schemas import POLICIES

_OUTCOMES: Final = ("moved", "assigned", "tagged", "announced", "refused", "parked")


class NotParked(Conflict):
    """The lead is not parked."""

    code = "not_parked"


async def list_firings(
    connection: AsyncConnection, request: Request, response: Response, paging: PageQuery, filters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a page of what policies did, the latest first."""
    bound = {"list": "firings", **filters}
    after = paging.after(bound, datetime, UUID)
    rows = await store.list_firings(connection, **filters, after=after, limit=paging.limit + 1)
    page = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=bound,
        key=lambda row: (row["fired_at"], row["id"]),
    )
    return page | {"data": [firing_out(row) for row in page["data"]]}


async def list_parked(
    connection: AsyncConnection, request: Request, response: Response, paging: PageQuery
) -> dict[str, Any]:
    """Return a page of leads that are parked, the latest first."""
    bound = {"list": "parked"}
    after = paging.after(bound, datetime, UUID)
    rows = await store.list_parked(connection, after=after, limit=paging.limit + 1)
    page = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=bound,
        key=lambda row: (row["parked_at"], row["id"]),
    )
    return page | {"data": [parked_out(row) for row in page["data"]]}


async def unpark(connection: AsyncConnection, lead_id: UUID, writer: Writer) -> dict[str, Any]:
    """Let a parked lead go on: policies look at it anew, and its moves are counted from now on. Raises `NotParked`."""
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    row = await store.unpark(connection, lead_id, by=writer.actor, now=book.now)
    if row is None:
        raise NotParked("the lead is not parked")
    book.announce(entry, "lead.updated", {"changed": ["parked"]}, at=book.now)
    await book.flush()
    return parked_out(row)


async def statistics(connection: AsyncConnection, *, days: int, now: datetime) -> dict[str, Any]:
    """Return how often each policy fired in the last days, with what outcome; those there are in their order, then those that are gone."""
    since = now - timedelta(days=days)
    counts: dict[str, dict[str, Any]] = {}
    for row in await store.count_firings(connection, since=since, until=now):
        of = counts.setdefault(row["policy"], dict.fromkeys(_OUTCOMES, 0) | {"last_at": None})
        of[row["outcome"]] = row["count"]
        of["last_at"] = max(of["last_at"] or row["last_at"], row["last_at"])
    policies = (await rules.read_rules(connection)).of(POLICIES).policies
    nothing = dict.fromkeys(_OUTCOMES, 0) | {"last_at": None}
    data = [
        {"policy": one.key, "label": one.label, "enabled": one.enabled, **counts.pop(one.key, nothing)}
        for one in policies
    ]
    data += [{"policy": key, "label": None, "enabled": None, **of} for key, of in sorted(counts.items())]
    parked = await store.count_parked(connection)
    return {"since": since, "until": now, "parked_now": parked, "data": data}
