"""What becomes of assignments, in figures, and the list behind each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from service.core.errors import Invalid
from service.core.http.answers import json_answer
from service.core.http.paging import PageQuery, paginate
from service.nurture.assignment import figures_store, store
from service.nurture.assignment.present import assignment_out
from service.nurture.assignment.rules import TEAMS, Teams
from service.nurture.assignment.schemas import AssignmentQuery, AssignmentStatsQuery
from service.nurture.rules import read_rules
from service.stats.asking import parse_bound, parse_zone
from service.stats.funnel import rate
from service.stats.question import instant

DIMENSIONS: Final = ("owner", "team", "rule", "method")
OUTCOMES: Final = ("rejected", "reclaimed", "released", "ended")
_PAGING: Final = frozenset({"limit", "cursor", "count"})
_TEXT: Final = (
    "Assignments by when they were made, of leads that are no tests. `accepted` are those that were ever accepted, those among them that "
    "nobody had to accept (claimed, or set by another hand) too; the time to accept is told of offers that were accepted, and of no others. "
    "`now` is what owners have open at this moment, whenever it was assigned."
)


async def list_assignments(connection: AsyncConnection, request: Request, query: AssignmentQuery) -> Response:
    """Answer with a page of assignments, the latest first."""
    filters = query.model_dump(exclude={"limit", "cursor", "count"}, exclude_defaults=True)
    paging = PageQuery(query.limit, query.cursor)
    pairs = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _PAGING)
    bound = {"list": "assignments", "pairs": pairs}
    rows = await figures_store.read_page(
        connection, filters, after=paging.after(bound, datetime, UUID), limit=query.limit + 1
    )
    response = Response()
    page = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=bound,
        key=lambda row: [row["offered_at"], row["id"]],
    )
    page["data"] = [assignment_out(row) for row in page["data"]]
    if query.count:
        page["total"] = await figures_store.count(connection, filters)
    link = response.headers.get("Link")
    return json_answer(page, headers={"Link": link} if link else None)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of assignments."""

    group_by: tuple[str, ...]
    filters: Mapping[str, Any]
    tz: str

    def address(self, key: Mapping[str, str | None], **more: str) -> str:
        """Return the address of the assignments behind a figure of a group."""
        pairs = [(name, value) for name in DIMENSIONS if name not in key for value in self.filters.get(name, ())]
        pairs += [("missing", name) if value is None else (name, value) for name, value in key.items()]
        pairs += [
            (name, instant(at)) for name, at in (("from", self.filters["from_"]), ("to", self.filters["to"])) if at
        ]
        pairs += sorted(more.items())
        return "/v1/assignments" + (f"?{urlencode(pairs)}" if pairs else "")


async def statistics(connection: AsyncConnection, query: AssignmentStatsQuery, *, now: datetime) -> dict[str, Any]:
    """Return what became of assignments, by group; raises `Invalid`."""
    asked = _asked(query)
    counted = await figures_store.count_by(connection, asked.filters, asked.group_by)
    reasons = await figures_store.count_reasons(connection, asked.filters, asked.group_by)
    owners = {row["owner"] for row in counted} if "owner" in asked.group_by else set[str]()
    teams = (await read_rules(connection)).of(TEAMS)
    loads = await store.read_loads(connection, owners)
    return {
        "definition": {
            "from": asked.filters["from_"],
            "to": asked.filters["to"],
            "tz": asked.tz,
            "at": now,
            "group_by": list(asked.group_by),
            "filters": {name: list(asked.filters[name]) for name in DIMENSIONS if asked.filters.get(name)},
            "text": _TEXT,
        },
        "groups": [_group(asked, row, reasons, loads, teams) for row in counted],
    }


def _asked(query: AssignmentStatsQuery) -> Asked:
    zone = parse_zone(query.tz)
    group_by = tuple(name for given in query.group_by for name in given.split(","))
    if strangers := [name for name in group_by if name not in DIMENSIONS]:
        raise Invalid("?group_by", f"{strangers[0]}: must be one of {', '.join(DIMENSIONS)}")
    if len(set(group_by)) < len(group_by):
        raise Invalid("?group_by", "names a dimension twice")
    since = parse_bound(query.from_, zone, pointer="?from") if query.from_ is not None else None
    until = parse_bound(query.to, zone, pointer="?to") if query.to is not None else None
    if since is not None and until is not None and until < since:
        raise Invalid("?to", "must not be before from")
    filters = {name: getattr(query, name) for name in DIMENSIONS} | {"from_": since, "to": until}
    return Asked(group_by, filters, query.tz)


def _group(
    asked: Asked, row: Mapping[str, Any], reasons: Sequence[Mapping[str, Any]], loads: Mapping[str, int], teams: Teams
) -> dict[str, Any]:
    key = {name: row[name] for name in asked.group_by}
    own = [one for one in reasons if all(one[name] == value for name, value in key.items())]
    return {
        "key": key,
        "assigned": _figure(asked, key, row["assigned"]),
        "accepted": _figure(asked, key, row["accepted"], accepted="true"),
        "acceptance": rate(row["accepted"], row["assigned"]),
        "waiting": _figure(asked, key, row["is_offered"], status="offered"),
        "at_work": _figure(asked, key, row["is_accepted"], status="accepted"),
        **{outcome: _outcome(asked, key, row[f"is_{outcome}"], outcome, own) for outcome in OUTCOMES},
        "time_to_accept": {
            "count": row["timed"],
            "median_seconds": None if row["median_seconds"] is None else float(row["median_seconds"]),
        },
        "now": _now(row["owner"], loads, teams) if "owner" in key else None,
    }


def _figure(asked: Asked, key: Mapping[str, str | None], count: int, **more: str) -> dict[str, Any]:
    return {"count": count, "assignments": asked.address(key, **more)}


def _outcome(
    asked: Asked, key: Mapping[str, str | None], count: int, outcome: str, reasons: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    mine = [one for one in reasons if one["status"] == outcome]
    mine.sort(key=lambda one: (-one["count"], one["reason"]))
    told = [
        {"reason": one["reason"], **_figure(asked, key, one["count"], status=outcome, reason=one["reason"])}
        for one in mine
    ]
    return {**_figure(asked, key, count, status=outcome), "reasons": told}


def _now(owner: str, loads: Mapping[str, int], teams: Teams) -> dict[str, Any]:
    """Return what an owner has open, and the least that any of their teams lets them have."""
    members = [one for team in teams.teams.values() for one in team.members if one.owner == owner and one.active]
    room = [one.capacity for one in members if one.capacity is not None]
    address = "/v1/assignments?" + urlencode([("owner", owner), ("status", "offered"), ("status", "accepted")])
    return {"open": loads.get(owner, 0), "capacity": min(room, default=None), "assignments": address}
