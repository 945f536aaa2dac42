"""The statements that fold deltas into the rollup. A reader never sees half: all is one transaction."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, text
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
