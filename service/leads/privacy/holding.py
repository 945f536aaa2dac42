"""What a suppression means for a lead: who is held back, by which means, and why; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from service.core.errors import Conflict

ERASED_BEFORE: Final = "erased_before"
"""The reason of the verdict on somebody who was erased and is back."""

_STRONGEST_FIRST: Final = ("blocked", "erased", "unsubscribed")
_MEDIUM: Final = {"email": "email", "domain": "email", "phone": "phone"}

Scopes = Mapping[str, str]
"""Whom or what a lead's suppressions forbid to contact (``person``, ``email``, ``phone``), and why."""


class Suppressed(Conflict):
    """Somebody in the request is blocked or was erased, as an address, a number, a domain or an external id of theirs says."""

    code = "suppressed"

    def __init__(self, reason: str = "blocked") -> None:
        known = "was erased, and is not brought back by a file" if reason == "erased" else "is blocked"
        super().__init__(f"this person {known}: see /v1/suppressions")


def scopes_of(held: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what suppressions, each (kind, reason), forbid: an unsubscription one means of contact, all else the person altogether."""
    found: dict[str, str] = {}
    for kind, reason in held:
        scope = _MEDIUM.get(kind, "person") if reason == "unsubscribed" else "person"
        found[scope] = _stronger(found.get(scope), reason)
    return found


def joined(one: Scopes | None, other: Scopes | None) -> dict[str, str] | None:
    """Return what either forbids; None if nothing."""
    found = dict(one or {})
    for scope, reason in (other or {}).items():
        found[scope] = _stronger(found.get(scope), reason)
    return found or None


def _stronger(one: str | None, other: str) -> str:
    return other if one is None else min(one, other, key=_STRONGEST_FIRST.index)
