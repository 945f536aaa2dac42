"""The statements that count the rollup anew and put right what is wrong in it. Each is one statement: one snapshot, exact."""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.definitions import KEPT_GRAINS, WIN_GRAINS

_ORIGIN: Final = "TIMESTAMPTZ '2000-01-01 00:00:00+00'"
_QUARTER: Final = f"date_bin('15 minutes', {{at}}, {_ORIGIN})"

# A day is added up from quarter hours, a month from days; without campaigns a month from months, and years from their months; all days
# that wins took likewise, beginning with a day's wins.
_FINER: Final = {1: 0, 2: 1, 3: 2, 12: 2, 13: 12, 21: 1, 22: 21, 23: 22, 32: 22, 33: 32}

# Days are many; cutting an instant to the day is ten times faster than asking the calendar for it.
_STARTS: Final = {"day": f"date_bin('1 day', bucket, {_ORIGIN})"}


def _levels(keys: tuple[str, ...], sums: dict[str, str]) -> dict[int, tuple[str, str]]:
    """Return for each grain a name and the query of it, which adds up the next finer one: most of the work is done once."""
    grains = WIN_GRAINS if "days" in keys else [(*kept, False) for kept in KEPT_GRAINS]
    names = {grain: f"level_{grain}" for grain, *_ in grains}
    added = ", ".join(f"sum({name})::{kind} AS {name}" for name, kind in sums.items())
    by = ", ".join(str(number) for number in range(1, len(keys) + 1))
    found = {0: (names[0], "")}
    for grain, unit, whole, pooled in grains[1:]:
        start = _STARTS.get(str(unit), f"date_trunc('{unit}', bucket, 'UTC')")
        given = {"bucket": f"{start} AS bucket"}
        given |= {"campaign": "NULL::text AS campaign"} if whole else {}
        given |= {"days": "0 AS days"} if pooled else {}
        placed = ", ".join(given.get(key, key) for key in keys)
        found[grain] = names[grain], f"SELECT {placed}, {added} FROM {names[_FINER[grain]]} GROUP BY {by}"  # noqa: S608  constants
    return found


def _rebuild(kind: str, keys: dict[str, bool], sums: dict[str, str], counted: str) -> TextClause:
    """Return the statement that counts a rollup anew from ``counted``, which has its quarter hours, and writes what differs.

    ``keys`` says of each column whether it may be null, ``sums`` of what type each sum is. What is right stays as it is: there is nothing to
    write for it, and nothing to clear away afterwards. The counts of what was deleted are asked for so that the deleting is done before the
    inserting: a row may come back under its old key.
    """
    levels = _levels(tuple(keys), sums)
    named = ", ".join((*keys, *sums))
    queries = ", ".join(f"{name} AS ({query or counted})" for name, query in levels.values())
    every = " UNION ALL ".join(f"SELECT {grain} AS grain, {named} FROM {name}" for grain, (name, _) in levels.items())  # noqa: S608  constants
    # No null equals another one, and only what is equal can be hashed.
    same = [f"held.{key} = every.{key}" for key, is_null in keys.items() if not is_null]
    for key in (key for key, is_null in keys.items() if is_null):
        same += [
            f"(held.{key} IS NULL) = (every.{key} IS NULL)",
            f"coalesce(held.{key}, '') = coalesce(every.{key}, '')",
        ]
    differs = " OR ".join(f"held.{name} IS DISTINCT FROM every.{name}" for name in sums)
    taken = ", ".join(f"every.{name}" for name in ("grain", *keys, *sums))
    return text(
        f"""
        WITH folded AS (DELETE FROM {kind}_deltas RETURNING 1), {queries}, every AS ({every}), wrong AS MATERIALIZED (
            SELECT held.ctid AS place, {taken} FROM every FULL JOIN {kind}_rollup AS held
            ON held.grain = every.grain AND {" AND ".join(same)} WHERE {differs}
        ), emptied AS (
            DELETE FROM {kind}_rollup WHERE ctid IN (SELECT place FROM wrong WHERE place IS NOT NULL) RETURNING 1
        )
        INSERT INTO {kind}_rollup (grain, {named}) SELECT grain, {named} FROM wrong
        WHERE grain IS NOT NULL AND (SELECT count(*) FROM folded) + (SELECT count(*) FROM emptied) >= 0
        ORDER BY grain, {", ".join(keys)}
        """  # noqa: S608  put together from constants
    )


