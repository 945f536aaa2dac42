"""Taking in: create a lead, or match the one that has the same identity, safely while others do the same.

The identities of all submissions are claimed first, in one order, by one insert; the database's primary key decides who of two parallel
claimants creates the lead, and the other one waits and then finds it. Only then are the matched leads locked. Every write path keeps
that order (identities, then leads), so none of them deadlocks with another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning.submission import Cleaned, Submission
from service.core.errors import Unavailable
from service.core.ids import new_id
from service.leads import store
from service.leads.book import Book, Entry
from service.leads.errors import NoIdentity
from service.leads.identities import Identity, identities_of
from service.leads.owning import insist_on_ownership
from service.leads.present import COMPANY
from service.lifecycle.errors import LifecycleError
from service.lifecycle.ledger import AHEAD, Life, Step, refuse_future
from service.lifecycle.machine import Event
from service.lifecycle.reasons import CATALOGUE, NO_WAY_BACK
from service.lifecycle.stages import Stage

Via = Literal["api", "webhook", "import"]

_FILLED = (
    "email",
    "phone",
    "full_name",
    "first_name",
    "last_name",
    "job_title",
    *COMPANY.values(),
    "referred_by",
    "owner",
)


@dataclass(slots=True)
class TakenIn:
    """What became of one submission: the lead, how it was recognised, and the identities that turned out to belong to other leads."""

    result: Literal["created", "matched", "refused"]
    lead_id: UUID | None = None
    matched_by: list[str] = field(default_factory=list)
    conflicts: list[dict[str, str]] = field(default_factory=list)
    error: Exception | None = None


@dataclass(slots=True)
class _Plan:
    """A submission on its way: the lead it goes to, and by which of its identities."""

    cleaned: Cleaned
    identities: list[Identity]
    lead_id: UUID | None = None
    is_new: bool = False
    matched_by: list[Identity] = field(default_factory=list)
    conflicts: dict[Identity, UUID] = field(default_factory=dict)


async def take_in(
    connection: AsyncConnection, cleaned: Sequence[Cleaned], *, now: datetime, via: Via, actor: str
) -> list[TakenIn]:
    """Create or match a lead for each cleaned submission; the results come in the order given.

    A submission that cannot be taken in is ``refused`` with its error and spoils no other. Runs in the caller's transaction.
    """
    book = Book(connection, now=now, actor=actor)
    taken = await take_into(book, cleaned, via=via)
    await book.flush()
    return taken


async def take_into(book: Book, cleaned: Sequence[Cleaned], *, via: Via) -> list[TakenIn]:
    """Do the same into a book that the caller goes on with and flushes."""
    plans = [_plan_for(one) for one in cleaned]
    await _settle_identities(book, plans)
    matched = [plan for plan in plans if plan.lead_id and not plan.is_new]
    await book.take({plan.lead_id for plan in matched if plan.lead_id})
    await insist_on_ownership(
        book, {identity: plan.lead_id for plan in matched for identity in plan.matched_by if plan.lead_id}
    )
    return [_carry_out(book, plan, via=via) for plan in plans]


def _plan_for(cleaned: Cleaned) -> _Plan:
    one = cleaned.submission
    return _Plan(cleaned, identities_of(email=one.email, phone=one.phone, external_ids=one.external_ids))


async def _settle_identities(book: Book, plans: Sequence[_Plan]) -> None:
    """Decide for every plan which lead it goes to, and own the identities in the database."""
    acceptable = [plan for plan in plans if plan.identities and not _in_future(plan.cleaned.submission, book.now)]
    first_guess = _assign(acceptable, {})
    owned = await store.claim_identities(book.connection, first_guess, now=book.now)
    if owned:
        final = _assign(acceptable, owned)
        moved = {
            identity: lead
            for identity, lead in final.items()
            if identity not in owned and first_guess[identity] != lead
        }
        await store.reassign_identities(book.connection, moved)


def _assign(plans: Sequence[_Plan], owned: Mapping[Identity, UUID]) -> dict[Identity, UUID]:
    """Walk the submissions in order, give each the lead its most telling known identity belongs to, or a new one."""
    owner = dict(owned)
    for plan in plans:
        known = {identity: owner[identity] for identity in plan.identities if identity in owner}
        plan.is_new = not known
        plan.lead_id = (
            next(iter(known.values())) if known else (plan.lead_id if plan.is_new and plan.lead_id else new_id())
        )
        plan.matched_by = [identity for identity, lead in known.items() if lead == plan.lead_id]
        plan.conflicts = {identity: lead for identity, lead in known.items() if lead != plan.lead_id}
        for identity in plan.identities:
            owner.setdefault(identity, plan.lead_id)
    return owner


def _in_future(submission: Submission, now: datetime) -> bool:
    return submission.occurred_at is not None and submission.occurred_at > now + AHEAD


def _carry_out(book: Book, plan: _Plan, *, via: Via) -> TakenIn:
    if not plan.identities:
        return TakenIn("refused", error=NoIdentity())
    try:
        if plan.cleaned.submission.occurred_at is not None:
            refuse_future(plan.cleaned.submission.occurred_at, book.now)
        if plan.is_new:
            entry = _create(book, plan.cleaned, plan.lead_id or new_id(), via)
        else:
            entry = _matched_entry(book, plan)
            _attach(book, entry, plan, via)
    except LifecycleError as refusal:
        return TakenIn("refused", error=refusal)
    if plan.cleaned.submission.auto_clean:
        _follow_verdict(book, entry, plan.cleaned)
    return TakenIn(
        "created" if plan.is_new else "matched",
        lead_id=entry.id,
        matched_by=sorted({identity.matched_by for identity in plan.matched_by}),
        conflicts=[{"pointer": identity.pointer, "lead_id": str(lead)} for identity, lead in plan.conflicts.items()],
    )


def _matched_entry(book: Book, plan: _Plan) -> Entry:
    entry = book.entries.get(plan.lead_id) if plan.lead_id else None
    if entry is None or entry.row["erased_at"] is not None or entry.row["merged_into"] is not None:
        # Its identities moved between our look at them and the lock: the same request finds the right lead.
        raise Unavailable("the matched lead was erased or merged at this very moment")
    return entry


def _create(book: Book, cleaned: Cleaned, lead_id: UUID, via: Via) -> Entry:
    one = cleaned.submission
    life = Life(has_identity=True, verdict=cleaned.verdict)
    step = Step(event=Event.ACQUIRE, occurred_at=one.occurred_at, channel=one.channel, campaign=one.campaign)
    row = new_row(lead_id, now=book.now) | {name: getattr(one, name) for name in _FILLED}
    row |= {
        "channel": one.channel,
        "campaign": one.campaign,
        "utm": one.utm,
        "external_ids": one.external_ids,
        "consent": one.consent,
        "tags": sorted(set(one.tags)),
        "attributes": one.attributes,
        "verdict": cleaned.verdict,
        "verdict_reasons": list(cleaned.reasons),
        "test": one.test,
        "last_activity_at": one.occurred_at or book.now,
    }
    entry = book.create(row, life, step)
    book.touch(entry, touchpoint_of(one, via=via, at=entry.row["acquired_at"], matched_by=[]))
    return entry


def new_row(lead_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return the columns of a lead that nothing is known of yet."""
    return {
        "id": lead_id,
        "score": 0,
        "amount": None,
        "currency": None,
        "created_at": now,
        "updated_at": now,
        "erased_at": None,
        "merged_into": None,
    }


