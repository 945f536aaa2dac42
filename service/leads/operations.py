"""What can be done to a lead, each in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning import normalise
from service.cleaning.submission import Cleaned, Submission
from service.core.errors import Invalid, ServiceError
from service.core.http.etags import Precondition
from service.leads import store
from service.leads.amend import amend, claim_for, clean_patch, flatten, refuse_faults
from service.leads.book import Book, Entry, refuse_gone
from service.leads.errors import IdentityTaken, LeadNotFound
from service.leads.identities import Identity
from service.leads.present import lead_out, transition_out, trial_out
from service.leads.reason_codes import categories_of
from service.leads.schemas import CorrectionCreate, LeadCreate, LeadPatch, LeadUpsert, TransitionCreate, TransitionItem
from service.leads.take_in import TakenIn, take_into
from service.lifecycle.errors import LifecycleError
from service.lifecycle.ledger import Step, advance, allowed, replay, step_of
from service.lifecycle.machine import STARTS_JOURNEY

_NOT_SUBMITTED: Final = {"amount", "currency"}
_ONLY_WHEN_NEW: Final = {"channel", "utm", "occurred_at"}


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, when, and on which version of the lead only."""

    actor: str
    now: datetime
    precondition: Precondition = field(default_factory=Precondition)


def submission_of(given: Mapping[str, Any]) -> Cleaned:
    """Return a request body, as given, as a cleaned submission; raises `Invalid` naming what cannot be used."""
    flat = {name: value for name, value in flatten(given).items() if name not in _NOT_SUBMITTED and value is not None}
    flat["tags"] = tuple(flat.get("tags", ()))
    flat["external_ids"] = {
        system: value for system, value in flat.get("external_ids", {}).items() if value is not None
    }
    cleaned = normalise(Submission(**flat))
    refuse_faults(cleaned)
    return cleaned


async def create_leads(
    connection: AsyncConnection, bodies: Sequence[LeadCreate], writer: Writer
) -> list[dict[str, Any] | Exception]:
    """Create or match a lead for each body: the lead with ``matched_by`` and ``conflicts``, or the error of that item alone."""
    outcomes: list[Cleaned | Exception] = [
        _attempt(submission_of, body.model_dump(exclude_unset=True)) for body in bodies
    ]
    good = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Cleaned)]
    book = Book(connection, now=writer.now, actor=writer.actor)
    taken = await take_into(book, [outcome for outcome in outcomes if isinstance(outcome, Cleaned)], via="api")
    results: list[dict[str, Any] | Exception] = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    by_index: dict[int, dict[str, Any] | Exception] = {}
    for index, one in zip(good, taken, strict=True):
        by_index[index] = _taken_out(book, one)
    await book.flush()
    faults = iter(results)
    return [by_index[index] if index in by_index else next(faults) for index in range(len(bodies))]


def _attempt(operation: Any, *arguments: Any) -> Any:
    try:
        return operation(*arguments)
    except (ServiceError, LifecycleError) as fault:
        return fault


def _taken_out(book: Book, one: TakenIn) -> dict[str, Any] | Exception:
    if one.error is not None:
        return one.error
    entry = book.entries[one.lead_id]  # type: ignore[index]  # only a refused submission has no lead
    return lead_out(entry.row) | {
        "matched_by": one.matched_by,
        "conflicts": one.conflicts,
        "created": one.result == "created",
    }