_REBUILD_COHORTS: Final = _rebuild(
    "cohort",
    {"bucket": False, "channel": True, "campaign": True, "entry_stage": False, "cell": False},
    {"count": "bigint"},
    f"""SELECT {_QUARTER.format(at="started_at")} AS bucket, channel, campaign, entry_stage, cell, count(*) AS count
    FROM journeys WHERE counted GROUP BY 1, 2, 3, 4, 5""",  # noqa: S608  put together from constants
)

# Who begins anew comes into one journey and goes out of the one before.
_REBUILD_FLOWS: Final = _rebuild(
    "flow",
    {"bucket": False, "channel": True, "campaign": True, "from_stage": True, "to_stage": False},
    {"moved_in": "bigint", "moved_out": "bigint"},
    f"""SELECT {_QUARTER.format(at="occurred_at")} AS bucket, j.channel, j.campaign, from_stage, to_stage,
        sum(moved_in) AS moved_in, sum(moved_out) AS moved_out
    FROM (
        SELECT lead_id, journey AS number, occurred_at, from_stage, to_stage, 1 AS moved_in,
            (from_stage IS NOT NULL AND event NOT IN ('reactivate', 'repurchase'))::int AS moved_out
        FROM transitions WHERE superseded_at IS NULL
        UNION ALL SELECT lead_id, journey - 1, occurred_at, from_stage, to_stage, 0, 1
        FROM transitions WHERE superseded_at IS NULL AND event IN ('reactivate', 'repurchase')
    ) AS moved JOIN journeys j ON j.lead_id = moved.lead_id AND j.number = moved.number AND j.counted
    GROUP BY 1, 2, 3, 4, 5""",  # noqa: S608  put together from constants
)

_REBUILD_WINS: Final = _rebuild(
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
    f"""SELECT axis, {_QUARTER.format(at="at")} AS bucket, channel, campaign, entry_stage,
        CASE WHEN amount IS NULL THEN NULL ELSE currency END AS currency,
        floor(extract(epoch FROM won_at - started_at) / 86400)::int AS days, count(*) AS count, sum(coalesce(amount, 0)) AS amount,
        sum(coalesce(amount * amount, 0)) AS squares, sum(floor(extract(epoch FROM won_at - started_at))::bigint)::bigint AS seconds
    FROM journeys CROSS JOIN LATERAL (VALUES (0, started_at), (1, won_at)) AS along (axis, at)
    WHERE counted AND won_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7""",  # noqa: S608  put together from constants
)


async def compare_by_hashing(connection: AsyncConnection) -> None:
    """Let this transaction hold what was counted against what is kept without sorting either: nothing says beforehand how much it is."""
    await connection.execute(text("SET LOCAL enable_mergejoin = off"))


async def rebuild_cohorts(connection: AsyncConnection) -> None:
    """Recount the rollup of journeys, and take away the deltas that the recount has seen."""
    await connection.execute(_REBUILD_COHORTS)


async def rebuild_flows(connection: AsyncConnection) -> None:
    """Recount the rollup of transitions, and take away the deltas that the recount has seen."""
    await connection.execute(_REBUILD_FLOWS)


async def rebuild_wins(connection: AsyncConnection) -> None:
    """Recount the rollup of wins, and take away the deltas that the recount has seen."""
    await connection.execute(_REBUILD_WINS)
