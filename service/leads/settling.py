"""Settling: which lead each submission goes to, decided by the database's primary key of identities.

The identities of all submissions are claimed by one statement, which also tells of those that are suppressed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from service.cleaning.submission import Cleaned, Submission, Verdict
from service.core.ids import new_id
from service.leads import identity_store
from service.leads.book import Book
from service.leads.identities import Identity, identities_of
from service.leads.privacy.holding import ERASED_BEFORE, scopes_of
from service.lifecycle.ledger import AHEAD


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
    # A real submission of a lead that was a test, and a test of a lead that is real.
    ends_test: bool = False
    is_mere_test: bool = False
    suppressed: dict[str, str] = field(default_factory=dict)

    @property
    def is_blocked(self) -> bool:
        """Return whether nothing may be made of it."""
        return self.suppressed.get("person") == "blocked"


def plan_for(cleaned: Cleaned) -> Plan:
    one = cleaned.submission
    identities = identities_of(email=one.email, phone=one.phone, external_ids=one.external_ids)
    if one.revises is None or one.revises not in one.external_ids:
        return Plan(cleaned, identities)
    version_of = Identity(f"external:{one.revises}", one.external_ids[one.revises])
    return Plan(cleaned, [version_of, *(other for other in identities if other != version_of)], version_of)


async def settle_identities(book: Book, plans: Sequence[Plan]) -> None:
    """Decide for every plan which lead it goes to, and own the identities in the database."""
    acceptable = [plan for plan in plans if plan.identities and not _in_future(plan.cleaned.submission, book.now)]
    first_guess = _assign(acceptable, {})
    claimed = await identity_store.claim_identities(
        book.connection, first_guess, now=book.now, said=_times(acceptable, book.now)
    )
    if claimed.held:
        acceptable = await _heed(book, acceptable, claimed, first_guess)
    if claimed.owned or claimed.held:
        final = _assign(acceptable, claimed.owned)
        moved = {
            identity: lead
            for identity, lead in final.items()
            if identity not in claimed.owned and first_guess[identity] != lead
        }
        await identity_store.reassign_identities(book.connection, moved)


async def _heed(
    book: Book, plans: Sequence[Plan], claimed: identity_store.Claimed, guess: Mapping[Identity, UUID]
) -> list[Plan]:
    """Write down what is held against submissions, and return those that are not blocked; what only these claimed is let go."""
    for plan in plans:
        plan.suppressed = scopes_of(
            one for identity in plan.identities if identity in claimed.held for one in claimed.held[identity]
        )
        if plan.suppressed.get("person") == "erased":
            plan.cleaned = _back_again(plan.cleaned)
    heeded = [plan for plan in plans if not plan.is_blocked]
    wanted = {identity for plan in heeded for identity in plan.identities}
    for identity, lead_id in guess.items():
        if identity not in wanted and identity not in claimed.owned:
            await identity_store.release_identities(book.connection, lead_id, [identity])
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


def _assign(plans: Sequence[Plan], owned: Mapping[Identity, UUID]) -> dict[Identity, UUID]:
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
