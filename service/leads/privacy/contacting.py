"""Whether a lead may be contacted: for which purposes and by which means, and why not; pure.

Three things must hold: there is an address, nothing forbids it (an erasure, a block, an unsubscription), and for a purpose the newest word
said of it is yes and has not expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from service.leads.privacy.words import Word, read_word

_ADDRESS: Final = {"email": "email", "phone": "phone", "sms": "phone", "whatsapp": "phone"}
MEDIA: Final = (*_ADDRESS, "wechat")
"""The means of contact: `sms` and `whatsapp` need a phone number, `wechat` an external id of it or of WeCom."""

NOTHING: Final = {"email": False, "phone": False, "purposes": dict[str, bool]()}
"""What an erased person may be contacted by, and for."""


def can_contact(row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return ``{"email", "phone", "purposes": {purpose: bool}}`` of a lead's row, as of ``at``."""
    if row["erased_at"] is not None:
        return {**NOTHING, "purposes": {}}
    consent = row["consent"]
    if not consent:
        suppressed = row.get("suppressed")
        return {
            "email": row["email"] is not None and (not suppressed or not _forbidden(row, "email")),
            "phone": row["phone"] is not None and (not suppressed or not _forbidden(row, "phone")),
            "purposes": {},
        }
    return {
        "email": not why_not(row, medium="email"),
        "phone": not why_not(row, medium="phone"),
        "purposes": {purpose: _is_allowed(row, purpose, at) for purpose in consent},
    }


def _is_allowed(row: Mapping[str, Any], purpose: str, at: datetime) -> bool:
    word = read_word(row["consent"][purpose])
    if _word_against(word, at):
        return False
    return any(not why_not(row, medium=medium) for medium in word.media or MEDIA)


def explain(row: Mapping[str, Any], at: datetime, *, purpose: str | None, medium: str | None) -> list[dict[str, Any]]:
    """Return an answer for each purpose and means asked for, or for all of them: ``purpose, medium, allowed, why``, and the word's own."""
    purposes = list(row["consent"]) if purpose is None else [purpose]
    return [_answer(row, at, one, other) for one in purposes for other in (MEDIA if medium is None else [medium])]


def _answer(row: Mapping[str, Any], at: datetime, purpose: str, medium: str) -> dict[str, Any]:
    told = row["consent"].get(purpose)
    word = read_word(told)
    against = ["nothing_said"] if purpose not in row["consent"] else _word_against(word, at)
    if not against and word.media and medium not in word.media:
        against = ["not_by_this_medium"]
    why = list(dict.fromkeys([*why_not(row, medium=medium), *against]))
    return {
        "purpose": purpose,
        "medium": medium,
        "allowed": not why,
        "why": why or ["granted"],
        "basis": word.basis if purpose in row["consent"] else None,
        "expires_at": word.expires_at,
    }


def why_not(row: Mapping[str, Any], *, medium: str) -> list[str]:
    """Return the codes of what is against contacting a lead by a medium, whatever the purpose; none is nothing."""
    if row["erased_at"] is not None:
        return ["erased"]
    why = _forbidden(row, medium)
    if medium in row["consent"] and read_word(row["consent"][medium]).granted is False:
        why.append("withdrawn")
    if not _has_address(row, medium):
        why.append("no_address")
    return why


def _forbidden(row: Mapping[str, Any], medium: str) -> list[str]:
    suppressed = row.get("suppressed") or {}
    scopes = ("person", _ADDRESS.get(medium, medium))
    return list(dict.fromkeys(f"suppressed_{suppressed[scope]}" for scope in scopes if scope in suppressed))


def _has_address(row: Mapping[str, Any], medium: str) -> bool:
    if medium in _ADDRESS:
        return row[_ADDRESS[medium]] is not None
    return medium == "wechat" and any(system.startswith(("wechat", "wecom")) for system in row["external_ids"])


def _word_against(word: Word, at: datetime) -> list[str]:
    if word.granted is None:
        return ["unclear"]
    if not word.granted:
        return ["withdrawn"]
    return ["expired"] if word.expires_at is not None and word.expires_at <= at else []
