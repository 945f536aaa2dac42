"""The statements that fold deltas and rebuild the rollup. A reader never sees half: each is one statement of one transaction."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from service.stats.definitions import KEPT_GRAINS, WIN_GRAINS

# Any number that nobody else takes a lock of.
_LOCK: Final = 0x1EAD5_F01D

_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:lock)")
_WAIT_LOCK: Final = text("SELECT pg_advisory_xact_lock(:lock)")

_KEPT: Final = ", ".join(f"({grain}, {f'{unit!r}' if unit else 'NULL'}, {whole})" for grain, unit, whole in KEPT_GRAINS)
_GRAINS: Final = f"(VALUES {_KEPT}) AS grains (grain, unit, whole)"
_KEPT_WINS: Final = ", ".join(
    f"({grain}, {f'{unit!r}' if unit else 'NULL'}, {whole}, {pooled})" for grain, unit, whole, pooled in WIN_GRAINS
)
_GRAINS_OF_WINS: Final = f"(VALUES {_KEPT_WINS}) AS grains (grain, unit, whole, pooled)"
_CAMPAIGN: Final = "CASE WHEN whole THEN NULL ELSE campaign END"
_BUCKET: Final = "CASE grain WHEN 0 THEN bucket ELSE date_trunc(unit, bucket, 'UTC') END"

# Rows are upserted in the order of the index. What came to zero is reported by its place, and deleted by it in the same transaction: an
# upsert cannot delete, and most journeys leave cells of quarter hours that no other journey is in.
_FOLD_COHORTS: Final = text(
    f"""
    WITH taken AS (
        DELETE FROM cohort_deltas WHERE id IN (SELECT id FROM cohort_deltas ORDER BY id LIMIT :limit)
        RETURNING bucket, channel, campaign, entry_stage, cell, count
    ), added AS (
        INSERT INTO cohort_rollup AS held (grain, bucket, channel, campaign, entry_stage, cell, count)
        SELECT grain, {_BUCKET}, channel, {_CAMPAIGN}, entry_stage, cell, sum(count)
        FROM taken CROSS JOIN {_GRAINS}
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(count) <> 0 ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (grain, bucket, channel, campaign, entry_stage, cell)
        DO UPDATE SET count = held.count + excluded.count
        RETURNING ctid, count
    )
    SELECT (SELECT count(*) FROM taken), (SELECT array_agg(ctid::text) FROM added WHERE count = 0)
    """  # noqa: S608  put together from constants
)

_FOLD_FLOWS: Final = text(
    f"""
    WITH taken AS (
        DELETE FROM flow_deltas WHERE id IN (SELECT id FROM flow_deltas ORDER BY id LIMIT :limit)
        RETURNING bucket, channel, campaign, from_stage, to_stage, moved_in, moved_out
    ), added AS (
        INSERT INTO flow_rollup AS held (grain, bucket, channel, campaign, from_stage, to_stage, moved_in, moved_out)
        SELECT grain, {_BUCKET}, channel, {_CAMPAIGN}, from_stage, to_stage, sum(moved_in), sum(moved_out)
        FROM taken CROSS JOIN {_GRAINS}
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(moved_in) <> 0 OR sum(moved_out) <> 0 ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (grain, bucket, channel, campaign, from_stage, to_stage)
        DO UPDATE SET moved_in = held.moved_in + excluded.moved_in, moved_out = held.moved_out + excluded.moved_out
        RETURNING ctid, moved_in, moved_out
    )
    SELECT (SELECT count(*) FROM taken), (SELECT array_agg(ctid::text) FROM added WHERE moved_in = 0 AND moved_out = 0)
    """  # noqa: S608  put together from constants
)

_FOLD_WINS: Final = text(
    f"""
    WITH taken AS (
        DELETE FROM win_deltas WHERE id IN (SELECT id FROM win_deltas ORDER BY id LIMIT :limit)
        RETURNING axis, bucket, channel, campaign, entry_stage, currency, days, count, amount, squares, seconds
    ), added AS (
        INSERT INTO win_rollup AS held (axis, grain, bucket, channel, campaign, entry_stage, currency, days, count, amount, squares, seconds)
        SELECT axis, grain, {_BUCKET}, channel, {_CAMPAIGN}, entry_stage, currency, CASE WHEN pooled THEN 0 ELSE days END,
            sum(count), sum(amount), sum(squares), sum(seconds)
        FROM taken CROSS JOIN {_GRAINS_OF_WINS}
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(count) <> 0 OR sum(amount) <> 0 OR sum(squares) <> 0 OR sum(seconds) <> 0
        ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
        ON CONFLICT (axis, grain, bucket, channel, campaign, entry_stage, currency, days)
        DO UPDATE SET count = held.count + excluded.count, amount = held.amount + excluded.amount, squares = held.squares + excluded.squares,
            seconds = held.seconds + excluded.seconds
        RETURNING ctid, count, amount, squares, seconds
    )
    SELECT (SELECT count(*) FROM taken),
        (SELECT array_agg(ctid::text) FROM added WHERE count = 0 AND amount = 0 AND squares = 0 AND seconds = 0)
    """  # noqa: S608  put together from constants
)

_PLACES: Final = bindparam("places", type_=ARRAY(Text))
_DROP_COHORTS: Final = text("DELETE FROM cohort_rollup WHERE ctid = ANY (CAST(:places AS tid[]))").bindparams(_PLACES)
_DROP_WINS: Final = text("DELETE FROM win_rollup WHERE ctid = ANY (CAST(:places AS tid[]))").bindparams(_PLACES)
_DROP_FLOWS: Final = text("DELETE FROM flow_rollup WHERE ctid = ANY (CAST(:places AS tid[]))").bindparams(_PLACES)

_QUARTER: Final = "date_bin('15 minutes', {at}, TIMESTAMPTZ '2000-01-01 00:00:00+00')"

# A day is added up from quarter hours, a month from days; without campaigns a month from months, and years from their months; all days
# that wins took likewise, beginning with a day's wins.
_FINER: Final = {1: 0, 2: 1, 3: 2, 12: 2, 13: 12, 21: 1, 22: 21, 23: 22, 32: 22, 33: 32}


def _rebuild(kind: str, keys: tuple[str, ...], sums: tuple[str, ...], counted: str) -> TextClause:
    """Return the statement that counts a rollup anew from ``counted``, which has its quarter hours.

    Each grain is added up from the next finer one: most of the work is done once. The counts of what was deleted are asked for so that the
    deleting is done before the inserting: a row may come back under its old key.
    """
    grains = WIN_GRAINS if "days" in keys else [(*kept, False) for kept in KEPT_GRAINS]
    names = {grain: f"level_{grain}" if grain else "counted" for grain, *_ in grains}
    levels = []
    for grain, unit, whole, pooled in grains[1:]:
        given = {"bucket": f"date_trunc('{unit}', bucket, 'UTC') AS bucket"}
        given |= {"campaign": "NULL::text AS campaign"} if whole else {}
        given |= {"days": "0 AS days"} if pooled else {}
        added = ", ".join(f"sum({name}) AS {name}" for name in sums)
        by = ", ".join(str(number) for number in range(1, len(keys) + 1))
        placed = ", ".join(given.get(key, key) for key in keys)
        levels.append(f"{names[grain]} AS (SELECT {placed}, {added} FROM {names[_FINER[grain]]} GROUP BY {by})")  # noqa: S608  constants
    columns = ", ".join((*keys, *sums))
    every = " UNION ALL ".join(f"SELECT {grain} AS grain, {columns} FROM {name}" for grain, name in names.items())  # noqa: S608  constants
    return text(
        f"""
        WITH folded AS (DELETE FROM {kind}_deltas RETURNING 1), emptied AS (DELETE FROM {kind}_rollup RETURNING 1),
        counted AS ({counted}), {", ".join(levels)}
        INSERT INTO {kind}_rollup (grain, {columns}) SELECT grain, {columns} FROM ({every}) AS every
        WHERE (SELECT count(*) FROM folded) + (SELECT count(*) FROM emptied) >= 0
        ORDER BY grain, {", ".join(keys)}
        """  # noqa: S608  put together from constants
    )


_REBUILD_COHORTS: Final = _rebuild(
    "cohort",
    ("bucket", "channel", "campaign", "entry_stage", "cell"),
    ("count",),
    f"""SELECT {_QUARTER.format(at="started_at")} AS bucket, channel, campaign, entry_stage, cell, count(*) AS count
    FROM journeys WHERE counted GROUP BY 1, 2, 3, 4, 5""",  # noqa: S608  put together from constants
)

_REBUILD_FLOWS: Final = _rebuild(
    "flow",
    ("bucket", "channel", "campaign", "from_stage", "to_stage"),
    ("moved_in", "moved_out"),
    f"""SELECT {_QUARTER.format(at="occurred_at")} AS bucket, j.channel, j.campaign, from_stage, to_stage,
        sum(moved_in) AS moved_in, sum(moved_out) AS moved_out
    FROM transitions t
    CROSS JOIN LATERAL (VALUES
        (1, (t.from_stage IS NOT NULL AND t.event NOT IN ('reactivate', 'repurchase'))::int, t.journey),
        (0, 1, t.journey - 1)) AS side (moved_in, moved_out, number)
    JOIN journeys j ON j.lead_id = t.lead_id AND j.number = side.number AND j.counted
    WHERE t.superseded_at IS NULL AND (side.moved_in = 1 OR t.event IN ('reactivate', 'repurchase'))
    GROUP BY 1, 2, 3, 4, 5""",  # noqa: S608  put together from constants
)

_REBUILD_WINS: Final = _rebuild(
    "win",
    ("axis", "bucket", "channel", "campaign", "entry_stage", "currency", "days"),
    ("count", "amount", "squares", "seconds"),
    f"""SELECT axis, {_QUARTER.format(at="at")} AS bucket, channel, campaign, entry_stage,
        CASE WHEN amount IS NULL THEN NULL ELSE currency END AS currency,
        floor(extract(epoch FROM won_at - started_at) / 86400)::int AS days, count(*) AS count, sum(coalesce(amount, 0)) AS amount,
        sum(coalesce(amount * amount, 0)) AS squares, sum(floor(extract(epoch FROM won_at - started_at))::bigint) AS seconds
    FROM journeys CROSS JOIN LATERAL (VALUES (0, started_at), (1, won_at)) AS along (axis, at)
    WHERE counted AND won_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7""",  # noqa: S608  put together from constants
)


async def try_lock(connection: AsyncConnection) -> bool:
    """Take the lock of the rollup until the transaction ends, or say that somebody else has it."""
    return bool((await connection.execute(_TRY_LOCK, {"lock": _LOCK})).scalar_one())


async def give_memory(connection: AsyncConnection) -> None:
    """Let this transaction sort in memory what a request never would."""
    await connection.execute(text("SET LOCAL work_mem = '256MB'"))


async def lock(connection: AsyncConnection) -> None:
    """Wait for the lock of the rollup, and keep it until the transaction ends."""
    await connection.execute(_WAIT_LOCK, {"lock": _LOCK})


async def fold_cohorts(connection: AsyncConnection, limit: int) -> int:
    """Fold the oldest deltas of journeys into the rollup; return how many."""
    return await _fold(connection, _FOLD_COHORTS, _DROP_COHORTS, limit)


async def fold_flows(connection: AsyncConnection, limit: int) -> int:
    """Fold the oldest deltas of transitions into the rollup; return how many."""
    return await _fold(connection, _FOLD_FLOWS, _DROP_FLOWS, limit)


async def fold_wins(connection: AsyncConnection, limit: int) -> int:
    """Fold the oldest deltas of wins into the rollup; return how many."""
    return await _fold(connection, _FOLD_WINS, _DROP_WINS, limit)


async def _fold(connection: AsyncConnection, add: Any, drop: Any, limit: int) -> int:
    taken, zeros = (await connection.execute(add, {"limit": limit})).one()
    if zeros:
        await connection.execute(drop, {"places": zeros})
    return int(taken)


async def rebuild_cohorts(connection: AsyncConnection) -> None:
    """Recount the rollup of journeys, and take away the deltas that the recount has seen."""
    await connection.execute(_REBUILD_COHORTS)


async def rebuild_flows(connection: AsyncConnection) -> None:
    """Recount the rollup of transitions, and take away the deltas that the recount has seen."""
    await connection.execute(_REBUILD_FLOWS)


async def rebuild_wins(connection: AsyncConnection) -> None:
    """Recount the rollup of wins, and take away the deltas that the recount has seen."""
    await connection.execute(_REBUILD_WINS)
