"""Taking in: create a lead, or match the one that has the same identity, safely while others do the same.

The identities of all submissions are claimed first, in one order, by one insert; the database's primary key decides who of two parallel
claimants creates the lead, and the other one waits and then finds it. Only then are the matched leads locked. Every write path keeps
that order (identities, then leads), so none of them deadlocks with another.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from service.cleaning.submission import Cleaned
from service.leads import identity_store
from service.leads.attributes.checking import conform, known_for
from service.leads.book import Book
from service.leads.carrying_out import REFUSED, TakenIn, Via, carry_out
from service.leads.identities import Identity
from service.leads.owning import insist_on_ownership
from service.leads.privacy.telling import Words
from service.leads.settling import Plan, follow_merges, plan_for, settle_identities
from service.leads.stamping import Press, is_ordinary
from service.leads.store import COPIED_FROM
from service.leads.versions import Versions


async def take_into(
    book: Book, cleaned: Sequence[Cleaned], *, via: Via, along: Collection[Identity] = (), in_bulk: bool = False
) -> list[TakenIn]:
    """Create or match a lead for each cleaned submission, in a book that the caller flushes; the results come in the order given.

    A submission that cannot be taken in is ``refused`` with its error and spoils no other. The leads that ``along`` identifies are
    taken into the book together with the matched ones: locked at once, in one order. ``in_bulk``, new leads may be stamped if they are
    many: then they have no entry in the book, for nothing else is to be done to them.
    """
    if via != "api":
        definitions = await known_for(book.connection, (one.submission.attributes for one in cleaned))
        cleaned = [conform(one, definitions) for one in cleaned]
    plans = [plan_for(one) for one in cleaned]
    await settle_identities(book, plans, refused=REFUSED[via])
    matched = [plan for plan in plans if plan.lead_id and not plan.is_new]
    others = await identity_store.owners(book.connection, along) if along else {}
    await book.take({plan.lead_id for plan in matched if plan.lead_id} | set(others.values()))
    await follow_merges(book, matched)
    await insist_on_ownership(
        book, {identity: plan.lead_id for plan in matched for identity in plan.matched_by if plan.lead_id}
    )
    versions = await Versions.known(book, [plan.version_of for plan in matched if plan.version_of])
    words = await Words.known(
        book, [(plan.lead_id, plan.cleaned.submission.consent) for plan in matched if plan.lead_id]
    )
    ordinary = _ordinary(book, plans) if in_bulk else ()
    press, taken = Press(book) if ordinary else None, list[TakenIn]()
    for plan in plans:
        if press and plan.lead_id in ordinary:
            taken.append(press.stamp(plan))
            continue
        await _tell_tests(book, plan)
        taken.append(carry_out(book, plan, versions, words, via=via))
    if press:
        press.count()
    await _let_go(book, plans)
    await versions.remember(book)
    return taken


def _ordinary(book: Book, plans: Sequence[Plan]) -> Collection[UUID | None]:
    """Return the new leads that can be stamped, if they are worth it; not those that somebody else in the batch turns out to be, too."""
    met = {lead_id for plan in plans if not plan.is_new for lead_id in (plan.lead_id, *plan.conflicts.values())}
    ordinary = {plan.lead_id for plan in plans if is_ordinary(plan, now=book.now)} - met - {None}
    return ordinary if len(ordinary) >= COPIED_FROM else ()


async def _tell_tests(book: Book, plan: Plan) -> None:
    """Keep tests and real people apart: a real submission makes its lead real, a test leaves a real lead as it is.

    So does a submission that the channel's rules reject: whoever filled in the honeypot is not the person whose address it was.
    """
    entry = book.entries.get(plan.lead_id) if plan.lead_id else None
    if entry is None:
        return
    is_test, is_invalid = plan.cleaned.submission.test, plan.cleaned.verdict == "invalid"
    plan.brings_nothing = (is_test and not entry.row["test"]) or (is_invalid and entry.row["verdict"] != "invalid")
    plan.ends_test = entry.row["test"] and not is_test and not is_invalid
    if plan.ends_test:
        await book.end_test(entry)


async def _let_go(book: Book, plans: Sequence[Plan]) -> None:
    """Release the identities that nothing but a test, or what is not wanted, claimed for a lead."""
    used = {identity for plan in plans if not plan.brings_nothing for identity in plan.identities}
    for plan in plans:
        if plan.brings_nothing and plan.lead_id:
            brought = set(plan.identities) - used - set(plan.matched_by) - plan.conflicts.keys()
            await identity_store.release_identities(book.connection, plan.lead_id, sorted(brought))
