"""Deltas become rollup: what each transaction left behind is added to the counters, in one transaction, while others go on writing."""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.core.database import transaction
from service.stats.store import folding, rebuilding

FULL_BATCH: Final = 250_000
_SMALLEST_BATCH: Final = 1_000
_TIDIED: Final = 50_000
# For each second of folding, so many seconds of rest, but never more than the longest: only files come in so fast that it matters.
_REST: Final = 8.0
_LONGEST_REST: Final = 15.0


async def fold(connection: AsyncConnection, limit: int = FULL_BATCH) -> int:
    """Fold up to ``limit`` deltas of each kind into the rollup, in the caller's transaction; return how many there were of the kind that had most.

    One win counts as several, for it takes so much longer. One folds at a time: while another does, or a rebuild runs, there is nothing to
    do. A full batch (the number is near ``limit``) means that there may be more. If there were not many, loose rows of before are added up.
    """
    if not await folding.try_lock(connection):
        return 0
    folded = {
        kind: await folding.fold_some(connection, kind, max(limit // times, 1)) for kind, times in folding.KINDS.items()
    }
    if max(folded.values()) < folding.MANY:
        for kind, times in folding.KINDS.items():
            await folding.tidy_some(connection, kind, max(min(limit, _TIDIED) // times, 1))
    return max(times * folded[kind] for kind, times in folding.KINDS.items())


class Folder:
    """Folds again and again, and rests in between for the longer the more there was to do.

    While a file comes in, a day's counters would be rewritten every second; later they are rewritten once for all. Questions add the deltas
    to the rollup, so that nobody sees the difference.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._rests_until = 0.0
        self._limit = FULL_BATCH

    async def run(self) -> int:
        """Fold, unless it is at rest; return how many deltas there were if there may be more at once, or else 0."""
        began = time.monotonic()
        if began < self._rests_until:
            return 0
        try:
            async with transaction(self._engine) as connection:
                folded = await fold(connection, self._limit)
        except TimeoutError:
            # As many again would take as long again, for ever.
            self._limit = max(self._limit // 2, _SMALLEST_BATCH)
            raise
        is_full = folded > self._limit - max(folding.KINDS.values())
        self._limit = min(self._limit * 2, FULL_BATCH)
        if is_full:
            return folded
        ended = time.monotonic()
        self._rests_until = ended + min(_REST * (ended - began), _LONGEST_REST)
        return 0


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
