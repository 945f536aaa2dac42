"""Rules of deadlines: which one is for a lead, what changes when they do, and what cannot be one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from service.core import clock
from tests.nurture.deadlines.acting import Later, Worker, at, deadlines, lead, respond, rule, shown, told, write


async def test_the_first_rule_that_fits_applies(client: AsyncClient, worker: Worker) -> None:
    await write(
        client,
        rule("fair", channel=["fair"], allowed=30),
        rule("hot", score_band=["from-75"], allowed="PT1H"),
        rule("any", allowed="P1D"),
        rule("move", what="leave_stage", allowed="P3D"),
    )
    ann, bob = await lead(client), await lead(client, "bob@example.com", channel="fair")
    await worker()
    assert [one["rule"] for one in await deadlines(client, ann)] == ["any", "move"]
    assert [one["rule"] for one in await deadlines(client, bob)] == ["fair", "move"]
    fair = (await deadlines(client, bob))[0]
    assert at(fair["due_at"]) - at(fair["started_at"]) == timedelta(minutes=30)
    assert (await shown(client, bob))["due_at"] == fair["due_at"]


async def test_a_rule_may_be_for_a_segment(client: AsyncClient, worker: Worker) -> None:
    await client.post("/v1/segments", json={"key": "germany", "filters": {"country": ["DE"]}})
    await write(client, rule("german", segment="germany"))
    ann = await lead(client, company={"country": "DE"})
    bob = await lead(client, "bob@example.com", company={"country": "FR"})
    await worker()
    assert [one["rule"] for one in await deadlines(client, ann)] == ["german"]
    assert await deadlines(client, bob) == []
    await client.patch(f"/v1/leads/{bob}", json={"company": {"country": "DE"}})
    await worker()
    (one,) = await deadlines(client, bob)
    assert one["counted_from"] > one["started_at"]


async def test_old_leads_that_are_told_of_now_are_not_measured(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule(), rule("hot", score_gte=50, stage="nurtured"), rule("calm", stage="nurtured"))
    long_ago = (clock.now() - timedelta(days=400)).isoformat()
    ann = await lead(client, occurred_at=long_ago)
    await worker()
    assert [one["state"] for one in await deadlines(client, ann)] == ["unmeasured"]
    assert (await shown(client, ann))["due_at"] is None
    assert await told(client) == []
    assert (await client.get("/v1/deadlines")).json()["data"] == []


async def test_yesterdays_leads_are_measured_if_the_rules_say_so(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule(), known_within="PT48H")
    later(timedelta(days=3))
    ann = await lead(client, occurred_at=(clock.now() - timedelta(hours=30)).isoformat())
    await worker()
    assert [one["state"] for one in await deadlines(client, ann)] == ["overdue"]
    assert len(await told(client)) == 1


async def test_a_rule_asks_nothing_of_a_time_before_it(client: AsyncClient, worker: Worker, later: Later) -> None:
    old = await lead(client)
    await worker()
    later(timedelta(hours=5))
    young = await lead(client, "bob@example.com")
    later(timedelta(hours=1))
    await write(client, rule())
    await worker()
    assert [one["state"] for one in await deadlines(client, old)] == ["unmeasured"]
    (one,) = await deadlines(client, young)
    assert (one["state"], one["counted_from"]) == ("open", one["started_at"])


async def test_what_was_not_measured_is_when_the_lead_becomes_of_interest(client: AsyncClient, worker: Worker) -> None:
    await client.post("/v1/segments", json={"key": "vips", "filters": {"tag": ["vip"]}})
    await write(client, rule("vip", segment="vips"), rule())
    ann = await lead(client, occurred_at=(clock.now() - timedelta(days=400)).isoformat())
    await worker()
    await client.patch(f"/v1/leads/{ann}", json={"job_title": "Buyer"})
    await worker()
    assert [one["state"] for one in await deadlines(client, ann)] == ["unmeasured"]
    await client.patch(f"/v1/leads/{ann}", json={"tags": ["vip"]})
    await worker()
    old, new = await deadlines(client, ann)
    assert (old["state"], new["state"], new["rule"]) in [("superseded", "open", "vip"), ("open", "superseded", "vip")]


async def test_less_time_counts_from_now_and_more_from_the_start(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await client.post("/v1/segments", json={"key": "vips", "filters": {"tag": ["vip"]}})
    await write(client, rule("vip", segment="vips", allowed="PT1H"), rule("any", allowed="PT10H"))
    ann = await lead(client)
    await worker()
    start = at((await deadlines(client, ann))[0]["started_at"])
    now = later(timedelta(hours=5))
    await client.patch(f"/v1/leads/{ann}", json={"tags": ["vip"]})
    await worker()
    (vip,) = [one for one in await deadlines(client, ann) if one["state"] == "open"]
    assert (vip["rule"], at(vip["due_at"]) - now < timedelta(hours=1, minutes=1)) == ("vip", True)
    assert at(vip["due_at"]) > now
    await client.patch(f"/v1/leads/{ann}", json={"tags": []})
    await worker()
    (any_,) = [one for one in await deadlines(client, ann) if one["state"] == "open"]
    assert (any_["rule"], at(any_["due_at"])) == ("any", start + timedelta(hours=10))
    later(timedelta(hours=4, minutes=30))
    await client.patch(f"/v1/leads/{ann}", json={"tags": ["vip"]})
    await worker()
    (any_,) = [one for one in await deadlines(client, ann) if one["state"] == "open"]
    assert any_["rule"] == "any", "it was due sooner than in an hour already"


async def test_rules_that_change_change_what_is_open_and_nothing_else(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    ann, bob = await lead(client), await lead(client, "bob@example.com")
    await respond(client, bob)
    await worker()
    answered = await deadlines(client, bob)
    await write(client, rule(allowed="PT5H"))
    await worker()
    old, new = sorted(await deadlines(client, ann), key=lambda one: one["version"])
    assert (old["state"], new["state"], new["version"]) == ("superseded", "open", 2)
    assert at(new["due_at"]) - at(new["started_at"]) == timedelta(hours=5)
    assert await deadlines(client, bob) == answered
    await write(client, rule(allowed="PT5H"), rule("other", stage="won"))
    await worker()
    assert [one["version"] for one in await deadlines(client, ann) if one["state"] == "open"] == [3]
    await write(client)
    await worker()
    assert {one["state"] for one in await deadlines(client, ann)} == {"superseded"}
    assert (await shown(client, ann))["due_at"] is None
    later(timedelta(days=2))
    await worker()
    assert await told(client) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"rules": [rule(allowed=0)]}, "/rules/0/allowed"),
        ({"rules": [rule(allowed="P1M")]}, "/rules/0/allowed"),
        ({"rules": [rule(calendar="office")]}, ""),
        ({"rules": [rule(), rule()]}, ""),
        ({"rules": [rule(segment="nobody")]}, "/rules/0/segment"),
        ({"calendars": {"office": {"tz": "Mars/Base", "hours": {"mon": ["09:00-17:00"]}}}}, "/calendars/office/tz"),
        ({"calendars": {"office": {"tz": "UTC", "hours": {}}}}, "/calendars/office"),
        ({"calendars": {"office": {"tz": "UTC", "hours": {"mon": ["9-17"]}}}}, "/calendars/office/hours/mon/0"),
        ({"known_within": "soon"}, "/known_within"),
    ],
)
async def test_rules_that_cannot_be_are_refused(client: AsyncClient, body: dict[str, Any], pointer: str) -> None:
    answer = await client.put("/v1/sla-rules", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


async def test_days_of_a_calendar_have_no_one_length(client: AsyncClient) -> None:
    office = {"tz": "Asia/Shanghai", "hours": {"mon": ["09:00-18:00"]}}
    body = {"calendars": {"office": office}, "rules": [rule(calendar="office", allowed="P1D")]}
    answer = await client.put("/v1/sla-rules", json=body)
    assert (answer.status_code, "hours" in answer.text) == (422, True)


async def test_time_is_counted_by_the_calendar(client: AsyncClient, worker: Worker, later: Later) -> None:
    """One hour a week is worked in, and ten minutes of it have passed: the ten that are missing are those of the week after."""
    now = clock.now()
    opens = now.replace(minute=0, second=0, microsecond=0)
    later(opens + timedelta(minutes=10) - now)
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[opens.weekday()]
    until = "24:00" if opens.hour == 23 else f"{opens.hour + 1:02}:00"
    office = {"tz": "UTC", "hours": {day: [f"{opens.hour:02}:00-{until}"]}}
    body = {"calendars": {"office": office}, "rules": [rule(calendar="office", allowed="PT1H")]}
    assert (await client.put("/v1/sla-rules", json=body)).is_success
    ann = await lead(client)
    await worker()
    (one,) = await deadlines(client, ann)
    assert at(one["due_at"]) - at(one["started_at"]) == timedelta(days=7)
    assert one["calendar"] == "office"
    later(timedelta(days=3))
    await respond(client, ann)
    await worker()
    (one,) = await deadlines(client, ann)
    assert one["worked_seconds"] == pytest.approx(3000, abs=60)


async def test_a_lead_that_a_policy_moves_and_a_rule_assigns_has_the_clock_of_its_stage(
    client: AsyncClient, worker: Worker
) -> None:
    await write(client, rule("new"), rule("sales", stage="cleaned", what="leave_stage"))
    policy = {"key": "clean", "when": {"verdict": ["valid"]}, "then": {"move": {"event": "clean"}}}
    assert (await client.put("/v1/policies", json={"policies": [policy]})).is_success
    assert (await client.put("/v1/teams/sales", json={"members": [{"owner": "eve"}]})).is_success
    assign = {"rules": [{"key": "all", "when": {"stages": ["cleaned"]}, "to": {"team": "sales"}}]}
    answer = await client.put("/v1/assignment-rules", json=assign)
    assert answer.is_success, answer.text
    ann = await lead(client, full_name="Ann Lee", phone="+49 30 901820")
    await worker()
    assert [(one["rule"], one["state"], one["owner"]) for one in await deadlines(client, ann)] == [
        ("new", "in_time", "eve"),
        ("sales", "open", "eve"),
    ]
    assert (await shown(client, ann))["due_at"] == (await deadlines(client, ann))[1]["due_at"]
