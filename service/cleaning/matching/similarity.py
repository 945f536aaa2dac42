"""How alike two values are: 1 the same, ``NEAR`` a slip of the pen apart, ``FAR`` perhaps, 0 different; None says nothing either way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import ratio, token_set_ratio, token_sort_ratio

from service.cleaning.matching.words import heard, same_person_s_name

NEAR: Final = 0.9
FAR: Final = 0.7
_SAME: Final = 1.0
_NO_LETTERS: Final = re.compile(r"\D+")
_NO_DIGITS: Final = str.maketrans("", "", "0123456789")


def alike(kind: str, one: str, other: str) -> float | None:
    """Return how alike two values of a kind are."""
    return _SAME if one == other else _BY_KIND[kind](one, other)


def name_alike(one: str, other: str) -> float | None:
    """Return how alike two names are: spelling, sound, further names, initials."""
    if one == other:
        return _SAME
    if not one.isascii() or not other.isascii():
        return _spelled(one, other, slip=3)
    if not (one.isalpha() and other.isalpha()) and _other_numbers(one, other):
        return 0.0
    if one[0] == other[0] and (len(one) == 1 or len(other) == 1):
        return FAR
    if " " in one or " " in other:
        words, others = one.split(), other.split()
        if not set(words).isdisjoint(others):
            return NEAR
        if one.replace(" ", "") == other.replace(" ", ""):
            return NEAR
        return max((_spelled(a, b) for a in words for b in others if len(a) > 2 and len(b) > 2), default=0.0)
    return _spelled(one, other)


def first_name_alike(one: str, other: str) -> float | None:
    """Return the same for first names, which have short forms."""
    if one != other and same_person_s_name(one.partition(" ")[0], other.partition(" ")[0]):
        return NEAR
    return name_alike(one, other)


def _spelled(one: str, other: str, slip: int = 4) -> float:
    """Compare two words: one slip of the pen, a like beginning, a like sound."""
    longer = max(len(one), len(other))
    slips = OSA.distance(one, other, score_cutoff=3)
    if (slips == 1 and longer >= slip) or (slips == 2 and longer >= 8):
        return NEAR
    winkler = JaroWinkler.similarity(one, other)
    if winkler >= 0.94:
        return NEAR
    if heard(one) == heard(other):
        return NEAR if longer > 3 else FAR
    return FAR if winkler >= 0.85 or (slips == 2 and longer >= 5) else 0.0


def _counted(one: str, other: str) -> float | None:
    """Compare digits: one wrong, or two changed places."""
    longer = max(len(one), len(other))
    slips = OSA.distance(one, other, score_cutoff=3)
    if slips == 1 and longer >= 5:
        return NEAR
    if slips == 2 and longer >= 6:
        return FAR
    return 0.0


def _dated(one: str, other: str) -> float | None:
    """Compare days: one digit wrong, two changed places, day and month changed places, or one of the three wrong."""
    slips = OSA.distance(one, other, score_cutoff=3)
    swapped = one[:4] == other[:4] and one[4:6] == other[6:] and one[6:] == other[4:6]
    if slips == 1 or swapped:
        return NEAR
    kept = (one[:4] == other[:4]) + (one[4:6] == other[4:6]) + (one[6:] == other[6:])
    return FAR if slips == 2 or kept == 2 else 0.0


def _called(one: str, other: str) -> float | None:
    """Compare phone numbers: one in national notation ends like the same one in full."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) >= 7 and longer.endswith(shorter.lstrip("0")):
        return _SAME
    if OSA.distance(one, other, score_cutoff=2) != 1:
        return 0.0
    # Extensions of one switchboard differ in their last digits: a colleague as likely as a slip.
    return NEAR if one[-2:] == other[-2:] else None


def _mailed(one: str, other: str) -> float | None:
    """Compare mailboxes: a slip in the whole, or the same person under another roof."""
    local, _, domain = one.partition("@")
    another, _, elsewhere = other.partition("@")
    if local == another:
        return NEAR if OSA.distance(domain, elsewhere, score_cutoff=3) <= 2 else FAR if len(local) > 4 else None
    # Colleagues have addresses of one make: other initials or other numbers are other people.
    if domain != elsewhere or local[:1] != another[:1] or len(local) < 5:
        return 0.0
    is_numbered = local.translate(_NO_DIGITS) == another.translate(_NO_DIGITS)
    return NEAR if not is_numbered and OSA.distance(local, another, score_cutoff=2) == 1 else 0.0


def _written(one: str, other: str) -> float | None:
    """Compare texts whose words may be in another order, left out or misspelled."""
    sorted_words = token_sort_ratio(one, other)
    if sorted_words >= 88 or ratio(one, other) >= 88:
        return NEAR
    if sorted_words >= 78 or (token_set_ratio(one, other) >= 90 and min(len(one), len(other)) > 4):
        return FAR
    return None if sorted_words >= 68 else 0.0


def _firm(one: str, other: str) -> float | None:
    """Compare names of companies: a word more or less is an abbreviation."""
    if _other_numbers(one, other):
        return 0.0
    words, others = set(one.split()), set(other.split())
    shorter = min(words, others, key=len)
    if len(words ^ others) == 1 and sum(map(len, shorter)) >= 5:
        return NEAR
    return _written(one, other)


def _located(one: str, other: str) -> float | None:
    if len(one) <= 4 and len(other) <= 4:
        return FAR if len(one) > 2 and OSA.distance(one, other, score_cutoff=2) == 1 else 0.0
    similarity = _written(one, other)
    # Next door.
    return FAR if similarity == NEAR and _other_numbers(one, other) else similarity


def _other_numbers(one: str, other: str) -> bool:
    """Say whether both have numbers, and not the same ones: what is numbered is told apart by that."""
    numbers, others = _NO_LETTERS.sub(" ", one).split(), _NO_LETTERS.sub(" ", other).split()
    return bool(numbers and others) and numbers != others


def _coded(one: str, other: str) -> float | None:
    slips = OSA.distance(one, other, score_cutoff=3)
    return NEAR if slips == 1 and max(len(one), len(other)) >= 4 else FAR if slips == 2 and len(one) >= 5 else 0.0


def _chosen(_one: str, _other: str) -> float | None:
    return 0.0


def _hosted(one: str, other: str) -> float | None:
    """Compare domains: the same name under another ending is the same company's more often than not."""
    if one.partition(".")[0] == other.partition(".")[0]:
        return NEAR
    if one.endswith("." + other) or other.endswith("." + one):
        return NEAR
    return NEAR if len(one) > 8 and OSA.distance(one, other, score_cutoff=2) == 1 else 0.0


_BY_KIND: Final[dict[str, Callable[[str, str], float | None]]] = {
    "email": _mailed,
    "phone": _called,
    "birth": _dated,
    "date": _dated,
    "document": _counted,
    "number": _counted,
    "company": _firm,
    "firm": _firm,
    "domain": _hosted,
    "country": _chosen,
    "region": _located,
    "place": _located,
    "postcode": _coded,
    "job": _written,
    "text": _written,
    "choice": _chosen,
}
