"""Dry runs: policies replayed over what happened. Nothing is changed, and the same question has the same answer, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.nurture import rules
from service.nurture.policies import replay_store as store
from service.nurture.policies.checking import check, load_plan
from service.nurture.policies.facts import ACTOR, activity_in
from service.nurture.policies.history import History, Told, replay
from service.nurture.policies.report import Report
from service.nurture.policies.schemas import POLICIES, DryRun, Policies

_CHUNK: Final = 100
_ALL: Final = 65536

Item = TypeVar("Item")


async def dry_run(connection: AsyncConnection, body: DryRun, *, now: datetime) -> dict[str, Any]:
    """Return what policies would have done between two times, and what really happened; raises `Invalid`.

    Works through the leads in small parts: what it holds does not grow with how many there are.
    """
    start, end = _between(body, now)
    held = await rules.read_rules(connection)
    version = None if body.policies is not None else held.version(POLICIES)
    policies = held.of(POLICIES) if body.policies is None else body.policies
    if body.policies is not None:
        await check(connection, policies, place="/policies")
    report = await _replay_all(connection, policies, start=start, end=end, parts=round(body.sample * _ALL))
    return {"from": start, "to": end, "version": version, "sample": body.sample, **report.out()}


def _between(body: DryRun, now: datetime) -> tuple[datetime, datetime]:
    if body.days is not None and body.from_ is not None:
        raise Invalid("/days", "is another way to say from; give one of them")
    end = min(body.to or now, now)
    start = body.from_ if body.from_ is not None else end - timedelta(days=body.days or 90)
    if start >= end:
        raise Invalid("/from", "must be before to, and in the past")
    return start, end


async def _replay_all(
    connection: AsyncConnection, policies: Policies, *, start: datetime, end: datetime, parts: int
) -> Report:
    plan, report, last = await load_plan(connection, policies), Report(policies), None
    while ids := await store.next_leads(connection, last, end=end, parts=parts, limit=_CHUNK):
        for history in await _histories(connection, ids, end):
            report.add(history, replay(plan, history, start=start, end=end))
        last = ids[-1]
    return report


async def _histories(connection: AsyncConnection, ids: list[UUID], end: datetime) -> Iterator[History]:
    ledgers = _by_lead((row["lead_id"], row) for row in await store.read_ledgers(connection, ids, end=end))
    told = _by_lead((row["lead_id"], _told(row)) for row in await store.read_told(connection, ids, end=end))
    done = _by_lead((row["lead_id"], activity_in(row)) for row in await store.read_activities(connection, ids, end=end))
    touched = _by_lead(
        (row["lead_id"], row["occurred_at"]) for row in await store.read_touched(connection, ids, end=end)
    )
    return (
        History(
            lead_id=lead_id,
            ledger=ledgers[lead_id],
            told=told[lead_id],
            activities=done.get(lead_id, ()),
            touched=touched.get(lead_id, ()),
        )
        for lead_id in ids
        if lead_id in ledgers and lead_id in told
    )


def _by_lead(pairs: Iterable[tuple[UUID, Item]]) -> dict[UUID, list[Item]]:
    found: dict[UUID, list[Item]] = {}
    for lead_id, item in pairs:
        found.setdefault(lead_id, []).append(item)
    return found


def _told(row: dict[str, Any]) -> Told:
    by_policy = "policy" in row["data"] or row["cause"].startswith(ACTOR)
    return Told(row["occurred_at"], row["type"], row["data"], row["lead"], by_policy)