async def upsert_lead(
    connection: AsyncConnection, system: str, external_id: str, body: LeadUpsert, writer: Writer
) -> tuple[dict[str, Any], bool]:
    """Create the lead with this external id, or amend it: absent stays, null clears, the stage is never touched.

    Returns the lead and whether it is new. A lead that is only known by another identity of the body gets the external id.
    """
    given = body.model_dump(exclude_unset=True)
    given["external_ids"] = (given.get("external_ids") or {}) | {system: external_id}
    identity = Identity(f"external:{system}", external_id)
    book = Book(connection, now=writer.now, actor=writer.actor)
    owner = (await store.owners(connection, [identity])).get(identity)
    if owner is None:
        taken = (await take_into(book, [submission_of(given)], via="api"))[0]
        if taken.error is not None:
            raise taken.error
        for conflict in taken.conflicts:
            raise IdentityTaken(conflict["pointer"], UUID(conflict["lead_id"]))
        owner = taken.lead_id
        if taken.result == "created":
            entry = book.entries[owner]  # type: ignore[index]  # only a refused submission has no lead
            await amend(book, entry, _own_fields(given))
            await book.flush()
            return lead_out(entry.row), True
    lasting = {name: value for name, value in given.items() if name not in _ONLY_WHEN_NEW}
    entry = await _amend_one(book, owner, lasting, writer)  # type: ignore[arg-type]  # a lead was found or made above
    return lead_out(entry.row), False


def _own_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _NOT_SUBMITTED if name in given}


async def amend_lead(connection: AsyncConnection, lead_id: UUID, body: LeadPatch, writer: Writer) -> dict[str, Any]:
    """Apply a merge patch to a lead and return it."""
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await _amend_one(book, lead_id, body.model_dump(exclude_unset=True), writer)
    return lead_out(entry.row)


async def _amend_one(book: Book, lead_id: UUID, given: Mapping[str, Any], writer: Writer) -> Entry:
    patch = clean_patch(flatten(given))
    await claim_for(book, lead_id, patch)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    _need_currency(patch, entry.row["currency"])
    await amend(book, entry, patch)
    await book.flush()
    return entry


def _need_currency(given: Mapping[str, Any], known: str | None) -> None:
    if given.get("amount") is not None and (given.get("currency") or known) is None:
        raise Invalid("/currency", "an amount needs its currency (ISO 4217)")


async def steps_of(connection: AsyncConnection, bodies: Sequence[TransitionCreate]) -> list[Step]:
    """Return request bodies as steps for the machine; raises `UnknownReason`."""
    categories = await categories_of(connection, {body.reason for body in bodies if body.reason is not None})
    return [_step(body, categories) for body in bodies]


def _step(body: TransitionCreate, categories: Mapping[str, str]) -> Step:
    return Step(
        event=body.event,
        occurred_at=body.occurred_at,
        reason=body.reason,
        category=categories[body.reason] if body.reason is not None else None,
        note=body.note,
        amount=body.amount,
        currency=body.currency,
        allow_skip=body.allow_skip,
        channel=body.channel,
        campaign=body.campaign,
    )


def _completed(step: Step, row: Mapping[str, Any], source: Mapping[str, Any] | None = None) -> Step:
    """Fill in what a step leaves open: the lead's currency, and the channel and campaign of ``source`` (else the lead's acquiring ones)
    for a journey that names none.
    """
    _need_currency({"amount": step.amount, "currency": step.currency}, row["currency"])
    if step.event not in STARTS_JOURNEY:
        return replace(step, currency=_currency(step, row), channel=None, campaign=None)
    if step.channel is not None:
        return replace(step, currency=_currency(step, row))
    came_from = source or row
    return replace(
        step,
        currency=_currency(step, row),
        channel=came_from["channel"],
        campaign=step.campaign or came_from["campaign"],
    )


def _currency(step: Step, row: Mapping[str, Any]) -> str | None:
    return step.currency or (row["currency"] if step.amount is not None else None)


async def move_lead(
    connection: AsyncConnection, lead_id: UUID, body: TransitionCreate, writer: Writer
) -> dict[str, Any]:
    """Move a lead by one event; returns the ledger's new row with the lead after it."""
    step = (await steps_of(connection, [body]))[0]
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    row = book.move(entry, _completed(step, entry.row))
    _touch_if_new_journey(book, entry, row, body)
    await book.flush()
    return transition_out(row) | {"lead": lead_out(entry.row)}


def _touch_if_new_journey(book: Book, entry: Entry, row: Mapping[str, Any], body: TransitionCreate) -> None:
    if body.channel is not None and row["channel"] is not None:
        touchpoint: dict[str, Any] = {
            "channel": body.channel,
            "campaign": body.campaign,
            "utm": {},
            "via": "transition",
        }
        book.touch(entry, touchpoint | {"matched_by": [], "delivery_id": None, "occurred_at": row["occurred_at"]})


