from __future__ import annotations

from httpx import AsyncClient


async def test_it_works(client: AsyncClient) -> None:
    made = await client.post("/v1/channels", json={"key": "web", "vendor": "generic"})
    assert made.status_code == 201, made.text
    print(made.json())
    secret = made.json()["secret"]
    answer = await client.post("/v1/intake/web", json={"email": "ada@example.com"}, headers={"x-channel-secret": secret})
    assert answer.status_code == 202, answer.text
    print(answer.json(), answer.headers)
    found = await client.get(f"/v1/deliveries/{answer.json()['id']}")
    print(found.json())
