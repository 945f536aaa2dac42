"""Vendors at the door: channels made for documented deliveries, and these sent as they arrive in life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from httpx import AsyncClient, Response

from service.channels.registry import ADAPTERS
from tests.channels.deliveries import Sample, stored

KEY = "a-channel"
Work = Callable[[], Awaitable[None]]


async def make_channel(client: AsyncClient, one: Sample, **settings: Any) -> None:
    config = one.channel
    made = await client.post(
        "/v1/channels",
        json={
            "key": KEY,
            "vendor": config.vendor,
            "secret": config.secrets[0],
            "settings": config.settings.model_dump(mode="json", exclude_none=True) | settings,
            "mapping": dict(config.mapping),
        },
    )
    assert made.status_code == 201, made.text


async def send(vendor: AsyncClient, one: Sample) -> Response:
    request = one.request
    path = f"/v1/intake/{KEY}" + (f"/{request.url_secret}" if request.url_secret else "")
    address = f"{path}?{request.query}" if request.query else path
    answer = await vendor.post(address, content=request.body, headers=dict(request.headers))
    assert answer.is_success, answer.text
    return answer


def paths_of(one: Sample) -> dict[str, bytes]:
    """Return what the vendor's API would be asked for, and its answers."""
    adapter = ADAPTERS[one.channel.vendor]
    wanted = adapter.translate(stored(one.request, one.channel), one.channel).fetch
    return {fetch.path: one.fetched[fetch.name] for fetch in wanted}


def people_in(one: Sample) -> int:
    request = replace(stored(one.request, one.channel), fetched=one.fetched)
    return len(ADAPTERS[one.channel.vendor].translate(request, one.channel).submissions)


async def deliveries(client: AsyncClient) -> list[dict[str, Any]]:
    """Return all deliveries, the first one first."""
    return list(reversed((await client.get("/v1/deliveries?limit=500")).json()["data"]))


async def leads(client: AsyncClient) -> list[dict[str, Any]]:
    return list((await client.get("/v1/leads?limit=500")).json()["data"])


async def of_lead(client: AsyncClient, lead: dict[str, Any], what: str) -> list[dict[str, Any]]:
    return list((await client.get(f"/v1/leads/{lead['id']}/{what}")).json()["data"])


async def settle(client: AsyncClient, vendor: AsyncClient, work: Work, *samples: Sample) -> list[dict[str, Any]]:
    """Send deliveries one after the other, each processed before the next, and return what became of them."""
    before = len(await deliveries(client))
    for one in samples:
        await send(vendor, one)
        await work()
    return (await deliveries(client))[before:]
