"""Short words for what every test of merges does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import AsyncClient

Json = dict[str, Any]

# What says when something was written down, and not what.
_WRITTEN = {"id", "lead_id", "version", "recorded_at", "updated_at", "correction_id", "superseded_at"}


@pytest.fixture
def merge(client: AsyncClient) -> Callable[..., Awaitable[Json]]:
    """Merge a lead into another: ``await merge(survivor, duplicate)`` → the merge."""

    async def send(survivor: Json, duplicate: Json, **body: object) -> Json:
        given = {"duplicate_id": duplicate["id"], **body}
        answer = await client.post(f"/v1/leads/{survivor['id']}/merge", json=given)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    return send


@pytest.fixture
def undo(client: AsyncClient) -> Callable[..., Awaitable[Json]]:
    """Undo a merge: ``await undo(merged)`` → the merge, undone."""

    async def send(merged: Json) -> Json:
        answer = await client.post(f"/v1/merges/{merged['id']}/undo")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    return send


@pytest.fixture
def told(client: AsyncClient) -> Callable[..., Awaitable[Json]]:
    """Read all that is told of a lead, but not when it was written down: ``await told(lead)``."""

    async def read(lead: Json) -> Json:
        address = f"/v1/leads/{lead['id']}"
        row = (await client.get(address)).json()
        found: Json = {"lead": {name: value for name, value in row.items() if name not in _WRITTEN - {"id"}}}
        for what in ("transitions", "journeys", "touchpoints", "activities", "identities", "consents"):
            answer = await client.get(f"{address}/{what}")
            assert answer.status_code == 200, answer.text
            listed = answer.json()["data"]
            kept = _WRITTEN - ({"id"} if what != "transitions" else set())
            found[what] = [{name: value for name, value in one.items() if name not in kept} for one in listed]
        return found

    return read


@pytest.fixture
def ledger(client: AsyncClient) -> Callable[..., Awaitable[list[str]]]:
    """Read a lead's ledger in short: ``await ledger(lead)`` → ``["acquire", "clean"]``."""

    async def read(lead: Json) -> list[str]:
        answer = await client.get(f"/v1/leads/{lead['id']}/transitions")
        assert answer.status_code == 200, answer.text
        return [row["event"] for row in answer.json()["data"]]

    return read
