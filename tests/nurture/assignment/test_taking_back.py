"""Offers that run out, leads that are left alone, and leads that go back to nurture."""

from __future__ import annotations

import pytest

TO_SALES = {"to": {"team": "sales"}}


async def test_an_offer_that_nobody_accepts_goes_on_and_ends_in_the_pool(desk, later) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES | {"accept_within": "PT4H"})
    lead = await desk.lead()
    first = lead["owner"]
    later(hours=3, minutes=59)
    assert (await desk.settled(lead))["owner"] == first
    later(minutes=2)
    second = (await desk.settled(lead))["owner"]
    assert {first, second} == {"ann", "bob"}
    later(hours=5)
    assert (await desk.settled(lead))["owner"] is None
    assert await desk.statuses(lead) == [
        (first, "reclaimed", "not_accepted"),
        (second, "reclaimed", "not_accepted"),
    ]
    assert await desk.told(lead) == [(None, first, "offered"), (first, second, "offered"), (second, None, "reclaimed")]


async def test_an_offer_may_go_to_the_pool_at_once(desk, later) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES | {"accept_within": "PT4H", "on_refusal": "pool"})
    lead = await desk.lead()
    later(hours=5)
    assert (await desk.settled(lead))["owner"] is None


async def test_who_accepted_or_is_at_work_on_it_keeps_the_lead(desk, later) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES | {"accept_within": "PT4H"})
    accepted, called = await desk.lead(), await desk.lead()
    await desk.done(accepted, "accept", owner=accepted["owner"])
    await desk.client.post("/v1/activities", json={"lead_id": called["id"], "kind": "call.made"})
    later(hours=5)
    await desk.drain()
    assert (await desk.read(accepted))["owner"] == accepted["owner"]
    assert (await desk.read(called))["owner"] == called["owner"]
    assert (await desk.history(called))[0]["status"] == "accepted"


async def test_a_lead_left_alone_is_taken_back_but_not_while_somebody_is_on_it(desk, later) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES, reclaim=[{"key": "untouched", "without": "activity", "after": "P3D"}])
    alone, called = await desk.lead(), await desk.lead()
    later(days=2)
    await desk.client.post("/v1/activities", json={"lead_id": called["id"], "kind": "call.attempted"})
    await desk.client.post("/v1/activities", json={"lead_id": alone["id"], "kind": "email.opened"})
    later(days=2)
    assert (await desk.settled(alone))["owner"] is None
    assert (await desk.read(called))["owner"] is not None
    assert (await desk.statuses(alone))[0][1:] == ("reclaimed", "untouched")
    later(days=2)
    assert (await desk.settled(called))["owner"] is None


async def test_a_lead_that_does_not_move_goes_to_the_next(desk, later) -> None:
    await desk.team("sales", "ann", "bob")
    stuck = {"key": "stuck", "without": "move", "after": "P30D", "to": "next", "stages": ["opportunity"]}
    await desk.rules(TO_SALES, reclaim=[stuck])
    lead, busy, won = await desk.lead(), await desk.lead(), await desk.lead()
    await desk.move(won, "win")
    later(days=28)
    await desk.client.post("/v1/activities", json={"lead_id": busy["id"], "kind": "meeting.held"})
    later(days=4)
    after = await desk.settled(lead)
    assert after["owner"] in {"ann", "bob"} - {lead["owner"]}
    assert (await desk.history(lead))[-1]["why"]["after"] == "reclaimed"
    assert (await desk.read(busy))["owner"] == busy["owner"]
    assert (await desk.read(won))["owner"] == won["owner"]
    later(days=4)
    assert (await desk.settled(busy))["owner"] != busy["owner"]


async def test_any_date_of_the_lead_can_end_it(desk, later) -> None:
    await desk.rules(
        {"to": {"owner": "ann"}}, reclaim=[{"key": "contract", "since": "attributes.ends", "after": "P1D"}]
    )
    with_date = await desk.lead(attributes={"ends": "2026-12-24"})
    without = await desk.lead()
    later(days=60)
    assert (await desk.settled(with_date))["owner"] is None
    assert (await desk.read(without))["owner"] == "ann"


async def test_an_old_lead_that_was_just_claimed_is_not_taken_back_at_once(desk, later) -> None:
    lead = await desk.lead()
    later(days=100)
    await desk.rules(reclaim=[{"key": "old", "since": "acquired_at", "after": "P90D"}])
    await desk.done(lead, owner="ann")
    assert (await desk.settled(lead))["owner"] == "ann"
    later(days=6)
    assert (await desk.settled(lead))["owner"] == "ann"
    later(days=2)
    assert (await desk.settled(lead))["owner"] is None


