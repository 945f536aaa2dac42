"""Buying roles (PURE): who has which part in a company's decision, and what a job title lets us suppose."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from service.nurture.accounts.titles import TITLES


class Role(StrEnum):
    """The part somebody has in a company's decision to buy."""

    DECISION_MAKER = "decision_maker"
    ECONOMIC_BUYER = "economic_buyer"
    CHAMPION = "champion"
    INFLUENCER = "influencer"
    USER = "user"
    PROCUREMENT = "procurement"
    LEGAL = "legal"
    GATEKEEPER = "gatekeeper"
    BLOCKER = "blocker"


MEANINGS: Final[dict[Role, str]] = {
    Role.DECISION_MAKER: "decides that it is bought",
    Role.ECONOMIC_BUYER: "has the money, and can give it without asking",
    Role.CHAMPION: "wants it, and argues for it where we are not",
    Role.INFLUENCER: "is asked for an opinion",
    Role.USER: "will work with it",
    Role.PROCUREMENT: "negotiates and orders",
    Role.LEGAL: "checks contract, privacy and compliance",
    Role.GATEKEEPER: "decides who is let through to the others",
    Role.BLOCKER: "is against it",
}


class Suggestion(NamedTuple):
    """A role that a job title speaks for, and the words of the title that do."""

    role: Role
    because: str


_CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_ORDINARY: Final = re.compile(f"[^\\w{_CJK}]+|_+")


def _spelled(phrase: str) -> str:
    """Return the pattern of a phrase: whole words, a star being any letters; in Chinese, Japanese and Korean it may stand anywhere."""
    if re.search(f"[{_CJK}]", phrase):
        return re.escape(phrase).replace(r"\$", "$")
    words = (re.escape(word).replace(r"\*", r"\w*") for word in phrase.split())
    return rf"(?<!\w){' '.join(words)}(?!\w)"


_PATTERNS: Final = tuple(
    (
        Role(role),
        re.compile(
            "|".join(_spelled(phrase.strip()) for phrase in phrases.replace("\n", ",").split(",") if phrase.strip())
        ),
    )
    for role, phrases in TITLES
)


@lru_cache(maxsize=65_536)
def suggested(job_title: str) -> Suggestion | None:
    """Return the role that a job title speaks for, or None if it says nothing.

    What somebody thinks of the purchase is in no title: champions and blockers are never supposed.
    """
    title = _plain(job_title)
    for role, pattern in _PATTERNS:
        if found := pattern.search(title):
            return Suggestion(role, found[0])
    return None


def _plain(title: str) -> str:
    """Return a title in lower case, without accents and signs; what is Chinese, Japanese or Korean stays as it is."""
    text = unicodedata.normalize("NFKC", title).casefold()
    letters = (unicodedata.normalize("NFD", letter)[0] if letter < "\u2000" else letter for letter in text)
    return _ORDINARY.sub(" ", "".join(letters)).strip()
