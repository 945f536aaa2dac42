"""Undoing merges over HTTP: two leads again, and what was said since stays."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from httpx import AsyncClient
from sqlalchemy import text

DAYS = [f"2026-03-{day:02}T10:00:00Z" for day in range(1, 29)]


async def pair(create):
    anna = await create(email="anna@nordwind.example", full_name="Anna Schmidt", channel="web", occurred_at=DAYS[0])
    anni = await create(
        phone="+4930901820", full_name="Anni Schmitt", job_title="CEO", channel="fair", occurred_at=DAYS[1]
    )
    return anna, anni


async def test_it_works(client: AsyncClient, create, merge, undo, told, faults):
    anna, anni = await pair(create)
    before = [await told(anna), await told(anni)]
    undone = await undo(await merge(anna, anni))
    assert (undone["lead"]["id"], undone["duplicate"]["id"]) == (anna["id"], anni["id"])
    assert undone["undone_at"] is not None
    assert [await told(anna), await told(anni)] == before
    assert (await create(phone="+4930901820"))["id"] == anni["id"]
    assert await faults() == []


async def test_once_only(client: AsyncClient, create, merge, undo):
    merged = await merge(*await pair(create))
    await undo(merged)
    again = await client.post(f"/v1/merges/{merged['id']}/undo")
    assert (again.status_code, again.json()["code"]) == (409, "already_undone")
    assert (await client.post(f"/v1/merges/{uuid4()}/undo")).status_code == 404


async def test_of_undos_at_the_same_time_one_does_it(client: AsyncClient, create, merge, faults):
    merged = await merge(*await pair(create))
    answers = await asyncio.gather(*(client.post(f"/v1/merges/{merged['id']}/undo") for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert await faults() == []


async def test_they_can_be_merged_again_the_other_way(client: AsyncClient, create, merge, undo, told, faults):
    anna, anni = await pair(create)
    before = [await told(anna), await told(anni)]
    await undo(await merge(anna, anni))
    merged = await merge(anni, anna)
    assert (await client.get(f"/v1/leads/{anna['id']}")).headers["location"] == f"/v1/leads/{anni['id']}"
    await undo(merged)
    assert [await told(anna), await told(anni)] == before
    assert await faults() == []


async def test_what_was_said_since_stays(client: AsyncClient, create, merge, undo, faults):
    anna, anni = await pair(create)
    merged = await merge(anna, anni)
    assert merged["lead"]["job_title"] == "CEO"
    await client.patch(f"/v1/leads/{anna['id']}", json={"job_title": "Chair", "tags": ["vip"]})
    undone = await undo(merged)
    assert (undone["lead"]["job_title"], undone["lead"]["tags"]) == ("Chair", ["vip"])
    assert (undone["lead"]["full_name"], undone["lead"]["phone"]) == ("Anna Schmidt", None)
    assert undone["duplicate"]["job_title"] == "CEO"
    assert await faults() == []


async def test_steps_since_stay_with_the_survivor(create, walk, merge, undo, ledger, faults):
    anna, anni = await pair(create)
    await walk(anni, ("clean", {"occurred_at": DAYS[2]}), ("nurture", {"occurred_at": DAYS[3]}))
    merged = await merge(anna, anni)
    await walk(anna, "qualify", "win")
    await undo(merged)
    assert await ledger(anna) == ["acquire", "qualify", "win"]
    assert await ledger(anni) == ["acquire", "clean", "nurture"]
    assert await faults() == []


async def test_a_step_that_hung_on_the_other_is_set_aside(create, walk, merge, undo, ledger, rows, faults):
    anna, anni = await pair(create)
    await walk(anni, ("churn", {"occurred_at": DAYS[3]}))
    merged = await merge(anna, anni)
    await walk(anna, "reactivate", "clean")
    await undo(merged)
    assert await ledger(anna) == ["acquire", "clean"]
    aside = [item["data"] for item in await rows(anna, "timeline") if item["kind"] == "set_aside"]
    assert [(one["event"], one["why"]) for one in aside] == [("reactivate", "repeated")]
    assert await faults() == []


async def test_who_came_since_stays_with_the_survivor(create, merge, undo, rows):
    anna, anni = await pair(create)
    merged = await merge(anna, anni)
    await create(phone="+4930901820", email="anni@new.example", channel="late")
    await undo(merged)
    assert [row["channel"] for row in await rows(anna, "touchpoints")] == ["web", "late"]
    assert [row["channel"] for row in await rows(anni, "touchpoints")] == ["fair"]


async def test_an_identity_that_was_let_go_of_stays_gone(client: AsyncClient, create, merge, undo, faults):
    anna, anni = await pair(create)
    merged = await merge(anna, anni)
    await client.patch(f"/v1/leads/{anna['id']}", json={"phone": "+493090182099"})
    other = await create(phone="+4930901820", email="other@example.com")
    assert other["id"] != anna["id"]
    undone = await undo(merged)
    assert undone["duplicate"]["phone"] is None
    assert undone["lead"]["phone"] == "+493090182099"
    assert await faults() == []


async def test_what_another_merge_had_hidden_comes_to_light(create, merge, undo, faults, told):
    anna = await create(email="anna@nordwind.example", occurred_at=DAYS[0])
    anni = await create(external_ids={"crm": "1"}, phone="+4930901821", job_title="CEO", occurred_at=DAYS[1])
    eva = await create(external_ids={"crm": "2"}, phone="+4930901822", job_title="CTO", occurred_at=DAYS[2])
    before = await told(anna)
    first, second = await merge(anna, anni), await merge(anna, eva)
    undone = await undo(first)
    assert (undone["lead"]["phone"], undone["lead"]["job_title"]) == ("+4930901822", "CTO")
    assert undone["lead"]["external_ids"] == {"crm": "2"}
    assert await faults() == []
    await undo(second)
    assert await told(anna) == before
    assert await faults() == []


async def test_a_win_the_other_had_hidden_counts_again(create, walk, merge, undo, ledger):
    anna, anni = await pair(create)
    eva = await create(email="eva@nordwind.example", occurred_at=DAYS[0])
    await walk(anna, ("qualify", {"allow_skip": True, "occurred_at": DAYS[2]}))
    await walk(anni, ("win", {"allow_skip": True, "occurred_at": DAYS[3]}))
    await walk(eva, ("win", {"allow_skip": True, "occurred_at": DAYS[4]}))
    first = await merge(anna, anni)
    second = await merge(anna, eva)
    assert [(one["event"], one["why"]) for one in second["set_aside"]] == [
        ("acquire", "repeated"),
        ("win", "repeated"),
    ]
    await undo(first)
    assert await ledger(anna) == ["acquire", "qualify", "win"]


async def test_a_step_that_two_had_no_place_for_comes_back_when_both_are_gone(
    create, walk, merge, undo, told, ledger, faults
):
    anna = await create(email="anna@nordwind.example", occurred_at=DAYS[4])
    await walk(anna, ("nurture", {"occurred_at": DAYS[5], "allow_skip": True}), ("churn", {"occurred_at": DAYS[5]}))
    before = await told(anna)
    merges = []
    for name in ("anni", "eva"):
        other = await create(email=f"{name}@nordwind.example", occurred_at=DAYS[0])
        won = {"occurred_at": DAYS[3], "allow_skip": True}
        await walk(other, ("win", won), ("repurchase", {"occurred_at": DAYS[8]}))
        merges.append(await merge(anna, other))
        assert "churn" not in await ledger(anna)
    for merged in merges:
        await undo(merged)
        assert await faults() == []
    assert await told(anna) == before


async def test_a_correction_that_says_the_same_can_be_divided(client: AsyncClient, create, walk, merge, undo, ledger):
    anna, anni = await pair(create)
    await walk(anni, ("clean", {"occurred_at": DAYS[2]}))
    merged = await merge(anna, anni)
    await walk(anna, ("qualify", {"occurred_at": DAYS[8]}))
    tail = [{"event": "clean", "occurred_at": DAYS[2]}, {"event": "qualify", "occurred_at": DAYS[5]}]
    body = {"from_sequence": 2, "transitions": tail, "reason": "it was earlier"}
    assert (await client.post(f"/v1/leads/{anna['id']}/corrections", json=body)).status_code == 201
    await undo(merged)
    assert await ledger(anna) == ["acquire", "qualify"]
    assert await ledger(anni) == ["acquire", "clean"]


async def test_a_correction_that_says_otherwise_cannot(client: AsyncClient, create, walk, merge, faults):
    anna, anni = await pair(create)
    await walk(anni, ("clean", {"occurred_at": DAYS[2]}))
    merged = await merge(anna, anni)
    body = {"from_sequence": 2, "transitions": [], "reason": "never cleaned"}
    assert (await client.post(f"/v1/leads/{anna['id']}/corrections", json=body)).status_code == 201
    refused = await client.post(f"/v1/merges/{merged['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "corrected_since")
    assert len(refused.json()["transitions"]) == 1
    assert await faults() == []


async def test_a_start_whose_channel_was_corrected_cannot_be_given_back(
    client: AsyncClient, create, walk, merge, faults
):
    anna, anni = await pair(create)
    await walk(anni, ("churn", {"occurred_at": DAYS[2]}), ("reactivate", {"occurred_at": DAYS[5], "channel": "radio"}))
    merged = await merge(anna, anni)
    held = (await client.get(f"/v1/leads/{anna['id']}/transitions")).json()["data"]
    number = next(row["sequence"] for row in held if row["event"] == "reactivate")
    step = {"event": "reactivate", "occurred_at": DAYS[5], "channel": "tv"}
    body = {"from_sequence": number, "transitions": [step], "reason": "it was on television"}
    assert (await client.post(f"/v1/leads/{anna['id']}/corrections", json=body)).status_code == 201
    refused = await client.post(f"/v1/merges/{merged['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "corrected_since")
    assert await faults() == []


async def test_a_correction_takes_up_what_was_set_aside(client: AsyncClient, create, walk, merge, undo, ledger, faults):
    anna, anni = await pair(create)
    await walk(anna, ("win", {"allow_skip": True, "occurred_at": DAYS[2]}))
    await walk(anni, ("win", {"allow_skip": True, "occurred_at": DAYS[6]}))
    merged = await merge(anna, anni)
    tail = [{"event": "repurchase", "occurred_at": DAYS[4]}, {"event": "win", "occurred_at": DAYS[6]}]
    body = {"from_sequence": 3, "transitions": tail, "reason": "she bought twice"}
    assert (await client.post(f"/v1/leads/{anna['id']}/corrections", json=body)).status_code == 201
    read = (await client.get(f"/v1/merges/{merged['id']}")).json()
    assert [one["event"] for one in read["set_aside"]] == ["acquire"]
    await undo(merged)
    assert await ledger(anna) == ["acquire", "win", "repurchase"]
    assert await ledger(anni) == ["acquire", "win"]
    assert await faults() == []


async def test_what_was_believed_is_still_told(client: AsyncClient, create, walk, merge, undo, rows):
    anna, anni = await pair(create)
    await walk(anni, ("clean", {"occurred_at": DAYS[2]}))
    merged = await merge(anna, anni)
    during = merged["recorded_at"]
    await undo(merged)
    assert [row["event"] for row in await rows(anna, "transitions", known_at=during)] == ["acquire", "clean"]
    assert await rows(anni, "transitions", known_at=during) == []
    assert [row["event"] for row in await rows(anni, "transitions", known_at=anni["created_at"])] == ["acquire"]


async def test_who_acted_stays_who_acted(client: AsyncClient, create, key, merge, undo, rows):
    anna, anni = await pair(create)
    mover = {"Authorization": f"Bearer {await key('leads:write')}"}
    body = {"event": "clean", "occurred_at": DAYS[2]}
    await client.post(f"/v1/leads/{anni['id']}/transitions", json=body, headers=mover)
    before = [row["actor"] for row in await rows(anni, "transitions")]
    merged = await merge(anna, anni)
    assert [row["actor"] for row in await rows(anna, "transitions")] == before
    await undo(merged)
    assert [row["actor"] for row in await rows(anni, "transitions")] == before


async def everything(engine) -> dict[str, str]:
    """All rows of all tables, as text."""
    async with engine.connect() as connection:
        named = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = (await connection.execute(named)).scalars().all()
        return {
            table: str((await connection.execute(text(f'SELECT to_jsonb(t)::text FROM "{table}" t'))).scalars().all())
            for table in tables
        }


async def marked(create, name: str, **more):
    return await create(
        email=f"{name}@secret.example", full_name=f"{name} Secret", job_title=f"{name} job",
        utm={"source": f"{name}-utm"}, attributes={"pet": f"{name}-pet"}, **more,
    )  # fmt: skip


async def test_a_survivor_is_erased_with_all_that_was_merged_into_it(
    client: AsyncClient, engine, create, walk, merge, faults
):
    anna, anni, eva = [await marked(create, name) for name in ("annamark", "annimark", "evamark")]
    await walk(anni, ("clean", {"note": "annimark note"}))
    await merge(anni, eva, why="evamark and annimark")
    merged = await merge(anna, anni, why="annimark is annamark")
    erased = await client.post(f"/v1/leads/{anna['id']}/erasure", json={})
    assert erased.status_code == 200
    for lead in (anna, anni, eva):
        assert (await client.get(f"/v1/leads/{lead['id']}")).status_code == 410
    refused = await client.post(f"/v1/merges/{merged['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (410, "lead_erased")
    assert (await client.get(f"/v1/merges/{merged['id']}")).json()["why"] is None
    assert [table for table, rows in (await everything(engine)).items() if "mark" in rows.lower()] == []
    assert await faults() == []


async def test_whoever_was_once_merged_leaves_no_trace_in_the_other(
    client: AsyncClient, engine, create, walk, merge, undo, faults
):
    anna = await create(email="anna@nordwind.example")
    anni, eva = await marked(create, "annimark"), await marked(create, "evamark")
    await walk(anni, ("clean", {"note": "annimark note"}))
    first = await merge(anni, eva)
    second = await merge(anna, anni, why="annimark is anna")
    await client.patch(f"/v1/leads/{anna['id']}", json={"owner": "sales"})
    await undo(second)
    await undo(first)
    for lead in (anni, eva):
        assert (await client.post(f"/v1/leads/{lead['id']}/erasure", json={})).status_code == 200
    assert [table for table, rows in (await everything(engine)).items() if "mark" in rows.lower()] == []
    kept = (await client.get(f"/v1/leads/{anna['id']}")).json()
    assert (kept["email"], kept["owner"]) == ("anna@nordwind.example", "sales")
    assert await faults() == []
