"""A vendor whose deliveries only name their leads, and what is known of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import AsyncClient

from tests.channels.deliveries import NOW, Sample
from tests.channels.documented import meta
from tests.intake.vendors.door import Work, deliveries, make_channel, send
from tests.intake.vendors.standin import StandIn

LEAD = "/123123123123"


def notice(*ids: int) -> Sample:
    changes = [{"field": "leadgen", "value": {"leadgen_id": one, "created_time": 1440120384}} for one in ids]
    return meta.sample(json.dumps({"object": "page", "entry": [{"id": 1, "changes": changes}]}).encode())


ONE = notice(123123123123)


async def only(client: AsyncClient) -> dict[str, Any]:
    [delivery] = await deliveries(client)
    return delivery


def due_in(delivery: dict[str, Any], now: datetime = NOW) -> timedelta:
    return datetime.fromisoformat(delivery["due_at"]).astimezone(UTC) - now


async def begin(client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, one: Sample = ONE) -> None:
    await make_channel(client, one, base_url=api.address + "/v23.0")
    await send(vendor, one)
    await worker()
