"""From stored deliveries to leads: many in one transaction, and one by one when something is wrong with one of them.

Whatever happens, a delivery has exactly one result: its leads, its dedupe key and its new status are committed together, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.channels.contract import Refusal, Request, Submitted, Translation
from service.cleaning import normalise
from service.cleaning.submission import Cleaned, Submission
from service.core import clock, outage
from service.core.database import transaction
from service.core.errors import Unavailable
from service.intake import store
from service.intake.directory import Channel, channel_of
from service.leads.take_in import TakenIn, take_in

_log = structlog.get_logger(__name__)

SETTLED: Final = Counter("intake_settled", "Deliveries by what became of them", ["channel", "status"])

BATCH: Final = 300
_ACTOR: Final = "intake"


@dataclass(slots=True)
class _Job:
    """A delivery in hand, and what is going to be written about it."""

    row: dict[str, Any]
    status: str = ""
    reason: str | None = None
    detail: str | None = None
    submissions: tuple[Submitted, ...] = ()
    cleaned: dict[int, Cleaned] = field(default_factory=dict)
    outcome: dict[int, dict[str, Any]] = field(default_factory=dict)

    def settle(self, status: str, reason: str | None = None, detail: str | None = None) -> None:
        self.status, self.reason, self.detail = status, reason, detail

    def written(self) -> dict[str, Any]:
        outcome = [self.outcome[index] for index in sorted(self.outcome)]
        return {
            "id": self.row["id"],
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            "outcome": outcome,
            "lead_ids": list(dict.fromkeys(entry["lead_id"] for entry in outcome if entry["lead_id"])),
        }


async def process_waiting(engine: AsyncEngine, *, limit: int = BATCH) -> int:
    """Process up to ``limit`` deliveries and return how many were settled.

    Raises when the database is away: then nothing was changed, and the same call may simply be made again.
    """
    try:
        async with transaction(engine) as connection:
            return await process_batch(connection, now=clock.now(), limit=limit)
    except Exception as error:
        if _passes(error):
            raise
        _log.warning("intake_batch_failed", error=type(error).__name__)
    async with transaction(engine) as connection:
        waiting = await store.waiting_ids(connection, limit)
    return sum([await _process_alone(engine, delivery_id) for delivery_id in waiting])


async def _process_alone(engine: AsyncEngine, delivery_id: UUID) -> int:
    """Process one delivery in its own transaction; what fails even so is buried with its reason."""
    try:
        async with transaction(engine) as connection:
            return await process_batch(connection, now=clock.now(), limit=1, only=[delivery_id])
    except Exception as error:
        if _passes(error):
            raise
        kind = type(getattr(error, "orig", None) or error).__name__
        _log.exception("intake_delivery_failed", delivery_id=str(delivery_id), error=kind)
        async with transaction(engine) as connection:
            return await _bury(connection, delivery_id, f"Unexpected fault: {kind}.")


def _passes(error: Exception) -> bool:
    """Return whether an error says nothing about a delivery: the database is away or busy, or is not the one this code was made for."""
    return isinstance(error, Unavailable) or outage.retry_after(error) is not None or outage.is_ours(error)


async def _bury(connection: AsyncConnection, delivery_id: UUID, detail: str) -> int:
    rows = await store.claim_waiting(connection, limit=1, only=[delivery_id])
    jobs = [_Job(row) for row in rows]
    for job in jobs:
        job.settle("dead", "processing_failed", detail)
    await _write(connection, jobs, now=clock.now())
    return len(jobs)


async def process_batch(
    connection: AsyncConnection, *, now: datetime, limit: int, only: Sequence[UUID] | None = None
) -> int:
    """Process deliveries in the caller's transaction and return how many; none are waiting when it is 0."""
    jobs = [_Job(row) for row in await store.claim_waiting(connection, limit=limit, only=only)]
    if not jobs:
        return 0
    rows = await store.channels_of(connection, sorted({job.row["channel"] for job in jobs}))
    channels = {row["key"]: channel_of(row, now=now) for row in rows}
    for job in jobs:
        _translate(job, channels[job.row["channel"]])
    await _recognise(connection, jobs, now=now)
    await _take_in(connection, jobs, now=now)
    await _write(connection, jobs, now=now)
    return len(jobs)


def _translate(job: _Job, channel: Channel) -> None:
    """Find out what a delivery means, and clean what it says about people; what has its result already is left alone."""
    row = job.row
    request = Request(row["method"], row["headers"], row["query"], row["body"], row["received_at"])
    try:
        meaning = channel.adapter.translate(request, channel.config)
    except Refusal as refusal:
        job.settle("dead", refusal.code, refusal.detail)
        return
    if meaning.ignored is not None:
        job.settle("ignored", "ignored", meaning.ignored)
        return
    if _is_beyond_us(meaning):
        job.settle("dead", "not_supported", "The delivery has parts this version cannot act upon yet.")
        return
    job.submissions = meaning.submissions
    # Of a delivery that is replayed, what has come to a lead is not done again.
    job.outcome = {entry["index"]: entry for entry in row["outcome"] if entry["lead_id"]}
    for index, submitted in enumerate(meaning.submissions):
        if index not in job.outcome:
            job.cleaned[index] = _clean(submitted, row["id"], channel)


