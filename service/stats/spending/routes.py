"""Spending over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from service.core import clock
from service.core.http.answers import json_answer
from service.core.http.auth import Caller, require
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.stats.spending import operations, store
from service.stats.spending.schemas import SpendOut, SpendPut

router: Final = APIRouter(prefix="/v1", tags=["statistics"], route_class=ServiceRoute)


async def _filters(
    channel: Annotated[str | None, Query(max_length=200)] = None,
    campaign: Annotated[str | None, Query(max_length=200)] = None,
    currency: Annotated[str | None, Query(max_length=3)] = None,
    from_: Annotated[date | None, Query(alias="from", description="Periods that end on this day or later")] = None,
    to: Annotated[date | None, Query(description="Periods that begin before this day")] = None,
) -> dict[str, Any]:
    return {"channel": channel, "campaign": campaign, "currency": currency, "from": from_, "to": to}


@router.put("/spend", operation_id="put_spend", summary="Say what was spent", response_model=SpendOut)
async def put_spend(body: SpendPut, connection: Connection, by: Annotated[Caller, require("leads:write")]) -> Response:
    """One amount for each channel, campaign, period and currency: the same again changes nothing, another one replaces it.

    Many at once are an import of the kind ``spend``.
    """
    done = await operations.put_spend(connection, [body], actor=f"key:{by.name}", now=clock.now())
    return json_answer(operations.spend_out(done[0][1]), status=201 if done[0][0] == "created" else 200)


@router.get("/spend", operation_id="list_spend", summary="What was spent", dependencies=[require("stats:read")])
async def list_spend(
    connection: ReadConnection,
    request: Request,
    response: Response,
    paging: Paging,
    filters: Annotated[dict[str, Any], Depends(_filters)],
) -> Page[SpendOut]:
    """Return amounts by the start of their period."""
    after = paging.after(filters, str, UUID)
    rows = await store.list_spend(connection, filters=filters, after=after, limit=paging.limit + 1)
    page = paginate(rows, request=request, response=response, paging=paging, filters=filters, key=_place)
    shown = [operations.spend_out(row) for row in page["data"]]
    return Page[SpendOut].model_validate(page | {"data": shown})


def _place(row: dict[str, Any]) -> list[Any]:
    return [row["period_start"].isoformat(), row["id"]]


@router.delete(
    "/spend/{spend_id}",
    operation_id="delete_spend",
    summary="Forget an amount",
    status_code=204,
    dependencies=[require("leads:write")],
)
async def delete_spend(spend_id: UUID, connection: Connection) -> None:
    """It was not spent after all."""
    await operations.delete_spend(connection, spend_id)
