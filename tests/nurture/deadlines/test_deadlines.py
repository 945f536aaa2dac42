"""Deadlines over HTTP: when clocks start, what ends them, what passes, and what of it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.nurture.engine import Nurture
from service.nurture.reactions import REACTIONS

Worker = Callable[[], Awaitable[None]]
Later = Callable[[timedelta], datetime]


def rule(key: str = "answer", **given: Any) -> dict[str, Any]:
    return {"key": key, "stage": "acquired", "what": "first_response", "allowed": "PT2H"} | given


async def write(client: AsyncClient, *rules: dict[str, Any], **more: Any) -> int:
    answer = await client.put("/v1/sla-rules", json={"rules": list(rules), **more})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["version"])


async def lead(client: AsyncClient, email: str = "ann@example.com", **given: Any) -> str:
    answer = await client.post("/v1/leads", json={"email": email, **given})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def move(client: AsyncClient, lead_id: str, event: str, **given: Any) -> None:
    answer = await client.post(f"/v1/leads/{lead_id}/transitions", json={"event": event, **given})
    assert answer.status_code == 201, answer.text


async def respond(client: AsyncClient, lead_id: str, kind: str = "call.made", **given: Any) -> None:
    answer = await client.post("/v1/activities", json={"lead_id": lead_id, "kind": kind, **given})
    assert answer.is_success, answer.text


async def deadlines(client: AsyncClient, lead_id: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/leads/{lead_id}/deadlines")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def shown(client: AsyncClient, lead_id: str) -> dict[str, Any]:
    return dict((await client.get(f"/v1/leads/{lead_id}")).json())


async def told(client: AsyncClient, kind: str = "lead.overdue") -> list[dict[str, Any]]:
    return list((await client.get("/v1/events", params={"type": kind})).json()["data"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


async def test_it_works(client: AsyncClient, worker: Worker, later: Later) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], one["rule"], one["version"], one["what"]) == ("open", "answer", 1, "first_response")
    assert at(one["due_at"]) - at(one["started_at"]) == timedelta(hours=2)
    assert (await shown(client, ann))["due_at"] == one["due_at"]
    later(timedelta(hours=2, seconds=1))
    await worker()
    (event,) = await told(client)
    assert event["lead_id"] == ann
    assert event["timestamp"] == one["due_at"]
    assert event["data"]["deadline"]["id"] == one["id"]
    assert event["data"]["lead"]["due_at"] == one["due_at"]
    await respond(client, ann)
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], one["ended_how"]) == ("late", "met")
    assert (await shown(client, ann))["due_at"] is None
    assert len(await told(client)) == 1


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


@pytest.mark.parametrize(
    ("kind", "state", "how"),
    [("email.sent", "in_time", "met"), ("email.opened", "open", None), ("mailing.sent", "open", None)],
)
async def test_only_one_of_us_responds(
    client: AsyncClient, worker: Worker, kind: str, state: str, how: str | None
) -> None:
    await write(client, rule())
    ann = await lead(client)
    await respond(client, ann, kind)
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], one["ended_how"]) == (state, how)


async def test_a_response_before_the_stage_was_entered_is_none(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule())
    ann = await lead(client)
    await respond(client, ann, occurred_at=(clock.now() - timedelta(hours=1)).isoformat())
    await worker()
    assert [one["state"] for one in await deadlines(client, ann)] == ["open"]


async def test_leaving_the_stage_ends_both_clocks(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule(), rule("move", what="leave_stage"))
    ann = await lead(client)
    await worker()
    await move(client, ann, "clean")
    await worker()
    found = {one["rule"]: one for one in await deadlines(client, ann)}
    assert [found[key]["ended_how"] for key in ("answer", "move")] == ["left", "met"]
    assert {one["state"] for one in found.values()} == {"in_time"}
    assert (await shown(client, ann))["due_at"] is None


async def test_the_next_stage_has_clocks_of_its_own(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule(), rule("next", stage="cleaned"))
    ann = await lead(client)
    await move(client, ann, "clean")
    await worker()
    assert [(one["rule"], one["state"]) for one in await deadlines(client, ann)] == [
        ("answer", "in_time"),
        ("next", "open"),
    ]
    assert (await shown(client, ann))["due_at"] == (await deadlines(client, ann))[1]["due_at"]


async def test_a_response_that_is_told_late_was_in_time_all_the_same(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    ann = await lead(client)
    said = clock.now() + timedelta(hours=1)
    await worker()
    later(timedelta(hours=3))
    await worker()
    assert len(await told(client)) == 1
    await respond(client, ann, occurred_at=said.isoformat())
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["state"], at(one["ended_at"])) == ("in_time", said)
    assert one["overdue_at"] is not None
    assert one["worked_seconds"] == pytest.approx((said - at(one["started_at"])).total_seconds())


async def test_it_is_told_once_by_however_many_workers(
    client: AsyncClient, engine: AsyncEngine, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    for number in range(5):
        await lead(client, f"a{number}@example.com")
    await worker()
    later(timedelta(hours=3))
    workers = [Nurture(engine, REACTIONS) for _ in range(3)]
    for _ in range(4):
        await asyncio.gather(*(one.run() for one in workers))
    await worker()
    overdue = await told(client)
    assert len({event["lead_id"] for event in overdue}) == len(overdue) == 5


async def test_nothing_is_told_of_what_is_over_by_the_time_we_look(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    later(timedelta(hours=3))
    await respond(client, ann)
    await worker()
    assert await told(client) == []
    assert [one["state"] for one in await deadlines(client, ann)] == ["late"]


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


async def test_a_correction_takes_back_what_never_was_and_starts_again_what_was_not_over(
    client: AsyncClient, worker: Worker
) -> None:
    await write(client, rule(), rule("next", stage="cleaned"))
    ann = await lead(client)
    await move(client, ann, "clean")
    await worker()
    answer = await client.post(
        f"/v1/leads/{ann}/corrections", json={"from_sequence": 2, "transitions": [], "reason": "a mistake"}
    )
    assert answer.is_success, answer.text
    await worker()
    assert {one["rule"]: one["state"] for one in await deadlines(client, ann)} == {
        "answer": "open",
        "next": "withdrawn",
    }
    assert (await shown(client, ann))["due_at"] == (await deadlines(client, ann))[0]["due_at"]


async def test_a_merge_brings_the_clocks_of_the_other_and_undoing_it_gives_them_back(
    client: AsyncClient, worker: Worker
) -> None:
    await write(client, rule())
    ann, other = await lead(client), await lead(client, "ann@example.org")
    await respond(client, other)
    await worker()
    before = [await deadlines(client, one) for one in (ann, other)]
    answer = await client.post(f"/v1/leads/{ann}/merge", json={"duplicate_id": other})
    assert answer.is_success, answer.text
    await worker()
    (one,) = [one for one in await deadlines(client, ann) if one["state"] != "withdrawn"]
    assert (one["state"], one["ended_how"]) == ("in_time", "met")
    await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    await worker()
    after = [await deadlines(client, one) for one in (ann, other)]
    assert [[one["state"] for one in some if one["state"] != "withdrawn"] for some in after] == [["open"], ["in_time"]]
    assert [some[0]["due_at"] for some in before] == [
        next(one["due_at"] for one in some if one["state"] != "withdrawn") for some in after
    ]
    assert (await shown(client, other))["due_at"] is None
    assert (await shown(client, ann))["due_at"] == before[0][0]["due_at"]


async def test_for_the_erased_nothing_is_to_be_done(client: AsyncClient, worker: Worker, later: Later) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    assert (await client.post(f"/v1/leads/{ann}/erasure")).is_success
    later(timedelta(hours=3))
    await worker()
    assert await told(client) == []
    assert (await client.get("/v1/deadlines", params={"state": ["open", "overdue"]})).json()["data"] == []


async def test_the_owner_is_who_has_the_lead(client: AsyncClient, worker: Worker) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    await client.patch(f"/v1/leads/{ann}", json={"owner": "eve"})
    await worker()
    (one,) = await deadlines(client, ann)
    assert (one["owner_at_start"], one["owner"]) == (None, "eve")
    await respond(client, ann)
    await worker()
    await client.patch(f"/v1/leads/{ann}", json={"owner": "max"})
    await worker()
    assert (await deadlines(client, ann))[0]["owner"] == "eve"


async def test_the_timeline_tells_when_a_deadline_began_passed_and_ended(
    client: AsyncClient, worker: Worker, later: Later
) -> None:
    await write(client, rule())
    ann = await lead(client)
    await worker()
    later(timedelta(hours=3))
    await worker()
    await respond(client, ann)
    await worker()
    items = (await client.get(f"/v1/leads/{ann}/timeline")).json()["data"]
    found = [item["data"] for item in items if item["kind"] == "deadline"]
    assert [one["happened"] for one in found] == ["began", "passed", "ended"]
    assert (found[-1]["ended_how"], found[-1]["late"]) == ("met", True)


async def test_the_list_has_the_most_overdue_first_and_pages(client: AsyncClient, worker: Worker, later: Later) -> None:
    await write(client, rule())
    ids = []
    for number in range(4):
        ids.append(await lead(client, f"a{number}@example.com", channel="web" if number % 2 else None))
        later(timedelta(minutes=50))
    await lead(client, "test@example.com", attributes={}, test=True)
    await worker()
    first = (await client.get("/v1/deadlines", params={"limit": 3, "count": True})).json()
    assert [one["lead_id"] for one in first["data"]] == ids[:3]
    assert (first["total"], first["data"][0]["lead"]["id"]) == (4, ids[0])
    rest = (
        await client.get("/v1/deadlines", params={"limit": 3, "count": True, "cursor": first["next_cursor"]})
    ).json()
    assert ([one["lead_id"] for one in rest["data"]], rest["next_cursor"]) == (ids[3:], None)
    overdue = (await client.get("/v1/deadlines", params={"state": "overdue"})).json()["data"]
    assert [one["lead_id"] for one in overdue] == ids[:2]
    web = (await client.get("/v1/deadlines", params={"channel": "web"})).json()["data"]
    assert [one["lead_id"] for one in web] == ids[1::2]
    none = (await client.get("/v1/deadlines", params={"missing": "channel"})).json()["data"]
    assert [one["lead_id"] for one in none] == ids[::2]


async def test_leads_are_listed_by_when_they_are_due(client: AsyncClient, worker: Worker, later: Later) -> None:
    await lead(client, "old@example.com", occurred_at="2020-01-01T00:00:00Z")
    await write(client, rule())
    ids = []
    for number in range(3):
        ids.append(await lead(client, f"a{number}@example.com"))
        later(timedelta(minutes=50))
    await worker()

    async def listed(**params: Any) -> list[str]:
        answer = await client.get("/v1/leads", params=params)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["data"]]

    assert await listed(sort="due_at") == ids
    assert await listed(sort="-due_at") == ids[::-1]
    due = (await shown(client, ids[1]))["due_at"]
    assert await listed(due_before=due, sort="due_at") == ids[:1]
    later(timedelta(seconds=1))
    assert await listed(overdue="true") == ids[:1]
    assert set(await listed(overdue="false")) >= {*ids[1:]}
    page = (await client.get("/v1/leads", params={"sort": "due_at", "limit": 2, "count": "true"})).json()
    assert page["total"] == 3
    rest = await listed(sort="due_at", limit=2, count="true", cursor=page["next_cursor"])
    assert rest == ids[2:]
    exported = await client.get("/v1/exports/leads", params={"overdue": "true"})
    assert exported.text.count(ids[0]) == 1, exported.text
    assert "due_at" in exported.text


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
