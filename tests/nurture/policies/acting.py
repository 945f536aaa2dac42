"""What the tests of policies do and read over HTTP, with a clock that stands still until it is moved."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from service.core import clock

START = datetime(2026, 3, 2, 9, tzinfo=UTC)

CLEAN = {"key": "clean-valid", "when": {"verdict": ["valid"]}, "then": {"move": {"event": "clean"}}}
NURTURE_BY_SCORE = {"key": "nurture-warm", "when": {"score_gte": 30}, "then": {"move": {"event": "nurture"}}}
NURTURE_BY_ACTIVITY = {
    "key": "nurture-attended",
    "when": {"on": {"activity": {"kind": "webinar.attended"}}},
    "then": {"move": {"event": "nurture"}},
}
QUALIFY_ON_DEMO = {
    "key": "qualify-demo",
    "when": {"on": {"activity": {"kind": "demo.*"}}},
    "then": {"move": {"event": "qualify"}},
}
CHURN_IDLE = {
    "key": "churn-idle",
    "when": {"stages": ["cleaned", "nurtured"], "idle_days": 30},
    "then": {"move": {"event": "churn", "reason": "inactive"}},
}
REACTIVATE = {
    "key": "welcome-back",
    "when": {"stages": ["churned"], "on": {"returned": True}},
    "then": {"move": {"event": "reactivate"}},
}


class Clock:
    """A clock that tests move. Modules that took `now` by name are told the time as well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = START
        real = clock.now
        for module in [*sys.modules.values()]:
            if getattr(module, "__name__", "").startswith("service.") and vars(module).get("now") is real:
                monkeypatch.setattr(module, "now", self.now)

    def now(self) -> datetime:
        return self.at

    def pass_(self, **span: float) -> None:
        self.at += timedelta(**span)


async def put(client: AsyncClient, *policies: dict[str, Any], **settings: Any) -> dict[str, Any]:
    answer = await client.put("/v1/policies", json={"policies": list(policies), **settings})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def lead(client: AsyncClient, email: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/v1/leads", json={"email": email, **fields})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def move(client: AsyncClient, lead_id: str, event: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/leads/{lead_id}/transitions", json={"event": event, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def act(client: AsyncClient, lead_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/v1/activities", json={"lead_id": lead_id, "kind": kind, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def read(client: AsyncClient, lead_id: str) -> dict[str, Any]:
    return (await client.get(f"/v1/leads/{lead_id}")).json()


async def stage(client: AsyncClient, lead_id: str) -> str:
    return (await read(client, lead_id))["stage"]


async def firings(client: AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """Return what policies did, oldest first."""
    answer = await client.get("/v1/policies/firings", params={"limit": 500, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"][::-1]


async def outcomes(client: AsyncClient, **query: Any) -> list[tuple[str, str]]:
    return [(one["policy"], one["outcome"]) for one in await firings(client, **query)]


async def timeline(client: AsyncClient, lead_id: str) -> list[dict[str, Any]]:
    return (await client.get(f"/v1/leads/{lead_id}/timeline")).json()["data"]
