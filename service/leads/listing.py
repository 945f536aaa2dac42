"""The lead list: what can be asked of it, and how its pages go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.core.errors import Invalid
from service.core.http.answers import json_answer
from service.core.http.paging import PageQuery, paginate
from service.core.http.queries import ATTRIBUTES, AttributesQuery, is_attribute
from service.leads import search_store
from service.leads.attributes.checking import known
from service.leads.attributes.filters import conditions_of
from service.leads.fields import Instant
from service.leads.present import lead_out
from service.lifecycle.stages import Stage
from service.stats.drilldown import behind_figure
from service.stats.segments.operations import find_segment

Values = Annotated[list[str], Field(max_length=100)]
Sort = Literal[
    "created_at",
    "-created_at",
    "acquired_at",
    "-acquired_at",
    "stage_entered_at",
    "-stage_entered_at",
    "score",
    "-score",
    "due_at",
    "-due_at",
]
_KINDS: Final[dict[str, type]] = {
    "id": UUID,
    "acquired_at": datetime,
    "stage_entered_at": datetime,
    "score": int,
    "due_at": datetime,
}
_PAGING: Final = frozenset({"limit", "cursor", "count"})
_FIGURE: Final = "With `behind`: as in the statistics"
_OF_A_FIGURE: Final = frozenset(
    {"part", "from_", "to", "tz", "unit", "skips", "window", "known_at", "as_of", "entry_stage", "score_band"}
)


class LeadFilters(AttributesQuery, BaseModel):
    """What leads are chosen by. A filter given several times means any of its values; different filters must all hold.

    Custom attributes have a filter each: ``attributes.plan=pro``, ``attributes.seats_gte=10``.
    """

    stage: list[Stage] = []
    channel: Values = []
    campaign: Values = []
    owner: Values = []
    country: Values = []
    region: Values = []
    industry: Values = []
    company_size: Values = []
    company_domain: Values = []
    account_tier: Annotated[Values, Field(description="Leads of companies of this tier: `GET /v1/accounts`")] = []
    tag: Values = []
    missing: Annotated[
        Values, Field(description="Leads without a value of this field, or of this attribute: `attributes.plan`")
    ] = []
    segment: Annotated[str, Field(max_length=100, description="The key of a saved segment")] | None = None
    email: Annotated[str, Field(max_length=320)] | None = None
    phone: Annotated[str, Field(max_length=100)] | None = None
    external_id: Annotated[str, Field(pattern=r"^[^:]+:.+$", max_length=400, description="<system>:<id>")] | None = None
    score_gte: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    acquired_from: Instant | None = None
    acquired_to: Annotated[Instant, Field(description="Itself not included")] | None = None
    stage_since_before: Annotated[Instant, Field(description="In their stage since before this instant")] | None = None
    due_before: Annotated[Instant, Field(description="With an open deadline before this instant")] | None = None
    overdue: (
        Annotated[bool, Field(description="With an open deadline that has passed; `false`: without one")] | None
    ) = None
    q: (
        Annotated[
            str,
            Field(min_length=1, max_length=200, description="Words, or their beginnings, of name, e-mail and company"),
        ]
        | None
    ) = None


class LeadQuery(LeadFilters, BaseModel):
    """The parameters of the lead list: its filters, or those of a figure of the statistics, its order and its pages."""

    behind: (
        Annotated[
            str,
            Field(
                description="List what a figure of the statistics counts; statistics answer with such addresses. Takes their parameters"
            ),
        ]
        | None
    ) = None
    part: Annotated[
        str | None,
        Field(max_length=2_500, description="With `behind`: the part of the stage, such as `reached` or `open`"),
    ] = None
    from_: Annotated[str | None, Field(alias="from", max_length=100, description=_FIGURE)] = None
    to: Annotated[str | None, Field(max_length=100, description=_FIGURE)] = None
    tz: Annotated[str | None, Field(max_length=100, description=_FIGURE)] = None
    unit: Annotated[str | None, Field(max_length=100, description=_FIGURE)] = None
    skips: Annotated[str | None, Field(max_length=100, description=_FIGURE)] = None
    window: Annotated[str | None, Field(max_length=100, description=_FIGURE)] = None
    known_at: Annotated[str | None, Field(max_length=100, description=_FIGURE)] = None
    as_of: Annotated[str | None, Field(max_length=100, description=_FIGURE)] = None
    entry_stage: Annotated[Values, Field(description=_FIGURE)] = []
    score_band: Annotated[Values, Field(description=_FIGURE)] = []
    sort: Annotated[Sort, Field(description="`due_at` leaves out leads that have no open deadline")] = "-created_at"
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=2000)] | None = None
    count: Annotated[bool, Field(description="Also answer how many there are in all")] = False


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows of a list, one more than asked for if there is a next page; ``key`` gives what orders a row, ``total`` only if asked for."""

    rows: list[dict[str, Any]]
    key: Callable[[Mapping[str, Any]], Sequence[Any]]
    total: int | None


