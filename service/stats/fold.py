"""Deltas become rollup: what each transaction left behind is added to the counters, in one transaction, while others go on writing."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.store import folding, rebuilding

FULL_BATCH: Final = 50_000


async def fold(connection: AsyncConnection, limit: int = FULL_BATCH) -> int:
    """Fold up to ``limit`` deltas of each kind into the rollup, in the caller's transaction; return how many there were.

    One folds at a time: while another does, or a rebuild runs, there is nothing to do. A full batch (the number is ``limit`` or more)
    means that there may be more.
    """
    if not await folding.try_lock(connection):
        return 0
    folded = await folding.fold_cohorts(connection, limit) + await folding.fold_flows(connection, limit)
    return folded + await folding.fold_wins(connection, limit)


async def rebuild(connection: AsyncConnection) -> None:
    """Recompute the rollup from the journeys and the ledger, in the caller's transaction (read committed), while others go on writing.

    Each kind is rebuilt by one statement, whose single snapshot makes it exact: it takes away the deltas it sees and counts the
    journeys it sees, and a writer's delta and journey become visible together. Deltas of transactions that commit later stay, to be added.
    Only rows that are not what was counted are written. Readers see the old counters until the commit.
    """
    await folding.give_memory(connection)
    await rebuilding.compare_by_hashing(connection)
    await folding.lock(connection)
    await rebuilding.rebuild_cohorts(connection)
    await rebuilding.rebuild_flows(connection)
    await rebuilding.rebuild_wins(connection)
