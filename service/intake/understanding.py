"""Understanding whom raw deliveries are about, without acting upon it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.contract import Activity, ConsentChange, Erasure, Refusal, Request
from service.core import clock
from service.intake import store
from service.intake.directory import Channel, channel_of
from service.leads.happenings import identities_told
from service.leads.identities import Identity


async def channels_for(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> dict[str, Channel]:
    """Return the channels of deliveries, deleted ones too, as they are now."""
    found = await store.channels_of(connection, sorted({row["channel"] for row in rows}))
    return {row["key"]: channel_of(row, now=clock.now()) for row in found}


def people_in(row: Mapping[str, Any], channel: Channel) -> set[Identity]:
    """Return by what the people in a delivery are known, as far as its channel can tell without asking the vendor."""
    request = Request(row["method"], row["headers"], row["query"], row["body"], row["received_at"])
    try:
        meaning = channel.adapter.translate(request, channel.config)
    except Refusal:
        return set()
    region = channel.policy.get("default_region")
    others: list[Activity | ConsentChange | Erasure] = [
        *meaning.activities,
        *meaning.consent_changes,
        *meaning.erasures,
    ]
    people = [*(part.fields for part in meaning.submissions), *(part.person for part in others)]
    return {identity for person in people for identity in identities_told(person, region)}
