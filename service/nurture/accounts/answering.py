"""Pages of accounts and of their people as answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request, Response

from service.core.http.answers import json_answer
from service.core.http.paging import PageQuery, paginate
from service.nurture.accounts.present import account_out, person_out
from service.nurture.accounts.reading import Person, place_of
from service.nurture.accounts.schemas import AccountQuery, PeopleQuery

_OF_A_PAGE = frozenset({"limit", "cursor", "count"})


def bound(request: Request) -> dict[str, Any]:
    """Return what a cursor is bound to: the list, and every parameter but those of paging."""
    pairs = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _OF_A_PAGE)
    return {"list": request.url.path, "pairs": pairs}


def accounts(request: Request, query: AccountQuery, listed: tuple[Sequence[Mapping[str, Any]], int | None]) -> Response:
    """Return a page of accounts, with the address of the next one in ``Link`` too."""
    rows, total = listed
    response, paging = Response(), PageQuery(query.limit, query.cursor)
    body = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=bound(request),
        key=lambda row: place_of(query, row),
    )
    body["data"] = [account_out(row) for row in body["data"]]
    if total is not None:
        body["total"] = total
    return _linked(body, response)


def people(request: Request, query: PeopleQuery, rows: Sequence[Person]) -> Response:
    """Return a page of people, with the address of the next one in ``Link`` too."""
    response, paging = Response(), PageQuery(query.limit, query.cursor)
    body = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=bound(request),
        key=lambda one: one.place(query),
    )
    body["data"] = [person_out(one.row, one.said) for one in body["data"]]
    return _linked(body, response)


def _linked(body: dict[str, Any], response: Response) -> Response:
    link = response.headers.get("Link")
    return json_answer(body, headers={"Link": link} if link else None)
