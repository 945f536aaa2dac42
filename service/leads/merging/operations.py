"""Reading merges, and the rules by which fields survive."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.clock import now
from service.core.http.paging import PageQuery, paginate
from service.leads import rules_store
from service.leads.merging import store
from service.leads.merging.errors import MergeNotFound
from service.leads.merging.merge import RULES
from service.leads.merging.present import merge_out
from service.leads.merging.schemas import MergeRules
from service.leads.merging.survivorship import DEFAULT_RULES


async def read_merge(connection: AsyncConnection, merge_id: UUID) -> dict[str, Any]:
    """Return a merge as the API shows it; raises `MergeNotFound`."""
    row = await store.read_merge(connection, merge_id)
    if row is None:
        raise MergeNotFound(f"there is no merge {merge_id}")
    return (await _shown(connection, [row]))[0]


async def list_page(
    connection: AsyncConnection,
    request: Request,
    response: Response,
    paging: PageQuery,
    *,
    lead_id: UUID | None,
    active: bool | None,
) -> dict[str, Any]:
    """Return a page of merges, the latest first."""
    filters = {"lead_id": lead_id, "active": active}
    after = paging.after(filters, datetime, UUID)
    rows = await store.list_merges(connection, lead_id=lead_id, active=active, after=after, limit=paging.limit + 1)
    page = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=filters,
        key=lambda row: (row["recorded_at"], row["id"]),
    )
    return page | {"data": await _shown(connection, page["data"])}


async def _shown(connection: AsyncConnection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    aside = await store.set_aside_by(connection, [row["id"] for row in rows])
    return [merge_out(row, [one for one in aside if one["merge_id"] == row["id"]]) for row in rows]


async def read_rules(connection: AsyncConnection) -> dict[str, Any]:
    """Return the rules that hold."""
    rules = await rules_store.read_rules(connection, RULES)
    return dict(DEFAULT_RULES) if rules is None else rules


async def write_rules(connection: AsyncConnection, rules: MergeRules) -> dict[str, Any]:
    """Replace the rules, and return them."""
    await rules_store.write_rules(connection, RULES, rules.model_dump(), now=now())
    return rules.model_dump()
