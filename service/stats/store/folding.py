"""The statements that fold deltas into the rollup. A reader never sees half: all is one transaction."""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from service.stats.definitions import LOOSE
from service.stats.store.levels import COHORTS, FLOWS, WINS, Rollup

# Any number that nobody else takes a lock of.
_LOCK: Final = 0x1EAD5_F01D

_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:lock)")
_WAIT_LOCK: Final = text("SELECT pg_advisory_xact_lock(:lock)")

MANY: Final = 20_000
"""From so many deltas of a kind on, what can be appended to the rollup is appended."""

MOST_LOOSE: Final = 5_000_000
"""With about so many rows of a kind appended and not added up, nothing more is appended: a file of a million people leaves three and a half."""

_LOOSE: Final = f"{LOOSE} - grain"
_REPORT: Final = "SELECT (SELECT count(*) FROM taken), (SELECT array_agg(ctid::text) FROM added WHERE is_nothing)"
_PLACES: Final = bindparam("places", type_=ARRAY(Text))


def _fold(rollup: Rollup) -> TextClause:
    """Return the statement that takes some deltas of a kind away and adds them to its rollup."""
    kind, keys, sums = rollup.kind, ", ".join(rollup.keys), ", ".join(rollup.sums)
    # As many as there were when they were last counted for the planner, which is done again and again while so many come in.
    held = f"SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = CAST('ix_{kind}_rollup_loose' AS regclass)"  # noqa: S608  constants
    is_loose = (
        f"grain IN ({', '.join(map(str, rollup.loose))}) AND (SELECT count(*) FROM taken) >= :many AND ({held}) < :most"  # noqa: S608  constants
    )
    return text(
        f"""
        WITH taken AS (
            DELETE FROM {kind}_deltas WHERE ctid = ANY (ARRAY(SELECT ctid FROM {kind}_deltas LIMIT :limit)) RETURNING {keys}, {sums}
        ), {rollup.levels(f"SELECT {keys}, {rollup.added} FROM taken GROUP BY {keys}")}, added AS ({_add(rollup)}
            SELECT CASE WHEN {is_loose} THEN {_LOOSE} ELSE grain END AS grain, {rollup.named} FROM every
            WHERE NOT ({rollup.is_nothing}) {_onto(rollup)})
        {_REPORT}
        """  # noqa: S608  put together from constants
    )


def _tidy(rollup: Rollup) -> TextClause:
    """Return the statement that takes some loose rows of a rollup away and adds them to the others."""
    kind, keys, sums = rollup.kind, ", ".join(rollup.keys), ", ".join(rollup.sums)
    some = f"SELECT ctid FROM {kind}_rollup WHERE grain < 0 ORDER BY grain, bucket LIMIT :limit"  # noqa: S608  constants
    untold = ", NULL::bigint[] AS times" if rollup.pooled else ""
    return text(
        f"""
        WITH taken AS (
            DELETE FROM {kind}_rollup WHERE ctid = ANY (ARRAY({some})) RETURNING {_LOOSE} AS grain, {keys}, {sums}
        ), summed AS (SELECT grain, {keys}, {rollup.added}{untold} FROM taken GROUP BY grain, {keys}), added AS ({_add(rollup)}
            SELECT grain, {rollup.named} FROM summed WHERE NOT ({rollup.is_nothing}) {_onto(rollup)})
        {_REPORT}
        """  # noqa: S608  put together from constants
    )


def _add(rollup: Rollup) -> str:
    return f"INSERT INTO {rollup.kind}_rollup AS held (grain, {rollup.named})"


def _onto(rollup: Rollup) -> str:
    """Return how rows are added to those that are there: in the order of the index, and loose ones beside them.

    What came to zero is reported by its place, and deleted by it in the same transaction: an upsert cannot delete, and most journeys leave cells
    of quarter hours that no other journey is in.
    """
    keys = ", ".join(rollup.keys)
    return f"""ORDER BY grain, {keys} ON CONFLICT (grain, {keys}) WHERE grain >= 0 DO UPDATE SET {rollup.together}
        RETURNING ctid, {rollup.is_nothing} AS is_nothing"""


def _drop(rollup: Rollup) -> TextClause:
    return text(f"DELETE FROM {rollup.kind}_rollup WHERE ctid = ANY (CAST(:places AS tid[]))").bindparams(_PLACES)  # noqa: S608  constants


_STATEMENTS: Final = {rollup.kind: (_fold(rollup), _tidy(rollup), _drop(rollup)) for rollup in (COHORTS, FLOWS, WINS)}


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
    add, _, drop = _STATEMENTS[kind]
    return await _take(connection, add, drop, {"limit": limit, "many": MANY, "most": MOST_LOOSE})


async def tidy_some(connection: AsyncConnection, kind: str, limit: int) -> int:
    """Add loose rows of a kind's rollup to the others; return how many."""
    _, tidy, drop = _STATEMENTS[kind]
    return await _take(connection, tidy, drop, {"limit": limit})


async def _take(connection: AsyncConnection, add: TextClause, drop: TextClause, given: dict[str, int]) -> int:
    taken, zeros = (await connection.execute(add, given)).one()
    if zeros:
        await connection.execute(drop, {"places": zeros})
    return int(taken)
