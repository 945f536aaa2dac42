"""From stored deliveries to leads: many in one transaction, and one by one when something is wrong with one of them.

Whatever happens, a delivery has exactly one result: its leads, its dedupe key and its new status are committed together, or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.channels.contract import Refusal, Request, Submitted
from service.cleaning import normalise
from service.cleaning.submission import Cleaned, Submission
from service.core import clock, outage
from service.core.database import transaction
from service.core.errors import Unavailable
from service.intake import person_store, store
from service.intake.acting import act
from service.intake.directory import Channel, channel_of
from service.intake.erase import erase_deliveries
from service.intake.jobs import Job, Place
from service.leads.erase import Erased, Eraser

_log = structlog.get_logger(__name__)

SETTLED: Final = Counter("intake_settled", "Deliveries by what became of them", ["channel", "status"])

BATCH: Final = 300
# What an index takes.
_LONGEST_KEY: Final = 300


async def process_waiting(engine: AsyncEngine, *, limit: int = BATCH, also: Sequence[Eraser] = ()) -> int:
    """Process up to ``limit`` deliveries and return how many were settled; ``also`` empties what other rooms hold of who is to be erased.

    Raises when the database is away: then nothing was changed, and the same call may simply be made again.
    """
    try:
        async with transaction(engine) as connection:
            return await process_batch(connection, now=clock.now(), limit=limit, also=also)
    except Exception as error:
        if passes(error):
            raise
        _log.warning("intake_batch_failed", error=type(error).__name__)
    async with transaction(engine) as connection:
        waiting = await store.waiting_ids(connection, limit)
    return sum([await _process_alone(engine, delivery_id, also) for delivery_id in waiting])


async def _process_alone(engine: AsyncEngine, delivery_id: UUID, also: Sequence[Eraser]) -> int:
    """Process one delivery in its own transaction; what fails even so is buried with its reason."""
    try:
        async with transaction(engine) as connection:
            return await process_batch(connection, now=clock.now(), limit=1, only=[delivery_id], also=also)
    except Exception as error:
        if passes(error):
            raise
        kind = type(getattr(error, "orig", None) or error).__name__
        _log.exception("intake_delivery_failed", delivery_id=str(delivery_id), error=kind)
        async with transaction(engine) as connection:
            return await _bury(connection, delivery_id, f"Unexpected fault: {kind}.")


def passes(error: Exception) -> bool:
    """Return whether an error says nothing about a delivery: the database is away or busy, or is not the one this code was made for."""
    return isinstance(error, Unavailable) or outage.retry_after(error) is not None or outage.is_ours(error)


async def _bury(connection: AsyncConnection, delivery_id: UUID, detail: str) -> int:
    now = clock.now()
    jobs = await jobs_of(connection, await store.claim_waiting(connection, limit=1, only=[delivery_id]), now=now)
    await bury(connection, jobs, detail, now=now)
    return len(jobs)


async def bury(
    connection: AsyncConnection,
    jobs: Sequence[Job],
    detail: str,
    *,
    now: datetime,
    reason: str = "processing_failed",
) -> None:
    """Write down that deliveries are dead; the reason is stable, the detail is for people."""
    for job in jobs:
        job.fail(reason, detail)
    await _write(connection, jobs, now=now)


async def process_batch(
    connection: AsyncConnection,
    *,
    now: datetime,
    limit: int,
    only: Sequence[UUID] | None = None,
    also: Sequence[Eraser] = (),
) -> int:
    """Process deliveries in the caller's transaction and return how many; none are waiting when it is 0."""
    jobs = await jobs_of(connection, await store.claim_waiting(connection, limit=limit, only=only), now=now)
    if jobs:
        await finish(connection, jobs, now=now, also=also)
    return len(jobs)


async def jobs_of(connection: AsyncConnection, rows: Sequence[dict[str, Any]], *, now: datetime) -> list[Job]:
    """Return deliveries as jobs, each with its channel as it is now."""
    if not rows:
        return []
    found = await store.channels_of(connection, sorted({row["channel"] for row in rows}))
    channels = {row["key"]: channel_of(row, now=now) for row in found}
    return [Job(row, channels[row["channel"]]) for row in rows]


async def finish(
    connection: AsyncConnection,
    jobs: Sequence[Job],
    *,
    now: datetime,
    fetched: Mapping[str, bytes] = MappingProxyType({}),
    also: Sequence[Eraser] = (),
) -> None:
    """Find out what deliveries mean, with what was fetched for them, act upon it, and write down what became of them."""
    for job in jobs:
        understand(job, fetched)
    erased = await carry_out(connection, jobs, now=now, also=also)
    await _write(connection, jobs, now=now)
    for person in erased:
        await erase_deliveries(connection, person)
    if repeated := [job.row["id"] for job in jobs if job.status == "duplicate"]:
        await person_store.empty_repetitions(connection, repeated)


