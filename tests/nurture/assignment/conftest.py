"""Short words for what every test of assignment does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.nurture.assignment.following import ASSIGNMENT
from service.nurture.engine import Nurture

Json = dict[str, Any]
Later = Callable[..., None]


class Desk:
    """What people and their tools do, over HTTP, and the engine that does the rest."""

    def __init__(self, client: AsyncClient, engine: AsyncEngine) -> None:
        self.client = client
        self.nurture = Nurture(engine, [ASSIGNMENT])
        self.leads = 0

    async def team(self, key: str, *members: str | Json, **more: object) -> Json:
        people = [{"owner": one} if isinstance(one, str) else one for one in members]
        answer = await self.client.put(f"/v1/teams/{key}", json={"members": people, **more})
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def rules(self, *rules: Json, **more: object) -> Json:
        named = [{"key": f"rule-{number}", **rule} for number, rule in enumerate(rules, 1)]
        answer = await self.client.put("/v1/assignment-rules", json={"rules": named, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def lead(self, *, at: str = "opportunity", **body: object) -> Json:
        """Create a lead, bring it into a stage, and let the engine see it."""
        self.leads += 1
        answer = await self.client.post(
            "/v1/leads", json={"email": f"lead{self.leads}@example{self.leads}.com", **body}
        )
        assert answer.status_code == 201, answer.text
        lead = answer.json()
        if at == "opportunity":
            await self.move(lead, "qualify", allow_skip=True)
        return await self.settled(lead)

    async def move(self, lead: Json, event: str, **body: object) -> Json:
        answer = await self.client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": event, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()["lead"]

    async def settled(self, lead: Json) -> Json:
        await self.drain()
        return await self.read(lead)

    async def read(self, lead: Json) -> Json:
        return (await self.client.get(f"/v1/leads/{lead['id']}")).json()

    async def drain(self) -> None:
        while await self.nurture.run():
            pass

    async def ask(self, lead: Json, what: str = "", **body: object) -> Response:
        path = f"/v1/leads/{lead['id']}/assignment" + (f"/{what}" if what else "")
        return await self.client.post(path, json=body)

    async def done(self, lead: Json, what: str = "", **body: object) -> Json:
        answer = await self.ask(lead, what, **body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def history(self, lead: Json) -> list[Json]:
        answer = await self.client.get(f"/v1/leads/{lead['id']}/assignments")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def statuses(self, lead: Json) -> list[tuple[str, str, str | None]]:
        return [(one["owner"], one["status"], one["reason"]) for one in await self.history(lead)]

    async def told(self, lead: Json) -> list[tuple[str | None, str | None, str]]:
        events = (await self.client.get("/v1/events", params={"limit": 500, "type": "lead.assigned"})).json()["data"]
        return [
            (one["data"]["previous_owner"], one["data"]["lead"]["owner"], one["data"]["assignment"]["status"])
            for one in events
            if one["lead_id"] == lead["id"]
        ]


@pytest.fixture
def desk(client: AsyncClient, engine: AsyncEngine) -> Desk:
    return Desk(client, engine)


@pytest.fixture
def later(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Later:
    """Move the clock on: ``later(hours=4)``. Modules that took `now` by name are told the time as well."""

    def move(**by: float) -> None:
        before = clock.now
        moment = before() + timedelta(**by)

        def now() -> datetime:
            return moment

        for module in [*sys.modules.values()]:
            if getattr(module, "__name__", "").startswith("service.") and vars(module).get("now") is before:
                monkeypatch.setattr(module, "now", now)

    return move
