"""Blocking keys: leads that share one are compared, no others are. Each catches what another one's error hides.

A key is 64 bits of a hash of what the leads have in common, so that the table of keys says nothing of people by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations
from typing import Final

from service.cleaning.matching.profile import Profile
from service.cleaning.matching.words import heard

MOST_KEYS: Final = 24
_TAIL: Final = 7
_LOCAL: Final = 6
_CODE: Final = 6
_STREETS: Final = 3
_ALONE: Final = frozenset({"email", "phone", "birth", "document", "number"})
# How many contexts a name is looked for in.
_CONTEXTS: Final = 4


def keys_of(profile: Profile) -> list[int]:
    """Return the keys of a lead, the most telling first."""
    texts = list(dict.fromkeys(key for key in _texts(profile) if key))[:MOST_KEYS]
    return list(dict.fromkeys(_number(text) for text in texts))


def is_common(key: int) -> bool:
    """Say whether a key is one that many strangers share: a name alone. Its lowest bit tells."""
    return bool(key & 1)


def _number(text: str) -> int:
    number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
    return number | 1 if text.startswith("n:") else number & ~1


def _texts(profile: Profile) -> Iterator[str]:
    contexts: list[str] = []
    places: list[str] = []
    company = ""
    for name, (kind, text) in profile.values.items():
        if kind in _ALONE:
            yield from _alone(name, kind, text)
        elif kind == "place":
            places.append("".join(heard(word) for word in sorted(text.split()) if not word.isdigit()))
        elif kind in {"company", "firm"}:
            company = "".join(heard(word) for word in sorted(text.split())[:4])
            contexts.insert(0, f"c:{company}")
        elif (context := _context(name, kind, text)) is not None:
            contexts.append(context)
    # What is known of most people, and of few at a time, comes first.
    contexts.sort(key=_by_kind)
    yield from _named(profile, [*contexts, *(f"s:{place}" for place in places)])
    yield from _placed(profile, company, places)


def _alone(name: str, kind: str, text: str) -> Iterator[str]:
    """Return the keys of what finds a person by itself."""
    if kind == "email":
        yield f"m:{text}"
        local, _, domain = text.partition("@")
        if len(local) >= _LOCAL:
            # A slip in the domain seldom is in its first letter; the same address under another roof has its name to be found by.
            yield f"l:{local}:{domain[:1]}"
    elif kind == "phone":
        yield f"p:{text[-_TAIL:]}"
    elif kind != "number" or len(text) >= _CODE:
        yield f"v:{name}:{text}"


def _context(name: str, kind: str, text: str) -> str | None:
    """Return what narrows the search for a name."""
    if kind == "domain":
        return f"c:{text.partition('.')[0]}"
    if kind == "postcode":
        return f"z:{text}"
    if kind == "date":
        return f"d:{text}"
    return f"t:{name}:{text}" if kind == "text" and len(text) >= _CODE else None


def _by_kind(context: str) -> int:
    return "czdt".index(context[0])


def _named(profile: Profile, contexts: list[str]) -> Iterator[str]:
    """Return the name itself, and each of its parts together with what stands beside it."""
    if profile.first and profile.last:
        parts = sorted((heard(profile.first.partition(" ")[0]), heard(profile.last)))
        yield f"n:{parts[0]}:{parts[1]}"
    else:
        parts = [heard(profile.full)] if profile.full else []
        if parts and not contexts:
            yield f"n:{parts[0]}"
    for context in contexts[:_CONTEXTS]:
        for part in parts:
            yield f"{context}:{part}"


def _placed(profile: Profile, company: str, places: list[str]) -> Iterator[str]:
    """Return what finds leads without a person's name, and people at one address."""
    if company and not profile.full:
        yield f"f:{company}"
        for place in places[:2]:
            yield f"f:{company[:4]}:{place}"
    street = sorted(places, key=len)[-_STREETS:]
    for one, other in combinations(sorted(street), 2):
        yield f"a:{one}:{other}"
    if len(places) == 1 and len(places[0]) >= _LOCAL:
        yield f"a:{places[0]}"
