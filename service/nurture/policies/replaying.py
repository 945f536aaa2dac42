"""Dry runs: policies replayed over what happened. Nothing is changed, and the same question has the same answer, byte for byte."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.nurture import rules
from service.nurture.policies import replay_store as store
from service.nurture.policies.checking import check, load_plan
from service.nurture.policies.facts import ACTOR, activity_in
from service.nurture.policies.history import History, Told, replay
from service.nurture.policies.plan import Plan
from service.nurture.policies.report import Report
from service.nurture.policies.schemas import POLICIES, DryRun
from service.nurture.scoring.decay import bounded
from service.nurture.scoring.matching import Activity, Scoring
from service.nurture.scoring.reacting import scoring_of
from service.nurture.scoring.store import read_activities as read_scored

MOST: Final = 20_000
"""How many leads are replayed if nobody says which part of them; a question should be answered while one waits."""

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
    scoring = scoring_of(held) if body.scores == "computed" else None
    parts = await _parts(connection, body.sample, end=end)
    past = _Past(connection, scoring, start=start, end=end, parts=parts)
    plan, report = await load_plan(connection, policies), Report(policies)
    async for histories in past.read():
        # It is worked out beside the loop: others are being served meanwhile.
        await asyncio.to_thread(_replay_all, plan, histories, report, start=start, end=end)
    about = {"version": version, "scores": body.scores, "sample": parts / _ALL}
    return {"from": start, "to": end, **about, **report.out()}


async def _parts(connection: AsyncConnection, sample: float | None, *, end: datetime) -> int:
    """Return how many of 65,536 parts of the leads are replayed."""
    if sample is not None:
        return max(1, round(sample * _ALL))
    return min(_ALL, _ALL * MOST // max(1, await store.count_leads(connection, end=end)))


def _replay_all(plan: Plan, histories: Iterable[History], report: Report, *, start: datetime, end: datetime) -> None:
    for history in histories:
        report.add(history, replay(plan, history, start=start, end=end))


def _between(body: DryRun, now: datetime) -> tuple[datetime, datetime]:
    if body.days is not None and body.from_ is not None:
        raise Invalid("/days", "is another way to say from; give one of them")
    end = min(body.to or now, now)
    start = body.from_ if body.from_ is not None else end - timedelta(days=body.days or 90)
    if start >= end:
        raise Invalid("/from", "must be before to, and in the past")
    return start, end


class _Past:
    """What happened to leads until a time, read a few leads at a time, in the order of their ids."""

    def __init__(
        self, connection: AsyncConnection, scoring: Scoring | None, *, start: datetime, end: datetime, parts: int
    ) -> None:
        self.connection = connection
        self.scoring = scoring
        self.start = start
        self.end = end
        self.parts = parts

    async def read(self) -> AsyncIterator[list[History]]:
        """Yield the histories of the next leads until there are none."""
        last = None
        while ids := await store.next_leads(self.connection, last, end=self.end, parts=self.parts, limit=_CHUNK):
            yield await self._histories(ids)
            last = ids[-1]

    async def _histories(self, ids: list[UUID]) -> list[History]:
        connection, end = self.connection, self.end
        ledgers = _by_lead((row["lead_id"], row) for row in await store.read_ledgers(connection, ids, end=end))
        told = _by_lead((row["lead_id"], _told(row)) for row in await store.read_told(connection, ids, end=end))
        done = _by_lead(
            (row["lead_id"], activity_in(row)) for row in await store.read_activities(connection, ids, end=end)
        )
        touched = _by_lead(
            (row["lead_id"], row["occurred_at"]) for row in await store.read_touched(connection, ids, end=end)
        )
        scores = await self._scores(ids)
        return [
            History(
                lead_id=lead_id,
                ledger=ledgers[lead_id],
                told=told[lead_id],
                activities=done.get(lead_id, ()),
                touched=touched.get(lead_id, ()),
                score_at=scores.get(lead_id),
            )
            for lead_id in ids
            if lead_id in ledgers and lead_id in told
        ]

    async def _scores(self, ids: list[UUID]) -> dict[UUID, Callable[[Mapping[str, Any], datetime], int]]:
        if self.scoring is None:
            return {}
        done = await read_scored(self.connection, set(ids), self.scoring, at=self.start, until=self.end)
        return {lead_id: partial(_score_at, self.scoring, done.get(lead_id, ())) for lead_id in ids}


def _score_at(scoring: Scoring, activities: Sequence[Activity], lead: Mapping[str, Any], at: datetime) -> int:
    """Return the score of a lead as it was at a time, of activities that are given oldest first."""
    by_then = activities[: bisect_right(activities, at, key=lambda one: one.occurred_at)]
    entries = scoring.fit(lead, at) + scoring.engagement(by_then, at)
    return bounded(sum(entry.worth(at) for entry in entries), scoring.rules.floor, scoring.rules.ceiling)


def _by_lead(pairs: Iterable[tuple[UUID, Item]]) -> dict[UUID, list[Item]]:
    found: dict[UUID, list[Item]] = {}
    for lead_id, item in pairs:
        found.setdefault(lead_id, []).append(item)
    return found


def _told(row: dict[str, Any]) -> Told:
    by_policy = "policy" in row["data"] or row["cause"].startswith(ACTOR)
    return Told(row["occurred_at"], row["type"], row["data"], row["lead"], by_policy)
