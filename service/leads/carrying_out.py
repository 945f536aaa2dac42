"""Carrying out: what becomes of one submission once it is settled which lead it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from service.cleaning.submission import Cleaned, Submission
from service.core.errors import Unavailable
from service.core.ids import new_id
from service.leads.book import Book, Entry
from service.leads.errors import NoIdentity
from service.leads.filling import FILLED, fill_blanks, revise
from service.leads.privacy.holding import Suppressed, joined
from service.leads.privacy.telling import Words
from service.leads.settling import Plan
from service.leads.versions import Versions
from service.lifecycle.errors import LifecycleError
from service.lifecycle.ledger import Life, Step, refuse_future
from service.lifecycle.machine import Event
from service.lifecycle.reasons import CATALOGUE, NO_WAY_BACK
from service.lifecycle.stages import Stage

# What cleaning found, in the words of the ledger's reasons.
_CHURNED_AS: Final = {"honeypot": "spam", "test": "test", "blocked_domain": "out_of_market"}

Via = Literal["api", "webhook", "import"]

# Somebody who was erased may come back by themselves; an old file does not bring them back.
REFUSED: Final[dict[Via, tuple[str, ...]]] = {
    "api": ("blocked",),
    "webhook": ("blocked",),
    "import": ("blocked", "erased"),
}
_Result = Literal["created", "matched", "revised", "outdated", "rejected", "refused"]


@dataclass(slots=True)
class TakenIn:
    """What became of one submission: the lead, how it was recognised, and the identities that turned out to belong to other leads.

    A later version of a submission the lead has is ``revised``, an older one that came late ``outdated``.
    """

    result: _Result
    lead_id: UUID | None = None
    matched_by: list[str] = field(default_factory=list)
    conflicts: list[dict[str, str]] = field(default_factory=list)
    error: Exception | None = None


def carry_out(book: Book, plan: Plan, versions: Versions, words: Words, *, via: Via) -> TakenIn:
    """Do in the book what a plan that is settled says."""
    if not plan.identities:
        return TakenIn("refused", error=NoIdentity())
    if plan.rejected_for:
        return _rejected(plan)
    if plan.is_held_by(REFUSED[via]):
        return TakenIn("refused", error=Suppressed(plan.suppressed["person"]))
    result: _Result = "created" if plan.is_new else "matched"
    try:
        if plan.cleaned.submission.occurred_at is not None:
            refuse_future(plan.cleaned.submission.occurred_at, book.now)
        if plan.is_new:
            entry = _create(book, plan, plan.lead_id or new_id(), via)
            _tell(book, entry, words, plan, via=via)
        else:
            entry = _matched_entry(book, plan)
            told = [*_tell(book, entry, words, plan, via=via), *_hold(entry, plan)]
            if plan.version_of in plan.matched_by and not plan.brings_nothing:
                result = _revise(book, entry, plan, versions, told=told)
            elif plan.cleaned.submission.overwrites and not plan.brings_nothing:
                result = _overwrite(book, entry, plan, told=told)
            else:
                _attach(book, entry, plan, via, told=told)
    except LifecycleError as refusal:
        return TakenIn("refused", error=refusal)
    if plan.cleaned.submission.auto_clean:
        _follow_verdict(book, entry, plan.cleaned)
    _suspect(book, entry, plan)
    return TakenIn(
        result,
        lead_id=entry.id,
        matched_by=sorted({identity.matched_by for identity in plan.matched_by}),
        conflicts=[{"pointer": identity.pointer, "lead_id": str(lead)} for identity, lead in plan.conflicts.items()],
    )


def _rejected(plan: Plan) -> TakenIn:
    matched_by = sorted({identity.matched_by for identity in plan.matched_by})
    return TakenIn("rejected", lead_id=plan.rejected_for, matched_by=matched_by)


def _suspect(book: Book, entry: Entry, plan: Plan) -> None:
    """Write down which leads may be one: a submission named several, or its channel wants a person to look at it."""
    if plan.brings_nothing:
        return
    for identity, lead_id in plan.conflicts.items():
        book.pairs.suspect(
            entry.id, lead_id, by="bridged", fields=(plan.matched_by[0].field, identity.field), at=book.now
        )
    for identity, lead_id in plan.contested.items():
        book.pairs.suspect(
            entry.id, lead_id, by="review", fields=(f"raw.{identity.field}", identity.field), at=book.now
        )


def _hold(entry: Entry, plan: Plan) -> list[str]:
    """Hold against a matched lead what is held against what it is known by from now on."""
    suppressed = joined(entry.row["suppressed"], plan.suppressed)
    if plan.brings_nothing or suppressed == entry.row["suppressed"]:
        return []
    entry.row["suppressed"] = suppressed
    return ["can_contact"]


def _matched_entry(book: Book, plan: Plan) -> Entry:
    entry = book.entries.get(plan.lead_id) if plan.lead_id else None
    if entry is None or entry.row["erased_at"] is not None or entry.row["merged_into"] is not None:
        # Its identities moved between our look at them and the lock: the same request finds the right lead.
        raise Unavailable("the matched lead was erased or merged at this very moment")
    return entry


def _create(book: Book, plan: Plan, lead_id: UUID, via: Via) -> Entry:
    cleaned = plan.cleaned
    one = cleaned.submission
    life = Life(has_identity=True, verdict=cleaned.verdict)
    step = Step(event=Event.ACQUIRE, occurred_at=one.occurred_at, channel=one.channel, campaign=one.campaign)
    row = _new_row(lead_id, now=book.now) | {name: getattr(one, name) for name in FILLED}
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
        "raw": cleaned.raw,
        "test": one.test,
        "last_activity_at": one.occurred_at or book.now,
        "suppressed": plan.suppressed or None,
    }
    entry = book.create(row, life, step)
    book.touch(entry, _touchpoint_of(one, via=via, at=entry.row["acquired_at"], matched_by=[]))
    return entry


def _new_row(lead_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return the columns of a lead that nothing is known of yet."""
    return {
        "id": lead_id,
        "score": 0,
        "amount": None,
        "currency": None,
        "due_at": None,
        "created_at": now,
        "updated_at": now,
        "erased_at": None,
        "merged_into": None,
    }


