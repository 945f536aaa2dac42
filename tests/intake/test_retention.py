"""How long deliveries are kept as they came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.intake.retention import forget_content

# The ids of deliveries are of the real time.
START = clock.now()
SECRET = "a-long-enough-secret"
HEADERS = {"X-Webhook-Secret": SECRET, "Authorization": f"Bearer {SECRET}"}
Work = Callable[[], Awaitable[None]]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], datetime]:
    """``at(days)``: so many days after the start, the clock says so."""

    def go(days: float) -> datetime:
        moment = START + timedelta(days=days)
        monkeypatch.setattr(clock, "now", lambda: moment)
        return moment

    go(0)
    return go


async def make(client: AsyncClient, key: str, **policy: Any) -> str:
    body = {"key": key, "vendor": "generic", "secret": SECRET, "policy": policy}
    made = await client.post("/v1/channels", json=body)
    assert made.status_code == 201, made.text
    return made.json()["intake_url"].replace("http://leads.test", "")


async def forget(engine: AsyncEngine, now: datetime) -> int:
    done = 0
    while True:
        async with transaction(engine) as connection:
            some = await forget_content(connection, now=now, days=90)
        done += some
        if not some:
            return done


async def bodies(client: AsyncClient) -> dict[str, str]:
    """The body of each channel's delivery."""
    listed = (await client.get("/v1/deliveries?limit=500")).json()["data"]
    found = [(await client.get(f"/v1/deliveries/{one['id']}")).json() for one in listed]
    return {one["channel"]: one["body"] for one in found}


async def test_it_works(client: AsyncClient, engine: AsyncEngine, worker: Work, at: Callable) -> None:
    addresses = [await make(client, "usual"), await make(client, "short", retention_days=7)]
    for number, address in enumerate(addresses):
        sent = await client.post(address, json={"email": f"p{number}@example.com"}, headers=HEADERS)
        assert sent.status_code in {200, 202}, sent.text
    await worker()
    assert await forget(engine, at(6.9)) == 0
    assert await forget(engine, at(7.1)) == 1
    assert {key: bool(body) for key, body in (await bodies(client)).items()} == {"usual": True, "short": False}
    assert await forget(engine, at(90.1)) == 1
    assert set((await bodies(client)).values()) == {""}
    # That it came, and what became of it, is known for longer; the leads are not concerned.
    assert {one["status"] for one in (await client.get("/v1/deliveries")).json()["data"]} == {"processed"}
    assert await forget(engine, at(399)) == 0
    assert await forget(engine, at(401)) == 2
    assert (await client.get("/v1/deliveries")).json()["data"] == []
    assert len((await client.get("/v1/leads")).json()["data"]) == 2
    # The vendor's repetition is still known for one.
    at(0)
    await client.post(addresses[0], json={"email": "p0@example.com"}, headers=HEADERS)
    await worker()
    assert [one["status"] for one in (await client.get("/v1/deliveries")).json()["data"]] == ["duplicate"]


async def test_what_waits_is_kept_and_what_is_forgotten_is_not_replayed(
    client: AsyncClient, engine: AsyncEngine, worker: Work, at: Callable
) -> None:
    address = await make(client, "short", retention_days=1)
    await client.post(address, json={"email": "first@example.com"}, headers=HEADERS)
    await worker()
    await client.post(address, json={"email": "waits@example.com"}, headers=HEADERS)
    assert await forget(engine, at(3)) == 1
    await worker()
    assert {one["email"] for one in (await client.get("/v1/leads")).json()["data"]} == {
        "first@example.com",
        "waits@example.com",
    }
    await forget(engine, at(3))
    [later, first] = (await client.get("/v1/deliveries")).json()["data"]
    for one in (first, later):
        refused = await client.post(f"/v1/deliveries/{one['id']}/replay")
        assert (refused.status_code, refused.json()["code"]) == (409, "delivery_emptied")
    again = await client.post("/v1/deliveries/replay", json={"status": "processed"})
    assert again.json() == {"count": 0}


async def test_a_rule_that_gets_stricter_counts_for_what_is_there(
    client: AsyncClient, engine: AsyncEngine, worker: Work, at: Callable
) -> None:
    address = await make(client, "form")
    await client.post(address, json={"email": "a@example.com"}, headers=HEADERS)
    await worker()
    assert await forget(engine, at(30)) == 0
    patched = await client.patch("/v1/channels/form", json={"policy": {"retention_days": 14}})
    assert patched.json()["policy"]["retention_days"] == 14
    assert await forget(engine, at(30)) == 1
    await client.delete("/v1/channels/form")
    async with transaction(engine) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM deliveries WHERE body <> ''"))).scalar_one() == 0


@pytest.mark.parametrize("days", [0, -1, "long", 1.5])
async def test_refusals(client: AsyncClient, days: Any) -> None:
    body = {"key": "form", "vendor": "generic", "policy": {"retention_days": days}}
    assert (await client.post("/v1/channels", json=body)).status_code == 422
