"""Settling: which lead each submission goes to, decided by the database's primary key of identities.

The identities of all submissions are claimed by one statement, which also tells of those that are suppressed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from service.cleaning.submission import Cleaned, Submission, Verdict
from service.core.ids import new_id
from service.leads import identity_store
from service.leads.book import Book
from service.leads.filling import without
from service.leads.identities import Identity, identities_of
from service.leads.privacy.holding import ERASED_BEFORE, scopes_of
from service.lifecycle.ledger import AHEAD

_LONGEST_WAY: Final = 8
ALREADY_KNOWN: Final = "already_known"
"""The reason of a submission that its channel does not want attached to the lead it matches."""


@dataclass(slots=True)
class Plan:
    """A submission on its way: the lead it goes to, and by which of its identities; ``suppressed`` is what is held against them."""

    cleaned: Cleaned
    identities: list[Identity]
    # The external id that all versions of the submission have, if it may be a later one.
    version_of: Identity | None = None
    lead_id: UUID | None = None
    is_new: bool = False
    matched_by: list[Identity] = field(default_factory=list)
    conflicts: dict[Identity, UUID] = field(default_factory=dict)
    # A real submission of a lead that was a test, and a test of a lead that is real or what is not wanted from one that is.
    ends_test: bool = False
    brings_nothing: bool = False
    suppressed: dict[str, str] = field(default_factory=dict)
    # What the channel's policy keeps from the lead that has it, and that lead: for a person to decide, or nothing at all.
    contested: dict[Identity, UUID] = field(default_factory=dict)
    rejected_for: UUID | None = None

    @property
    def has_policy(self) -> bool:
        """Return whether it is not simply attached to a lead that is known already."""
        return self.cleaned.submission.on_match != "attach"

    def is_held_by(self, reasons: Collection[str]) -> bool:
        """Return whether the person is suppressed for one of these reasons."""
        return self.suppressed.get("person") in reasons


def plan_for(cleaned: Cleaned) -> Plan:
    one = cleaned.submission
    identities = identities_of(email=one.email, phone=one.phone, external_ids=one.external_ids)
    if one.revises is None or one.revises not in one.external_ids:
        return Plan(cleaned, identities)
    version_of = Identity(f"external:{one.revises}", one.external_ids[one.revises])
    return Plan(cleaned, [version_of, *(other for other in identities if other != version_of)], version_of)


async def settle_identities(book: Book, plans: Sequence[Plan], *, refused: Collection[str]) -> None:
    """Decide for every plan which lead it goes to, and own the identities in the database.

    Of people who are suppressed for one of the reasons in ``refused``, nothing is made.
    """
    acceptable = [plan for plan in plans if plan.identities and not _in_future(plan.cleaned.submission, book.now)]
    first_guess = _assign(acceptable, {})
    claimed = await identity_store.claim_identities(
        book.connection, first_guess, now=book.now, said=_times(acceptable, book.now)
    )
    if claimed.held:
        acceptable = await _heed(book, acceptable, claimed, first_guess, refused=refused)
    if claimed.owned or claimed.held or any(plan.has_policy for plan in acceptable):
        final = _assign(acceptable, claimed.owned, heed_policies=True)
        moved = {
            identity: lead
            for identity, lead in final.items()
            if identity not in claimed.owned and first_guess[identity] != lead
        }
        await identity_store.reassign_identities(book.connection, moved)
        for lead_id, stray in _strays(acceptable, first_guess, {*final, *claimed.owned}).items():
            await identity_store.release_identities(book.connection, lead_id, stray)


async def _heed(
    book: Book,
    plans: Sequence[Plan],
    claimed: identity_store.Claimed,
    guess: Mapping[Identity, UUID],
    *,
    refused: Collection[str],
) -> list[Plan]:
    """Write down what is held against submissions, and return those that are not refused for it; what only those claimed is let go."""
    for plan in plans:
        plan.suppressed = scopes_of(
            one for identity in plan.identities if identity in claimed.held for one in claimed.held[identity]
        )
        if plan.suppressed.get("person") == "erased":
            plan.cleaned = _back_again(plan.cleaned)
    heeded = [plan for plan in plans if not plan.is_held_by(refused)]
    wanted = {identity for plan in heeded for identity in plan.identities}
    unwanted = {one: lead for one, lead in guess.items() if one not in wanted and one not in claimed.owned}
    await identity_store.release_claims(book.connection, unwanted)
    return heeded


def _back_again(cleaned: Cleaned) -> Cleaned:
    """Leave somebody who was erased and is back for a person to decide."""
    verdict: Verdict = "invalid" if cleaned.verdict == "invalid" else "suspect"
    return replace(
        cleaned,
        submission=replace(cleaned.submission, auto_clean=False),
        verdict=verdict,
        reasons=(*cleaned.reasons, ERASED_BEFORE),
    )


def _strays(
    plans: Sequence[Plan], guess: Mapping[Identity, UUID], wanted: Collection[Identity]
) -> dict[UUID, list[Identity]]:
    """Return the identities that were claimed for nothing: those of submissions that were turned away, by the lead they were claimed for."""
    strays: dict[UUID, list[Identity]] = {}
    for identity in sorted({identity for plan in plans if plan.rejected_for for identity in plan.identities}):
        if identity in guess and identity not in wanted:
            strays.setdefault(guess[identity], []).append(identity)
    return strays


def _assign(
    plans: Sequence[Plan], owned: Mapping[Identity, UUID], *, heed_policies: bool = False
) -> dict[Identity, UUID]:
    """Walk the submissions in order, give each the lead its most telling known identity belongs to, or a new one."""
    owner = dict(owned)
    for plan in plans:
        known = {identity: owner[identity] for identity in plan.identities if identity in owner}
        if heed_policies and known and plan.has_policy and plan.version_of not in known:
            _keep_apart(plan, known)
            owner |= {identity: plan.lead_id for identity in plan.identities if plan.lead_id and identity not in known}
            continue
        plan.is_new = not known
        plan.lead_id = (
            next(iter(known.values())) if known else (plan.lead_id if plan.is_new and plan.lead_id else new_id())
        )
        plan.matched_by = [identity for identity, lead in known.items() if lead == plan.lead_id]
        plan.conflicts = {identity: lead for identity, lead in known.items() if lead != plan.lead_id}
        for identity in plan.identities:
            owner.setdefault(identity, plan.lead_id)
    return owner


async def follow_merges(book: Book, plans: Sequence[Plan]) -> None:
    """Send submissions on to the survivors of leads that were merged while we waited for their locks."""
    for _ in range(_LONGEST_WAY):
        late = [(plan, survivor) for plan in plans if (survivor := _survivor(book, plan)) is not None]
        if not late:
            return
        for plan, survivor in late:
            plan.lead_id = survivor
            plan.matched_by += [identity for identity, lead in plan.conflicts.items() if lead == survivor]
            plan.conflicts = {identity: lead for identity, lead in plan.conflicts.items() if lead != survivor}
        await book.take({survivor for _, survivor in late})
        brought = {
            identity: survivor
            for plan, survivor in late
            for identity in plan.identities
            if identity not in plan.matched_by and identity not in plan.conflicts
        }
        await identity_store.reassign_identities(book.connection, brought)


def _survivor(book: Book, plan: Plan) -> UUID | None:
    """Return the lead that a submission's lead was merged into, if it was."""
    entry = book.entries.get(plan.lead_id) if plan.lead_id else None
    survivor: UUID | None = entry.row["merged_into"] if entry else None
    return survivor


