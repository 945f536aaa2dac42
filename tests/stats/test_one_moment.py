"""An answer that takes several statements tells of one moment: what is written between them is seen by all of them or by none."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats.store import paces, passages

# The second statement of each reads these from the ledger; the first one reads journeys.
WITHDRAWN = text(
    "UPDATE transitions SET superseded_at = recorded_at WHERE event IN ('recycle', 'reactivate', 'repurchase')"
)


@pytest.mark.parametrize(
    ("question", "room"),
    [("/v1/stats/velocity", paces), ("/v1/stats/funnel?mode=period&group_by=country", passages)],
    ids=["velocity", "period"],
)
async def test_what_is_written_between_two_statements_is_not_half_seen(
    client: AsyncClient, engine: AsyncEngine, world: Any, monkeypatch: pytest.MonkeyPatch, question: str, room: Any
) -> None:
    answers = [(await client.get(question)).json()["groups"]]
    read, asked = room.read_rows, 0

    async def read_and_disturb(*given: Any) -> Any:
        nonlocal asked
        found = await read(*given)
        asked += 1
        if asked == 1:
            async with transaction(engine) as other:
                await other.execute(WITHDRAWN)
        return found

    monkeypatch.setattr(room, "read_rows", read_and_disturb)
    answers.append((await client.get(question)).json()["groups"])
    assert asked > 1
    assert answers[0] == answers[1]
    monkeypatch.undo()
    assert (await client.get(question)).json()["groups"] != answers[0]