def touchpoint_of(one: Submission, *, via: str, at: datetime, matched_by: list[str]) -> dict[str, Any]:
    """Return the touchpoint a submission is, without the lead's part."""
    return {
        "channel": one.channel,
        "campaign": one.campaign,
        "utm": one.utm,
        "via": via,
        "matched_by": matched_by,
        "delivery_id": one.delivery_id,
        "occurred_at": at,
    }


def _attach(book: Book, entry: Entry, plan: _Plan, via: Via) -> None:
    one = plan.cleaned.submission
    at = one.occurred_at or book.now
    changed = ["touchpoints", *_fill_blanks(entry.row, plan)]
    matched_by = sorted({identity.matched_by for identity in plan.matched_by})
    entry.life.verdict = entry.row["verdict"]
    _reactivate(book, entry, one, at)
    book.touch(entry, touchpoint_of(one, via=via, at=at, matched_by=matched_by))
    book.announce(entry, "lead.updated", {"changed": changed}, at=at)


def _fill_blanks(row: dict[str, Any], plan: _Plan) -> list[str]:
    """Take from a submission what the lead does not have yet. Anybody can fill a form in: what is known is never overwritten.

    An identity of another lead stays there.
    """
    cleaned, one = plan.cleaned, _without(plan.cleaned.submission, plan.conflicts)
    changed = [name for name in _FILLED if row[name] is None and getattr(one, name) is not None]
    for name in changed:
        row[name] = getattr(one, name)
    for name in ("external_ids", "attributes", "consent"):
        merged = {**getattr(one, name), **row[name]}
        if merged != row[name]:
            row[name] = merged
            changed.append(name)
    tags = sorted({*row["tags"], *one.tags})
    if tags != row["tags"]:
        row["tags"] = tags
        changed.append("tags")
    if row["verdict"] != "valid" and cleaned.verdict == "valid":
        row["verdict"], row["verdict_reasons"] = cleaned.verdict, list(cleaned.reasons)
        changed.append("verdict")
    return changed


def _without(one: Submission, conflicts: Mapping[Identity, UUID]) -> Submission:
    if not conflicts:
        return one
    systems = {identity.system for identity in conflicts}
    plain: dict[str, Any] = {identity.kind: None for identity in conflicts if identity.system is None}
    external_ids = {system: value for system, value in one.external_ids.items() if system not in systems}
    return replace(one, external_ids=external_ids, **plain)


def _reactivate(book: Book, entry: Entry, one: Submission, at: datetime) -> None:
    """Bring a churned lead back when it returns, unless it was spam, a test, or the submission is older than the churn."""
    life = entry.life
    journey, last = life.journey, life.stage_entered_at
    if life.stage != Stage.CHURNED or one.test or journey is None or last is None or at < last:
        return
    if journey.reason not in NO_WAY_BACK:
        book.move(entry, Step(event=Event.REACTIVATE, occurred_at=at, channel=one.channel, campaign=one.campaign))


def _follow_verdict(book: Book, entry: Entry, cleaned: Cleaned) -> None:
    """Act on the verdict: clean a valid lead, disqualify an invalid one, leave a suspect one for a person to decide."""
    stage, verdict = entry.life.stage, entry.row["verdict"]
    if stage not in {Stage.ACQUIRED, Stage.REACTIVATED}:
        return
    at = entry.life.stage_entered_at
    if cleaned.submission.test:
        return
    if verdict == "valid":
        book.move(entry, Step(event=Event.CLEAN, occurred_at=at))
    elif verdict == "invalid":
        code = next(
            (reason for reason in entry.row["verdict_reasons"] if CATALOGUE.get(reason) == "disqualified"),
            "invalid_contact",
        )
        book.move(entry, Step(event=Event.CHURN, occurred_at=at, reason=code, category=CATALOGUE[code]))
