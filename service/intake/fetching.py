"""Deliveries that only name their leads: the vendor is asked for them, again and again for a day and a half, and then they are processed.

::

    received ─► pending_fetch ─► processed            the vendor told
                     │  ▲    └─► dead: fetch_gone     the vendor no longer has it
                     └──┘    └─► dead: fetch_failed   fifteen tries, some 35 hours
              token_rejected or fetch_failed, and when it is tried again

A worker that takes a delivery in hand moves its ``due_at`` ahead first: if the worker is killed, the delivery comes back by itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine

from service.channels.contract import Fetch, Refusal
from service.core import clock
from service.core.database import transaction
from service.intake import fetch_store
from service.intake.asking import Unanswered, ask, new_client
from service.intake.jobs import Job
from service.intake.processing import bury, finish, jobs_of, passes, request_of
from service.leads.erase import Eraser

_log = structlog.get_logger(__name__)

FETCHED: Final = Counter("intake_fetch", "Questions to vendors, by what came of them", ["channel", "result"])

TRIES: Final = 15
_BATCH: Final = 24
# Of each channel at once, so that one whose vendor hangs leaves room for the others.
_SHARE: Final = 8
_LEASE: Final = timedelta(minutes=3)
_PATIENCE_SECONDS: Final = 120.0
_AT_ONCE: Final = 4
_ROUNDS: Final = 3
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=6)


async def fetch_leads(engine: AsyncEngine, *, also: Sequence[Eraser] = ()) -> int:
    """Fetch for deliveries whose time has come, process them, and return how many were tried."""
    now = clock.now()
    async with transaction(engine) as connection:
        rows = await fetch_store.claim_due(connection, now=now, lease=now + _LEASE, limit=_BATCH, share=_SHARE)
        jobs = await jobs_of(connection, rows, now=now)
    if jobs:
        async with new_client() as client:
            outcomes = await asyncio.gather(
                *(_serve(engine, client, job, also) for job in jobs), return_exceptions=True
            )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
    return len(jobs)


async def _serve(engine: AsyncEngine, client: httpx.AsyncClient, job: Job, also: Sequence[Eraser]) -> None:
    """Take one delivery as far as it comes today."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            fetched = await _gather(client, job)
    except (Unanswered, TimeoutError) as trouble:
        told = trouble if isinstance(trouble, Unanswered) else Unanswered("failed", "There is too much to be fetched.")
        await _put_off(engine, job, told)
        return
    try:
        await _finish(engine, job, fetched, also)
    except Exception as error:
        if passes(error):
            raise
        kind = type(getattr(error, "orig", None) or error).__name__
        _log.exception("intake_delivery_failed", delivery_id=str(job.row["id"]), error=kind)
        # As it was before: what was half done has been rolled back.
        await _end(engine, Job(job.row, job.channel), "processing_failed", f"Unexpected fault: {kind}.")


async def _gather(client: httpx.AsyncClient, job: Job) -> dict[str, bytes]:
    """Return everything that is needed to understand a delivery; raises `Unanswered`.

    Of several leads that one delivery names, those that are gone are answered with nothing; the others are not lost with them.
    """
    adapter, config = job.channel.adapter, job.channel.config
    fetched: dict[str, bytes] = {}
    for _ in range(_ROUNDS):
        try:
            wanted = adapter.translate(request_of(job.row, fetched), config).fetch
        except Refusal:
            # It is translated once more to be processed, and buried then.
            wanted = ()
        if not wanted:
            break
        fetched |= await _ask_all(client, job, wanted)
    if fetched and not any(fetched.values()):
        raise Unanswered("gone", "The vendor no longer has it.")
    return fetched


async def _ask_all(client: httpx.AsyncClient, job: Job, wanted: tuple[Fetch, ...]) -> dict[str, bytes]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(fetch: Fetch) -> bytes | Unanswered:
        async with turns:
            try:
                body = await ask(client, fetch, job.channel.config, now=clock.now())
            except Unanswered as trouble:
                FETCHED.labels(job.row["channel"], trouble.kind).inc()
                return b"" if trouble.kind == "gone" else trouble
        FETCHED.labels(job.row["channel"], "ok").inc()
        return body

    answers = await asyncio.gather(*(one(fetch) for fetch in wanted))
    troubles = [answer for answer in answers if isinstance(answer, Unanswered)]
    if troubles:
        # What a person must mend is the first to be told; then who wants us to wait the longest.
        raise min(troubles, key=lambda trouble: (trouble.kind != "token_rejected", -(trouble.wait or timedelta())))
    return {fetch.name: answer for fetch, answer in zip(wanted, answers, strict=True) if isinstance(answer, bytes)}


async def _put_off(engine: AsyncEngine, job: Job, trouble: Unanswered) -> None:
    """Write down why, and when the next try is, or that there is none."""
    now = clock.now()
    reason = "token_rejected" if trouble.kind == "token_rejected" else "fetch_failed"
    _log.warning("intake_fetch_failed", channel=job.row["channel"], delivery_id=str(job.row["id"]), result=trouble.kind)
    if trouble.kind == "gone":
        await _end(engine, job, "fetch_gone", trouble.detail)
    elif job.row["attempts"] >= TRIES:
        await _end(engine, job, "fetch_failed", f"Given up after {TRIES} tries. {trouble.detail}")
    else:
        due_at = now + pause(job.row["attempts"], trouble.wait)
        async with transaction(engine) as connection:
            await fetch_store.put_off(connection, _held(job), due_at=due_at, reason=reason, detail=trouble.detail)


def pause(tries: int, wait: timedelta | None = None) -> timedelta:
    """Return how long to wait after so many tries: 1 minute, 2, 4 … 6 hours, up to a fifth less; what the vendor asks for, a little more."""
    if wait is not None:
        return wait * random.uniform(1.0, 1.1)  # noqa: S311 - spreads the retries, no secret
    longest: timedelta = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
    return longest * random.uniform(0.8, 1.0)  # noqa: S311 - as above


async def _finish(engine: AsyncEngine, job: Job, fetched: Mapping[str, bytes], also: Sequence[Eraser]) -> None:
    async with transaction(engine) as connection:
        if await fetch_store.hold(connection, _held(job)):
            await finish(connection, [job], now=clock.now(), fetched=fetched, also=also)


async def _end(engine: AsyncEngine, job: Job, reason: str, detail: str) -> None:
    async with transaction(engine) as connection:
        if await fetch_store.hold(connection, _held(job)):
            await bury(connection, [job], detail, now=clock.now(), reason=reason)


def _held(job: Job) -> dict[str, Any]:
    """Return what tells that the delivery is still in our hand: nobody has replayed it, and our time was not up."""
    due_at: datetime = job.row["due_at"]
    return {"id": job.row["id"], "lease": due_at}