def _keep_apart(plan: Plan, known: Mapping[Identity, UUID]) -> None:
    """Do not attach a submission to the leads that its channel asks us not to: turn it away, or give it a lead of its own to be looked at.

    That lead has what nobody else has, and shows what is another lead's as what was given.
    """
    if plan.cleaned.submission.on_match == "reject":
        plan.rejected_for = next(iter(known.values()))
        plan.lead_id, plan.is_new, plan.conflicts = None, False, {}
        plan.matched_by = list(known)
        return
    plan.lead_id = plan.lead_id if plan.is_new and plan.lead_id else new_id()
    plan.is_new, plan.matched_by, plan.conflicts, plan.contested = True, [], {}, dict(known)
    one = plan.cleaned.submission
    verdict: Verdict = "invalid" if plan.cleaned.verdict == "invalid" else "suspect"
    given = {identity.kind: identity.value for identity in known if identity.system is None}
    ids = {identity.system: identity.value for identity in known if identity.system is not None}
    plan.cleaned = replace(
        plan.cleaned,
        submission=replace(without(one, known), auto_clean=False),
        verdict=verdict,
        reasons=(*plan.cleaned.reasons, ALREADY_KNOWN),
        raw={**given, **({"external_ids": ids} if ids else {}), **plan.cleaned.raw},
    )


def _times(plans: Sequence[Plan], now: datetime) -> dict[Identity, datetime]:
    """Return when the first submissions were made that deliveries bring external ids with."""
    times: dict[Identity, datetime] = {}
    for plan in plans:
        one = plan.cleaned.submission
        for identity in plan.identities if one.delivery_id else ():
            if identity.system is not None:
                times.setdefault(identity, one.occurred_at or now)
    return times


def _in_future(submission: Submission, now: datetime) -> bool:
    return submission.occurred_at is not None and submission.occurred_at > now + AHEAD
