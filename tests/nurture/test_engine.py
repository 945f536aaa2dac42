"""The engine of nurture: what it hears, when it wakes, and what it does about a reaction that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.core.http.etags import Precondition
from service.nurture import rules
from service.nurture.engine import Nurture
from service.nurture.rounds import Reaction, Round
from service.nurture.rules import RuleSet


class Wishes(BaseModel):
    """Rules of a reaction that only these tests know."""

    model_config = ConfigDict(extra="forbid")

    tags: list[str] = []


WISHES = RuleSet("wishes", Wishes)
Write = Callable[..., Awaitable[None]]


class Diary:
    """A reaction that writes down what it was shown, and tags the lead."""

    def __init__(self, *, fails_on: str | None = None, wakes_in: timedelta | None = None) -> None:
        self.seen: list[tuple[UUID, list[str], list[str], bool]] = []
        self.fails_on = fails_on
        self.wakes_in = wakes_in
        self.reaction = Reaction(
            name="diary",
            rule_sets=(WISHES,),
            types=frozenset({"lead.created"}),
            fields=frozenset({"job_title"}),
            applies=lambda held: bool(held.of(WISHES).tags),
            react=self.react,
        )

    async def react(self, this: Round) -> None:
        seen = []
        for entry, change in this.concerned(self.reaction):
            if entry.row["email"] == self.fails_on:
                raise ValueError("cannot read this one")
            kinds = [event["type"] for event in change.events]
            seen.append((entry.id, kinds, [timer["key"] for timer in change.timers], "diary" in change.swept))
            entry.row["tags"] = sorted({*entry.row["tags"], *this.rules.of(WISHES).tags})
            this.book.announce(entry, "lead.updated", {"changed": ["tags"]}, at=this.now)
            if self.wakes_in and not change.timers:
                this.wake(entry.id, "diary", "again", this.now + self.wakes_in)
        self.seen += seen

    @property
    def events(self) -> list[list[str]]:
        return [kinds for _, kinds, _, _ in self.seen]


@pytest.fixture
def wish(engine: AsyncEngine) -> Write:
    async def write(*tags: str) -> None:
        async with transaction(engine) as connection:
            await rules.replace_rules(
                connection,
                WISHES,
                Wishes(tags=list(tags)),
                precondition=Precondition(),
                actor="test",
                now=clock.now(),
            )

    return write


async def lead(client: AsyncClient, email: str) -> dict[str, Any]:
    answer = await client.post("/v1/leads", json={"email": email})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def drain(nurture: Nurture) -> None:
    while await nurture.run():
        pass


async def test_it_hears_what_it_asked_for_once(client: AsyncClient, engine: AsyncEngine, wish: Write) -> None:
    diary = Diary()
    nurture = Nurture(engine, [diary.reaction])
    await wish("seen")
    await drain(nurture)
    one = await lead(client, "ann@example.com")
    await drain(nurture)
    await client.patch(f"/v1/leads/{one['id']}", json={"job_title": "Buyer"})
    await client.patch(f"/v1/leads/{one['id']}", json={"owner": "Eve"})
    await drain(nurture)
    assert diary.events == [["lead.created"], ["lead.updated"]]
    assert (await client.get(f"/v1/leads/{one['id']}")).json()["tags"] == ["seen"]


async def test_without_rules_nothing_is_looked_at(client: AsyncClient, engine: AsyncEngine) -> None:
    diary = Diary()
    await lead(client, "ann@example.com")
    assert await Nurture(engine, [diary.reaction]).run() == 0
    assert diary.seen == []


async def test_rules_that_change_are_tried_on_every_lead_once(
    client: AsyncClient, engine: AsyncEngine, wish: Write
) -> None:
    known = {(await lead(client, f"a{number}@example.com"))["id"] for number in range(3)}
    diary = Diary()
    nurture = Nurture(engine, [diary.reaction])
    await drain(nurture)
    await wish("first")
    await drain(nurture)
    assert {str(lead_id) for lead_id, _, _, swept in diary.seen if swept} == known
    diary.seen.clear()
    await wish("second")
    await drain(nurture)
    assert sorted(str(lead_id) for lead_id, *_ in diary.seen) == sorted(known)
    assert await nurture.run() == 0


async def test_a_timer_wakes_it_when_its_time_has_come(
    client: AsyncClient, engine: AsyncEngine, wish: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary(wakes_in=timedelta(hours=1))
    nurture = Nurture(engine, [diary.reaction])
    await wish("seen")
    await drain(nurture)
    await lead(client, "ann@example.com")
    await drain(nurture)
    assert [timers for _, _, timers, _ in diary.seen] == [[]]
    later = clock.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    await drain(nurture)
    assert [timers for _, _, timers, _ in diary.seen] == [[], ["again"]]
    assert await nurture.run() == 0


async def test_a_lead_that_a_reaction_fails_on_does_not_keep_the_others_waiting(
    client: AsyncClient, engine: AsyncEngine, wish: Write
) -> None:
    diary = Diary(fails_on="bad@example.com")
    nurture = Nurture(engine, [diary.reaction])
    await wish("seen")
    await drain(nurture)
    ids = {email: (await lead(client, email))["id"] for email in ("a@example.com", "bad@example.com", "z@example.com")}
    await drain(nurture)
    tags = {email: (await client.get(f"/v1/leads/{lead_id}")).json()["tags"] for email, lead_id in ids.items()}
    assert tags == {"a@example.com": ["seen"], "bad@example.com": [], "z@example.com": ["seen"]}
    assert await nurture.run() == 0


async def test_every_version_of_the_rules_is_kept(engine: AsyncEngine, wish: Write) -> None:
    await wish("first")
    await wish("second")
    async with transaction(engine) as connection:
        shown = await rules.list_versions(connection, WISHES, before=None, limit=10)
    assert [(one["version"], one["tags"]) for one in shown] == [(2, ["second"]), (1, ["first"])]
