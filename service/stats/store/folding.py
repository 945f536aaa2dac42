"""The statements that fold deltas into the rollup. A reader never sees half: all is one transaction."""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from service.stats.store.levels import COHORTS, FLOWS, WINS, Rollup

# Any number that nobody else takes a lock of.
_LOCK: Final = 0x1EAD5_F01D

_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:lock)")
_WAIT_LOCK: Final = text("SELECT pg_advisory_xact_lock(:lock)")

_PLACES: Final = bindparam("places", type_=ARRAY(Text))


def _fold(rollup: Rollup) -> TextClause:
    """Return the statement that takes some deltas of a kind away and adds them to its rollup.

    Rows are upserted in the order of the index. What came to zero is reported by its place, and deleted by it in the same transaction: an
    upsert cannot delete, and most journeys leave cells of quarter hours that no other journey is in.
    """
    kind, keys, sums = rollup.kind, ", ".join(rollup.keys), ", ".join(rollup.sums)
    return text(
        f"""
        WITH taken AS (
            DELETE FROM {kind}_deltas WHERE ctid = ANY (ARRAY(SELECT ctid FROM {kind}_deltas LIMIT :limit)) RETURNING {keys}, {sums}
        ), {rollup.levels(f"SELECT {keys}, {rollup.added} FROM taken GROUP BY {keys}")}, added AS (
            INSERT INTO {kind}_rollup AS held (grain, {rollup.named})
            SELECT grain, {rollup.named} FROM every WHERE NOT ({rollup.is_nothing}) ORDER BY grain, {keys}
            ON CONFLICT (grain, {keys}) DO UPDATE SET {rollup.together}
            RETURNING ctid, {rollup.is_nothing} AS is_nothing
        )
        SELECT (SELECT count(*) FROM taken), (SELECT array_agg(ctid::text) FROM added WHERE is_nothing)
        """  # noqa: S608  put together from constants
    )


def _drop(rollup: Rollup) -> TextClause:
    return text(f"DELETE FROM {rollup.kind}_rollup WHERE ctid = ANY (CAST(:places AS tid[]))").bindparams(_PLACES)  # noqa: S608  constants


_STATEMENTS: Final = {rollup.kind: (_fold(rollup), _drop(rollup)) for rollup in (COHORTS, FLOWS, WINS)}


async def try_lock(connection: AsyncConnection) -> bool:
    """Take the lock of the rollup until the transaction ends, or say that somebody else has it."""
    return bool((await connection.execute(_TRY_LOCK, {"lock": _LOCK})).scalar_one())


async def give_memory(connection: AsyncConnection) -> None:
    """Let this transaction sort in memory what a request never would."""
    await connection.execute(text("SET LOCAL work_mem = '256MB'"))


async def lock(connection: AsyncConnection) -> None:
    """Wait for the lock of the rollup, and keep it until the transaction ends."""
    await connection.execute(_WAIT_LOCK, {"lock": _LOCK})


KINDS: Final = {"cohort": 1, "flow": 1, "win": 3}
"""The kinds of deltas, and how many times as long as one of a cohort one of them takes: wins have exact sums, and how many took how long."""


async def fold_some(connection: AsyncConnection, kind: str, limit: int) -> int:
    """Fold deltas of a kind (``cohort``, ``flow`` or ``win``) into its rollup; return how many."""
    add, drop = _STATEMENTS[kind]
    taken, zeros = (await connection.execute(add, {"limit": limit})).one()
    if zeros:
        await connection.execute(drop, {"places": zeros})
    return int(taken)
