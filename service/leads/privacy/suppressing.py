"""Suppressing: who must not be contacted, or not be let in, and the leads that this concerns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.core.errors import Invalid, NotFound
from service.core.http.paging import PageQuery, paginate
from service.leads import identity_store
from service.leads.amend import refuse_faults
from service.leads.book import Book
from service.leads.identities import Identity
from service.leads.operations import Writer
from service.leads.privacy import suppression_store as store
from service.leads.privacy.holding_again import hold_again
from service.leads.privacy.schemas import SuppressionQuery

_AT_ONCE: Final = 1000
_NAMES: Final = ("email", "phone", "domain", "external_id")


def named(given: Mapping[str, Any]) -> Identity:
    """Return what a request names, as identities are written, or a domain; raises `Invalid` unless it is exactly one usable thing."""
    told = {name: value for name, value in given.items() if name in _NAMES and value is not None}
    if len(told) != 1:
        raise Invalid("", f"name exactly one of {', '.join(_NAMES)}")
    [(name, value)] = told.items()
    if name == "external_id":
        system, _, identifier = value.partition(":")
        return Identity(f"external:{system}", identifier)
    if name == "domain":
        # A domain is what an address has behind its @.
        domain = normalise(Submission(email=f"someone@{value.strip().removeprefix('@')}")).submission.email
        if domain is None:
            raise Invalid("/domain", "is no domain")
        return Identity("domain", domain.rpartition("@")[2])
    cleaned = normalise(Submission(**{name: value}))
    refuse_faults(cleaned)
    return Identity(name, getattr(cleaned.submission, name))


def _kind(identity: Identity) -> str:
    return "external" if identity.system is not None else identity.kind


async def suppress(
    connection: AsyncConnection, identity: Identity, reason: str, writer: Writer
) -> tuple[dict[str, Any], bool]:
    """Suppress an identity or a domain for a reason, and hold it against the leads it belongs to; returns the row and whether it is new."""
    name = f"{identity.kind}:{identity.value}"
    row = await store.add(
        connection, name=name, kind=_kind(identity), reason=reason, actor=writer.actor, now=writer.now
    )
    if row is None:
        return next(one for one in await store.read(connection, name=name) if one["reason"] == reason), False
    await _tell_leads(connection, identity, writer)
    return row, True


async def lift(connection: AsyncConnection, identity: Identity, reason: str | None, writer: Writer) -> dict[str, Any]:
    """Lift the suppressions of an identity or a domain, for one reason or for all; raises `NotFound` if there is none."""
    lifted = await store.remove(connection, name=f"{identity.kind}:{identity.value}", reason=reason)
    if not lifted:
        raise NotFound("this is not suppressed", code="suppression_not_found")
    await _tell_leads(connection, identity, writer)
    return {"data": lifted, "next_cursor": None}


async def list_page(
    connection: AsyncConnection, query: SuppressionQuery, *, request: Request, response: Response
) -> dict[str, Any]:
    """Return a page of suppressions, the latest first, or all of the value that is asked about."""
    given = query.model_dump()
    if any(given[name] for name in _NAMES):
        identity = named(given)
        rows = await store.read(connection, name=f"{identity.kind}:{identity.value}")
        return {"data": [row for row in rows if query.reason in {None, row["reason"]}], "next_cursor": None}
    paging = PageQuery(query.limit, query.cursor)
    filters = {"kind": query.kind, "reason": query.reason}
    before = paging.after(filters, datetime, str)
    rows = await store.list_page(
        connection, **filters, before=(before[0], before[1]) if before else None, limit=query.limit + 1
    )
    return paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=filters,
        key=lambda row: [row["created_at"], row["hash"] + row["reason"]],
    )


async def _tell_leads(connection: AsyncConnection, identity: Identity, writer: Writer) -> None:
    concerned = sorted(await _leads_of(connection, identity))
    for start in range(0, len(concerned), _AT_ONCE):
        book = Book(connection, now=writer.now, actor=writer.actor)
        await book.take(concerned[start : start + _AT_ONCE])
        living = [
            entry
            for entry in book.entries.values()
            if entry.row["erased_at"] is None and entry.row["merged_into"] is None
        ]
        for entry in await hold_again(book, living):
            book.announce(entry, "lead.updated", {"changed": ["can_contact"]}, at=book.now)
        await book.flush()


async def _leads_of(connection: AsyncConnection, identity: Identity) -> Collection[UUID]:
    if identity.kind == "domain":
        return await store.leads_of_domain(connection, identity.value)
    return (await identity_store.owners(connection, [identity])).values()
