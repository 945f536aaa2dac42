"""Words on consent: what forms, tools and callers say of a purpose, read as yes, no or neither; pure.

A word is a bare yes or no, or an object with ``granted`` and whatever else is known of it. Anything else is kept as it was said, and counts as
neither: nobody may be written to because of a text that we did not understand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from service.leads.privacy.bases import BASES

_LONGEST: Final = 5000
_TIMES: Final = ("at", "occurred_at", "given_at", "granted_at", "timestamp")
_TEXTS: Final = ("wording", "text", "version")
_YES: Final = frozenset(
    {"yes", "true", "granted", "given", "accepted", "opt_in", "opted_in", "subscribed", "同意", "是"}
)
_NO: Final = frozenset(
    {"no", "false", "denied", "withdrawn", "declined", "opt_out", "opted_out", "unsubscribed", "不同意", "否", "撤回"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What was said of a purpose; ``granted`` is None if that was neither yes nor no, and empty ``media`` are all."""

    granted: bool | None
    at: datetime | None = None
    basis: str = "consent"
    media: tuple[str, ...] = ()
    source: str | None = None
    wording: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None


def read_word(said: Any) -> Word:
    """Return what was said as a word; never raises."""
    if isinstance(said, bool):
        return Word(granted=said)
    if not isinstance(said, Mapping):
        return Word(granted=_yes_or_no(said), evidence={"said": said})
    basis = said.get("basis")
    media = said.get("media")
    known = {"granted", "basis", "media", "source", "expires_at", "evidence", *_TIMES, *_TEXTS}
    rest = {name: value for name, value in said.items() if name not in known}
    return Word(
        granted=_yes_or_no(said.get("granted")),
        at=next((found for name in _TIMES if (found := _instant(said.get(name)))), None),
        basis=basis if isinstance(basis, str) and basis in BASES else "consent",
        media=tuple(one for one in media if isinstance(one, str)) if isinstance(media, list) else (),
        source=_text(said.get("source")),
        wording=", ".join(text for name in _TEXTS if (text := _text(said.get(name)))) or None,
        evidence={**_object(said.get("evidence")), **rest},
        expires_at=_instant(said.get("expires_at")),
    )


def _yes_or_no(said: Any) -> bool | None:
    if isinstance(said, bool):
        return said
    plain = said.strip().casefold() if isinstance(said, str) else ""
    return True if plain in _YES else False if plain in _NO else None


def _object(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {} if said is None else {"said": said}


def _text(said: Any) -> str | None:
    return said.strip()[:_LONGEST] or None if isinstance(said, str) else None


def _instant(said: Any) -> datetime | None:
    if not isinstance(said, str):
        return None
    try:
        found = datetime.fromisoformat(said)
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