def _touchpoint_of(one: Submission, *, via: str, at: datetime, matched_by: list[str]) -> dict[str, Any]:
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


def _tell(book: Book, entry: Entry, words: Words, plan: Plan, *, via: Via) -> list[str]:
    """Record what a submission says of consents; a mere test says nothing of a real lead."""
    one = plan.cleaned.submission
    if not one.consent or plan.brings_nothing:
        return []
    again = plan.version_of not in plan.matched_by
    return words.tell(
        book,
        entry,
        one.consent,
        at=one.occurred_at or book.now,
        source=one.channel or via,
        delivery_id=one.delivery_id,
        repeated=again,
    )


def _attach(book: Book, entry: Entry, plan: Plan, via: Via, *, told: list[str]) -> None:
    one = plan.cleaned.submission
    at = one.occurred_at or book.now
    changed = ["touchpoints", *(["test"] if plan.ends_test else []), *told]
    if not plan.brings_nothing:
        changed += fill_blanks(entry.row, plan.cleaned, plan.conflicts)
    matched_by = sorted({identity.matched_by for identity in plan.matched_by})
    entry.life.verdict = entry.row["verdict"]
    _reactivate(book, entry, plan, at)
    book.touch(entry, _touchpoint_of(one, via=via, at=at, matched_by=matched_by))
    book.announce(entry, "lead.updated", {"changed": changed}, at=at)


def _revise(book: Book, entry: Entry, plan: Plan, versions: Versions, *, told: list[str]) -> _Result:
    """Apply a later version of the submission; it is no new contact, so there is no touchpoint, and no event unless something changed."""
    one, was_invalid = plan.cleaned.submission, entry.row["verdict"] == "invalid"
    at = one.occurred_at or book.now
    assert plan.version_of is not None
    is_later = versions.note(plan.version_of, at)
    if is_later:
        changed = revise(entry.row, plan.cleaned, plan.conflicts)
    else:
        changed = fill_blanks(entry.row, plan.cleaned, plan.conflicts)
    changed += [*(["test"] if plan.ends_test else []), *told]
    entry.life.verdict = entry.row["verdict"]
    if was_invalid and entry.row["verdict"] == "valid" and _is_disqualified(entry):
        _reactivate(book, entry, plan, at)
    if changed:
        book.announce(entry, "lead.updated", {"changed": changed}, at=at)
    return "revised" if is_later else "outdated"


def _overwrite(book: Book, entry: Entry, plan: Plan, *, told: Sequence[str]) -> _Result:
    """Let a record of the lead replace what the lead has; it is no contact, and no event unless something changed."""
    one = plan.cleaned.submission
    changed = [*revise(entry.row, plan.cleaned, plan.conflicts), *told]
    if one.owner is not None and one.owner != entry.row["owner"]:
        entry.row["owner"] = one.owner
        changed.append("owner")
    changed += ["test"] if plan.ends_test else []
    entry.life.verdict = entry.row["verdict"]
    if changed:
        book.announce(entry, "lead.updated", {"changed": changed}, at=book.now)
    return "revised" if changed else "outdated"


def _is_disqualified(entry: Entry) -> bool:
    journey = entry.life.journey
    return journey is not None and CATALOGUE.get(journey.reason or "") == "disqualified"


def _reactivate(book: Book, entry: Entry, plan: Plan, at: datetime) -> None:
    """Bring a churned lead back when it returns, unless it was spam, a test, or the submission is older than the churn or not wanted."""
    life, one = entry.life, plan.cleaned.submission
    journey, last = life.journey, life.stage_entered_at
    if life.stage != Stage.CHURNED or one.test or journey is None or last is None or at < last:
        return
    is_wanted = plan.cleaned.verdict != "invalid"
    if is_wanted and (journey.reason not in NO_WAY_BACK or (plan.ends_test and journey.reason == "test")):
        book.move(entry, Step(event=Event.REACTIVATE, occurred_at=at, channel=one.channel, campaign=one.campaign))


def _follow_verdict(book: Book, entry: Entry, cleaned: Cleaned) -> None:
    """Act on the verdict: clean a valid lead, disqualify an invalid one, leave a suspect one for a person to decide."""
    stage, verdict = entry.life.stage, entry.row["verdict"]
    if stage not in {Stage.ACQUIRED, Stage.REACTIVATED}:
        return
    # A test waits, unless the channel's rules reject it.
    if cleaned.submission.test and not (entry.row["test"] and verdict == "invalid"):
        return
    # A lead may have waited in its stage until this submission settled the matter: that is when it was cleaned.
    told, entered = cleaned.submission.occurred_at or book.now, entry.life.stage_entered_at
    at = max(told, entered) if entered else told
    if verdict == "valid":
        book.move(entry, Step(event=Event.CLEAN, occurred_at=at))
    elif verdict == "invalid":
        code = next((_CHURNED_AS[one] for one in entry.row["verdict_reasons"] if one in _CHURNED_AS), "invalid_contact")
        book.move(entry, Step(event=Event.CHURN, occurred_at=at, reason=code, category=CATALOGUE[code]))
