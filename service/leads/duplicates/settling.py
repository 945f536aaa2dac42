"""Merging pairs without being asked: those above the operator's threshold, and those that one submission named together.

Each in its own transaction, and each can be undone. What cannot or should not be merged is left open for a person to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.cleaning.matching import Population, compare, profile_of
from service.cleaning.matching.similarity import FAR
from service.core import clock
from service.core.database import transaction
from service.core.errors import ServiceError, Unavailable
from service.leads.duplicates import store
from service.leads.duplicates.rules import matching_rules
from service.leads.merging.merge import merge_leads
from service.leads.operations import Writer

_log = structlog.get_logger(__name__)

ACTOR: Final = "matching"
_SHOWN: Final = ("email", "phone")
_NAMED: Final = frozenset({"first_name", "last_name", "full_name"})
_NOBODY: Final = Population()


async def settle_next(engine: AsyncEngine) -> int:
    """Settle one pair that is to be merged, and return how many there were."""
    async with transaction(engine) as connection:
        pair = await store.next_pending(connection)
        if pair is None:
            return 0
        await _settle(connection, pair, now=clock.now())
    return 1


async def _settle(connection: AsyncConnection, pair: Mapping[str, Any], *, now: datetime) -> None:
    named = (pair["lead_id"], pair["other_id"])
    lives_on = await store.survivors_of(connection, named)
    rows = await store.read_leads(connection, set(lives_on.values()))
    one, other = (rows.get(lives_on.get(lead_id, lead_id)) for lead_id in named)
    if one is None or other is None:
        await store.reopen(connection, pair)
    elif one["id"] == other["id"]:
        await store.decide(connection, pair, status="merged", by=ACTOR, now=now)
    elif _is_gone(one, other) or (pair["found_by"] == "bridged" and not await _may_bridge(connection, one, other)):
        await store.reopen(connection, pair)
    else:
        await _merge(connection, pair, *older_first(one, other), now=now)


def _is_gone(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two leads cannot be merged now: one was erased, or one of them is a test and the other is not."""
    return one["erased_at"] is not None or other["erased_at"] is not None or one["test"] != other["test"]


def older_first(one: dict[str, Any], other: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two leads, the one that was there first before the other."""
    return (one, other) if (one["created_at"], one["id"]) <= (other["created_at"], other["id"]) else (other, one)


async def _may_bridge(connection: AsyncConnection, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (await matching_rules(connection)).merge_bridged and not contradicts(one, other)


def contradicts(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two leads cannot well be one: each has its own address, number or id in one system, or they have other names."""
    if any(one[name] and other[name] and one[name] != other[name] for name in _SHOWN):
        return True
    ids = other["external_ids"]
    if any(ids.get(system, value) != value for system, value in one["external_ids"].items()):
        return True
    comparison = compare(profile_of(one), profile_of(other), _NOBODY)
    return any(told.similarity < FAR and told.field in _NAMED for told in comparison.why)


async def _merge(
    connection: AsyncConnection,
    pair: Mapping[str, Any],
    survivor: Mapping[str, Any],
    duplicate: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    why = why_merged(pair)
    try:
        async with connection.begin_nested():
            merge = await merge_leads(
                connection, survivor["id"], duplicate["id"], Writer(ACTOR, now), automatic=True, why=why
            )
    except Unavailable:
        raise
    except ServiceError as refusal:
        _log.info("pair_not_merged", pair_id=str(pair["id"]), code=refusal.code)
        await store.reopen(connection, pair)
    else:
        merge_id: UUID = merge["id"]
        await store.decide(connection, pair, status="merged", by=ACTOR, now=now, merge_id=merge_id)


def why_merged(pair: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a merge remembers of the pair it came from; no values, those are the leads' own."""
    fields = [
        {"field": told[0], "other_field": told[1], "similarity": told[2], "weight": told[3]} for told in pair["why"]
    ]
    return {
        "duplicate_id": str(pair["id"]),
        "found_by": pair["found_by"],
        "score": pair["score"] / 10_000,
        "fields": fields,
    }
