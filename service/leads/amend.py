"""Amending: change what is known of a lead by a merge patch, identities included; never its stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from service.cleaning import normalise
from service.cleaning.rules import DEFAULT_RULES, REASONS, TOLD_LATER
from service.cleaning.submission import Cleaned, Submission
from service.cleaning.verdict import verdict_of
from service.core.errors import Invalid
from service.leads import identity_store
from service.leads.attributes.checking import raw_names
from service.leads.book import Book, Entry
from service.leads.errors import IdentityTaken, NoIdentity
from service.leads.identities import Identity, identities_of
from service.leads.present import COMPANY
from service.leads.privacy.holding import Suppressed
from service.leads.privacy.holding_again import hold_again
from service.leads.privacy.telling import record_patch

Patch = Mapping[str, Any]
"""A merge patch, flat: column → value, only what was given. ``external_ids``, ``attributes`` and ``consent`` are patches themselves."""

_NESTED = ("external_ids", "attributes", "consent", "raw")
_CONTACT = ("email", "phone", "country")
_OF_THE_MAILBOX = frozenset({"blocked_domain", "no_mail_server"})
# Reasons that the lead's own values show, and those of a value that was unusable and has a successor now.
_SEEN_AGAIN = REASONS.keys() - _OF_THE_MAILBOX - TOLD_LATER - {"honeypot"}


def flatten(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a patch as it came over the wire with ``company`` unfolded into columns; ``company: null`` clears all of it."""
    patch = {name: value for name, value in given.items() if name != "company"}
    if "company" in given:
        company = given["company"]
        patch |= (
            dict.fromkeys(COMPANY.values())
            if company is None
            else {COMPANY[name]: value for name, value in company.items()}
        )
    return patch


def clean_patch(patch: Patch, region: str | None = None) -> dict[str, Any]:
    """Return the patch with its contact points, names and country normalised; raises `Invalid` naming what cannot be used.

    ``region`` (alpha-2) is where a phone number in national notation is from, unless the patch gives a country.
    """
    fields = {
        name: value for name, value in patch.items() if name in Submission.__dataclass_fields__ and value is not None
    }
    for name in _NESTED:
        fields.pop(name, None)
    fields["tags"] = tuple(fields.get("tags", ()))
    cleaned = normalise(Submission(**fields), region)
    refuse_faults(cleaned)
    clean = {
        name: getattr(cleaned.submission, name) if name in fields and name != "tags" else value
        for name, value in patch.items()
    }
    clean["raw"] = {name: cleaned.raw.get(name) for name in patch if name not in _NESTED}
    clean["raw"] |= dict.fromkeys(raw_names(patch.get("attributes") or ()))
    if "full_name" in clean:
        # A new full name has new parts, unless they are given too.
        clean = {part: getattr(cleaned.submission, part) for part in ("first_name", "last_name")} | clean
    return clean


def refuse_faults(cleaned: Cleaned) -> None:
    """Raise `Invalid` if cleaning found a field that was given but cannot be used."""
    if cleaned.faults:
        first = cleaned.faults[0]
        fault = Invalid(first.pointer, first.detail)
        fault.extra["errors"] = [{"pointer": one.pointer, "detail": one.detail} for one in cleaned.faults]
        raise fault


async def claim_for(book: Book, lead_id: UUID, patch: Patch) -> list[Identity]:
    """Claim the identities a patch brings, before the lead is locked, and return them; raises `IdentityTaken`, `Suppressed`."""
    external = {system: value for system, value in (patch.get("external_ids") or {}).items() if value is not None}
    wanted = identities_of(email=patch.get("email"), phone=patch.get("phone"), external_ids=external)
    claimed = await identity_store.claim_identities(book.connection, dict.fromkeys(wanted, lead_id), now=book.now)
    for identity, owner in claimed.owned.items():
        if owner != lead_id:
            raise IdentityTaken(identity.pointer, owner)
    if any(reason == "blocked" for held in claimed.held.values() for _, reason in held):
        raise Suppressed
    if claimed.held:
        book.held.add(lead_id)
    return wanted


async def amend(book: Book, entry: Entry, patch: Patch) -> list[str]:
    """Apply a cleaned patch whose identities are claimed; returns the names of what changed: nothing, and no event is written."""
    row = entry.row
    before = identities_of(email=row["email"], phone=row["phone"], external_ids=row["external_ids"])
    consent = row["consent"]
    changed = [name for name, value in patch.items() if name != "raw" and _set(row, name, value)]
    if not changed:
        return []
    changed += ["raw"] if _set(row, "raw", patch.get("raw", {})) else []
    if "full_name" not in patch and {"first_name", "last_name"} & set(changed):
        whole = normalise(Submission(first_name=row["first_name"], last_name=row["last_name"])).submission.full_name
        changed += ["full_name"] if _set(row, "full_name", whole) else []
    record_patch(book, entry, consent)
    after = identities_of(email=row["email"], phone=row["phone"], external_ids=row["external_ids"])
    if not after:
        raise NoIdentity
    if row["amount"] is not None and row["currency"] is None:
        raise Invalid("/currency", "an amount needs its currency (ISO 4217)")
    await identity_store.release_identities(book.connection, entry.id, _gone(before, after))
    if any(name in changed for name in _CONTACT):
        changed += _judge_again(row, is_other_mailbox="email" in changed)
        entry.life.verdict = row["verdict"]
    if (row["suppressed"] or entry.id in book.held) and await hold_again(book, [entry]):
        changed.append("can_contact")
    book.announce(entry, "lead.updated", {"changed": changed}, at=book.now)
    return changed


def _gone(before: list[Identity], after: list[Identity]) -> list[Identity]:
    return [identity for identity in before if identity not in after]


def _set(row: dict[str, Any], name: str, value: Any) -> bool:
    if name in _NESTED:
        value = {} if value is None else merge_patch(row[name], value)
    elif name == "tags":
        value = sorted(set(value or ()))
    if _same(row[name], value):
        return False
    row[name] = value
    return True


def _same(one: Any, other: Any) -> bool:
    """Compare JSON values: to Python, true is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with a JSON Merge Patch (RFC 7396) applied."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            old = merged.get(name)
            merged[name] = merge_patch(old if isinstance(old, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def _judge_again(row: dict[str, Any], *, is_other_mailbox: bool) -> list[str]:
    """Judge a lead anew by what is known of it now; what only the submission or the channel's rules could tell goes on to count."""
    cleaned = normalise(
        Submission(
            email=row["email"],
            phone=row["phone"],
            country=row["country"],
            external_ids=row["external_ids"],
            test=row["test"],
        )
    )
    told = [reason for reason in row["verdict_reasons"] if reason not in _SEEN_AGAIN]
    if is_other_mailbox:
        told = [reason for reason in told if reason not in _OF_THE_MAILBOX]
    reasons = [*cleaned.reasons, *told]
    verdict = verdict_of(reasons, DEFAULT_RULES, has_email=row["email"] is not None)
    if set(reasons) == set(row["verdict_reasons"]):
        # The channel's own rules may have led to another verdict than the default ones.
        verdict, reasons = row["verdict"], row["verdict_reasons"]
    judged = {"verdict": verdict, "verdict_reasons": reasons}
    changed = [name for name, value in judged.items() if row[name] != value]
    row |= judged
    return changed
