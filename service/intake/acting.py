"""Acting upon deliveries: their people become leads, what happened to leads is noted, who must be forgotten is erased.

Submissions come first, so that somebody who subscribes is known when their consent is noted; then activities and consents; erasures
last. Deliveries that come after an erasure are acted upon after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.contract import Activity, ConsentChange, Erasure
from service.cleaning.submission import Cleaned
from service.core.errors import ServiceError
from service.intake.jobs import Job, Place
from service.leads.book import Book
from service.leads.carrying_out import TakenIn
from service.leads.erase import Erased, Eraser, Erasers, erase_lead
from service.leads.happenings import Happening, find, identities_told, note
from service.leads.identities import Identity
from service.leads.operations import Writer
from service.leads.privacy.suppression_store import add_identities
from service.leads.take_in import take_into

_ACTOR: Final = "intake"
_UNKNOWN: Final = "unknown_person"


async def act(
    connection: AsyncConnection, jobs: Iterable[Job], *, now: datetime, also: Sequence[Eraser] = ()
) -> list[Erased]:
    """Act upon the parts of jobs, record what became of each, and return who was erased.

    ``also`` empties what other rooms hold of these. What deliveries do is the caller's to empty, when it has written down which are theirs.
    """
    erased: list[Erased] = []
    for run in _runs(jobs):
        erased += await _act(connection, run, now=now, also=also)
    return erased


def _runs(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Split jobs behind each one that erases somebody."""
    run: list[Job] = []
    for job in jobs:
        if job.parts:
            run.append(job)
        if any(place.kind == "erasure" for place in job.parts):
            yield run
            run = []
    if run:
        yield run


async def _act(
    connection: AsyncConnection, jobs: Sequence[Job], *, now: datetime, also: Sequence[Eraser]
) -> list[Erased]:
    book = Book(connection, now=now, actor=_ACTOR)
    submissions = [(job, place, cleaned) for job in jobs for place, cleaned in job.cleaned.items()]
    taken = await take_into(book, [one for _, _, one in submissions], via="webhook", along=_told_of(jobs))
    for (job, place, cleaned), one in zip(submissions, taken, strict=True):
        job.record(place, one.result, **_taken(one, cleaned))
    happenings = [
        (job, place, _happening(job, part))
        for job in jobs
        for place, part in job.parts.items()
        if isinstance(part, Activity | ConsentChange)
    ]
    if happenings:
        noted = await note(book, [happening for _, _, happening in happenings])
        for (job, place, _), lead_id in zip(happenings, noted, strict=True):
            job.record(place, place.kind if lead_id else _UNKNOWN, lead_id=lead_id)
    await book.flush()
    return [
        erased
        for job in jobs
        for place, part in job.parts.items()
        if isinstance(part, Erasure)
        for erased in await _erase(connection, job, place, part, now=now, also=also)
    ]


def _told_of(jobs: Iterable[Job]) -> set[Identity]:
    """Return the identities of everybody that the parts besides submissions are about."""
    return {
        identity
        for job in jobs
        for part in job.parts.values()
        if isinstance(part, Activity | ConsentChange | Erasure)
        for identity in identities_told(part.person, _region(job))
    }


def _region(job: Job) -> str | None:
    region: str | None = job.channel.policy.get("default_region")
    return region


def _taken(one: TakenIn, cleaned: Cleaned) -> dict[str, Any]:
    return {
        "lead_id": one.lead_id,
        "matched_by": one.matched_by,
        "verdict": cleaned.verdict,
        "code": getattr(one.error, "code", None),
        "detail": getattr(one.error, "detail", None),
    }


def _happening(job: Job, part: Activity | ConsentChange) -> Happening:
    common: dict[str, Any] = {
        "person": part.person,
        "channel": job.row["channel"],
        "occurred_at": part.occurred_at or job.row["received_at"],
        "delivery_id": job.row["id"],
        "default_region": _region(job),
    }
    if isinstance(part, ConsentChange):
        return Happening(kind="consent", purpose=part.purpose, granted=part.granted, **common)
    return Happening(kind=part.kind, data=part.data, **common)


async def _erase(
    connection: AsyncConnection, job: Job, place: Place, part: Erasure, *, now: datetime, also: Sequence[Eraser]
) -> list[Erased]:
    lead_id = await find(connection, part.person, _region(job))
    if lead_id is None:
        job.record(place, _UNKNOWN)
        known = identities_told(part.person, _region(job))
        await add_identities(connection, known, actor=_ACTOR, now=now)
        nobody = Erased((), known, job.row["received_at"])
        for eraser in also:
            await eraser(connection, nobody)
        return [nobody]
    gone: list[Erased] = []

    async def keep(_: AsyncConnection, erased: Erased) -> int:
        gone.append(replace(erased, until=job.row["received_at"]))
        return 0

    try:
        await erase_lead(connection, lead_id, Writer(_ACTOR, now), erasers=Erasers(then=(keep, *also)))
    except ServiceError as refusal:
        job.record(place, "refused", code=refusal.code, detail=refusal.detail)
        return []
    job.record(place, "erased", lead_id=lead_id)
    return gone
