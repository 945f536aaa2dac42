"""Deliveries that only name their leads, against a vendor's API that answers as documented, badly, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.intake import asking, fetch_store, fetching
from tests.channels.deliveries import NOW, Sample
from tests.channels.documented import hubspot, linkedin, meta, wecom
from tests.intake.vendors.door import KEY, Work, deliveries, leads, make_channel, send
from tests.intake.vendors.standin import Answer, StandIn, stand_in

LEAD = "/123123123123"
TOKEN = "EAAB-page-token"
EXPIRED = json.dumps(
    {"error": {"message": "Error validating access token", "type": "OAuthException", "code": 190, "error_subcode": 463}}
).encode()


def notice(*ids: int) -> Sample:
    changes = [{"field": "leadgen", "value": {"leadgen_id": one, "created_time": 1440120384}} for one in ids]
    return meta.sample(json.dumps({"object": "page", "entry": [{"id": 1, "changes": changes}]}).encode())


ONE = notice(123123123123)


@pytest.fixture
async def api() -> AsyncIterator[StandIn]:
    async with stand_in() as api:
        yield api


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``pass_time(minutes=2)``: later, the clock says so."""
    gone = [timedelta()]

    def go(**lapse: float) -> None:
        gone[0] += timedelta(**lapse)
        monkeypatch.setattr(clock, "now", lambda: NOW + gone[0])

    return go


async def only(client: AsyncClient) -> dict[str, Any]:
    [delivery] = await deliveries(client)
    return delivery


def due_in(delivery: dict[str, Any], now: datetime = NOW) -> timedelta:
    return datetime.fromisoformat(delivery["due_at"]).astimezone(UTC) - now


async def begin(client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, one: Sample = ONE) -> None:
    await make_channel(client, one, base_url=api.address + "/v23.0")
    await send(vendor, one)
    await worker()


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("intake_fetch_total", {"channel": KEY, "result": result}) or 0


async def test_a_lead_is_fetched_with_the_token_in_a_header(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(meta.ANSWER))
    before = counted("ok")
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"], delivery["attempts"], delivery["due_at"]) == (
        "processed",
        None,
        1,
        None,
    )
    [asked] = api.asked
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert "field_data" in asked.query["fields"]
    assert TOKEN not in str(asked.query)
    [lead] = await leads(client)
    assert (lead["email"], lead["campaign"]) == ("joe@example.com", "Spring")
    assert counted("ok") == before + 1