async def list_page(connection: AsyncConnection, request: Request, query: LeadQuery, *, now: datetime) -> Listed:
    """Return the page of leads, or of the leads behind a figure, that a request asks for."""
    if query.behind is not None:
        return await _page_behind(connection, request, query, now=now)
    if of_a_figure := sorted(query.model_fields_set & _OF_A_FIGURE):
        raise Invalid(f"?{of_a_figure[0].rstrip('_')}", "belongs to a list behind a figure: give behind, too")
    return await _page_of_leads(connection, request, query, now=now)


def answer(request: Request, query: LeadQuery, page: Listed) -> Response:
    """Return the page as JSON, with the address of the next one in ``Link`` too."""
    paging = PageQuery(query.limit, query.cursor)
    response = Response()
    body = paginate(
        page.rows, request=request, response=response, paging=paging, filters=_filters(request), key=page.key
    )
    body["data"] = [lead_out(row) | _counted(row) for row in body["data"]]
    if page.total is not None:
        body["total"] = page.total
    link = response.headers.get("Link")
    return json_answer(body, headers={"Link": link} if link else None)


def _counted(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"counted_at": row["figure_at"], "counted_number": row["figure_n"]} if "figure_n" in row else {}


async def _page_of_leads(connection: AsyncConnection, request: Request, query: LeadQuery, *, now: datetime) -> Listed:
    filters = await filters_of(connection, query, now=now)
    order = search_store.Order(query.sort.removeprefix("-"), descending=query.sort.startswith("-"))
    if order.by == "due_at":
        filters["has_due"] = True
    names = ["id"] if order.by == "created_at" else [order.by, "id"]
    after = PageQuery(query.limit, query.cursor).after(_filters(request), *(_KINDS[name] for name in names))
    rows = await search_store.read_page(connection, filters, order=order, after=after, limit=query.limit + 1)
    total = await search_store.count(connection, filters) if query.count else None
    return Listed(rows, lambda row: [row[name] for name in names], total)


async def filters_of(connection: AsyncConnection, query: LeadFilters, *, now: datetime) -> dict[str, Any]:
    """Return the filters of a query as `search_store.conditions` takes them; raises `Invalid`."""
    strangers = [name for name in query.missing if name not in search_store.EQUAL and not is_attribute(name)]
    if strangers:
        raise Invalid("?missing", f"must be one of {', '.join(search_store.EQUAL)}, or attributes.<key>")
    filters = _normalised(query.model_dump(include=set(LeadFilters.model_fields), exclude_defaults=True))
    missing = [name.removeprefix(ATTRIBUTES) for name in query.missing if is_attribute(name)]
    if query.attributes or missing:
        filters["attributes"] = conditions_of(query.attributes, missing, await known(connection))
    if query.segment is not None:
        filters["segment"] = await find_segment(connection, query.segment)
    if query.overdue is not None:
        filters["overdue_at" if query.overdue else "in_time_at"] = now
    return filters


def _normalised(filters: dict[str, Any]) -> dict[str, Any]:
    """Bring an e-mail or phone that is looked for into the form it is stored in."""
    if "email" in filters or "phone" in filters:
        cleaned = normalise(Submission(email=filters.get("email"), phone=filters.get("phone")))
        if cleaned.faults:
            fault = cleaned.faults[0]
            raise Invalid(fault.pointer.replace("/", "?"), fault.detail)
        filters |= {name: getattr(cleaned.submission, name) for name in ("email", "phone") if name in filters}
    return filters


async def _page_behind(connection: AsyncConnection, request: Request, query: LeadQuery, *, now: datetime) -> Listed:
    """Return the leads behind a figure: one row for each journey or transition it counts."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name not in _PAGING]
    segment = await find_segment(connection, query.segment) if query.segment is not None else None
    figure = behind_figure(pairs, now=now, segment=segment)
    subquery = figure.statement.subquery("figure")
    after = PageQuery(query.limit, query.cursor).after(_filters(request), datetime, UUID, int)
    rows = await search_store.read_behind(connection, subquery, figure.parameters, after=after, limit=query.limit + 1)
    total = await search_store.count_behind(connection, subquery, figure.parameters) if query.count else None
    return Listed(rows, lambda row: [row["figure_at"], row["id"], row["figure_n"]], total)


def _filters(request: Request) -> Mapping[str, Any]:
    """Return what a cursor of this list is bound to: every parameter but those of paging."""
    pairs = sorted((name, value) for name, value in request.query_params.multi_items() if name not in _PAGING)
    return {"list": "leads", "pairs": pairs}
