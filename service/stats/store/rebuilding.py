"""The statements that count the rollup anew and put right what is wrong in it. Each is one statement: one snapshot, exact."""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.store.levels import COHORTS, FLOWS, ORIGIN, WINS, Rollup

_QUARTER: Final = f"date_bin('15 minutes', {{at}}, {ORIGIN})"


def _rebuild(rollup: Rollup, counted: str) -> TextClause:
    """Return the statement that counts a rollup anew from ``counted``, which has its quarter hours, and writes what differs.

    What is right stays as it is: there is nothing to write for it, and nothing to clear away afterwards. The counts of what was deleted are
    asked for so that the deleting is done before the inserting: a row may come back under its old key.
    """
    kind, keys = rollup.kind, rollup.keys
    # No null equals another one, and only what is equal can be hashed.
    same = [f"held.{key} = every.{key}" for key, is_null in keys.items() if not is_null]
    for key in (key for key, is_null in keys.items() if is_null):
        same += [
            f"(held.{key} IS NULL) = (every.{key} IS NULL)",
            f"coalesce(held.{key}, '') = coalesce(every.{key}, '')",
        ]
    differs = " OR ".join(f"held.{name} IS DISTINCT FROM every.{name}" for name in rollup.counted)
    taken = ", ".join(f"every.{name}" for name in ("grain", *keys, *rollup.counted))
    return text(
        f"""
        WITH folded AS (DELETE FROM {kind}_deltas RETURNING 1), {rollup.levels(counted)}, wrong AS MATERIALIZED (
            SELECT held.ctid AS place, {taken} FROM every FULL JOIN {kind}_rollup AS held
            ON held.grain = every.grain AND {" AND ".join(same)} WHERE {differs}
        ), emptied AS (
            DELETE FROM {kind}_rollup WHERE ctid IN (SELECT place FROM wrong WHERE place IS NOT NULL) RETURNING 1
        )
        INSERT INTO {kind}_rollup (grain, {rollup.named}) SELECT grain, {rollup.named} FROM wrong
        WHERE grain IS NOT NULL AND (SELECT count(*) FROM folded) + (SELECT count(*) FROM emptied) >= 0
        ORDER BY grain, {", ".join(keys)}
        """  # noqa: S608  put together from constants
    )


_REBUILD_COHORTS: Final = _rebuild(
    COHORTS,
    f"""SELECT {_QUARTER.format(at="started_at")} AS bucket, channel, campaign, entry_stage, cell, count(*) AS count
    FROM journeys WHERE counted GROUP BY 1, 2, 3, 4, 5""",  # noqa: S608  put together from constants
)

# Who begins anew comes into one journey and goes out of the one before.
_REBUILD_FLOWS: Final = _rebuild(
    FLOWS,
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
    WINS,
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
