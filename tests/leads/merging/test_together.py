"""Merges, undos, submissions, steps and amendments of the same few people, all at the same time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from httpx import AsyncClient


async def test_whatever_comes_together_holds(client: AsyncClient, create, faults, worker):
    chance = random.Random(5)
    leads = [
        (await create(email=f"p{number}@example.com", phone=f"+4930901820{number:02}"))["id"] for number in range(12)
    ]
    merged: list[str] = []
    seen: Counter[int] = Counter()

    async def act() -> None:
        one, other = chance.sample(leads, 2)
        number = chance.randrange(12)
        match chance.randrange(6):
            case 0 | 1:
                answer = await client.post(f"/v1/leads/{one}/merge", json={"duplicate_id": other})
                merged.extend([answer.json()["id"]] if answer.status_code == 201 else [])
            case 2 if merged:
                answer = await client.post(f"/v1/merges/{chance.choice(merged)}/undo")
            case 3:
                answer = await client.patch(f"/v1/leads/{one}", json={"tags": [f"t{number}"]})
            case 4:
                step = {"event": chance.choice(["clean", "nurture", "qualify", "win"]), "allow_skip": True}
                answer = await client.post(f"/v1/leads/{one}/transitions", json=step)
            case _:
                body = {"email": f"p{number}@example.com", "phone": f"+4930901820{(number + 1) % 12:02}"}
                answer = await client.post("/v1/leads", json=body)
        seen[answer.status_code] += 1

    async def actor() -> None:
        for _ in range(25):
            await act()

    await asyncio.gather(*(actor() for _ in range(8)))
    assert set(seen) <= {200, 201, 308, 409, 503}
    assert seen[503] < 20
    assert merged
    assert await faults() == []
    await worker()
    assert await faults() == []
