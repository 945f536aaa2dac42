"""Assigning by rules and by hand, accepting, rejecting, releasing."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.leads.book import Book
from service.nurture.assignment.assigning import assign
from service.outbound.catalogue import EVENT_TYPES

TO_SALES = {"to": {"team": "sales"}}


async def test_a_lead_that_becomes_an_opportunity_is_offered_to_whose_turn_it_is(desk) -> None:
    await desk.team("sales", "ann", "bob")
    rules = await desk.rules(TO_SALES | {"accept_within": "PT4H"})
    owners = [(await desk.lead())["owner"] for _ in range(6)]
    assert sorted(owners) == ["ann", "ann", "ann", "bob", "bob", "bob"]
    assert len(set(owners[:2])) == len(set(owners[2:4])) == 2
    team = (await desk.client.get("/v1/teams/sales")).json()
    assert [(one["open"], one["given"], one["due"]) for one in team["members"]] == [(3, 3, 0.0), (3, 3, 0.0)]
    lead = await desk.lead()
    held = (await desk.history(lead))[0]
    assert (held["status"], held["rule"], held["version"], held["method"]) == (
        "offered",
        "rule-1",
        rules["version"],
        "round_robin",
    )
    assert held["why"] == {"candidates": 2, "load": 3, "due": 0.5}
    assert held["accept_by"] > held["offered_at"]
    assert await desk.told(lead) == [(None, lead["owner"], "offered")]
    items = (await desk.client.get(f"/v1/leads/{lead['id']}/timeline")).json()["data"]
    assert [item["data"]["what"] for item in items if item["kind"] == "assignment"] == ["offered"]


async def test_only_leads_that_come_into_the_stage_are_given_out(desk) -> None:
    waiting = await desk.lead()
    await desk.team("sales", "ann")
    await desk.rules(TO_SALES)
    await desk.drain()
    assert (await desk.read(waiting))["owner"] is None
    assert (await desk.lead(at="acquired"))["owner"] is None
    assert (await desk.lead())["owner"] == "ann"
    await desk.client.patch(f"/v1/leads/{waiting['id']}", json={"tags": ["x"]})
    assert (await desk.settled(waiting))["owner"] is None
    await desk.rules(TO_SALES | {"backlog": True})
    assert (await desk.settled(waiting))["owner"] == "ann"


@pytest.mark.parametrize(
    ("when", "body", "owner"),
    [
        ({"filters": {"country": ["DE", "AT"]}}, {"company": {"country": "AT"}}, "ann"),
        ({"filters": {"country": ["DE", "AT"]}}, {"company": {"country": "FR"}}, "zoe"),
        ({"filters": {"channel": "fair"}}, {"channel": "fair"}, "ann"),
        ({"filters": {"attributes.seats_gte": 10}}, {"attributes": {"seats": 12}}, "ann"),
        ({"segment": "steel"}, {"company": {"industry": "steel"}}, "ann"),
        ({"segment": "steel"}, {"company": {"industry": "wood"}}, "zoe"),
        ({"score_gte": 1}, {}, "zoe"),
    ],
)
async def test_the_first_rule_that_is_for_the_lead_decides(desk, when: dict[str, Any], body, owner: str) -> None:
    await desk.client.post("/v1/segments", json={"key": "steel", "filters": {"industry": "steel"}})
    await desk.rules({"when": when, "to": {"owner": "ann"}}, {"to": {"owner": "zoe"}})
    assert (await desk.lead(**body))["owner"] == owner


async def test_a_lead_that_meets_a_rule_later_is_given_then(desk) -> None:
    await desk.rules({"when": {"filters": {"country": "DE"}}, "to": {"owner": "ann"}})
    lead = await desk.lead()
    assert lead["owner"] is None
    await desk.client.patch(f"/v1/leads/{lead['id']}", json={"company": {"country": "DE"}})
    assert (await desk.settled(lead))["owner"] == "ann"


async def test_members_have_territories(desk) -> None:
    await desk.team(
        "sales", {"owner": "ann", "countries": ["DE"]}, {"owner": "bob", "countries": ["FR"], "industries": ["Steel"]}
    )
    await desk.rules(TO_SALES)
    assert (await desk.lead(company={"country": "DE"}))["owner"] == "ann"
    assert (await desk.lead(company={"country": "FR", "industry": "steel"}))["owner"] == "bob"
    assert (await desk.lead(company={"country": "FR"}))["owner"] is None


async def test_capacity_is_kept_and_freed_when_the_lead_is_lost_or_won(desk) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 2})
    await desk.rules(TO_SALES)
    one, two, three = [await desk.lead() for _ in range(3)]
    assert [one["owner"], two["owner"], three["owner"]] == ["ann", "ann", None]
    await desk.move(one, "churn", reason="price")
    await desk.move(two, "win")
    assert (await desk.settled(one))["owner"] == "ann"
    assert await desk.statuses(one) == [("ann", "ended", "price")]
    assert await desk.statuses(two) == [("ann", "ended", "won")]
    assert (await desk.lead())["owner"] == "ann"
    assert (await desk.read(three))["owner"] is None


async def test_a_lead_nobody_had_room_for_is_tried_again_if_the_rule_says_so(desk, later) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 0})
    await desk.rules(TO_SALES | {"retry_every": "PT1H"})
    lead = await desk.lead()
    assert lead["owner"] is None
    await desk.team("sales", "ann")
    later(minutes=59)
    assert (await desk.settled(lead))["owner"] is None
    later(minutes=2)
    assert (await desk.settled(lead))["owner"] == "ann"


async def test_a_fallback_team_is_asked_before_the_pool(desk) -> None:
    await desk.team("sales", {"owner": "ann", "active": False}, {"owner": "bob", "away_until": "2999-01-01T00:00:00Z"})
    await desk.team("managers", "max")
    await desk.rules(TO_SALES | {"fallback": "managers"})
    lead = await desk.lead()
    held = (await desk.history(lead))[0]
    assert (held["owner"], held["team"]) == ("max", "managers")
    assert held["why"]["passed_over"] == {"ann": "inactive", "bob": "away"}


async def test_the_owner_of_a_companys_other_lead_gets_it(desk) -> None:
    await desk.team("sales", "ann", {"owner": "bob", "capacity": 2})
    await desk.rules(TO_SALES | {"sticky_to_company": True})
    first = await desk.lead(email="one@acme.com", company={"domain": "acme.com"})
    await desk.done(first, owner="bob")
    again = await desk.lead(email="two@acme.com", company={"domain": "acme.com"})
    assert [(one["owner"], one["method"]) for one in await desk.history(again)] == [("bob", "sticky")]
    third = await desk.lead(email="three@acme.com", company={"domain": "acme.com"})
    held = (await desk.history(third))[0]
    assert (held["owner"], held["method"], held["why"]["passed_over"]) == ("ann", "round_robin", {"bob": "full"})


async def test_rejected_leads_go_round_and_end_in_the_pool(desk) -> None:
    await desk.team("sales", "ann", "bob", "cy")
    await desk.rules(TO_SALES)
    lead = await desk.lead()
    seen = [lead["owner"]]
    for _ in range(2):
        done = await desk.done(lead, "reject", owner=seen[-1], reason="wrong_territory", note="not mine")
        assert done["assignment"]["why"]["after"] == "rejected"
        seen.append(done["lead"]["owner"])
    assert sorted(seen) == ["ann", "bob", "cy"]
    done = await desk.done(lead, "reject", owner=seen[-1], reason="bad_fit")
    assert (done["assignment"], done["lead"]["owner"]) == (None, None)
    assert [one[1:] for one in await desk.statuses(lead)] == [("rejected", "wrong_territory")] * 2 + [
        ("rejected", "bad_fit")
    ]
    assert await desk.told(lead) == [
        (None, seen[0], "offered"),
        (seen[0], seen[1], "offered"),
        (seen[1], seen[2], "offered"),
        (seen[2], None, "rejected"),
    ]
    await desk.client.patch(f"/v1/leads/{lead['id']}", json={"company": {"country": "DE"}})
    assert (await desk.settled(lead))["owner"] is None
    assert (await desk.ask(lead, auto=True)).json()["code"] == "nobody_available"


async def test_accepting_is_for_whoever_has_it_and_told_once(desk) -> None:
    lead = await desk.lead()
    assert (await desk.ask(lead, "accept")).json()["code"] == "not_assigned"
    await desk.done(lead, owner="ann")
    refused = await desk.ask(lead, "accept", owner="bob")
    assert (refused.status_code, refused.json()["code"], refused.json()["owner"]) == (409, "assigned_elsewhere", "ann")
    for _ in range(2):
        done = await desk.done(lead, "accept", owner="ann")
        assert done["assignment"]["status"] == "accepted"
        assert done["assignment"]["decided_at"] == done["assignment"]["accepted_at"]
    assert await desk.told(lead) == [(None, "ann", "offered"), ("ann", "ann", "accepted")]


async def test_reassigning_and_releasing_by_hand(desk) -> None:
    await desk.team("sales", {"owner": "bob", "capacity": 0}, "ann")
    lead = await desk.lead()
    await desk.done(lead, team="sales")
    refused = await desk.ask(lead, owner="bob")
    assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (409, "owner_unavailable", "full")
    done = await desk.done(lead, owner="bob", override=True, accepted=True, reason="knows_them")
    assert (done["assignment"]["status"], done["assignment"]["why"]) == (
        "accepted",
        {"reason": "knows_them", "although": "full"},
    )
    released = await desk.done(lead, "release")
    assert (released["assignment"], released["lead"]["owner"]) == (None, None)
    assert await desk.statuses(lead) == [("ann", "ended", "knows_them"), ("bob", "released", "given_back")]
    assert await desk.told(lead) == [
        (None, "ann", "offered"),
        ("ann", "bob", "accepted"),
        ("bob", None, "released"),
    ]


async def test_an_owner_set_by_another_hand_is_recorded(desk) -> None:
    await desk.team("sales", "ann", "bob")
    lead = await desk.lead(at="acquired", owner="eve")
    await desk.client.patch(f"/v1/leads/{lead['id']}", json={"owner": "ann"})
    await desk.drain()
    await desk.client.patch(f"/v1/leads/{lead['id']}", json={"owner": None})
    await desk.drain()
    assert await desk.statuses(lead) == [("eve", "ended", "reassigned"), ("ann", "released", "owner_cleared")]
    assert [one["method"] for one in await desk.history(lead)] == ["recorded", "recorded"]
    assert await desk.told(lead) == [("eve", "ann", "accepted"), ("ann", None, "released")]
    await desk.client.patch(f"/v1/leads/{lead['id']}", json={"owner": "bob"})
    await desk.done(lead, "reject", owner="bob", reason="bad_fit")
    assert (await desk.statuses(lead))[-1] == ("bob", "rejected", "bad_fit")


async def test_another_owner_of_a_customer_is_recorded_and_is_no_work(desk) -> None:
    await desk.team("sales", "ann", {"owner": "bob", "capacity": 1})
    await desk.rules(TO_SALES)
    lead = await desk.lead()
    await desk.done(lead, owner="ann")
    await desk.move(lead, "win")
    await desk.drain()
    await desk.client.patch(f"/v1/leads/{lead['id']}", json={"owner": "bob"})
    await desk.drain()
    assert (await desk.statuses(lead))[-1] == ("bob", "ended", "won")
    assert {one["owner"]: one["open"] for one in (await desk.client.get("/v1/teams/sales")).json()["members"]} == {
        "ann": 0,
        "bob": 0,
    }
    done = await desk.done(lead, "release", reason="no_account_manager")
    assert done["lead"]["owner"] is None


async def test_if_match_names_the_version_and_a_key_of_idempotency_gives_one_assignment(desk) -> None:
    lead = await desk.lead()
    path = f"/v1/leads/{lead['id']}/assignment"
    stale = await desk.client.post(path, json={"owner": "ann"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    answers = [
        await desk.client.post(path, json={"owner": "ann"}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert len(await desk.history(lead)) == 1


async def test_a_policy_assigns_in_its_own_transaction(desk, engine: AsyncEngine) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 1})
    leads = [await desk.lead() for _ in range(2)]
    given = []
    for lead in leads:
        async with transaction(engine) as connection:
            book = Book(connection, now=clock.now(), actor="policy:hot")
            await book.take([lead["id"]])
            entry = next(iter(book.entries.values()))
            given.append(await assign(book, entry, team="sales", why={"policy": "hot"}))
            again = await assign(book, entry, team="sales", why={"policy": "hot"})
            assert (again and again["id"]) == (given[-1] and given[-1]["id"])
            await book.flush()
    assert [one and (one["owner"], one["actor"]) for one in given] == [("ann", "policy:hot"), None]
    assert (await desk.read(leads[0]))["owner"] == "ann"


async def test_what_is_told_is_what_the_catalogue_says(desk) -> None:
    await desk.rules({"to": {"owner": "ann"}})
    lead = await desk.lead()
    await desk.done(lead, "accept")
    await desk.done(lead, "release")
    events = (await desk.client.get("/v1/events", params={"type": "lead.assigned"})).json()["data"]
    schema = EVENT_TYPES["lead.assigned"].schema
    known = schema["properties"]["data"]["properties"]["assignment"]["properties"]
    assert len(events) == 3
    for event in events:
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(event)
        assert set(event["data"]["assignment"]) == set(known)