def _is_beyond_us(meaning: Translation) -> bool:
    return bool(meaning.activities or meaning.consent_changes or meaning.erasures or meaning.fetch)


def _clean(submitted: Submitted, delivery_id: UUID, channel: Channel) -> Cleaned:
    auto_clean = bool(channel.policy.get("auto_clean", True))
    submission = Submission(**submitted.fields, delivery_id=delivery_id, auto_clean=auto_clean)
    return normalise(submission, channel.policy.get("default_region"))


async def _recognise(connection: AsyncConnection, jobs: Sequence[_Job], *, now: datetime) -> None:
    """Settle deliveries, and single submissions in them, that another delivery has brought before."""
    whole = [(job, job.row["dedupe_key"]) for job in jobs if not job.status and job.row["dedupe_key"]]
    for (job, _), owner in zip(whole, await _owners(connection, whole, now=now), strict=True):
        if owner != job.row["id"]:
            job.cleaned.clear()
            job.outcome = {0: _outcome(0, "duplicate", duplicate_of=owner)}
            job.settle("duplicate", "duplicate", f"The same delivery came before, as {owner}.")
    parts = [
        (job, index, f"item:{job.submissions[index].key}")
        for job in jobs
        for index in list(job.cleaned)
        if job.submissions[index].key
    ]
    owners = await _owners(connection, [(job, key) for job, _, key in parts], now=now)
    for (job, index, _), owner in zip(parts, owners, strict=True):
        if owner != job.row["id"]:
            del job.cleaned[index]
            job.outcome[index] = _outcome(index, "duplicate", duplicate_of=owner)


async def _owners(connection: AsyncConnection, keys: Sequence[tuple[_Job, str]], *, now: datetime) -> list[UUID]:
    """Claim keys for their deliveries and return to which delivery each belongs now."""
    if not keys:
        return []
    owners = await store.claim_keys(connection, [_claim(job, key) for job, key in keys], now=now)
    return [owners[job.row["channel"], key] for job, key in keys]


def _claim(job: _Job, key: str) -> dict[str, Any]:
    return {"channel": job.row["channel"], "dedupe_key": key, "delivery_id": job.row["id"]}


async def _take_in(connection: AsyncConnection, jobs: Iterable[_Job], *, now: datetime) -> None:
    parts = [(job, index, cleaned) for job in jobs for index, cleaned in job.cleaned.items()]
    if not parts:
        return
    taken = await take_in(connection, [cleaned for _, _, cleaned in parts], now=now, via="webhook", actor=_ACTOR)
    for (job, index, cleaned), one in zip(parts, taken, strict=True):
        job.outcome[index] = _taken(index, one, cleaned)


def _taken(index: int, one: TakenIn, cleaned: Cleaned) -> dict[str, Any]:
    return _outcome(
        index,
        one.result,
        lead_id=one.lead_id,
        matched_by=one.matched_by,
        verdict=cleaned.verdict,
        code=getattr(one.error, "code", None),
        detail=getattr(one.error, "detail", None),
    )


def _outcome(index: int, result: str, **known: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"lead_id": None, "matched_by": [], "verdict": None, "code": None, "detail": None}
    return {"index": index, "result": result, **nothing, "duplicate_of": None, **known}


async def _write(connection: AsyncConnection, jobs: Sequence[_Job], *, now: datetime) -> None:
    for job in jobs:
        if not job.status:
            _conclude(job)
        SETTLED.labels(job.row["channel"], job.status).inc()
    dead = [job for job in jobs if job.status == "dead" and job.row["dedupe_key"]]
    if dead:
        await store.release_keys(connection, [_claim(job, job.row["dedupe_key"]) for job in dead])
    await store.settle(connection, [job.written() for job in jobs], now=now)


def _conclude(job: _Job) -> None:
    """Sum up the outcome of a delivery's submissions: one that was taken in is enough."""
    results = {entry["result"] for entry in job.outcome.values()}
    if results & {"created", "matched"}:
        job.settle("processed")
    elif "refused" in results:
        first = next(entry for entry in job.outcome.values() if entry["result"] == "refused")
        job.settle("dead", first["code"] or "refused", first["detail"])
    elif "duplicate" in results:
        job.settle("duplicate", "duplicate", "Everything in it came before, in other deliveries.")
    else:
        job.settle("ignored", "ignored", "There is nobody in it.")