async def test_linkedins_answer_and_its_headers(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/rest/leadFormResponses/abc-1", Answer(linkedin.ANSWER))
    one = linkedin.sample()
    await make_channel(client, one, base_url=api.address)
    await send(vendor, one)
    await worker()
    assert (await only(client))["status"] == "processed"
    [asked] = api.asked
    assert asked.headers["linkedin-version"] == "202601"
    assert asked.headers["x-restli-protocol-version"] == "2.0.0"
    assert [lead["email"] for lead in await leads(client)] == ["ada@example.com"]


async def test_an_expired_token_is_seen_at_once_and_mended_by_a_new_one(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(EXPIRED, 400), Answer(meta.ANSWER))
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"], delivery["attempts"]) == ("pending_fetch", "token_rejected", 1)
    assert timedelta(seconds=45) < due_in(delivery) <= timedelta(minutes=1)
    assert TOKEN not in str(delivery)
    changed = await client.patch(f"/v1/channels/{KEY}", json={"settings": {"access_token": "EAAB-a-new-one"}})
    assert changed.status_code == 200
    await worker()
    assert (await only(client))["status"] == "processed"
    assert api.asked[-1].headers["authorization"] == "Bearer EAAB-a-new-one"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_of_any_vendor(
    status: int, client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/crm/v3/objects/contacts/123", Answer(b"{}", status))
    one = hubspot.sample()
    await make_channel(client, one, base_url=api.address)
    await send(vendor, one)
    await worker()
    assert (await only(client))["reason"] == "token_rejected"


async def test_a_channel_without_a_token_asks_nothing(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    await make_channel(client, ONE, base_url=api.address)
    await client.patch(f"/v1/channels/{KEY}", json={"settings": {"access_token": None}})
    await send(vendor, ONE)
    await worker()
    assert ((await only(client))["reason"], api.asked) == ("token_rejected", [])


async def test_wecoms_errors_come_with_200(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    told = Answer(b'{"errcode":42001,"errmsg":"access_token expired"}')
    api.tell("/cgi-bin/externalcontact/get", told, Answer(json.dumps(wecom.CONTACT).encode()))
    one = wecom.sample()
    await make_channel(client, one, base_url=api.address)
    await send(vendor, one)
    await worker()
    assert (await only(client))["reason"] == "token_rejected"
    assert "authorization" not in api.asked[0].headers
    await client.patch(f"/v1/channels/{KEY}", json={"settings": {"access_token": "fresh"}})
    await worker()
    assert (await only(client))["status"] == "processed"


async def test_a_vendor_that_is_away_is_asked_again(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, pass_time: Any
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"<html>oops", 502), Answer(b"", 503), Answer(meta.ANSWER))
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"], delivery["attempts"]) == ("pending_fetch", "fetch_failed", 1)
    assert "502" in delivery["detail"]
    await worker()
    assert len(api.asked) == 1
    pass_time(minutes=1)
    await worker()
    assert (await only(client))["attempts"] == 2
    pass_time(minutes=2)
    await worker()
    delivery = await only(client)
    assert (delivery["status"], delivery["attempts"]) == ("processed", 3)


@pytest.mark.parametrize(
    ("told", "least"),
    [("600", 600), ((NOW + timedelta(minutes=30)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 1800), ("nonsense", 45)],
)
async def test_retry_after_is_honoured(
    told: str, least: int, client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", 429, {"retry-after": told}))
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert delivery["reason"] == "fetch_failed"
    assert timedelta(seconds=least) <= due_in(delivery) <= timedelta(seconds=least * 1.34)


async def test_a_vendor_that_hangs_is_left(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WHOLE_SECONDS", 0.3)
    api.tell("/v23.0" + LEAD, Answer(hangs=True))
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"]) == ("pending_fetch", "fetch_failed")
    assert "in time" in delivery["detail"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=302, headers={"location": "http://127.0.0.1:1/steal"}),
        Answer(size=64 << 20),
        Answer(b"<html>a login page</html>"),
        Answer(b"{}", 500),
    ],
    ids=["redirect", "huge", "not-json", "broken"],
)
async def test_other_answers_are_failures(
    answer: Answer, client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, answer)
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"], len(api.asked)) == ("pending_fetch", "fetch_failed", 1)


async def test_a_vendor_nobody_answers_for(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    await make_channel(client, ONE, base_url="http://127.0.0.1:1")
    await send(vendor, ONE)
    await worker()
    assert (await only(client))["reason"] == "fetch_failed"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_lead_that_is_gone_is_dead(
    status: int, client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", status))
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"]) == ("dead", "fetch_gone")


async def test_a_lead_that_is_gone_takes_no_other_with_it(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(meta.ANSWER))
    await begin(client, vendor, worker, api, notice(123123123123, 99))
    assert (await only(client))["status"] == "processed"
    assert [lead["email"] for lead in await leads(client)] == ["joe@example.com"]


async def test_after_fifteen_tries_it_is_given_up_and_can_be_replayed(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, pass_time: Any
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", 500))
    await begin(client, vendor, worker, api)
    waited = timedelta()
    for _ in range(fetching.TRIES - 1):
        delivery = await only(client)
        assert delivery["status"] == "pending_fetch"
        step = due_in(delivery, clock.now())
        waited += step
        pass_time(seconds=step.total_seconds())
        await worker()
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"], delivery["attempts"]) == ("dead", "fetch_failed", 15)
    assert timedelta(hours=25) < waited < timedelta(hours=39)
    api.tell("/v23.0" + LEAD, Answer(meta.ANSWER))
    await client.post(f"/v1/deliveries/{delivery['id']}/replay")
    await worker()
    assert (await only(client))["status"] == "processed"


def test_pauses_grow_from_a_minute_to_six_hours() -> None:
    hours = [sum((fetching.pause(tries) for tries in range(1, fetching.TRIES)), timedelta()) for _ in range(50)]
    assert all(timedelta(hours=25) < one < timedelta(hours=39) for one in hours)
    assert fetching.pause(40) <= timedelta(hours=6)


async def test_what_a_killed_worker_had_in_hand_comes_back(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, engine: AsyncEngine, pass_time: Any
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", 500), Answer(meta.ANSWER))
    await begin(client, vendor, worker, api)
    pass_time(minutes=2)
    async with transaction(engine) as connection:
        now = clock.now()
        held = await fetch_store.claim_due(connection, now=now, lease=now + timedelta(minutes=3), limit=9, share=9)
    assert len(held) == 1
    await worker()
    assert len(api.asked) == 1
    pass_time(minutes=4)
    await worker()
    assert (await only(client))["status"] == "processed"


async def test_parallel_workers_ask_once(client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn) -> None:
    ids = range(1, 31)
    for one in ids:
        api.tell(f"/v23.0/{one}", Answer(meta.ANSWER.replace(b"joe@", f"joe{one}@".encode())))
    await make_channel(client, ONE, base_url=api.address + "/v23.0")
    for one in ids:
        await send(vendor, notice(one))
    await asyncio.gather(worker(), worker(), worker())
    await worker()
    assert {one["status"] for one in await deliveries(client)} == {"processed"}
    assert sorted(asked.path for asked in api.asked) == sorted(f"/v23.0/{one}" for one in ids)
    assert len(await leads(client)) == 30


async def test_an_answer_nobody_understands_is_dead(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b'{"id":"123123123123"}'))
    await begin(client, vendor, worker, api)
    delivery = await only(client)
    assert (delivery["status"], delivery["reason"]) == ("dead", "malformed_body")


async def test_a_delivery_that_is_replayed_while_it_is_fetched_has_one_result(
    client: AsyncClient, vendor: AsyncClient, worker: Work, api: StandIn, engine: AsyncEngine
) -> None:
    api.tell("/v23.0" + LEAD, Answer(b"{}", 500), Answer(meta.ANSWER))
    await begin(client, vendor, worker, api)
    await client.post("/v1/deliveries/replay", json={"status": "pending_fetch"})
    await worker()
    assert (await only(client))["status"] == "processed"
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM touchpoints"))).scalar_one() == 1
