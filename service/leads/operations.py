"""What can be done to a lead, each in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning import normalise
from service.cleaning.submission import Cleaned, Submission
from service.core.errors import Invalid, ServiceError
from service.core.http.etags import Precondition
from service.core.http.unit import Unit
from service.leads import at_once, identity_store, store
from service.leads.amend import amend, claim_for, clean_patch, flatten, merge_patch, refuse_faults
from service.leads.attributes.checking import checked, known_for
from service.leads.attributes.definitions import Definitions
from service.leads.book import Book, Entry, refuse_gone
from service.leads.carrying_out import TakenIn
from service.leads.errors import IdentityTaken, LeadNotFound
from service.leads.identities import Identity, identities_of
from service.leads.owning import insist_on_ownership
from service.leads.present import lead_out, transition_out, trial_out
from service.leads.reason_codes import categories_of
from service.leads.schemas import LeadCreate, LeadPatch, LeadUpsert, TransitionCreate, TransitionItem
from service.leads.steps import completed, step_from, step_with
from service.leads.take_in import take_into
from service.lifecycle.errors import LifecycleError
from service.lifecycle.ledger import Step, advance, allowed

_NOT_SUBMITTED: Final = {"amount", "currency"}
_NESTED: Final = frozenset({"external_ids", "attributes", "consent"})
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
    for name in _NESTED.intersection(flat):
        # A null says that there is no such thing: as in a merge patch, it is not kept.
        flat[name] = merge_patch({}, flat[name])
    cleaned = normalise(Submission(**flat))
    refuse_faults(cleaned)
    return cleaned


def _with_checked(given: dict[str, Any], definitions: Definitions) -> dict[str, Any]:
    """Return a body whose attributes are of their types; raises `Invalid`."""
    return given | {"attributes": checked(given["attributes"], definitions)} if given.get("attributes") else given


async def create_lead(unit: Unit, body: LeadCreate, writer: Writer) -> dict[str, Any]:
    """Create or match one lead, and return it with ``matched_by`` and ``conflicts``; raises what speaks against it."""
    alone = await unit.at_once()
    given = body.model_dump(exclude_unset=True)
    definitions = await known_for(alone or await unit.connection(), [given.get("attributes")])
    cleaned = submission_of(_with_checked(given, definitions))
    if alone is not None:
        book = Book(alone, now=writer.now, actor=writer.actor)
        if (new := await at_once.take_in_new(book, cleaned)) is not None:
            return _shown(book, new)
        await unit.give_back()
    book = Book(await unit.connection(), now=writer.now, actor=writer.actor)
    (taken,) = await take_into(book, [cleaned], via="api")
    if taken.error is not None:
        raise taken.error
    await book.flush()
    return _shown(book, taken)


async def create_leads(
    connection: AsyncConnection, bodies: Sequence[LeadCreate], writer: Writer
) -> list[dict[str, Any] | Exception]:
    """Create or match a lead for each body: the lead with ``matched_by`` and ``conflicts``, or the error of that item alone."""
    given = [body.model_dump(exclude_unset=True) for body in bodies]
    definitions = await known_for(connection, (one.get("attributes") for one in given))
    outcomes: list[Cleaned | Exception] = [
        _attempt(lambda one: submission_of(_with_checked(one, definitions)), one) for one in given
    ]
    book = Book(connection, now=writer.now, actor=writer.actor)
    taken = await take_into(book, [outcome for outcome in outcomes if isinstance(outcome, Cleaned)], via="api")
    done = iter([_taken_out(book, one) for one in taken])
    await book.flush()
    return [outcome if isinstance(outcome, Exception) else next(done) for outcome in outcomes]


def _attempt(operation: Any, *arguments: Any) -> Any:
    try:
        return operation(*arguments)
    except (ServiceError, LifecycleError) as fault:
        return fault


def _taken_out(book: Book, one: TakenIn) -> dict[str, Any] | Exception:
    return _shown(book, one) if one.error is None else one.error


def _shown(book: Book, one: TakenIn) -> dict[str, Any]:
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

    Returns the lead and whether it is new. A lead that is only known by another identity of the body gets the external id, unless it
    has another one in the same system: two of the caller's records must not take one lead from each other in turns.
    """
    identity = Identity(f"external:{system}", external_id)
    given = body.model_dump(exclude_unset=True)
    given = _with_checked(given, await known_for(connection, [given.get("attributes")]))
    ids = given.get("external_ids", {})
    if ids is None or ids.get(system, external_id) != external_id:
        pointer = "/external_ids" if ids is None else identity.pointer
        raise Invalid(pointer, "must not take away the id in the address, nor name another")
    lasting = {name: value for name, value in given.items() if name not in _ONLY_WHEN_NEW}
    owner = (await identity_store.owners(connection, [identity])).get(identity)
    if owner is not None:
        if ids:
            lasting["external_ids"] = {name: value for name, value in ids.items() if name != system}
        return lead_out((await _amend_one(connection, owner, lasting, writer)).row), False
    lasting["external_ids"] = given["external_ids"] = ids | {system: external_id}
    cleaned = submission_of(given)
    owner = await _known_as(connection, cleaned.submission)
    if owner is None:
        writer.precondition.check_missing()
        book = Book(connection, now=writer.now, actor=writer.actor)
        taken = (await take_into(book, [cleaned], via="api"))[0]
        if taken.error is not None:
            raise taken.error
        if taken.result == "created":
            entry = book.entries[taken.lead_id]  # type: ignore[index]  # only a refused submission has no lead
            await amend(book, entry, clean_patch(flatten(lasting)))
            await book.flush()
            return lead_out(entry.row), True
        # Somebody else was quicker: the book, which was not flushed, is thrown away.
        owner = taken.lead_id
    entry = await _amend_one(connection, owner, lasting, writer, attached=identity)  # type: ignore[arg-type]  # as above
    return lead_out(entry.row), False


