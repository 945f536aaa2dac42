"""What agreement and disagreement of each kind of value are worth, in bits; one table, nothing learned from any one data set.

A bit doubles the odds. Agreement is worth what chance cannot explain: the rarer a value is, the more (`population`), up to ``most``.
``chance`` is how often two people agree where nothing is known yet, ``differ`` what a plain disagreement takes away: little where one
person may well have two (addresses, jobs), much where nobody has (a date of birth). A slip of the pen is worth ``near`` of agreement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Part = Literal["person", "company", "place", "other"]
"""What a value tells of. What colleagues, or a household, have in common says little about who somebody is."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The worth of one kind of value."""

    part: Part
    chance: float
    most: float
    differ: float
    near: float = 0.6


MEASURES: Final[dict[str, Measure]] = {
    "first_name": Measure("person", 0.005, 11, 4.5, 0.65),
    "last_name": Measure("person", 0.002, 13, 5, 0.65),
    "full_name": Measure("person", 0.0001, 17, 7, 0.7),
    "email": Measure("person", 1e-7, 30, 1.5, 0.27),
    "phone": Measure("person", 1e-7, 26, 1, 0.38),
    "birth": Measure("person", 5e-5, 14, 6),
    "document": Measure("person", 1e-6, 24, 5, 0.45),
    "company": Measure("company", 0.002, 10, 2, 0.75),
    "firm": Measure("person", 0.0005, 14, 5, 0.7),
    "domain": Measure("company", 0.002, 10, 1.5),
    "country": Measure("place", 0.3, 2, 3, 0),
    "region": Measure("place", 0.1, 3, 1, 0.6),
    "postcode": Measure("place", 0.001, 8, 2.5),
    "place": Measure("place", 0.001, 11, 1.5),
    "job": Measure("other", 0.02, 4, 0.3),
    "number": Measure("other", 1e-4, 9, 1),
    "date": Measure("other", 0.003, 6, 0.5, 0.3),
    "text": Measure("other", 0.005, 7, 0.7),
    "choice": Measure("other", 0.2, 3, 0.5, 0),
}

PERSONAL: Final = frozenset(kind for kind, measure in MEASURES.items() if measure.part == "person")

MOST: Final[dict[Part, float]] = {"person": 99, "company": 10, "place": 13, "other": 8}
"""How much all that tells of one thing may add up to: a street, its postcode and its town are one fact, not three."""

MOST_OF_A_FIRM: Final[dict[Part, float]] = MOST | {"company": 14, "place": 20}
"""The same where no person is named: a firm is hardly ever at another firm's address."""
