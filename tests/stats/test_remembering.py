"""Answers from counters are remembered, and never tell what is no longer so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient

from service.stats import answering
from service.stats.remembering import Remembered

CARD = "/v1/stats/kpis?from=2026-01-08&to=2026-01-15&group_by=channel"
QUESTIONS = (
    "/v1/stats/funnel?group_by=channel&to=2026-01-15",
    "/v1/stats/funnel?group_by=channel&to=2026-01-15&mode=period",
    "/v1/stats/trend?group_by=channel&to=2026-01-15&interval=week",
    "/v1/stats/trend?group_by=channel&to=2026-01-15&interval=week&mode=cohort",
    "/v1/stats/flow?group_by=channel&to=2026-01-15",
    "/v1/stats/flow?group_by=channel&to=2026-01-15&interval=day",
    "/v1/stats/occupancy?group_by=channel&at=2026-01-15",
    "/v1/stats/occupancy?group_by=channel&from=2026-01-08&to=2026-01-15",
    CARD,
)


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was worked out, and not remembered, in a memory of its own."""
    found: list[str] = []

    class Noting(Remembered):
        def recall(self, question: Any, found_rows: Any, work: Callable[[], bytes]) -> bytes:
            def noted() -> bytes:
                found.append(str(question[1]))
                return work()

            return super().recall(question, found_rows, noted)

    monkeypatch.setattr(answering, "_REMEMBERED", Noting(1 << 20))
    return found


async def arrive(client: AsyncClient, number: int) -> None:
    body = {"email": f"a{number}@example.com", "channel": "fair", "occurred_at": "2026-01-09T10:00:00Z"}
    assert (await client.post("/v1/leads", json=body)).status_code == 201


@pytest.mark.parametrize("question", QUESTIONS)
async def test_the_same_is_worked_out_once_and_a_change_is_seen_at_once(
    client: AsyncClient, worked_out: list[str], question: str
) -> None:
    await arrive(client, 1)
    first = (await client.get(question)).content
    assert (await client.get(question)).content == first
    assert len(worked_out) == 1
    await arrive(client, 2)
    second = (await client.get(question)).content
    assert (await client.get(question)).content == second != first
    assert len(worked_out) == 2
    table = await client.get(question, headers={"Accept": "text/csv"})
    assert table.text.startswith("key.channel,")
    assert len(worked_out) == 2


async def test_no_question_gets_the_answer_of_another(client: AsyncClient, worked_out: list[str]) -> None:
    # Nothing is found for any of them, so that the question alone tells them apart.
    asked = [question + more for question in QUESTIONS for more in ("", "&tz=Europe/Berlin", "&channel=web")]
    asked += [question.replace("-15", "-16") for question in QUESTIONS]
    fresh = [(await client.get(question)).json() for question in asked]
    assert len({str(answer) for answer in fresh}) == len(asked)
    assert [(await client.get(question)).json() for question in asked] == fresh
    assert all(answer["definition"] for answer in fresh)


async def test_what_costs_is_a_change_of_the_card(client: AsyncClient, worked_out: list[str]) -> None:
    await arrive(client, 1)
    assert (await client.get(CARD)).json()["totals"]["money"] == []
    spent = {"channel": "fair", "period_start": "2026-01-08", "period_end": "2026-01-14"}
    assert (await client.put("/v1/spend", json=spent | {"amount": "70", "currency": "EUR"})).is_success
    assert (await client.get(CARD)).json()["totals"]["money"][0]["currency"] == "EUR"
    assert len(worked_out) == 2


@pytest.mark.parametrize(
    "question",
    [
        CARD + "&missing=country",
        CARD + ",tag",
        CARD.replace("channel", "entry_stage"),
        CARD.replace("2026-01-15", "2026-01-15T00:07:00Z"),
        "/v1/stats/funnel?group_by=country",
        "/v1/stats/funnel?known_at=2026-12-01",
        "/v1/stats/funnel?window=P30D",
        "/v1/stats/funnel?horizon=P30D",
        "/v1/stats/flow?distinct=true",
        "/v1/stats/trend?unit=lead",
    ],
)
async def test_what_is_somebodys_is_not_kept(client: AsyncClient, worked_out: list[str], question: str) -> None:
    await arrive(client, 1)
    assert (await client.get(question)).status_code == 200
    assert not worked_out


def test_the_last_few_are_remembered_as_far_as_there_is_room() -> None:
    remembered = Remembered(4_100)
    done: list[str] = []

    def recall(question: str, found: list[tuple[Any, ...]], size: int = 1_000) -> bytes:
        def work() -> bytes:
            done.append(question)
            return question.encode() * size

        return remembered.recall(question, found, work)

    for question in "abcabc":
        assert recall(question, []) == question.encode() * 1_000
    assert "".join(done) == "abc"
    # Another finding for the same question; then a fourth and a fifth, for which the one that was not asked for longest makes room.
    recall("a", [], 10)
    assert recall("a", [(1,)], 500) == b"a" * 500
    recall("d", [])
    recall("e", [])
    assert "".join(done) == "abcade"
    recall("c", [])
    assert recall("b", []) == b"b" * 1_000
    assert "".join(done) == "abcadeb"
    # What takes more than a quarter of the room is not kept, whether that is the answer or what it was made of.
    for size, found in ((1_030, []), (1, [(bytes(1_000),)]), (1, [(1,)] * 3)):
        done.clear()
        assert recall("f", found, size) == recall("f", found, size)
        assert done == ["f", "f"]
