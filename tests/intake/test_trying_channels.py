"""POST /v1/channels/{key}/test: what would become of a delivery, and nothing of it stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.core.tables import metadata
from service.intake.processing import SETTLED
from service.intake.reception import ACCEPTED
from tests.channels.deliveries import SECRET
from tests.channels.samples import SAMPLES


async def attempt(client: AsyncClient, payload: Any, key: str = "form", **given: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/channels/{key}/test", json={"payload": payload} | given)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def everything(engine: AsyncEngine) -> dict[str, list[str]]:
    """Return all rows of all tables; a key's last use and beating workers are nobody's data."""
    async with transaction(engine) as connection:
        return {
            table.name: sorted(str(row) for row in await connection.execute(table.select()))
            for table in metadata.sorted_tables
            if table.name not in {"api_keys", "heartbeats"}
        }


async def test_it_works(client: AsyncClient, form: str) -> None:
    await client.patch(
        "/v1/channels/form", json={"mapping": {"email": "contact.mail"}, "defaults": {"campaign": "spring"}}
    )
    told = await attempt(client, {"contact": {"mail": " Ada@Example.COM "}, "phone": "12", "first_name": "Ada"})
    assert told["status"] == "processed"
    (part,) = told["parts"]
    assert (part["kind"], part["result"], part["lead_id"]) == ("submission", "created", None)
    assert part["mapped"]["email"].strip() == "Ada@Example.COM"
    assert part["mapped"]["campaign"] == "spring"
    assert part["cleaned"]["email"] == "ada@example.com"
    assert part["verdict"] == "suspect"
    assert part["reasons"] == ["phone_invalid"]
    assert [fault["pointer"] for fault in part["faults"]] == ["/phone"]
    (lead,) = told["leads"]
    assert lead["id"] is None
    assert (lead["stage"], lead["channel"], lead["campaign"]) == ("acquired", "form", "spring")


async def test_a_lead_that_exists_is_matched(client: AsyncClient, form: str) -> None:
    known = (await client.post("/v1/leads", json={"email": "ada@example.com", "channel": "web"})).json()
    told = await attempt(client, {"email": "ADA@example.com", "job_title": "Countess"})
    assert told["parts"][0]["result"] == "matched"
    assert told["parts"][0]["matched_by"] == ["email"]
    assert told["parts"][0]["lead_id"] == told["leads"][0]["id"] == known["id"]
    assert told["leads"][0]["job_title"] == "Countess"
    assert (await client.get(f"/v1/leads/{known['id']}")).json() == {
        k: v for k, v in known.items() if k in told["leads"][0]
    }


async def test_what_came_before_is_a_duplicate(client: AsyncClient, form: str, worker) -> None:
    body = {"email": "ada@example.com"}
    sent = await client.post("/v1/intake/form", json=body, headers={"x-channel-secret": "correct-horse"})
    await worker()
    raw = json.dumps(body, separators=(",", ":"))
    told = await attempt(client, raw)
    assert told["status"] == "duplicate"
    assert sent.json()["id"] in told["detail"]
    assert told["parts"][0]["result"] == "duplicate"
    assert told["parts"][0]["cleaned"]["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("payload", "given"),
    [
        ("email=ada%40example.com&first_name=Ada", {}),
        ({"email": "ada@example.com"}, {"content_type": "application/x-www-form-urlencoded"}),
        ('{"email": "ada@example.com"}', {}),
        ('{"email": "ada@example.com"}', {"headers": {"Content-Type": "application/json; charset=utf-8"}}),
        ([{"email": "ada@example.com"}, {"email": "bob@example.com"}], {}),
    ],
)
async def test_payloads_come_in_every_form(client: AsyncClient, form: str, payload: Any, given: dict[str, Any]) -> None:
    told = await attempt(client, payload, **given)
    assert told["status"] == "processed"
    assert told["leads"][0]["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("payload", "status", "reason"),
    [
        ({"colour": "red"}, "dead", "no_identity"),
        ("{not json", "dead", "malformed_body"),
        ({"email": "not an address"}, "dead", "no_identity"),
    ],
)
async def test_what_would_come_to_nothing_says_why(
    client: AsyncClient, form: str, payload: Any, status: str, reason: str
) -> None:
    told = await attempt(client, payload)
    assert (told["status"], told["reason"]) == (status, reason), told


async def test_activities_and_consents_are_shown(client: AsyncClient) -> None:
    made = await client.post("/v1/channels", json={"key": "mc", "vendor": "mailchimp"})
    assert made.status_code == 201
    await client.post("/v1/leads", json={"email": "api@mailchimp.com"})
    body = "type=unsubscribe&fired_at=2009-03-26 21:40:57&data[action]=unsub&data[reason]=manual&data[id]=8a25ff1d98&data[email]=api@mailchimp.com"
    told = await attempt(client, body, key="mc")
    assert told["status"] == "processed"
    assert {part["kind"] for part in told["parts"]} == {"activity", "consent"}
    consent = next(part for part in told["parts"] if part["kind"] == "consent")
    assert (consent["mapped"]["granted"], consent["result"]) == (False, "consent")
    assert [value["granted"] for value in told["leads"][0]["consent"].values()] == [False]


async def test_ids_are_fetched_or_given(client: AsyncClient) -> None:
    settings = {"verify_token": "a verify token", "access_token": "a-page-token"}
    await client.post("/v1/channels", json={"key": "fb", "vendor": "meta", "secret": SECRET, "settings": settings})
    sample = SAMPLES["meta"]()
    told = await attempt(client, sample.request.body.decode(), key="fb")
    assert told["status"] == "pending_fetch"
    names = [one["name"] for one in told["fetch"]]
    assert names == list(sample.fetched)
    answers = {name: json.loads(answer) for name, answer in sample.fetched.items()}
    told = await attempt(client, sample.request.body.decode(), key="fb", fetched=answers)
    assert told["status"] == "processed"
    assert told["leads"][0]["email"] == "joe@example.com"


@pytest.mark.parametrize("vendor", SAMPLES)
async def test_nothing_is_stored_and_no_secret_shown(client: AsyncClient, engine: AsyncEngine, vendor: str) -> None:
    sample = SAMPLES[vendor]()
    settings = sample.channel.settings.model_dump(mode="json", exclude_none=True)
    given = {"key": "a-channel", "vendor": vendor, "secret": sample.channel.secrets[0], "settings": settings}
    made = await client.post("/v1/channels", json=given)
    assert made.status_code == 201, made.text
    # Somebody whom activities, consents and erasures may be about.
    before, counted = await everything(engine), counts()
    request = sample.request
    body = {
        "payload": request.body.decode(), "query": request.query, "headers": dict(request.headers),
        "fetched": {name: answer.decode() for name, answer in sample.fetched.items()},
    }  # fmt: skip
    answer = await client.post("/v1/channels/a-channel/test", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] in {"processed", "ignored"}, answer.text
    for word in {*sample.secret_words, *sample.channel.secrets}:
        assert word not in answer.text
    assert await everything(engine) == before
    assert counts() == counted


def counts() -> float:
    return sum(
        one.value
        for counter in (ACCEPTED, SETTLED)
        for metric in counter.collect()
        for one in metric.samples
        if one.name.endswith("_total")
    )


async def test_requests_that_are_wrong(client: AsyncClient, key: Any) -> None:
    assert (await client.post("/v1/channels/nobody/test", json={"payload": {}})).status_code == 404
    weak = {"Authorization": f"Bearer {await key('leads:read', 'leads:write')}"}
    assert (await client.post("/v1/channels/form/test", json={"payload": {}}, headers=weak)).status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/payload"),
        ({"payload": 1, "colour": 2}, "/colour"),
        ({"payload": [1], "content_type": "application/x-www-form-urlencoded"}, "/payload"),
    ],
)
async def test_a_wrong_trial_is_explained(client: AsyncClient, form: str, body: dict[str, Any], pointer: str) -> None:
    answer = await client.post("/v1/channels/form/test", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
