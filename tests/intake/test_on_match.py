"""What becomes of somebody who is known already, by the channel's policy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import AsyncClient

from service.cli.verify import faults_in
from tests.intake.conftest import Deliver

Worker = Callable[[], Awaitable[None]]
ADA = {"email": "ada@example.com", "phone": "+442079460123", "first_name": "Ada", "last_name": "Lovelace"}


async def policy(client: AsyncClient, on_match: str) -> None:
    answer = await client.patch("/v1/channels/web", json={"policy": {"on_match": on_match}})
    assert answer.status_code == 200, answer.text


async def known(client: AsyncClient, **body: Any) -> str:
    answer = await client.post("/v1/leads", json={"email": "ada@example.com"} | body)
    lead_id: str = answer.json()["id"]
    return lead_id


async def leads(client: AsyncClient) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = (await client.get("/v1/leads?sort=created_at")).json()["data"]
    return data


async def settled(client: AsyncClient, deliver: Deliver, worker: Worker, data: dict[str, Any]) -> dict[str, Any]:
    identifier = (await deliver(data)).json()["id"]
    await worker()
    delivery: dict[str, Any] = (await client.get(f"/v1/deliveries/{identifier}")).json()
    return delivery


async def test_attach_is_the_default(client: AsyncClient, deliver: Deliver, worker: Worker) -> None:
    lead_id = await known(client)
    delivery = await settled(client, deliver, worker, ADA)
    assert (delivery["status"], delivery["outcome"][0]["lead_id"]) == ("processed", lead_id)
    assert len(await leads(client)) == 1


async def test_reject_turns_away_who_is_known(
    client: AsyncClient, deliver: Deliver, worker: Worker, database_url: str
) -> None:
    lead_id = await known(client)
    await policy(client, "reject")
    before = (await client.get(f"/v1/leads/{lead_id}")).json()
    delivery = await settled(client, deliver, worker, ADA)
    assert (delivery["status"], delivery["reason"]) == ("ignored", "already_known")
    assert lead_id in delivery["detail"]
    assert (delivery["outcome"][0]["result"], delivery["outcome"][0]["lead_id"]) == ("rejected", lead_id)
    assert (await client.get(f"/v1/leads/{lead_id}")).json() == before
    # The number nobody has is still free.
    assert (await client.post("/v1/leads", json={"phone": ADA["phone"]})).status_code == 201
    fresh = await settled(client, deliver, worker, {"email": "grace@example.com"})
    assert (fresh["status"], fresh["outcome"][0]["result"]) == ("processed", "created")
    assert await faults_in(database_url) == []


async def test_what_was_turned_away_can_be_replayed(client: AsyncClient, deliver: Deliver, worker: Worker) -> None:
    lead_id = await known(client)
    await policy(client, "reject")
    delivery = await settled(client, deliver, worker, ADA)
    await policy(client, "attach")
    await client.post(f"/v1/deliveries/{delivery['id']}/replay")
    await worker()
    again = (await client.get(f"/v1/deliveries/{delivery['id']}")).json()
    assert (again["status"], again["outcome"][0]["result"]) == ("processed", "matched")
    assert (await client.get(f"/v1/leads/{lead_id}")).json()["last_name"] == "Lovelace"


async def test_review_makes_a_lead_of_its_own(
    client: AsyncClient, deliver: Deliver, worker: Worker, database_url: str
) -> None:
    lead_id = await known(client)
    await policy(client, "review")
    delivery = await settled(client, deliver, worker, ADA)
    assert (delivery["status"], delivery["outcome"][0]["result"]) == ("processed", "created")
    first, second = await leads(client)
    assert first["id"] == lead_id
    assert (second["email"], second["phone"], second["last_name"]) == (None, ADA["phone"], "Lovelace")
    assert (second["stage"], second["verdict"]) == ("acquired", "suspect")
    assert "already_known" in second["verdict_reasons"]
    assert second["raw"]["email"] == "ada@example.com"
    (pair,) = (await client.get("/v1/duplicates")).json()["data"]
    assert (pair["lead_id"], pair["duplicate_id"], pair["found_by"]) == (lead_id, second["id"], "review")
    assert (pair["why"][0]["left"], pair["why"][0]["right"]) == ("ada@example.com", "ada@example.com")
    assert await faults_in(database_url) == []

    merged = await client.post(f"/v1/duplicates/{pair['id']}/merge")
    assert merged.status_code == 201, merged.text
    assert (merged.json()["lead"]["id"], merged.json()["lead"]["phone"]) == (lead_id, ADA["phone"])
    assert await faults_in(database_url) == []


async def test_review_looks_at_each_of_a_whole_batch(
    client: AsyncClient, deliver: Deliver, worker: Worker, database_url: str
) -> None:
    await policy(client, "review")
    await asyncio.gather(*[deliver({"email": "ada@example.com"}) for _ in range(4)])
    await worker()
    everybody = await leads(client)
    assert sorted(lead["email"] or "" for lead in everybody) == ["", "", "", "ada@example.com"]
    assert len((await client.get("/v1/duplicates")).json()["data"]) == 3
    assert await faults_in(database_url) == []


@pytest.mark.parametrize("on_match", ["maybe", "", None, 1])
async def test_another_word_is_refused(client: AsyncClient, web: str, on_match: Any) -> None:
    answer = await client.post(
        "/v1/channels", json={"key": "other", "vendor": "generic", "policy": {"on_match": on_match}}
    )
    assert answer.status_code == 422
