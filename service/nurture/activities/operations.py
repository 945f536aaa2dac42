"""Telling activities: one or many, of leads that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict, Invalid, ServiceError
from service.leads import identity_store
from service.leads.activity_store import read_keyed
from service.leads.book import Book, refuse_gone
from service.leads.errors import LeadNotFound
from service.leads.happenings import Happening, identities_told, note_activity
from service.leads.identities import Identity
from service.leads.owning import insist_on_ownership
from service.leads.present import activity_out
from service.nurture.activities import store
from service.nurture.activities.kinds import KINDS
from service.nurture.activities.schemas import ActivityCreate

_EARLY: Final = timedelta(minutes=5)


class KeyTaken(Conflict):
    """The lead has an activity of another kind with this key."""

    code = "activity_key_taken"


class SeveralLeads(Conflict):
    """The item names more than one lead."""

    code = "several_leads"


Named = tuple[set[UUID], dict[Identity, UUID]]


async def tell(
    connection: AsyncConnection, items: Sequence[ActivityCreate], *, actor: str, now: datetime
) -> list[dict[str, Any] | Exception]:
    """Write what leads did, in the order given, and return each item's activity with ``lead_id`` and ``created``, or its error alone.

    Somebody we do not know is not made a lead by it; what is told of a lead that was merged is of the surviving one.
    """
    named = await _named_leads(connection, items)
    book = Book(connection, now=now, actor=actor)
    await book.take({lead_id for lead_ids, _ in named for lead_id in lead_ids})
    await insist_on_ownership(book, {identity: owner for _, owned in named for identity, owner in owned.items()})
    known = await read_keyed(
        connection,
        [(lead_id, item.key) for item, (ids, _) in zip(items, named, strict=True) if item.key for lead_id in ids],
    )
    outcomes: list[dict[str, Any] | Exception] = []
    for item, (lead_ids, _) in zip(items, named, strict=True):
        try:
            outcomes.append(_tell_one(book, item, lead_ids, known))
        except ServiceError as fault:
            outcomes.append(fault)
    await book.flush()
    return outcomes


async def _named_leads(connection: AsyncConnection, items: Sequence[ActivityCreate]) -> list[Named]:
    """Return the leads that each item names, and by which of its identities."""
    identities = [_identities(item) for item in items]
    every = {identity for some in identities for identity in some}
    owned = await identity_store.owners(connection, every) if every else {}
    standing = await store.standing(connection, {item.lead_id for item in items if item.lead_id is not None})
    named: list[Named] = []
    for item, some in zip(items, identities, strict=True):
        owners = {identity: owned[identity] for identity in some if identity in owned}
        lead_ids = set(owners.values())
        if item.lead_id is not None:
            # An id that nobody has is looked for, and not found.
            lead_ids.add(standing.get(item.lead_id, item.lead_id))
        named.append((lead_ids, owners))
    return named


def _identities(item: ActivityCreate) -> list[Identity]:
    person: dict[str, Any] = {"email": item.email, "phone": item.phone}
    if item.external_id is not None:
        system, _, value = item.external_id.partition(":")
        person["external_ids"] = {system: value}
    # Most items name their lead by its id alone.
    return identities_told(person) if any(person.values()) else []


def _tell_one(
    book: Book, item: ActivityCreate, lead_ids: set[UUID], known: dict[tuple[UUID, str], dict[str, Any]]
) -> dict[str, Any]:
    if len(lead_ids) > 1:
        raise SeveralLeads("what it names belongs to several leads", leads=sorted(map(str, lead_ids)))
    entry = book.entries.get(next(iter(lead_ids))) if lead_ids else None
    if entry is None:
        raise LeadNotFound("there is no such lead, and an activity makes none")
    refuse_gone(entry.row)
    if item.occurred_at is not None and item.occurred_at > book.now + _EARLY:
        raise Invalid("/occurred_at", "has not happened yet")
    if item.key is not None and (told := known.get((entry.id, item.key))) is not None:
        return _same(item, told) | {"lead_id": entry.id, "created": False}
    activity = note_activity(book, entry, _happening(item))
    if item.key is not None:
        known[entry.id, item.key] = activity
    return activity | {"lead_id": entry.id, "created": True}


def _same(item: ActivityCreate, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the activity that was told before with this key; raises `KeyTaken` if it was something else."""
    if told["kind"] != item.kind:
        raise KeyTaken(f"the lead has a {told['kind']} with this key", activity_id=str(told["id"]))
    # What this very batch told is as the API shows it already.
    return dict(told) if "rating_best" not in told else activity_out(told)


def _happening(item: ActivityCreate) -> Happening:
    return Happening(
        person={},
        kind=item.kind,
        channel=item.channel,
        occurred_at=item.occurred_at,
        data=item.data,
        key=item.key,
        rating=item.rating.model_dump() if item.rating else None,
    )


def list_kinds() -> list[dict[str, Any]]:
    """Return the kinds of activities that have a meaning of their own."""
    return [
        {name: getattr(kind, name) for name in ("kind", "description", "direction", "rated", "source")}
        for kind in KINDS
    ]