async def _known_as(connection: AsyncConnection, one: Submission) -> UUID | None:
    """Return the lead that a submission's identities belong to, or None; raises `IdentityTaken` if they belong to several."""
    wanted = identities_of(email=one.email, phone=one.phone, external_ids=one.external_ids)
    owned = await identity_store.owners(connection, wanted)
    known = [(identity, owned[identity]) for identity in wanted if identity in owned]
    for identity, owner in known:
        if owner != known[0][1]:
            raise IdentityTaken(identity.pointer, owner)
    return known[0][1] if known else None


async def amend_lead(connection: AsyncConnection, lead_id: UUID, body: LeadPatch, writer: Writer) -> dict[str, Any]:
    """Apply a merge patch to a lead and return it."""
    given = body.model_dump(exclude_unset=True)
    given = _with_checked(given, await known_for(connection, [given.get("attributes")]))
    return lead_out((await _amend_one(connection, lead_id, given, writer)).row)


async def _amend_one(
    connection: AsyncConnection,
    lead_id: UUID,
    given: Mapping[str, Any],
    writer: Writer,
    *,
    attached: Identity | None = None,
) -> Entry:
    """Amend a lead; ``attached`` is an external id that it gets unless it has another one in the same system."""
    book = Book(connection, now=writer.now, actor=writer.actor)
    flat = flatten(given)
    patch = clean_patch(flat, await _region_for(connection, lead_id, flat))
    claimed = await claim_for(book, lead_id, patch)
    entry = await book.take_one(lead_id)
    await insist_on_ownership(book, dict.fromkeys(claimed, lead_id))
    writer.precondition.check(entry.row["version"])
    if attached:
        known = entry.row["external_ids"].get(attached.system)
        if known not in {None, attached.value}:
            raise IdentityTaken(attached.pointer, lead_id, detail=f"the lead is {known!r} in this system")
    await amend(book, entry, patch)
    await book.flush()
    return entry


async def _region_for(connection: AsyncConnection, lead_id: UUID, patch: Mapping[str, Any]) -> str | None:
    """Return the lead's country if a phone number in the patch may need it; what the patch says of the country comes first."""
    if patch.get("phone") is None or "country" in patch:
        return None
    row = await store.read_lead(connection, lead_id)
    return row["country"] if row else None


