"""The card remembers its answers, and never tells what is no longer so."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from service.stats import carding
from service.stats.remembering import Remembered

CARD = "/v1/stats/kpis?from=2026-01-08&to=2026-01-15&group_by=channel"


async def test_the_same_is_worked_out_once_and_a_change_is_seen_at_once(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, worked_out = carding._answer, 0

    def noted(*given: Any) -> Any:
        nonlocal worked_out
        worked_out += 1
        return answer(*given)

    monkeypatch.setattr(carding, "_answer", noted)
    monkeypatch.setattr(carding, "_REMEMBERED", Remembered[Any, Any, Any](4))

    async def new_leads(path: str = CARD) -> int:
        return int((await client.get(path)).json()["totals"]["new_leads"]["value"])

    async def arrive(number: int) -> None:
        body = {"email": f"a{number}@example.com", "channel": "fair", "occurred_at": "2026-01-09T10:00:00Z"}
        assert (await client.post("/v1/leads", json=body)).status_code == 201

    await arrive(1)
    first = (await client.get(CARD)).content
    assert (await client.get(CARD)).content == first
    assert worked_out == 1
    await arrive(2)
    assert (await new_leads(), worked_out) == (2, 2)
    # What costs is read along, and is a change as well; another question is another answer.
    spent = {"channel": "fair", "period_start": "2026-01-08", "period_end": "2026-01-14"}
    assert (await client.put("/v1/spend", json=spent | {"amount": "70", "currency": "EUR"})).is_success
    changed = (await client.get(CARD)).json()
    assert (changed["totals"]["money"][0]["currency"], worked_out) == ("EUR", 3)
    assert await new_leads(f"{CARD}&channel=web") == 0
    assert worked_out == 4
    table = await client.get(CARD, headers={"Accept": "text/csv"})
    assert table.text.startswith("key.channel,")


@pytest.mark.parametrize(
    ("path", "most"),
    [
        (CARD, 0),
        (CARD + "&missing=country", 2_000),
        (CARD + ",tag", 2_000),
        (CARD.replace("channel", "entry_stage"), 2_000),
        (CARD.replace("2026-01-15", "2026-01-15T00:07:00Z"), 2_000),
    ],
)
async def test_what_is_large_or_somebodys_is_not_kept(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, most: int
) -> None:
    kept = Remembered[Any, Any, Any](4)
    monkeypatch.setattr(carding, "_REMEMBERED", kept)
    monkeypatch.setattr(carding, "_MOST_ROWS", most)
    body = {"email": "a@example.com", "occurred_at": "2026-01-09T10:00:00Z"}
    assert (await client.post("/v1/leads", json=body)).status_code == 201
    assert (await client.get(path)).json()["totals"]["new_leads"]["value"] == 1
    assert not kept._held


def test_the_last_few_are_remembered() -> None:
    remembered = Remembered[str, int, str](2)
    worked_out: list[str] = []

    def recall(question: str, found: int) -> str:
        def work() -> str:
            worked_out.append(f"{question}{found}")
            return worked_out[-1]

        return remembered.recall(question, found, work)

    asked = [("a", 1), ("b", 1), ("a", 1), ("a", 2), ("a", 1), ("c", 1), ("a", 1), ("b", 1)]
    assert [recall(*one) for one in asked] == [f"{question}{found}" for question, found in asked]
    # Each question has its last answer; the one that was not asked for longest is forgotten.
    assert worked_out == ["a1", "b1", "a2", "a1", "c1", "b1"]
