"""What tests of deadlines do over HTTP, and what they ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import AsyncClient

Worker = Callable[[], Awaitable[None]]
Later = Callable[[timedelta], datetime]


def rule(key: str = "answer", **given: Any) -> dict[str, Any]:
    return {"key": key, "stage": "acquired", "what": "first_response", "allowed": "PT2H"} | given


async def write(client: AsyncClient, *rules: dict[str, Any], **more: Any) -> int:
    answer = await client.put("/v1/sla-rules", json={"rules": list(rules), **more})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["version"])


async def lead(client: AsyncClient, email: str = "ann@example.com", **given: Any) -> str:
    answer = await client.post("/v1/leads", json={"email": email, **given})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def move(client: AsyncClient, lead_id: str, event: str, **given: Any) -> None:
    answer = await client.post(f"/v1/leads/{lead_id}/transitions", json={"event": event, **given})
    assert answer.status_code == 201, answer.text


async def respond(client: AsyncClient, lead_id: str, kind: str = "call.made", **given: Any) -> None:
    answer = await client.post("/v1/activities", json={"lead_id": lead_id, "kind": kind, **given})
    assert answer.is_success, answer.text


async def deadlines(client: AsyncClient, lead_id: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/leads/{lead_id}/deadlines")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def shown(client: AsyncClient, lead_id: str) -> dict[str, Any]:
    return dict((await client.get(f"/v1/leads/{lead_id}")).json())


async def told(client: AsyncClient, kind: str = "lead.overdue") -> list[dict[str, Any]]:
    return list((await client.get("/v1/events", params={"type": kind})).json()["data"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