async def test_rules_written_later_hold_for_leads_that_were_assigned_before(desk, later) -> None:
    lead = await desk.lead()
    await desk.done(lead, owner="ann")
    later(days=2)
    await desk.rules(reclaim=[{"key": "untouched", "without": "activity", "after": "P3D"}])
    await desk.drain()
    later(days=2)
    assert (await desk.settled(lead))["owner"] is None


@pytest.mark.parametrize(("on_recycle", "owner"), [("clear", None), ("keep", "ann")])
async def test_recycling_ends_the_assignment_and_keeps_its_reason(desk, on_recycle: str, owner: str | None) -> None:
    await desk.rules({"to": {"owner": "ann"}}, on_recycle=on_recycle)
    lead = await desk.lead()
    await desk.move(lead, "recycle", reason="bad_timing")
    assert (await desk.settled(lead))["owner"] == owner
    assert (await desk.statuses(lead))[0] == ("ann", "ended", "bad_timing")
    await desk.move(lead, "qualify")
    again = await desk.settled(lead)
    assert again["owner"] == "ann"
    assert [one[1] for one in await desk.statuses(lead)] == ["ended", "accepted" if owner else "offered"]


async def test_who_rejected_it_does_not_get_it_again_when_it_comes_back(desk) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES)
    lead = await desk.lead()
    done = await desk.done(lead, "reject", reason="bad_fit")
    for _ in range(3):
        await desk.move(lead, "recycle", reason="bad_timing")
        await desk.drain()
        await desk.move(lead, "qualify")
        assert (await desk.settled(lead))["owner"] == done["lead"]["owner"] != lead["owner"]


async def test_a_customer_who_buys_again_is_their_owners_work_again(desk) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 1})
    await desk.rules(TO_SALES)
    lead = await desk.lead()
    await desk.move(lead, "win")
    await desk.drain()
    await desk.move(lead, "repurchase")
    assert (await desk.settled(lead))["owner"] == "ann"
    assert [one[1] for one in await desk.statuses(lead)] == ["ended", "accepted"]
    assert (await desk.client.get("/v1/teams/sales")).json()["members"][0]["available"] is False


async def test_a_merged_leads_assignment_ends_and_the_survivor_keeps_its_own(desk) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules(TO_SALES)
    survivor, duplicate = await desk.lead(), await desk.lead()
    answer = await desk.client.post(f"/v1/leads/{survivor['id']}/merge", json={"duplicate_id": duplicate["id"]})
    assert answer.status_code == 201, answer.text
    assert (await desk.settled(survivor))["owner"] == survivor["owner"]
    found = await desk.statuses(survivor)
    assert sorted(found) == sorted([(survivor["owner"], "offered", None), (duplicate["owner"], "ended", "merged")])
    members = (await desk.client.get("/v1/teams/sales")).json()["members"]
    assert {one["owner"]: one["open"] for one in members} == {survivor["owner"]: 1, duplicate["owner"]: 0}
    undone = await desk.client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert undone.status_code in {200, 201}, undone.text
    assert (await desk.settled(duplicate))["owner"] == duplicate["owner"]
    assert [one[1] for one in await desk.statuses(duplicate)] == ["ended", "accepted"]


async def test_what_people_wrote_is_forgotten_with_the_person(desk) -> None:
    lead = await desk.lead()
    await desk.done(lead, owner="ann")
    await desk.done(lead, "reject", reason="bad_fit", note="Mr Miller of Example does not want us")
    exported = (await desk.client.get(f"/v1/leads/{lead['id']}/export")).json()
    assert [one["note"] for one in exported["assignments"]] == ["Mr Miller of Example does not want us"]
    answer = await desk.client.post(f"/v1/leads/{lead['id']}/erasure")
    assert answer.status_code == 200, answer.text
    listed = (await desk.client.get("/v1/assignments", params={"owner": "ann"})).json()["data"]
    assert [(one["reason"], one["note"]) for one in listed] == [("bad_fit", None)]


async def test_an_erased_lead_is_nobodys_work(desk) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 1})
    await desk.rules(TO_SALES)
    lead = await desk.lead()
    await desk.client.post(f"/v1/leads/{lead['id']}/erasure")
    assert (await desk.lead())["owner"] == "ann"


async def test_an_import_that_is_reverted_leaves_nobody_with_leads_that_are_gone(desk, worker) -> None:
    await desk.team("sales", {"owner": "ann", "capacity": 1})
    answer = await desk.client.post(
        "/v1/imports", content=b"email,owner\nnew@example.com,ann\n", headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 202, answer.text
    await worker()
    assert (await desk.client.get("/v1/teams/sales")).json()["members"][0]["open"] == 1
    reverted = await desk.client.post(f"/v1/imports/{answer.json()['id']}/revert")
    assert reverted.status_code in {200, 202}, reverted.text
    await worker()
    assert (await desk.client.get("/v1/teams/sales")).json()["members"][0]["open"] == 0
