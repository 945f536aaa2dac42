from __future__ import annotations

from typing import Any

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

ANNA = {
    "email": " Anna@Firma.DE",
    "phone": "030 / 90 18 20",
    "full_name": "Anna Schmidt",
    "company": {"country": "Germany"},
    "utm": {"utm_source": "newsletter"},
}
RAW = {"email": " Anna@Firma.DE", "phone": "030 / 90 18 20", "country": "Germany"}


async def create(client: AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await client.post("/v1/leads", json=given)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def test_what_was_given_is_kept_beside_what_was_made_of_it(client: AsyncClient) -> None:
    lead = await create(client, **ANNA)
    assert (lead["email"], lead["phone"], lead["company"]["country"]) == ("anna@firma.de", "+4930901820", "DE")
    assert lead["raw"] == RAW
    assert (await client.get(f"/v1/leads/{lead['id']}")).json()["raw"] == RAW
    [event] = (await client.get("/v1/events")).json()["data"]
    assert event["data"]["lead"]["raw"] == RAW


async def test_of_what_needed_no_cleaning_nothing_is_kept(client: AsyncClient) -> None:
    assert (await create(client, email="anna@firma.de", phone="+4930901820"))["raw"] == {}


async def test_a_second_submission_brings_its_own_spelling_only_of_what_it_fills(client: AsyncClient) -> None:
    await create(client, email="Anna@firma.de")
    lead = await create(client, email="ANNA@firma.de", full_name="Anna  Schmidt")
    assert lead["raw"] == {"email": "Anna@firma.de", "full_name": "Anna  Schmidt"}


async def test_a_patch_replaces_what_was_given(client: AsyncClient) -> None:
    lead = await create(client, **ANNA)
    path = f"/v1/leads/{lead['id']}"
    patched = (await client.patch(path, json={"email": "anna@firma.com", "phone": "030 901821"})).json()
    assert patched["raw"] == {"phone": "030 901821", "country": "Germany"}
    patched = (await client.patch(path, json={"phone": None})).json()
    assert patched["raw"] == {"country": "Germany"}


async def test_a_patch_that_changes_nothing_but_the_spelling_changes_nothing(client: AsyncClient) -> None:
    lead = await create(client, **ANNA)
    patched = (await client.patch(f"/v1/leads/{lead['id']}", json={"email": "ANNA@firma.de"})).json()
    assert (patched["raw"], patched["version"]) == (RAW, lead["version"])


async def test_an_upsert_keeps_it_too(client: AsyncClient) -> None:
    path = "/v1/leads/by-external-id/crm/C-1"
    lead = (await client.put(path, json=ANNA)).json()
    assert lead["raw"] == RAW
    lead = (await client.put(path, json=ANNA | {"phone": "030 901821"})).json()
    assert lead["raw"] == RAW | {"phone": "030 901821"}


async def test_nobody_can_set_it(client: AsyncClient) -> None:
    answer = await client.post("/v1/leads", json={"email": "anna@firma.de", "raw": {"email": "x"}})
    assert answer.status_code == 422


async def test_erasing_a_person_erases_what_they_wrote(client: AsyncClient, engine: AsyncEngine) -> None:
    lead = await create(client, **ANNA)
    assert (await client.post(f"/v1/leads/{lead['id']}/erasure", json={})).status_code in {200, 201}
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT raw::text FROM leads UNION ALL SELECT data::text FROM outbox"))
        assert not [row for (row,) in rows if "90 18 20" in row or "Anna" in row]
