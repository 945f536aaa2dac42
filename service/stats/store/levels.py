"""The rollups' columns, and how each grain of one is added up from the next finer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.stats.definitions import KEPT_GRAINS, WIN_GRAINS

ORIGIN: Final = "TIMESTAMPTZ '2000-01-01 00:00:00+00'"
"""Where quarter hours and days are counted from."""

# A day is added up from quarter hours, a month from days; without campaigns a month from months, and years from their months; all days
# that wins took likewise, beginning with a day's wins.
_FINER: Final = {1: 0, 2: 1, 3: 2, 12: 2, 13: 12, 21: 1, 22: 21, 23: 22, 32: 22, 33: 32}

# Days are many; cutting an instant to the day is ten times faster than asking the calendar for it.
_STARTS: Final = {"day": f"date_bin('1 day', bucket, {ORIGIN})"}


@dataclass(frozen=True, slots=True)
class Rollup:
    """One of the rollups, and its deltas: ``keys`` says of each column whether it may be null, ``sums`` of what type each sum is."""

    kind: str
    keys: dict[str, bool]
    sums: dict[str, str]

    @property
    def named(self) -> str:
        """All columns but the grain, in the order of `levels`."""
        return ", ".join((*self.keys, *self.sums))

    def levels(self, counted: str) -> str:
        """Return the queries of all grains as parts of a WITH clause, and ``every``, which has their rows with the grain before them.

        ``counted`` has the quarter hours. Each other grain adds up the next finer one: most of the work is done once.
        """
        grains = WIN_GRAINS if "days" in self.keys else [(*kept, False) for kept in KEPT_GRAINS]
        names = {grain: f"level_{grain}" for grain, *_ in grains}
        added = ", ".join(f"sum({name})::{kind} AS {name}" for name, kind in self.sums.items())
        by = ", ".join(str(number) for number in range(1, len(self.keys) + 1))
        queries = {names[0]: counted}
        for grain, unit, whole, pooled in grains[1:]:
            start = _STARTS.get(str(unit), f"date_trunc('{unit}', bucket, 'UTC')")
            given = {"bucket": f"{start} AS bucket"}
            given |= {"campaign": "NULL::text AS campaign"} if whole else {}
            given |= {"days": "0 AS days"} if pooled else {}
            placed = ", ".join(given.get(key, key) for key in self.keys)
            queries[names[grain]] = f"SELECT {placed}, {added} FROM {names[_FINER[grain]]} GROUP BY {by}"  # noqa: S608  constants
        every = (f"SELECT {grain} AS grain, {self.named} FROM {name}" for grain, name in names.items())  # noqa: S608  constants
        queries["every"] = " UNION ALL ".join(every)
        return ", ".join(f"{name} AS ({query})" for name, query in queries.items())


COHORTS: Final = Rollup(
    "cohort",
    {"bucket": False, "channel": True, "campaign": True, "entry_stage": False, "cell": False},
    {"count": "bigint"},
)
FLOWS: Final = Rollup(
    "flow",
    {"bucket": False, "channel": True, "campaign": True, "from_stage": True, "to_stage": False},
    {"moved_in": "bigint", "moved_out": "bigint"},
)
WINS: Final = Rollup(
    "win",
    {
        "axis": False,
        "bucket": False,
        "channel": True,
        "campaign": True,
        "entry_stage": False,
        "currency": True,
        "days": False,
    },
    {"count": "bigint", "amount": "numeric", "squares": "numeric", "seconds": "bigint"},
)