async def carry_out(
    connection: AsyncConnection, jobs: Sequence[Job], *, now: datetime, also: Sequence[Eraser] = ()
) -> list[Erased]:
    """Act upon deliveries that are understood, settle each, and return who was erased."""
    await _recognise(connection, jobs, now=now)
    for job in jobs:
        if job.fetch and not job.status:
            job.settle("pending_fetch")
            job.due_at = now
    erased = await act(connection, [job for job in jobs if not job.status], now=now, also=also)
    for job in jobs:
        if not job.status:
            job.conclude()
    return erased


def request_of(row: Mapping[str, Any], fetched: Mapping[str, bytes] = MappingProxyType({})) -> Request:
    """Return a stored delivery as its adapter reads it."""
    return Request(row["method"], row["headers"], row["query"], row["body"], row["received_at"], fetched=fetched)


def understand(job: Job, fetched: Mapping[str, bytes]) -> None:
    """Find out what a delivery means, and clean what it says about people."""
    channel, request = job.channel, request_of(job.row, fetched)
    try:
        if job.row["dedupe_key"] is None:
            job.row["dedupe_key"] = _key_of(request, channel)
        meaning = channel.adapter.translate(request, channel.config)
    except Refusal as refusal:
        job.fail(refusal.code, refusal.detail)
        return
    if meaning.ignored is not None:
        job.settle("ignored", "ignored", meaning.ignored)
        return
    job.fetch = meaning.fetch
    if not meaning.fetch:
        job.take(meaning)
    for place, part in job.parts.items():
        if isinstance(part, Submitted):
            job.cleaned[place] = _clean(part, job.row["id"], channel)


def _key_of(request: Request, channel: Channel) -> str | None:
    """Return what a delivery is recognised by when it comes again."""
    key = channel.adapter.dedupe_key(request, channel.config)
    if key is not None and len(key) > _LONGEST_KEY:
        return "sha256:" + hashlib.sha256(key.encode()).hexdigest()
    return key


def _clean(submitted: Submitted, delivery_id: UUID, channel: Channel) -> Cleaned:
    submission = Submission(
        **submitted.fields,
        delivery_id=delivery_id,
        auto_clean=bool(channel.policy.get("auto_clean", True)),
        revises=channel.config.vendor if submitted.revises else None,
        on_match=channel.policy.get("on_match", "attach"),
    )
    return normalise(submission, channel.policy.get("default_region"), channel.rules)


async def _recognise(connection: AsyncConnection, jobs: Sequence[Job], *, now: datetime) -> None:
    """Settle deliveries, and single parts of them, that another delivery has brought before."""
    whole = [(job, job.row["dedupe_key"]) for job in jobs if not job.status and job.row["dedupe_key"]]
    for (job, _), owner in zip(whole, await _owners(connection, whole, now=now), strict=True):
        if owner != job.row["id"]:
            job.parts.clear()
            job.cleaned.clear()
            job.outcome.clear()
            job.record(Place("submission", 0), "duplicate", duplicate_of=owner)
            job.settle("duplicate", "duplicate", f"The same delivery came before, as {owner}.")
    parts = [(job, place, f"item:{part.key}") for job in jobs for place, part in job.parts.items() if part.key]
    owners = await _owners(connection, [(job, key) for job, _, key in parts], now=now)
    for (job, place, _), owner in zip(parts, owners, strict=True):
        if owner != job.row["id"]:
            job.drop(place)
            job.record(place, "duplicate", duplicate_of=owner)


async def _owners(connection: AsyncConnection, keys: Sequence[tuple[Job, str]], *, now: datetime) -> list[UUID]:
    """Claim keys for their deliveries and return to which delivery each belongs now."""
    if not keys:
        return []
    owners = await store.claim_keys(connection, [_claim(job, key) for job, key in keys], now=now)
    found = [owners[job.row["channel"], key] for job, key in keys]
    for (job, key), owner in zip(keys, found, strict=True):
        if owner == job.row["id"]:
            job.claimed.append(key)
    return found


def _claim(job: Job, key: str) -> dict[str, Any]:
    return {"channel": job.row["channel"], "dedupe_key": key, "delivery_id": job.row["id"]}


async def _write(connection: AsyncConnection, jobs: Sequence[Job], *, now: datetime) -> None:
    for job in jobs:
        SETTLED.labels(job.row["channel"], job.status).inc()
    given_up = [
        _claim(job, key)
        for job in jobs
        if job.status == "dead"
        for key in dict.fromkeys([*job.claimed, *([job.row["dedupe_key"]] if job.row["dedupe_key"] else [])])
    ]
    if given_up:
        await store.release_keys(connection, given_up)
    await store.settle(connection, [job.written() for job in jobs], now=now)