async def move_lead(unit: Unit, lead_id: UUID, body: TransitionCreate, writer: Writer) -> dict[str, Any]:
    """Move a lead by one event; returns the ledger's new row with the lead after it."""
    alone = await unit.at_once()
    step = await step_from(alone or await unit.connection(), body)
    if alone is not None:
        book = Book(alone, now=writer.now, actor=writer.actor)
        moved = _moved(book, await at_once.read_one(book, lead_id), step, body, writer)
        if await at_once.write_unless_changed(book):
            return moved
        await unit.give_back()
    book = Book(await unit.connection(), now=writer.now, actor=writer.actor)
    moved = _moved(book, await book.take_one(lead_id), step, body, writer)
    await book.flush()
    return moved


def _moved(book: Book, entry: Entry, step: Step, body: TransitionCreate, writer: Writer) -> dict[str, Any]:
    writer.precondition.check(entry.row["version"])
    row = book.move(entry, completed(step, entry.row), touchpoint=_touchpoint_in(body))
    return transition_out(row) | {"lead": lead_out(entry.row)}


TOUCHED_BY_A_MOVE: Final[Mapping[str, Any]] = {"via": "transition", "matched_by": [], "delivery_id": None}
"""What a touchpoint says of itself that is only told by the move it came with."""


def _touchpoint_in(body: TransitionCreate) -> dict[str, Any] | None:
    """Return the touchpoint that starts a journey, if the request names its channel."""
    if body.channel is None:
        return None
    source: dict[str, Any] = {"channel": body.channel, "campaign": body.campaign, "utm": {}}
    return {**source, **TOUCHED_BY_A_MOVE}


async def move_leads(
    connection: AsyncConnection, items: Sequence[TransitionItem], writer: Writer
) -> list[dict[str, Any] | Exception]:
    """Move many leads, in the order given; each item's transition, or its error alone."""
    found, owned = await _named_leads(connection, items)
    categories = await categories_of(connection, {item.reason for item in items if item.reason is not None})
    book = Book(connection, now=writer.now, actor=writer.actor)
    await book.take({lead_id for lead_id in found if lead_id is not None})
    await insist_on_ownership(book, owned)
    results: list[dict[str, Any] | Exception] = []
    for item, lead_id in zip(items, found, strict=True):
        try:
            step = step_with(categories, item)
            entry = book.entries.get(lead_id) if lead_id else None
            if entry is None:
                raise LeadNotFound("there is no such lead")
            refuse_gone(entry.row)
            row = book.move(entry, completed(step, entry.row), touchpoint=_touchpoint_in(item))
            results.append(transition_out(row))
        except (ServiceError, LifecycleError) as fault:
            results.append(fault)
    await book.flush()
    return results


async def _named_leads(
    connection: AsyncConnection, items: Sequence[TransitionItem]
) -> tuple[list[UUID | None], dict[Identity, UUID]]:
    """Return the lead that each item names, or None, and the owners of the external ids among them."""
    named = [_identity_of(item) for item in items]
    owned = await identity_store.owners(connection, [identity for identity in named if identity]) if any(named) else {}
    leads = [
        item.lead_id or (owned.get(identity) if identity else None) for item, identity in zip(items, named, strict=True)
    ]
    return leads, owned


def _identity_of(item: TransitionItem) -> Identity | None:
    if item.external_id is None:
        return None
    system, _, value = item.external_id.partition(":")
    return Identity(f"external:{system}", value)


async def try_move(
    connection: AsyncConnection, lead_id: UUID, body: TransitionCreate, writer: Writer
) -> dict[str, Any]:
    """Say what a transition would do, and do nothing; raises the same refusals."""
    step = await step_from(connection, body)
    book = Book(connection, now=writer.now, actor=writer.actor)
    entry = await book.take_one(lead_id)
    writer.precondition.check(entry.row["version"])
    trial = entry.life.copy()
    transition = advance(trial, completed(step, entry.row), now=writer.now)
    return {"dry_run": True, "transition": trial_out(transition), "allowed_after": allowed(trial)}
