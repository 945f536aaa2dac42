"""A person's names, and the names of attributes."""

from __future__ import annotations

from httpx import AsyncClient


async def test_a_name_and_its_parts_stay_one_name(client: AsyncClient):
    lead = (await client.post("/v1/leads", json={"email": "ada@example.com", "full_name": "Ada Byron"})).json()
    address = f"/v1/leads/{lead['id']}"
    married = (await client.patch(address, json={"last_name": "Lovelace"})).json()
    assert (married["full_name"], married["first_name"], married["last_name"]) == ("Ada Lovelace", "Ada", "Lovelace")
    renamed = (await client.patch(address, json={"full_name": "Augusta King"})).json()
    assert (renamed["full_name"], renamed["first_name"], renamed["last_name"]) == ("Augusta King", "Augusta", "King")


async def test_an_attribute_has_a_name_in_any_script(client: AsyncClient):
    lead = (await client.post("/v1/leads", json={"email": "ada@example.com", "attributes": {"行业": "物流"}})).json()
    assert lead["attributes"] == {"行业": "物流"}
