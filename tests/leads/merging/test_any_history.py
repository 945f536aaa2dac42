"""What holds for any histories of several leads that are merged and divided in any order."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from httpx import AsyncClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service.core.database import transaction
from service.core.ids import new_id
from service.leads.book import Book
from service.lifecycle.machine import MOVES
from service.lifecycle.stages import Stage

DAY = datetime(2026, 1, 1, tzinfo=UTC)
ANY = settings(
    max_examples=int(os.environ.get("MERGE_EXAMPLES", "6")),
    deadline=None,
    database=None,
    # Making an example smaller takes longer than understanding it.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
REASONS = ["price", "spam", "duplicate", "contract_ended", "inactive"]
COUNTED = ("touchpoints", "activities", "consents")


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, str, str]]:
    """A legal ledger of (day, event, reason) that begins with its acquisition."""
    stage: Stage | None = None
    day, told = draw(st.integers(0, 6)), []
    for _ in range(draw(st.integers(1, 8))):
        event = draw(st.sampled_from(sorted({str(event) for (source, event) in MOVES if source == stage})))
        told.append((day, event, draw(st.sampled_from(REASONS)) if event in {"churn", "recycle"} else ""))
        stage = next(move.target for (source, one), move in MOVES.items() if source == stage and one == event)
        day += draw(st.integers(0, 3))
    return told


def at(day: int) -> str:
    return (DAY + timedelta(days=day)).isoformat()


class People:
    """Leads with histories, made through the API."""

    def __init__(self, client: AsyncClient, engine: Any) -> None:
        self.client = client
        self.engine = engine

    async def make(self, told: list[tuple[int, str, str]]) -> dict[str, Any]:
        name = new_id().hex
        number = int(name[-6:], 16) % 10_000_000
        person = {"email": f"{name}@nordwind.example", "phone": f"+4930{number:07}", "first_name": name[-3:]}
        body = person | {"channel": f"c{number % 3}", "occurred_at": at(told[0][0]), "tags": [name[-2:]]}
        extra = {"attributes": {"size": number % 5}, "external_ids": {"crm": name}, "consent": {"news": True}}
        lead = (await self.client.post("/v1/leads", json=body | extra)).json()
        for number, (day, event, reason) in enumerate(told[1:]):
            await self.step(lead, day, event, reason)
            if number % 3 == 0:
                await self.did(lead, day)
        await self.client.post("/v1/leads", json={"email": person["email"], "channel": "again"})
        return lead

    async def step(self, lead: dict[str, Any], day: int, event: str, reason: str) -> int:
        body = {"event": event, "occurred_at": at(day), "allow_skip": True} | ({"reason": reason} if reason else {})
        body |= {"amount": "12.50", "currency": "EUR"} if event == "win" else {}
        body |= {"channel": "ads"} if event == "reactivate" else {}
        return (await self.client.post(f"/v1/leads/{lead['id']}/transitions", json=body)).status_code

    async def did(self, lead: dict[str, Any], day: int) -> None:
        async with transaction(self.engine) as connection:
            book = Book(connection, now=datetime.now(UTC), actor="test")
            entry = await book.take_one(UUID(lead["id"]))
            when = {"occurred_at": DAY + timedelta(days=day)}
            did = book.add_activity(
                entry, {"kind": "email.opened", "channel": None, "data": {}, "delivery_id": None, **when}
            )
            book.announce(entry, "lead.updated", {"changed": ["activities"], "activity": did}, at=book.now)
            await book.flush()

    async def counts(self) -> dict[str, int]:
        async with self.engine.connect() as connection:
            return {
                table: (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
                for table in (*COUNTED, "identities")
            }

    async def figures(self) -> Any:
        answer = await self.client.get("/v1/stats/funnel", params={"from": "2025-01-01", "to": "2027-01-01"})
        assert answer.status_code == 200, answer.text
        return answer.json()["totals"]


@ANY
@given(one=histories(), other=histories())
async def test_a_merge_that_is_undone_never_was(client, engine, merge, undo, told, faults, one, other) -> None:
    people = People(client, engine)
    survivor, duplicate = await people.make(one), await people.make(other)
    before = [await told(survivor), await told(duplicate), await people.counts(), await people.figures()]
    merged = await merge(survivor, duplicate)
    assert await people.counts() == before[2]
    assert await faults() == []
    async with engine.connect() as connection:
        held = text("SELECT count(*) FROM transitions WHERE lead_id = :id AND superseded_at IS NULL")
        kept = (await connection.execute(held, {"id": survivor["id"]})).scalar_one()
    assert kept + len(merged["set_aside"]) == len(before[0]["transitions"]) + len(before[1]["transitions"])
    await undo(merged)
    assert await faults() == []
    assert [await told(survivor), await told(duplicate), await people.counts(), await people.figures()] == before


@ANY
@given(told_of=st.lists(histories(), min_size=3, max_size=4), data=st.data())
async def test_merges_undone_in_any_order_never_were(client, engine, merge, undo, told, faults, told_of, data) -> None:
    people = People(client, engine)
    leads = [await people.make(one) for one in told_of]
    before = [await told(lead) for lead in leads]
    counts, figures = await people.counts(), await people.figures()
    alive, open_merges = list(range(len(leads))), list[tuple[int, int, Any]]()
    for _ in range(data.draw(st.integers(2, 7))):
        undoable = [one for one in open_merges if one[0] in alive]
        if len(alive) > 1 and (not undoable or data.draw(st.booleans())):
            survivor, duplicate = data.draw(st.permutations(alive))[:2]
            open_merges.append((survivor, duplicate, await merge(leads[survivor], leads[duplicate])))
            alive.remove(duplicate)
        else:
            chosen = data.draw(st.sampled_from(undoable))
            await undo(chosen[2])
            open_merges.remove(chosen)
            alive.append(chosen[1])
        assert await faults() == []
        assert await people.counts() == counts
    while open_merges:
        chosen = data.draw(st.sampled_from([one for one in open_merges if one[0] in alive]))
        await undo(chosen[2])
        open_merges.remove(chosen)
        alive.append(chosen[1])
    assert await faults() == []
    for lead, told_before in zip(leads, before, strict=True):
        told_now = await told(lead)
        assert {what: one for what, one in told_now.items() if one != told_before[what]} == {}, told_before
    assert await people.figures() == figures


@ANY
@given(told_of=st.lists(histories(), min_size=2, max_size=4), data=st.data())
async def test_whatever_is_done_between_nothing_is_lost(client, engine, merge, told, faults, told_of, data) -> None:
    people = People(client, engine)
    leads = [await people.make(one) for one in told_of]
    merges: list[dict[str, Any]] = []
    day, counts = 40, await people.counts()
    for _ in range(data.draw(st.integers(4, 12))):
        match data.draw(st.sampled_from(["merge", "undo", "step", "step", "correct"])):
            case "merge":
                survivor, duplicate = data.draw(st.permutations(leads))[:2]
                answer = await client.post(f"/v1/leads/{survivor['id']}/merge", json={"duplicate_id": duplicate["id"]})
                assert answer.status_code in {201, 308, 409}, answer.text
                merges += [answer.json()] if answer.status_code == 201 else []
            case "undo" if merges:
                answer = await client.post(f"/v1/merges/{data.draw(st.sampled_from(merges))['id']}/undo")
                assert answer.status_code in {200, 409}, answer.text
            case "step":
                events = sorted({str(event) for _, event in MOVES} - {"acquire"})
                event = data.draw(st.sampled_from(events))
                reason = data.draw(st.sampled_from(REASONS)) if event in {"churn", "recycle"} else ""
                status = await people.step(data.draw(st.sampled_from(leads)), day, event, reason)
                assert status in {201, 308, 409}
                day += data.draw(st.integers(0, 1))
            case "correct":
                lead = data.draw(st.sampled_from(leads))
                body = {"from_sequence": data.draw(st.integers(2, 6)), "transitions": [], "reason": "none of it"}
                answer = await client.post(f"/v1/leads/{lead['id']}/corrections", json=body)
                assert answer.status_code in {201, 308, 422}, answer.text
        assert await faults() == []
        after = await people.counts()
        assert {name: after[name] >= counts[name] for name in after} == dict.fromkeys(after, True)
    for lead in leads:
        assert (await client.get(f"/v1/leads/{lead['id']}", follow_redirects=True)).status_code == 200
