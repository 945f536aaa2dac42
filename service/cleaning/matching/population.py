"""How common values are among our own leads: two people called Smith prove less than two called Featherstonehaugh.

Counted on a sample of the leads, so that the same comparison does right by people, restaurants and whatever else a lead may be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import log2
from typing import Final

from service.cleaning.matching.measures import MEASURES
from service.cleaning.matching.profile import Profile

# What is believed beforehand weighs as much as this many leads.
_BELIEF: Final = 50
_TRUTH: Final = 0.93
# One lead in this many is another one's duplicate, as far as we know beforehand.
_SHARE: Final = 10
_SMALLEST: Final = 500
# First and last names are counted together: they stand in each other's place often enough.
NAMES: Final = frozenset({"first_name", "last_name", "full_name"})


@dataclass(slots=True)
class Population:
    """What a sample tells of all leads; ``size`` is how many leads there are."""

    size: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    # How many of those counted are the two that are compared: both, where the sample is everybody.
    themselves: int = 1
    # What values are worth, and what one is that nobody in the sample has.
    _known: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _rare: dict[tuple[str, str], float] = field(default_factory=dict)

    @classmethod
    def of(cls, profiles: Iterable[Profile], *, size: int) -> Population:
        """Count the values of a sample."""
        counts: dict[str, Counter[str]] = {}
        sampled = 0
        for sampled, profile in enumerate(profiles, 1):  # noqa: B007  it is how many there were
            for name, text in profile_texts(profile):
                counts.setdefault(name, Counter())[text] += 1
        seen = {name: counter.total() for name, counter in counts.items()}
        # A lead has two of them.
        seen["name"] = seen.get("name", 0) // 2
        return cls(size, counts, seen, themselves=2 if sampled >= size else 1)

    @property
    def prior(self) -> float:
        """The odds, in bits, that two leads picked at random are one: the more leads, the longer."""
        return -log2(max(self.size, _SMALLEST) * _SHARE / 2)

    def worth(self, kind: str, name: str, text: str) -> float:
        """Return what it is worth, in bits, that two leads agree on this value of a field."""
        if kind in NAMES:
            name = "name"
        counter = self.counts.get(name)
        if counter is None or text not in counter:
            rare = self._rare.get((kind, name))
            if rare is None:
                rare = self._rare[kind, name] = self._worth(kind, name, text)
            return rare
        known = self._known.get((kind, name, text))
        if known is None:
            known = self._known[kind, name, text] = self._worth(kind, name, text)
        return known

    def _worth(self, kind: str, name: str, text: str) -> float:
        measure, counter = MEASURES[kind], self.counts.get(name)
        others = max(counter[text] - self.themselves, 0) if counter else 0
        seen = self.seen.get(name, 0)
        chance = (others + _BELIEF * measure.chance) / (seen + _BELIEF)
        return min(max(_bits(chance), 0.0), measure.most)


@lru_cache(8192)
def _bits(chance: float) -> float:
    return log2(_TRUTH / chance)


def profile_texts(profile: Profile) -> Iterable[tuple[str, str]]:
    """Return the fields of a profile and what they say, the parts of the name among them."""
    if profile.first:
        yield "name", profile.first
    if profile.last:
        yield "name", profile.last
    for name, value in profile.values.items():
        yield name, value.text
