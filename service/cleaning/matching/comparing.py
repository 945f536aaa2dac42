"""Comparing two leads field by field, and what it comes to: odds in bits (Fellegi and Sunter 1969), each field's share told.

Every field weighs by how rare the value is and how alike the two are. What tells of one thing (a company, a place) is capped together, and
none of that makes two people one: something of the person must agree, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp
from typing import Final, NamedTuple

from service.cleaning.matching.measures import MEASURES, MOST, MOST_OF_A_FIRM, Part
from service.cleaning.matching.population import Population
from service.cleaning.matching.profile import Profile
from service.cleaning.matching.similarity import FAR, NEAR, alike, first_name_alike, name_alike

_LN2: Final = 0.6931471805599453
# An empty drawer of odds: beyond this nobody can tell certain from more than certain.
_SURE: Final = 40.0
_FAR_SHARE: Final = 0.3
_SLIP_COSTS_CHANCE: Final = 2.0
_SWAPPED: Final = 1.5
_PERSONAL: Final = 4.0
_ONE_EACH: Final = frozenset({"first_name", "birth", "document"})
_NO_WEIGHTS: Final[Mapping[str, float]] = {}


class Evidence(NamedTuple):
    """What one field says: the fields compared (two where values stand in each other's place), how alike they are, and its bits."""

    field: str
    other_field: str
    similarity: float
    weight: float


@dataclass(slots=True)
class Comparison:
    """What two leads have in common, and the probability that they are one.

    Where nothing of the person agrees the rest was not looked at: ``bits`` and ``told`` are incomplete then.
    """

    score: float
    bits: float
    told: list[tuple[str, str, float, float]]

    @property
    def why(self) -> list[Evidence]:
        """What each field says, as it was compared."""
        return [Evidence(*one) for one in self.told]


@dataclass(slots=True)
class _Sums:
    """Bits as they add up, by what they tell of."""

    population: Population
    weights: Mapping[str, float]
    most: Mapping[Part, float]
    told: list[tuple[str, str, float, float]] = field(default_factory=list)
    total: float = 0.0
    # Something that nobody has two of differs, or no more than one part of the name is known: a surname may be the family's.
    is_other: bool = False
    surname: float = 0.0
    # An address says its domain, too.
    has_told_domain: bool = False
    parts: dict[Part, float] = field(default_factory=dict)

    def add(self, name: str, other_name: str, kind: str, similarity: float, texts: tuple[str, str]) -> None:
        """Add what a field says."""
        measure = MEASURES[kind]
        if similarity < FAR:
            bits = -measure.differ
            if kind in _ONE_EACH:
                self.is_other = True
        else:
            bits = _worth(self.population, kind, min(name, other_name), similarity, texts)
        if self.weights:
            bits *= self.weights.get(name, 1.0)
        if bits > 0:
            so_far = self.parts.get(measure.part, 0.0)
            bits = min(bits, max(self.most[measure.part] - so_far, 0.0))
            self.parts[measure.part] = so_far + bits
            if kind == "last_name":
                self.surname += bits
        self.total += bits
        self.told.append((name, other_name, similarity, bits))

    def is_nobody(self) -> bool:
        """Say whether too little of the person agrees, when all that tells of the person was compared.

        Neighbours and colleagues agree on much; they are not one for it. A family has its surname in common.
        """
        return self.parts.get("person", 0.0) - (self.surname if self.is_other else 0.0) < _PERSONAL

    def share_surname(self) -> None:
        """Count the surname as something that a household has in common."""
        shared = min(self.surname, max(self.most["place"] - self.parts.get("place", 0.0), 0.0))
        self.total -= self.surname - shared


def compare(
    one: Profile, other: Profile, population: Population, weights: Mapping[str, float] = _NO_WEIGHTS
) -> Comparison:
    """Compare two leads; ``weights`` makes fields count more or less than they do of themselves (0: not at all)."""
    sums = _Sums(population, weights, MOST if one.full or other.full else MOST_OF_A_FIRM)
    _compare_names(sums, one, other)
    _compare_values(sums, one.personal, other.personal)
    if sums.is_nobody():
        bits = min(population.prior + sums.total, -1.0)
        return Comparison(_probability(bits), bits, sums.told)
    _compare_values(sums, one.shared, other.shared)
    if sums.is_other:
        sums.share_surname()
    bits = population.prior + sums.total
    return Comparison(_probability(bits), bits, sums.told)


def _probability(bits: float) -> float:
    bounded = max(min(bits, _SURE), -_SURE)
    return round(1 / (1 + exp(-bounded * _LN2)), 4)


def _worth(population: Population, kind: str, name: str, similarity: float, texts: tuple[str, str]) -> float:
    one, other = texts
    worth = population.worth(kind, name, one)
    if one != other:
        worth = min(worth, population.worth(kind, name, other))
    if similarity >= 1:
        return worth
    # Many more values are near to one than are the same.
    near = MEASURES[kind].near
    share = near if similarity >= NEAR else _FAR_SHARE * (near > 0)
    return max(worth - _SLIP_COSTS_CHANCE, 0.0) * share


def _compare_names(sums: _Sums, one: Profile, other: Profile) -> None:
    if not one.full or not other.full:
        return
    if one.first and one.last and other.first and other.last:
        _compare_both(sums, one, other)
    elif (one.first or one.last) and (other.first or other.last):
        _compare_part(sums, one, other)
    else:
        similarity = name_alike(one.full.replace(" ", ""), other.full.replace(" ", ""))
        sums.add("full_name", "full_name", "full_name", similarity or 0.0, (one.full, other.full))


def _compare_both(sums: _Sums, one: Profile, other: Profile) -> None:
    first = 1.0 if one.first == other.first else first_name_alike(one.first, other.first) or 0.0
    last = 1.0 if one.last == other.last else name_alike(one.last, other.last) or 0.0
    if max(first, last) < NEAR or first + last < FAR:
        crossed = name_alike(one.first, other.last) or 0.0, name_alike(one.last, other.first) or 0.0
        if sum(crossed) > first + last and min(crossed) >= FAR:
            sums.add("first_name", "last_name", "first_name", crossed[0], (one.first, other.last))
            sums.add("last_name", "first_name", "last_name", crossed[1], (one.last, other.first))
            sums.total -= _SWAPPED
            return
    sums.add("first_name", "first_name", "first_name", first, (one.first, other.first))
    sums.add("last_name", "last_name", "last_name", last, (one.last, other.last))


def _compare_part(sums: _Sums, one: Profile, other: Profile) -> None:
    """Compare names of which one has only a part: with the same part of the other, or else with what stands in its place."""
    best: tuple[float, str, str, tuple[str, str]] | None = None
    for name, text in (("first_name", one.first), ("last_name", one.last)):
        for another, other_text in (("first_name", other.first), ("last_name", other.last)):
            if text and other_text:
                similarity = (first_name_alike if name == another == "first_name" else name_alike)(text, other_text)
                found = (similarity or 0.0) - (0.01 if name != another else 0.0)
                if best is None or found > best[0]:
                    best = (found, name, another, (text, other_text))
    if best is not None:
        found, name, another, texts = best
        similarity = found + (0.01 if name != another else 0.0)
        if similarity >= FAR or name == another:
            sums.add(name, another, "last_name", similarity, texts)
            sums.is_other = True


def _compare_values(sums: _Sums, values: Mapping[str, tuple[str, str]], others: Mapping[str, tuple[str, str]]) -> None:
    unlike: dict[str, str] = {}
    for name, (kind, text) in values.items():
        if (value := others.get(name)) is None:
            continue
        other_kind, other_text = value
        measured = kind if kind == other_kind else "text" if text == other_text else "choice"
        if measured == "domain" and sums.has_told_domain:
            continue
        similarity = 1.0 if text == other_text else alike(measured, text, other_text)
        if similarity is None or (measured == "email" and similarity == FAR and "person" in sums.parts):
            # Addresses are made of names: that the name is the same has been said.
            continue
        if measured == "email" and similarity >= NEAR:
            sums.has_told_domain = True
        if similarity < FAR and name.startswith("attributes."):
            unlike[name] = measured
        else:
            sums.add(name, name, measured, similarity, (text, other_text))
    if unlike:
        _compare_unlike(sums, unlike, values, others)


def _compare_unlike(
    sums: _Sums,
    unlike: Mapping[str, str],
    values: Mapping[str, tuple[str, str]],
    others: Mapping[str, tuple[str, str]],
) -> None:
    """Compare attributes that differ once more: what one lead says under one name may stand under another name on the other lead."""
    elsewhere = {others[name][1]: name for name in unlike if len(others[name][1]) >= 4}
    for name, kind in unlike.items():
        text = values[name][1]
        there = elsewhere.get(text)
        if there is not None:
            sums.add(name, there, kind if kind == unlike[there] else "text", 1.0, (text, text))
        else:
            sums.add(name, name, kind, 0.0, (text, others[name][1]))
