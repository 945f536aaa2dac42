"""An answer that takes several statements tells of one moment: what is written between them is seen by all of them or by none."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import event, text
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


# With groups that add up and groups that do not, with and without what is looked up first, and what is asked in addition.
ASKED = [
    "funnel?group_by=channel,campaign",
    "funnel?group_by=channel&horizon=P90D",
    "funnel?mode=period&group_by=channel",
    "funnel?group_by=tag",
    "funnel?group_by=country",
    "trend?interval=month&group_by=channel",
    "trend?interval=month&from=2025-01-01&to=2025-07-01&mode=cohort",
    "flow?group_by=channel",
    "flow?group_by=channel&distinct=true",
    "flow?interval=month",
    "occupancy?group_by=channel,campaign",
    "occupancy?from=2025-01-01&to=2025-07-01&interval=month",
    "kpis?group_by=channel,campaign",
    "kpis?group_by=entry_stage",
    "kpis?group_by=tag",
    "kpis",
    "channels",
    "channels?mode=period&group_by=campaign",
    "bottlenecks",
]


@pytest.mark.parametrize("question", ASKED)
async def test_what_takes_several_statements_is_one_transaction(
    client: AsyncClient, engine: AsyncEngine, world: Any, question: str
) -> None:
    ran: list[tuple[str, str]] = []

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if any(table in statement for table in ("_rollup", "journeys", "transitions", "spend")):
            ran.append((connection.get_execution_options()["isolation_level"], statement))

    answer = await client.get(f"/v1/stats/{question}")
    assert answer.status_code == 200, answer.text
    levels = [level for level, _ in ran]
    assert levels == ["AUTOCOMMIT"] or set(levels) == {"REPEATABLE READ"}, ran
