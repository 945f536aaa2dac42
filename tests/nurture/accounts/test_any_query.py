"""Whatever is asked of accounts, the answer is one that was meant: never an unknown fault."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest
from httpx import AsyncClient

from tests.nurture.accounts.conftest import Call

STRANGE = (
    "",
    "0",
    "-1",
    "1e9",
    "x" * 400,
    "'",
    "\\",
    "%",
    "💥",
    "null",
    "acme.com",
    "DE",
    "..",
    "a&b",
    "' OR 1=1 --",
    "{}",
    "ñ",
    "\u202e",
)
PARAMETERS = {
    "": (
        *("domain", "tier", "missing", "industry", "size", "country", "region", "stage", "owner", "people_gte", "q"),
        *("sort", "currency", "limit", "cursor", "count"),
    ),
    "/acme.com": ("interval", "from", "to", "tz"),
    "/acme.com/people": ("stage", "owner", "sort", "limit", "cursor"),
    "/acme.com/engagement": ("interval", "from", "to", "tz"),
}
GOOD = {
    "sort": ("-people", "-score", "domain", "-last_activity_at", "-open_amount", "won_amount"),
    "currency": ("EUR",),
    "interval": ("day", "month"),
    "tz": ("Asia/Shanghai", "Pacific/Apia"),
    "from": ("2026-01-01", "1900-01-01", "2199-12-31T23:59:59Z"),
    "to": ("2026-02-01", "1900-01-01"),
    "stage": ("won",),
    "limit": ("1", "500"),
    "count": ("true",),
}


@pytest.mark.parametrize("seed", range(3))
async def test_no_query_breaks_it(client: AsyncClient, lead: Call, seed: int) -> None:
    chance = random.Random(seed)
    await lead("ann@acme.com", job_title="CEO", company={"name": "Acme 'x' \\ GmbH", "country": "DE"})
    await lead("bob@globex.de")
    for _ in range(60):
        path, names = chance.choice(list(PARAMETERS.items()))
        asked = chance.sample(names, k=chance.randint(1, 3))
        query = [(name, chance.choice((*GOOD.get(name, ()), *STRANGE))) for name in asked]
        answer = await client.get(f"/v1/accounts{path}", params=query)
        assert answer.status_code in {200, 422}, (path, query, answer.status_code)
    for strange in STRANGE:
        if strange:
            answer = await client.get(f"/v1/accounts/{strange.replace('%', '%25').replace('{}', 'x')}/people")
            assert answer.status_code in {200, 404, 422}, strange
    for method, body in (("PUT", {"role": "user"}), ("DELETE", None)):
        answer = await client.request(method, f"/v1/accounts/acme.com/people/{uuid4()}/role", json=body)
        assert answer.status_code == 404


async def test_a_role_needs_the_right_to_write(client: AsyncClient, key: Call, lead: Call) -> None:
    ann = await lead("ann@acme.com")
    reader = {"Authorization": f"Bearer {await key('leads:read')}"}
    address = f"/v1/accounts/acme.com/people/{ann['id']}/role"
    assert (await client.get("/v1/accounts", headers=reader)).status_code == 200
    assert (await client.put(address, json={"role": "user"}, headers=reader)).status_code == 403
    assert (await client.put("/v1/account-tiers", json={}, headers=reader)).status_code == 403
