"""Finding who may be the same: a task that follows the change feed and compares each changed lead with those that share a key with it.

Its own cursor says how far it has come, so nothing is missed and nothing is looked at twice. What the leads say is not copied: keys are
hashes, and a pair remembers which fields spoke for it, not what they said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import prometheus_client
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.cleaning.matching import Comparison, Population, Profile, compare, is_common, keys_of, profile_of
from service.core import clock
from service.core.database import transaction
from service.core.ids import new_id
from service.leads.duplicates import key_store, store
from service.leads.duplicates.heeding import heed
from service.leads.duplicates.rules import matching_rules
from service.leads.duplicates.schemas import MatchingRules
from service.outbound import following_store

_log = structlog.get_logger(__name__)

MATCHED: Final = prometheus_client.Counter("leads_matched", "Leads that were compared with those like them")
COMPARED: Final = prometheus_client.Counter("leads_compared", "Pairs of leads that were compared")
SEALED: Final = prometheus_client.Counter(
    "leads_matching_blocks_capped", "Keys that too many leads share to find anybody"
)

BATCH: Final = 1000
_CURSOR: Final = "matching"
_SAMPLE: Final = 3000
_MOST_CANDIDATES: Final = 40
# An idle feed moves on as well; writing down each step of that would be all the task ever does.
_WORTH_KEEPING: Final = 1000
_TYPES: Final = ("lead.created", "lead.merged", "lead.unmerged", "lead.erased")
_FIELDS: Final = (
    *("email", "phone", "full_name", "first_name", "last_name", "job_title", "attributes", "test", "country", "region"),
    *(
        "company",
        "company_name",
        "company_domain",
        "company.name",
        "company.domain",
        "company.country",
        "company.region",
    ),
)


class Finder:
    """Follows the feed; what it has learned of how common values are outlives a batch. One per worker."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._population = Population()
        self._learn_again_after = 0

    async def run(self) -> int:
        """Look at the next changes and return how many there were; 0 if there are none, or another worker is at it."""
        async with transaction(self._engine) as connection:
            return await self._follow(connection, now=clock.now())

    async def _follow(self, connection: AsyncConnection, *, now: datetime) -> int:
        place = await following_store.take_cursor(connection, _CURSOR, now=now)
        if place is None:
            return 0
        events, last = await following_store.changes_after(connection, place, types=_TYPES, fields=_FIELDS, limit=BATCH)
        if events:
            await self._match(connection, events, now=now)
        if events or last[0] - place[0] > _WORTH_KEEPING:
            await following_store.keep_cursor(connection, _CURSOR, last, now=now)
        return len(events)

    async def _match(self, connection: AsyncConnection, events: list[dict[str, Any]], *, now: datetime) -> None:
        await heed(connection, events, now=now)
        rules = await matching_rules(connection)
        rows = await key_store.read_leads(connection, {event["lead_id"] for event in events})
        known = {event["lead_id"] for event in events if event["type"] != "lead.created"}
        stand = {lead_id: row for lead_id, row in rows.items() if _stands(row)}
        await self._learn(connection, len(events))
        profiles = {lead_id: profile_of(row) for lead_id, row in stand.items()}
        await key_store.forget_keys(connection, known)
        near = await _near(connection, profiles, block=rules.block)
        found = await self._compare(connection, profiles, near, rules)
        await _write(connection, found, known - stand.keys(), known & stand.keys(), rules=rules, now=now)
        MATCHED.inc(len(profiles))

    async def _learn(self, connection: AsyncConnection, more: int) -> None:
        """Learn how common values are, at first and whenever there are half as many leads again."""
        self._learn_again_after -= more
        if self._learn_again_after > 0:
            return
        size = await key_store.count_leads(connection)
        rows = await key_store.sample_leads(connection, size=size, limit=_SAMPLE)
        self._population = Population.of((profile_of(row) for row in rows if not row["test"]), size=size)
        self._learn_again_after = max(size // 2, BATCH // 2)

    async def _compare(
        self,
        connection: AsyncConnection,
        profiles: Mapping[UUID, Profile],
        near: Collection[tuple[UUID, UUID]],
        rules: MatchingRules,
    ) -> dict[tuple[UUID, UUID], Comparison]:
        others = {lead_id for pair in near for lead_id in pair} - profiles.keys()
        rows = await key_store.read_leads(connection, others)
        known = {**{lead_id: profile_of(row) for lead_id, row in rows.items() if _stands(row)}, **profiles}
        found = {}
        for one, other in near:
            if one in known and other in known:
                comparison = compare(known[one], known[other], self._population, rules.weights)
                if comparison.score >= rules.threshold:
                    found[one, other] = comparison
        COMPARED.inc(len(near))
        return found


def _stands(row: Mapping[str, Any]) -> bool:
    """Say whether a lead is compared: a real one, that was neither erased nor merged."""
    return row["erased_at"] is None and row["merged_into"] is None and not row["test"]


async def _near(connection: AsyncConnection, profiles: Mapping[UUID, Profile], *, block: int) -> set[tuple[UUID, UUID]]:
    """Return the pairs that share a key, the leads' own keys written down; a key that too many share brings nobody together."""
    keys = {lead_id: keys_of(profile) for lead_id, profile in profiles.items()}
    members = await key_store.read_blocks(connection, {key for some in keys.values() for key in some}, limit=block)
    sealed = {key for key, some in members.items() if len(some) >= _room(key, block)}
    near: set[tuple[UUID, UUID]] = set()
    added: dict[UUID, list[int]] = {}
    for lead_id, some in keys.items():
        fresh = [key for key in some if key not in sealed]
        shared = Counter(other for key in fresh for other in members.get(key, ()) if other != lead_id)
        near.update(_pair(lead_id, other) for other, _ in shared.most_common(_MOST_CANDIDATES))
        for key in fresh:
            mates = members.setdefault(key, [])
            mates.append(lead_id)
            if len(mates) >= _room(key, block):
                sealed.add(key)
        added[lead_id] = fresh
    await key_store.add_keys(connection, added)
    if sealed:
        SEALED.inc(len(sealed))
        _log.info("matching_blocks_capped", keys=len(sealed), leads=len(keys))
    return near


def _room(key: int, block: int) -> int:
    """Return how many leads may share a key: of a name alone a quarter, for it says little where many have it."""
    return max(block // 4, 2) if is_common(key) else block


def _pair(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    return (one, other) if one < other else (other, one)


async def _write(
    connection: AsyncConnection,
    found: Mapping[tuple[UUID, UUID], Comparison],
    gone: Collection[UUID],
    changed: Collection[UUID],
    *,
    rules: MatchingRules,
    now: datetime,
) -> None:
    """Write down who was found; forget what no longer holds of leads that changed or are gone."""
    if gone or changed:
        pairs = await store.known_pairs(connection, changed)
        kept = [pair["id"] for pair in pairs if (pair["lead_id"], pair["other_id"]) in found]
        await store.drop_similar(connection, {*gone, *changed}, kept=kept)
    await store.put_pairs(
        connection, [_row(pair, one, rules, now=now) for pair, one in sorted(found.items(), key=_by_pair)]
    )


def _by_pair(found: tuple[tuple[UUID, UUID], Comparison]) -> tuple[UUID, UUID]:
    return found[0]


def _row(pair: tuple[UUID, UUID], comparison: Comparison, rules: MatchingRules, *, now: datetime) -> dict[str, Any]:
    is_certain = rules.auto_merge is not None and comparison.score >= rules.auto_merge
    return {
        "lead_id": pair[0],
        "other_id": pair[1],
        "id": new_id(),
        "status": "pending" if is_certain else "open",
        "found_by": "similar",
        "score": round(comparison.score * 10_000),
        "why": told(comparison),
        "found_at": now,
    }


def told(comparison: Comparison) -> list[list[Any]]:
    """Return what a comparison is remembered by: field, other field, likeness and bits, the weightiest first."""
    return [
        [one.field, one.other_field, one.similarity, round(one.weight, 2)]
        for one in sorted(comparison.why, key=lambda one: -abs(one.weight))
    ]
