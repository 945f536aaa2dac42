"""The pool: what is in it, in which order, and who gets the next."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import create_engine, transaction
from service.leads.book import Book
from service.nurture.assignment.assigning import assign
from service.nurture.assignment.following import ASSIGNMENT
from service.nurture.engine import Nurture

TO_SALES = {"to": {"team": "sales"}}


async def claim(desk, owner: str, **body: object) -> Any:
    return await desk.client.post("/v1/pool/claim", json={"owner": owner, **body})


async def pooled(desk, **query: object) -> list[str]:
    answer = await desk.client.get("/v1/pool", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def test_it_has_the_opportunities_that_nobody_has_the_oldest_first(desk) -> None:
    leads = [await desk.lead(company={"country": country}) for country in ("DE", "FR", "DE")]
    await desk.lead(at="acquired")
    await desk.lead(test=True)
    owned = await desk.lead()
    await desk.done(owned, owner="ann")
    ids = [one["id"] for one in leads]
    assert await pooled(desk) == ids
    assert await pooled(desk, country="DE") == [ids[0], ids[2]]
    for sort in ("oldest", "best"):
        pages = []
        query: dict[str, Any] = {"limit": 2, "sort": sort, "count": True}
        while query:
            page = (await desk.client.get("/v1/pool", params=query)).json()
            assert page["total"] == 3
            pages += [one["id"] for one in page["data"]]
            query = query | {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        assert pages == ids
    await desk.rules(pool=["acquired"])
    assert len(await pooled(desk)) == 1


async def test_claiming_takes_the_next_and_never_what_one_rejected(desk) -> None:
    one, two = await desk.lead(), await desk.lead()
    await desk.done(one, owner="ann")
    await desk.done(one, "reject", owner="ann", reason="bad_fit")
    shown = (await desk.client.get("/v1/pool")).json()["data"]
    assert [(lead["id"], lead["last_assignment"] and lead["last_assignment"]["reason"]) for lead in shown] == [
        (one["id"], "bad_fit"),
        (two["id"], None),
    ]
    got = await claim(desk, "ann")
    assert got.status_code == 201, got.text
    assert (got.json()["lead"]["id"], got.json()["lead"]["owner"]) == (two["id"], "ann")
    assert (got.json()["assignment"]["method"], got.json()["assignment"]["status"]) == ("claimed", "accepted")
    refused = await claim(desk, "ann")
    assert (refused.status_code, refused.json()["code"]) == (404, "pool_empty")
    assert (await claim(desk, "bob")).json()["lead"]["id"] == one["id"]


async def test_claims_name_what_they_want_in_the_words_of_the_list(desk) -> None:
    lead = await desk.lead(company={"country": "AT"}, attributes={"seats": 12})
    assert (await claim(desk, "ann", filters={"country": "DE"})).status_code == 404
    wrong = await claim(desk, "ann", filters={"countri": "DE"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/filters")
    got = await claim(desk, "ann", filters={"country": ["DE", "AT"], "attributes.seats": "12"}, sort="best")
    assert got.json()["lead"]["id"] == lead["id"]


async def test_who_is_full_cannot_claim(desk) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 1}, {"owner": "bob", "active": False})
    for _ in range(2):
        await desk.lead()
    assert (await claim(desk, "ann")).status_code == 201
    assert [(await claim(desk, owner)).json()["reason"] for owner in ("ann", "bob")] == ["full", "inactive"]


async def test_thirty_two_who_claim_at_once_get_a_lead_each(desk) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 5}, "bob")
    ids = {(await desk.lead())["id"] for _ in range(20)}
    answers = await asyncio.gather(*(claim(desk, "ann" if number % 2 else "bob") for number in range(32)))
    got = [answer.json()["lead"] for answer in answers if answer.status_code == 201]
    assert Counter(answer.status_code for answer in answers) == {201: 20, 409: 11, 404: 1}
    assert {lead["id"] for lead in got} == ids
    assert Counter(lead["owner"] for lead in got) == {"ann": 5, "bob": 15}


async def test_turns_are_exact_and_capacity_is_kept_when_thirty_two_are_assigned_at_once(desk) -> None:
    await desk.team("sales", "ann", "bob", "cy", {"owner": "dan", "capacity": 3}, {"owner": "eve", "weight": 3})
    leads = [await desk.lead() for _ in range(32)]
    answers = await asyncio.gather(*(desk.ask(lead, team="sales") for lead in leads))
    assert {answer.status_code for answer in answers} == {201}
    count = Counter(answer.json()["lead"]["owner"] for answer in answers)
    assert count["dan"] == 3
    equal = [count[owner] for owner in ("ann", "bob", "cy")]
    assert max(equal) - min(equal) <= 1
    # Until dan was full a seventh each and three for eve; after that a sixth each.
    assert abs(count["eve"] - 3 * (32 - 3) / 6) < 2
    assert sum(count.values()) == 32
    members = (await desk.client.get("/v1/teams/sales")).json()["members"]
    assert {one["owner"]: one["open"] for one in members} == dict(count)


async def test_thirty_two_sessions_of_their_own_share_turns_and_capacity(desk, database_url: str) -> None:
    members = [{"owner": owner, "weight": weight} for owner, weight in (("ann", 1), ("bob", 2), ("cy", 5))]
    await desk.team("sales", *members, {"owner": "dan", "capacity": 2, "weight": 100})
    bodies = [{"email": f"session-{number}@example.com"} for number in range(96)]
    created = (await desk.client.post("/v1/leads/batch", json=bodies)).json()["data"]
    ids = [UUID(one["lead"]["id"]) for one in created]
    sessions = create_engine(database_url, pool_size=32)
    together = asyncio.Barrier(32)

    async def give(mine: list[UUID]) -> list[str]:
        owners = []
        await together.wait()
        for lead_id in mine:
            async with transaction(sessions) as connection:
                book = Book(connection, now=clock.now(), actor="test")
                entry = await book.take_one(lead_id)
                held = await assign(book, entry, team="sales")
                await book.flush()
            owners.append(held["owner"] if held else "nobody")
        return owners

    given = await asyncio.gather(*(give(ids[number::32]) for number in range(32)))
    await sessions.dispose()
    count = Counter(owner for owners in given for owner in owners)
    assert count["dan"] == 2
    for owner, weight in (("ann", 1), ("bob", 2), ("cy", 5)):
        assert abs(count[owner] - weight * 94 / 8) < 2


async def test_teams_that_share_people_do_not_deadlock_and_share_their_capacity(desk) -> None:
    await desk.team("north", {"owner": "ann", "capacity": 4}, {"owner": "bob", "capacity": 4})
    await desk.team("south", {"owner": "bob", "capacity": 4}, {"owner": "ann", "capacity": 4})
    leads = [await desk.lead() for _ in range(16)]
    answers = await asyncio.gather(
        *(desk.ask(lead, team=("north", "south")[number % 2]) for number, lead in enumerate(leads))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 8, 409: 8}
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert (refused["code"], refused["passed_over"]) == ("nobody_available", {"ann": "full", "bob": "full"})


async def test_two_engines_and_people_at_once_give_each_lead_to_one(desk, engine: AsyncEngine) -> None:
    await desk.team("sales", "ann", "bob", "cy")
    await desk.rules(TO_SALES)
    bodies = [{"email": f"at-once-{number}@example.com"} for number in range(30)]
    created = (await desk.client.post("/v1/leads/batch", json=bodies)).json()["data"]
    leads = [one["lead"] for one in created]
    engines = [Nurture(engine, [ASSIGNMENT]) for _ in range(2)]

    async def work(nurture: Nurture) -> None:
        for _ in range(60):
            await nurture.run()

    async def qualify(lead: dict[str, Any]) -> None:
        await desk.move(lead, "qualify", allow_skip=True)
        await claim(desk, "zoe")

    await asyncio.gather(*(work(one) for one in engines), *(qualify(lead) for lead in leads))
    await desk.drain()
    found = (await desk.client.get("/v1/assignments", params={"limit": 500, "count": True})).json()
    assert found["total"] == 30
    assert {one["lead_id"] for one in found["data"]} == {lead["id"] for lead in leads}
    given = Counter(one["owner"] for one in found["data"] if one["method"] == "round_robin")
    team = (await desk.client.get("/v1/teams/sales")).json()["members"]
    assert {one["owner"]: one["given"] for one in team if one["given"]} == dict(given)
    assert not given or max(given.values()) - min(one["given"] for one in team) <= 1


async def test_turns_go_on_where_they_were_after_a_restart(desk, engine: AsyncEngine) -> None:
    await desk.team("sales", "ann", "bob", "cy")
    await desk.rules(TO_SALES)
    owners = []
    for _ in range(9):
        owners.append((await desk.lead())["owner"])
        desk.nurture = Nurture(engine, [ASSIGNMENT])
    assert [len(set(owners[number : number + 3])) for number in (0, 3, 6)] == [3, 3, 3]


async def test_a_newcomer_gets_their_share_and_no_more(desk) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES)
    for _ in range(6):
        await desk.lead()
    await desk.team("sales", "ann", "bob", "new")
    owners = Counter([(await desk.lead())["owner"] for _ in range(6)])
    assert owners == {"ann": 2, "bob": 2, "new": 2}


@pytest.mark.parametrize("group_by", ["owner", "team", "owner,method"])
async def test_every_figure_is_the_length_of_its_list(desk, later, group_by: str) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES | {"accept_within": "PT1H", "on_refusal": "pool"})
    leads = [await desk.lead() for _ in range(6)]
    later(minutes=10)
    await desk.done(leads[0], "accept")
    await desk.done(leads[1], "accept")
    await desk.done(leads[2], "reject", reason="bad_fit")
    await desk.move(leads[0], "churn", reason="price")
    later(hours=2)
    await desk.drain()
    await claim(desk, "zoe")
    await desk.lead()
    answer = await desk.client.get("/v1/stats/assignment", params={"group_by": group_by, "from": "2020-01-01"})
    assert answer.status_code == 200, answer.text
    shown = answer.json()

    async def length(address: str) -> int:
        listed = (await desk.client.get(f"{address}&count=true&limit=500")).json()
        assert len(listed["data"]) == listed["total"]
        return listed["total"]

    total = Counter()
    for group in shown["groups"]:
        for name in ("assigned", "accepted", "waiting", "at_work", "rejected", "reclaimed", "released", "ended"):
            assert await length(group[name]["assignments"]) == group[name]["count"], (group["key"], name)
            total[name] += group[name]["count"]
            for reason in group[name].get("reasons", ()):
                assert await length(reason["assignments"]) == reason["count"]
        if group["now"]:
            assert await length(group["now"]["assignments"]) == group["now"]["open"]
    assert total == {
        "assigned": 8,
        "accepted": 3,
        "waiting": 1,
        "at_work": 2,
        "rejected": 1,
        "reclaimed": 3,
        "released": 0,
        "ended": 1,
    }
    timed = [group["time_to_accept"] for group in shown["groups"] if group["time_to_accept"]["count"]]
    assert all(one["median_seconds"] >= 600 for one in timed)
    assert sum(one["count"] for one in timed) == 2


async def test_what_cannot_be_is_refused(desk) -> None:
    lead = await desk.lead()
    client = desk.client
    assert (await desk.ask(lead)).status_code == 422
    assert (await desk.ask(lead, owner="ann", team="sales")).status_code == 422
    assert (await desk.ask(lead, team="nobody")).json()["errors"][0]["pointer"] == "/team"
    assert (await desk.ask(lead, auto=True)).json()["code"] == "no_rule_applies"
    assert (await client.get("/v1/teams/none")).json()["code"] == "team_not_found"
    twice = await client.put("/v1/teams/sales", json={"members": [{"owner": "ann"}, {"owner": "ann"}]})
    assert twice.status_code == 422
    unknown = await client.put("/v1/assignment-rules", json={"rules": [{"key": "a", "to": {"team": "none"}}]})
    assert unknown.json()["errors"][0]["pointer"] == "/rules/0/to/team"
    filters = {"key": "a", "to": {"owner": "ann"}, "when": {"filters": {"country": "Germany"}}}
    assert (await client.put("/v1/assignment-rules", json={"rules": [filters]})).json()["errors"][0]["pointer"] == (
        "/rules/0/when/filters/country"
    )
    team = await desk.team("sales", "ann")
    await desk.rules(TO_SALES)
    assert (await client.delete("/v1/teams/sales")).json()["code"] == "team_in_use"
    await desk.rules()
    stale = await client.delete("/v1/teams/sales", headers={"If-Match": f'"{team["version"] + 1}"'})
    assert stale.status_code == 412
    assert (await client.delete("/v1/teams/sales")).status_code == 204
    assert (await client.get("/v1/teams")).json()["data"] == []