async def move_leads(
    connection: AsyncConnection, items: Sequence[TransitionItem], writer: Writer
) -> list[dict[str, Any] | Exception]:
    """Move many leads, in the order given; each item's transition, or its error alone."""
    found = await _named_leads(connection, items)
    book = Book(connection, now=writer.now, actor=writer.actor)
    await book.take({lead_id for lead_id in found if lead_id is not None})
    results: list[dict[str, Any] | Exception] = []
    for item, lead_id in zip(items, found, strict=True):
        try:
            step = (await steps_of(connection, [item]))[0]
            entry = book.entries.get(lead_id) if lead_id else None
            if entry is None:
                raise LeadNotFound("there is no such lead")
            refuse_gone(entry.row)
            row = book.move(entry, _completed(step, entry.row))
            _touch_if_new_journey(book, entry, row, item)
            results.append(transition_out(row))
        except (ServiceError, LifecycleError) as fault:
            results.append(fault)
    await book.flush()
    return results


async def _named_leads(connection: AsyncConnection, items: Sequence[TransitionItem]) -> list[UUID | None]:
    named = [_identity_of(item) for item in items]
    owned = await store.owners(connection, [identity for identity in named if identity]) if any(named) else {}
    return [
        item.lead_id or (owned.get(identity) if identity else None) for item, identity in zip(items, named, strict=True)
    ]


def _identity_of(item: TransitionItem) -> Identity | None:
    if item.external_id is None or ":" not in item.external_id:
        return None
    system, _, value = item.external_id.partition(":")
    return Identity(f"external:{system}", value)


async def try_move(
    connection: AsyncConnection, lead_id: UUID, body: TransitionCreate, writer: Writer
) -> dict[str, Any]:
    """Say what a transition would do, and do nothing; raises the same refusals."""
    step = (await steps_of(connection, [body]))[0]
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    trial = entry.life.copy()
    transition = advance(trial, _completed(step, entry.row), now=writer.now)
    return {"dry_run": True, "transition": trial_out(transition), "allowed_after": allowed(trial)}


async def correct_lead(
    connection: AsyncConnection, lead_id: UUID, body: CorrectionCreate, writer: Writer
) -> dict[str, Any]:
    """Replace the tail of a lead's ledger; the whole corrected ledger is run through the machine first.

    Raises `LedgerInvalid`, which names the step at fault, and changes nothing then.
    """
    steps = await steps_of(connection, body.transitions)
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    old = await store.read_ledger(connection, lead_id)
    if body.from_sequence > len(old) + 1:
        raise Invalid("/from_sequence", f"the ledger has {len(old)} transitions")
    kept = old[: body.from_sequence - 1]
    if not kept and not steps:
        raise Invalid("/transitions", "a ledger cannot be empty: it starts with acquire")
    tail = _continued(kept, steps, old, entry.row)
    new = replay([*map(step_of, kept), *tail], now=writer.now)
    correction_id = await book.correct(entry, old=old, new=new, from_sequence=body.from_sequence, reason=body.reason)
    if not tail:
        book.announce(entry, "lead.updated", {"changed": ["stage"], "correction_id": correction_id}, at=writer.now)
    await book.flush()
    return {
        "id": correction_id,
        "superseded": [row["id"] for row in old[body.from_sequence - 1 :]],
        "lead": lead_out(entry.row),
    }


def _continued(
    kept: Sequence[Mapping[str, Any]], steps: Sequence[Step], old: Sequence[Mapping[str, Any]], row: Mapping[str, Any]
) -> list[Step]:
    """Complete a corrected tail: a journey that it starts anew keeps the channel it had, unless the correction names another."""
    sources = {start["journey"]: start for start in old if start["event"] in STARTS_JOURNEY}
    journey = kept[-1]["journey"] if kept else 0
    tail = []
    for step in steps:
        journey += step.event in STARTS_JOURNEY
        tail.append(_completed(step, row, sources.get(journey)))
    return tail
