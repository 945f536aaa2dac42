"""Deliveries that only name their leads, against a vendor's API that answers as documented, badly, or not at all."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from prometheus_client import REGISTRY

from service.intake import asking
from tests.channels.deliveries import NOW
from tests.channels.documented import hubspot, linkedin, meta, wecom
from tests.intake.vendors.door import KEY, Work, leads, make_channel, send
from tests.intake.vendors.ids_only import LEAD, ONE, begin, due_in, notice, only
from tests.intake.vendors.standin import Answer, StandIn

TOKEN = "EAAB-page-token"
EXPIRED = json.dumps(
    {"error": {"message": "Error validating access token", "type": "OAuthException", "code": 190, "error_subcode": 463}}
).encode()


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
