"""What people do with pairs that may be one person: look at them with the reasons, merge them, or say that they are not one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict, Invalid, NotFound
from service.core.http.paging import PageQuery, paginate
from service.leads.duplicates import store
from service.leads.duplicates.schemas import DuplicateMerge
from service.leads.duplicates.settling import older_first, why_merged
from service.leads.merging.merge import merge_leads
from service.leads.operations import Writer
from service.leads.present import lead_out


class PairDecided(Conflict):
    """The pair was merged, or one of its leads is gone; there is nothing left to decide."""

    code = "pair_decided"


async def list_pairs(
    connection: AsyncConnection,
    request: Request,
    response: Response,
    *,
    paging: PageQuery,
    status: str,
    min_score: float,
    lead_id: UUID | None,
) -> dict[str, Any]:
    """Return a page of pairs with their leads and what speaks for each."""
    filters = {"status": status, "min_score": min_score, "lead_id": lead_id}
    after = paging.after(filters, int, UUID)
    rows = await store.read_page(
        connection,
        status=status,
        min_score=round(min_score * 10_000),
        lead_id=lead_id,
        after=(after[0], after[1]) if after else None,
        limit=paging.limit + 1,
    )
    page = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=filters,
        key=lambda row: (row["score"], row["id"]),
    )
    leads = await _leads_of(connection, page["data"])
    page["data"] = [_pair_out(row, leads) for row in page["data"]]
    return page


async def read_pair(connection: AsyncConnection, pair_id: UUID) -> dict[str, Any]:
    """Return one pair; raises `NotFound`."""
    row = await _find(connection, pair_id)
    return _pair_out(row, await _leads_of(connection, [row]))


async def merge_pair(
    connection: AsyncConnection, pair_id: UUID, body: DuplicateMerge, writer: Writer
) -> dict[str, Any]:
    """Merge a pair and return the merge; raises `PairDecided` if it was merged already."""
    pair = await _find(connection, pair_id)
    if pair["status"] == "merged":
        raise PairDecided("the two leads are one already")
    leads = await _leads_of(connection, [pair])
    if any(lead["merged_into"] or lead["erased_at"] for lead in leads.values()):
        raise PairDecided("one of the two leads was merged or erased since")
    survivor, duplicate = older_first(leads[pair["lead_id"]], leads[pair["other_id"]])
    if body.survivor_id is not None and body.survivor_id not in {survivor["id"], duplicate["id"]}:
        raise Invalid("/survivor_id", "must be one of the two leads of the pair")
    if body.survivor_id == duplicate["id"]:
        survivor, duplicate = duplicate, survivor
    done = await merge_leads(
        connection, survivor["id"], duplicate["id"], writer, why=why_merged(pair), fields=body.fields
    )
    await store.decide(connection, pair, status="merged", by=writer.actor, now=writer.now, merge_id=done["id"])
    return done


async def dismiss_pair(connection: AsyncConnection, pair_id: UUID, writer: Writer) -> dict[str, Any]:
    """Say that two leads are not one person: they are not brought up again. Raises `PairDecided` if they were merged."""
    pair = await _find(connection, pair_id)
    if pair["status"] == "merged":
        raise PairDecided("the two leads are one already; undo the merge to part them", merge_id=pair["merge_id"])
    if pair["status"] != "dismissed":
        await store.decide(connection, pair, status="dismissed", by=writer.actor, now=writer.now)
    return await read_pair(connection, pair_id)


async def _find(connection: AsyncConnection, pair_id: UUID) -> dict[str, Any]:
    row = await store.read_pair(connection, pair_id)
    if row is None:
        raise NotFound(f"there is no pair {pair_id}")
    return row


async def _leads_of(connection: AsyncConnection, pairs: list[dict[str, Any]]) -> dict[UUID, dict[str, Any]]:
    return await store.read_leads(connection, {pair[name] for pair in pairs for name in ("lead_id", "other_id")})


def _pair_out(pair: Mapping[str, Any], leads: Mapping[UUID, dict[str, Any]]) -> dict[str, Any]:
    one, other = leads[pair["lead_id"]], leads[pair["other_id"]]
    first, second = older_first(one, other)
    shown = [lead_out(first), lead_out(second)]
    turned = first is not one
    return {
        **{name: pair[name] for name in ("id", "status", "found_by")},
        "score": pair["score"] / 10_000,
        "lead_id": first["id"],
        "duplicate_id": second["id"],
        "leads": shown,
        "why": [_why_out(told, shown, turned=turned) for told in pair["why"]],
        **{name: pair[name] for name in ("found_at", "decided_at", "decided_by", "merge_id")},
    }


def _why_out(told: list[Any], leads: list[dict[str, Any]], *, turned: bool) -> dict[str, Any]:
    field, other_field, similarity, weight = told
    if turned:
        field, other_field = other_field, field
    return {
        "field": field,
        "other_field": other_field,
        "left": _value(leads[0], field),
        "right": _value(leads[1], other_field),
        "similarity": similarity,
        "weight": weight,
    }


def _value(lead: Mapping[str, Any], field: str) -> Any:
    """Return what a lead says under a field's name: ``email``, ``company.name``, ``attributes.birthday``."""
    value: Any = lead
    rest, dot = field, "."
    while dot and isinstance(value, Mapping):
        # The name of an attribute may have dots itself.
        if rest in value:
            return value[rest]
        room, dot, rest = rest.partition(".")
        value = value.get(room)
    return None
