"""GET /v1/leads/{id}/identities and DELETE …/identities/{kind}/{value}: aliases are seen, and can be let go."""

from __future__ import annotations

import pytest
from httpx import AsyncClient


@pytest.fixture
async def ada(create):
    """A lead with an alias: of two phone numbers it shows the first."""
    lead = await create(email="ada@example.com", phone="+4930901820", external_ids={"crm": "a/1"})
    await create(email="ada@example.com", phone="+4930901821")
    return lead


async def test_an_alias_is_seen_and_let_go(client: AsyncClient, ada, create, rows, events, faults):
    found = [(one["kind"], one["value"], one["shown"]) for one in await rows(ada, "identities")]
    assert found == [
        ("email", "ada@example.com", True),
        ("external:crm", "a/1", True),
        ("phone", "+4930901820", True),
        ("phone", "+4930901821", False),
    ]
    address = f"/v1/leads/{ada['id']}/identities"
    assert (await client.delete(f"{address}/phone/+4930901821", headers={"If-Match": '"1"'})).status_code == 412
    answer = await client.delete(f"{address}/phone/+4930901821")
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'
    told = (await events(ada))[-1]
    assert (told["type"], told["data"]["changed"], told["data"]["lead"]) == (
        "lead.updated",
        ["identities"],
        answer.json(),
    )
    assert len(await rows(ada, "identities")) == 3
    assert (await create(phone="+4930901821"))["id"] != ada["id"]
    assert await faults() == []


async def test_what_is_shown_stays_and_what_is_unknown_is_404(client: AsyncClient, ada, create, events):
    await create(email="bob@example.com")
    told = len(await events())
    address = f"/v1/leads/{ada['id']}/identities"
    for identity in ("email/ada@example.com", "external:crm/a/1", "phone/+4930901820"):
        answer = await client.delete(f"{address}/{identity}")
        assert (answer.status_code, answer.json()["code"]) == (409, "identity_shown"), identity
    for identity in ("email/bob@example.com", "phone/+49", "fax/1", "external:crm/a%2F2"):
        answer = await client.delete(f"{address}/{identity}")
        assert (answer.status_code, answer.json()["code"]) == (404, "identity_not_found"), identity
    nobody = "/v1/leads/00000000-0000-7000-8000-000000000000/identities"
    assert (await client.get(nobody)).status_code == 404
    assert (await client.delete(f"{nobody}/phone/1")).json()["code"] == "lead_not_found"
    assert len(await events()) == told


async def test_the_scopes(client: AsyncClient, ada, key):
    headers = {"Authorization": f"Bearer {await key('leads:read')}"}
    address = f"/v1/leads/{ada['id']}/identities"
    assert (await client.get(address, headers=headers)).status_code == 200
    assert (await client.delete(f"{address}/phone/+4930901821", headers=headers)).status_code == 403
