"""The rollups' columns, and how each grain of one is added up from the next finer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.stats.definitions import ALL_DAYS, KEPT_GRAINS, OCTAD

ORIGIN: Final = "TIMESTAMPTZ '2000-01-01 00:00:00+00'"
"""Where quarter hours and days are counted from."""

# A day is added up from quarter hours, an octad from days, a month from octads; without campaigns octads from octads, and so on up.
_FINER: Final = {1: 0, 4: 1, 2: 4, 3: 2, 14: 4, 12: 14, 13: 12}

COUNT_BITS: Final = 40
"""So many bits has the number of wins, below the days that they took. That leaves 23 bits and a sign for the days: 22,000 years."""
_UNIT: Final = 1 << COUNT_BITS


def _start_of(unit: str) -> str:
    """Return what cuts ``bucket`` in SQL to the start of a day, an octad, a month or a year of UTC, whatever time zone the session has."""
    if unit == "day":
        # Days are many; this is ten times faster than asking the calendar.
        return f"date_bin('1 day', bucket, {ORIGIN})"
    if unit == "octad":
        return (
            f"date_trunc('month', bucket, 'UTC') + INTERVAL '{24 * OCTAD} hours'"
            f" * ((extract(day FROM bucket AT TIME ZONE 'UTC')::int - 1) / {OCTAD})"
        )
    return f"date_trunc('{unit}', bucket, 'UTC')"


def _packed_time(days: str, count: str) -> str:
    """Return what says in SQL that so many wins took so many days, as one number."""
    return f"({days}::bigint * {_UNIT} + {count})"


@dataclass(frozen=True, slots=True)
class Rollup:
    """One of the rollups, and its deltas: ``keys`` says of each column whether it may be null, ``sums`` of what type each sum is.

    With ``pooled`` it keeps, from a day on, all numbers of days in one row, and how many took how long in ``times``. ``loose`` are the grains
    whose rows may be appended instead of added up when there are many (`LOOSE`).
    """

    kind: str
    keys: dict[str, bool]
    sums: dict[str, str]
    loose: tuple[int, ...]
    pooled: bool = False

    @property
    def counted(self) -> tuple[str, ...]:
        """The columns that say how many."""
        return (*self.sums, *(["times"] if self.pooled else []))

    @property
    def named(self) -> str:
        """All columns but the grain, in the order of `levels`."""
        return ", ".join((*self.keys, *self.counted))

    @property
    def added(self) -> str:
        """What adds up the rows of a group."""
        return ", ".join(f"sum({name})::{kind} AS {name}" for name, kind in self.sums.items())

    @property
    def is_nothing(self) -> str:
        """What says that a row counts nothing."""
        return " AND ".join([f"{name} = 0" for name in self.sums] + (["times IS NULL"] if self.pooled else []))

    @property
    def together(self) -> str:
        """What adds the row that is to be inserted to the one that is there, ``held``."""
        added = [f"{name} = held.{name} + excluded.{name}" for name in self.sums]
        return ", ".join(added + ([f"times = ({_TOGETHER})"] if self.pooled else []))

    def levels(self, counted: str) -> str:
        """Return the queries of all grains as parts of a WITH clause, and ``every``, which has their rows with the grain before them.

        ``counted`` has the quarter hours. Each other grain adds up the next finer one: most of the work is done once.
        """
        by = ", ".join(str(number) for number in range(1, len(self.keys) + 1))
        queries = {"level_0": counted}
        untold = ", NULL::bigint[] AS times" if self.pooled else ""
        told = {0: f"SELECT 0 AS grain, {', '.join((*self.keys, *self.sums))}{untold} FROM level_0"}  # noqa: S608  constants
        for grain, unit, whole in KEPT_GRAINS[1:]:
            given = {"bucket": f"{_start_of(unit)} AS bucket"} | (
                {"campaign": "NULL::text AS campaign"} if whole else {}
            )
            placed = ", ".join(given.get(key, key) for key in self.keys)
            queries[f"level_{grain}"] = f"SELECT {placed}, {self.added} FROM level_{_FINER[grain]} GROUP BY {by}"  # noqa: S608  constants
            told[grain] = self._told(grain)
        queries["every"] = " UNION ALL ".join(told.values())
        return ", ".join(f"{name} AS ({query})" for name, query in queries.items())

    def _told(self, grain: int) -> str:
        if not self.pooled:
            return f"SELECT {grain} AS grain, {self.named} FROM level_{grain}"  # noqa: S608  constants
        kept = ", ".join("0 AS days" if key == "days" else key for key in self.keys)
        times = f"array_agg({_packed_time('days', 'count')} ORDER BY days) FILTER (WHERE count <> 0) AS times"
        by = ", ".join(key for key in self.keys if key != "days")
        return f"SELECT {grain + ALL_DAYS} AS grain, {kept}, {self.added}, {times} FROM level_{grain} GROUP BY {by}"  # noqa: S608  constants


# Of each number of days, the wins of both rows together; none, if they come to nothing.
_DAYS: Final = f"(told + {_UNIT // 2}) >> {COUNT_BITS}"
_TOGETHER: Final = f"""
    SELECT array_agg({_packed_time("days", "wins")} ORDER BY days) FROM (
        SELECT {_DAYS} AS days, sum(told - (({_DAYS}) << {COUNT_BITS}))::bigint AS wins
        FROM unnest(held.times || excluded.times) AS told GROUP BY 1
    ) AS added WHERE wins <> 0"""  # noqa: S608  constants

COHORTS: Final = Rollup(
    "cohort",
    {"bucket": False, "channel": True, "campaign": True, "entry_stage": False, "cell": False},
    {"count": "bigint"},
    loose=(0, 1),
)
FLOWS: Final = Rollup(
    "flow",
    {"bucket": False, "channel": True, "campaign": True, "from_stage": True, "to_stage": False},
    {"moved_in": "bigint", "moved_out": "bigint"},
    loose=(0, 1),
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
    # Their days have histograms, which are merged one by one.
    loose=(0,),
    pooled=True,
)
