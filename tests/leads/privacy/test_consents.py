"""What people agreed to: /v1/leads/{id}/consents and /can-contact."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from service.core.clock import now
from service.leads.privacy.bases import BASES
from service.leads.privacy.contacting import can_contact, explain
from service.leads.privacy.schemas import BasisCode
from service.leads.privacy.words import read_word

ADA = {"email": "ada@example.com", "phone": "+4930901820"}


async def make(client: AsyncClient, **known: Any) -> dict[str, Any]:
    answer = await client.post("/v1/leads", json=ADA | known)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def said(client: AsyncClient, lead: dict[str, Any]) -> list[tuple[Any, ...]]:
    found = (await client.get(f"/v1/leads/{lead['id']}/consents")).json()["data"]
    return [(one["purpose"], one["granted"], one["source"]) for one in found]


async def read(client: AsyncClient, lead: dict[str, Any]) -> dict[str, Any]:
    return (await client.get(f"/v1/leads/{lead['id']}")).json()


async def test_it_works(client: AsyncClient) -> None:
    lead = await make(client)
    assert lead["can_contact"] == {"email": True, "phone": True, "purposes": {}}
    body = {
        "purpose": "newsletter",
        "granted": True,
        "source": "webinar form",
        "wording": "privacy-notice 2026-03",
        "evidence": {"ip": "192.0.2.7"},
        "occurred_at": "2026-03-01T10:00:00Z",
    }
    given = await client.post(f"/v1/leads/{lead['id']}/consents", json=body)
    assert given.status_code == 201
    assert {name: given.json()[name] for name in body} == body | {"occurred_at": "2026-03-01T10:00:00Z"}
    assert given.headers["ETag"] == '"2"'
    after = await read(client, lead)
    assert after["version"] == 2
    assert after["consent"] == {
        "newsletter": {
            "granted": True,
            "at": "2026-03-01T10:00:00Z",
            "source": "webinar form",
            "basis": "consent",
        }
    }
    assert after["can_contact"] == {"email": True, "phone": True, "purposes": {"newsletter": True}}
    body = {"purpose": "newsletter", "granted": False}
    await client.post(f"/v1/leads/{lead['id']}/consents", json=body)
    assert (await read(client, lead))["can_contact"]["purposes"] == {"newsletter": False}
    assert await said(client, lead) == [("newsletter", True, "webinar form"), ("newsletter", False, None)]
    kinds = [one["kind"] for one in (await client.get(f"/v1/leads/{lead['id']}/timeline")).json()["data"]]
    assert kinds.count("consent") == 2


async def test_what_comes_late_is_recorded_and_changes_nothing(client: AsyncClient) -> None:
    lead = await make(client)
    address = f"/v1/leads/{lead['id']}/consents"
    await client.post(address, json={"purpose": "news", "granted": False, "occurred_at": "2026-05-01T00:00:00Z"})
    late = await client.post(address, json={"purpose": "news", "granted": True, "occurred_at": "2026-04-01T00:00:00Z"})
    assert (late.status_code, late.headers["ETag"]) == (201, '"2"')
    assert (await read(client, lead))["consent"]["news"]["granted"] is False
    assert await said(client, lead) == [("news", True, None), ("news", False, None)]


async def test_every_way_in_leaves_a_record(client: AsyncClient, worker: Callable) -> None:
    lead = await make(client, consent={"news": True, "calls": {"granted": False, "source": "fair", "badge": 7}})
    assert await said(client, lead) == [("news", True, "api"), ("calls", False, "fair")]
    # The newest word counts, and a form that is sent again is a word again.
    await make(client, consent={"news": False}, channel="web")
    await make(client, consent={"news": True}, channel="web", occurred_at="2020-01-01T00:00:00Z")
    assert (await read(client, lead))["consent"]["news"] is False
    await client.patch(f"/v1/leads/{lead['id']}", json={"consent": {"calls": None, "news": True}})
    found = await said(client, lead)
    assert found[0] == ("news", True, "web")
    assert found[1:4] == [("news", True, "api"), ("calls", False, "fair"), ("news", False, "web")]
    assert sorted(found[4:], key=str) == [("calls", None, None), ("news", True, None)]
    assert (await read(client, lead))["can_contact"]["purposes"] == {"news": True}
    channel = {"key": "form", "vendor": "generic", "secret": "a-long-enough-secret"}
    made = (await client.post("/v1/channels", json=channel)).json()
    await client.post(
        made["intake_url"].replace("http://leads.test", ""),
        json={"email": "ada@example.com", "newsletter": "no"},
        headers={"X-Webhook-Secret": "a-long-enough-secret", "Authorization": "Bearer a-long-enough-secret"},
    )
    await worker()
    newest = (await client.get(f"/v1/leads/{lead['id']}/consents")).json()["data"][-1]
    assert (newest["purpose"], newest["granted"], newest["source"]) == ("marketing", False, "form")
    assert newest["delivery_id"]


async def test_nothing_new_is_no_record(client: AsyncClient) -> None:
    lead = await make(client, consent={"news": True})
    await client.patch(f"/v1/leads/{lead['id']}", json={"consent": {"news": True}, "job_title": "CTO"})
    assert len(await said(client, lead)) == 1


async def test_why_not(client: AsyncClient) -> None:
    answer = await client.post(
        "/v1/leads", json={"email": "only@example.com", "consent": {"news": "perhaps", "sms": False}}
    )
    lead = answer.json()
    address = f"/v1/leads/{lead['id']}"
    await client.post(f"{address}/consents", json={"purpose": "events", "granted": True, "media": ["email"]})
    past = {
        "purpose": "trial",
        "granted": True,
        "occurred_at": "2025-01-01T00:00:00Z",
        "expires_at": "2026-01-01T00:00:00Z",
    }
    await client.post(f"{address}/consents", json=past)
    asked = (await client.get(f"{address}/can-contact")).json()["data"]
    why = {(one["purpose"], one["medium"]): one["why"] for one in asked}
    assert why["events", "email"] == ["granted"]
    assert why["events", "phone"] == ["no_address", "not_by_this_medium"]
    assert why["news", "email"] == ["unclear"]
    assert why["sms", "sms"] == ["withdrawn", "no_address"]
    assert why["trial", "email"] == ["expired"]
    one = (await client.get(f"{address}/can-contact?purpose=other&medium=email")).json()["data"]
    assert [(answer["allowed"], answer["why"]) for answer in one] == [(False, ["nothing_said"])]
    assert (await read(client, lead))["can_contact"]["purposes"] == {
        "news": False,
        "sms": False,
        "events": True,
        "trial": False,
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"granted": True}, "/purpose"),
        ({"purpose": "x", "granted": "perhaps"}, "/granted"),
        ({"purpose": "x", "granted": True, "basis": "because"}, "/basis"),
        ({"purpose": "x", "granted": False, "media": ["email"]}, ""),
        ({"purpose": "x", "granted": True, "occurred_at": "2999-01-01T00:00:00Z"}, "/occurred_at"),
        ({"purpose": "x", "granted": True, "expires_at": "2000-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
async def test_refusals(client: AsyncClient, body: dict[str, Any], pointer: str) -> None:
    lead = await make(client)
    refused = await client.post(f"/v1/leads/{lead['id']}/consents", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_versions_are_honoured(client: AsyncClient) -> None:
    lead = await make(client)
    body = {"purpose": "news", "granted": True}
    address = f"/v1/leads/{lead['id']}/consents"
    assert (await client.post(address, json=body, headers={"If-Match": '"9"'})).status_code == 412
    assert (await client.post(address, json=body, headers={"If-Match": '"1"'})).status_code == 201


async def test_gone_leads(client: AsyncClient) -> None:
    lead = await make(client)
    await client.post(f"/v1/leads/{lead['id']}/erasure")
    for path in ("consents", "can-contact"):
        assert (await client.get(f"/v1/leads/{lead['id']}/{path}")).status_code == 410
    unknown = "019a9c5e-51d0-7a61-9d3c-2b7f5e8a1c04"
    assert (await client.get(f"/v1/leads/{unknown}/consents")).status_code == 404


async def test_the_grounds(client: AsyncClient) -> None:
    listed = (await client.get("/v1/consent-bases")).json()["data"]
    assert [one["code"] for one in listed] == list(BASES) == list(BasisCode.__args__)
    assert listed[1]["pipl_term"] == "单独同意"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["granted", "at", "media", "basis", "x"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.booleans(), st.booleans())
def test_any_word_can_be_read_and_only_a_yes_is_a_yes(consent: dict[str, Any], has_email: bool, erased: bool) -> None:
    at = now()
    row = {
        "consent": consent,
        "email": "a@b.example" if has_email else None,
        "phone": None,
        "external_ids": {},
        "erased_at": at if erased else None,
        "suppressed": None,
    }
    told = can_contact(row, at)
    answers = explain(row, at, purpose=None, medium=None)
    for purpose, allowed in told["purposes"].items():
        assert allowed == any(one["allowed"] for one in answers if one["purpose"] == purpose)
        assert not allowed or read_word(consent[purpose]).granted is True
    assert not told["phone"]
    assert told["email"] <= (has_email and not erased)


@pytest.mark.parametrize("seed", range(4))
async def test_the_newest_word_counts_in_whatever_order_they_come(client: AsyncClient, seed: int) -> None:
    chance = random.Random(seed)
    lead = await make(client, occurred_at="2026-01-01T00:00:00Z")
    newest: dict[str, tuple[str, bool]] = {}
    for _ in range(25):
        purpose, granted = chance.choice(["news", "calls", "events"]), chance.random() < 0.5
        at = f"2026-02-{chance.randrange(1, 28):02}T00:00:00Z"
        match chance.randrange(3):
            case 0:
                body = {"purpose": purpose, "granted": granted, "occurred_at": at}
                await client.post(f"/v1/leads/{lead['id']}/consents", json=body)
            case 1:
                await make(client, consent={purpose: granted}, occurred_at=at)
            case _:
                await make(client, consent={purpose: {"granted": granted, "at": at}})
        if purpose not in newest or newest[purpose][0] <= at:
            newest[purpose] = (at, granted)
    after = await read(client, lead)
    assert {purpose: read_word(told).granted for purpose, told in after["consent"].items()} == {
        purpose: granted for purpose, (_, granted) in newest.items()
    }
    assert len(await said(client, lead)) == 25
