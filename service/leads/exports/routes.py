"""Exports over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from service.core.http.auth import require
from service.core.http.routing import ServiceRoute
from service.leads.exports.answering import answer, chosen
from service.leads.exports.exporting import Order
from service.leads.exports.formats import MEDIA, Format
from service.leads.listing import LeadFilters

_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file, as it is read; one that ends before its time was broken off",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()},
    }
}

router = APIRouter(
    prefix="/v1/exports",
    route_class=ServiceRoute,
    tags=["exports"],
    dependencies=[require("leads:read")],
    default_response_class=Response,
)


class ExportQuery(LeadFilters, BaseModel):
    """Of which leads, and in which format."""

    format: Annotated[
        Format | None, Field(description="For those who cannot send `Accept`, which it goes before; default: ndjson")
    ] = None


class TransitionExportQuery(ExportQuery, BaseModel):
    """Of which leads, in which format, and which rows of their ledgers."""

    superseded: Annotated[bool, Field(description="With the rows that corrections replaced")] = False


@router.get("/leads", operation_id="export_leads", summary="Export leads", responses=_FILE)
async def export_leads(request: Request, query: Annotated[ExportQuery, Query()]) -> Response:
    """All leads that the filters of the lead list leave, in the order of their creation, as they were at one instant."""
    return await answer(request, Order("leads", chosen(request, query.format), query))


@router.get("/transitions", operation_id="export_transitions", summary="Export transitions", responses=_FILE)
async def export_transitions(request: Request, query: Annotated[TransitionExportQuery, Query()]) -> Response:
    """The ledgers of all leads that the filters leave, lead by lead."""
    return await answer(request, Order("transitions", chosen(request, query.format), query, query.superseded))


@router.get("/journeys", operation_id="export_journeys", summary="Export journeys", responses=_FILE)
async def export_journeys(request: Request, query: Annotated[ExportQuery, Query()]) -> Response:
    """The journeys of all leads that the filters leave, lead by lead."""
    return await answer(request, Order("journeys", chosen(request, query.format), query))
