"""Merging over HTTP: what becomes of two leads."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from uuid import uuid4

import pytest
from httpx import AsyncClient

DAYS = [f"2026-03-{day:02}T10:00:00Z" for day in range(1, 29)]


async def pair(create):
    """Anna twice: the form knew her address, the fair her number."""
    anna = await create(
        email="anna@nordwind.example", full_name="Anna Schmidt", channel="web", occurred_at=DAYS[2], tags=["webinar"]
    )
    anni = await create(
        phone="+4930901820",
        full_name="Anni Schmitt",
        job_title="Head of Purchasing",
        channel="fair",
        campaign="spring",
        utm={"source": "badge"},
        occurred_at=DAYS[0],
        tags=["fair"],
        attributes={"booth": "4"},
    )
    return anna, anni


async def test_it_works(client: AsyncClient, create, merge, rows, faults):
    anna, anni = await pair(create)
    merged = await merge(anna, anni, why="same person, met at the fair")
    lead = merged["lead"]
    assert lead["id"] == anna["id"]
    assert (lead["email"], lead["phone"]) == ("anna@nordwind.example", "+4930901820")
    assert lead["tags"] == ["fair", "webinar"]
    assert lead["attributes"] == {"booth": "4"}
    assert lead["job_title"] == "Head of Purchasing"
    # She came first through the fair.
    assert (lead["channel"], lead["campaign"], lead["utm"]) == ("fair", "spring", {"source": "badge"})
    assert lead["acquired_at"].startswith("2026-03-01")
    assert merged["moved"] == {"touchpoints": 1, "activities": 0, "consents": 0, "identities": 1}
    assert merged["why"] == {"note": "same person, met at the fair"}
    assert [(one["event"], one["why"], one["lead_id"]) for one in merged["set_aside"]] == [
        ("acquire", "repeated", anna["id"])
    ]
    assert [row["channel"] for row in await rows(lead, "touchpoints")] == ["fair", "web"]
    assert await faults() == []


async def test_the_ledgers_are_woven_by_time(create, walk, merge, rows, ledger):
    anna, anni = await pair(create)
    await walk(anna, ("clean", {"occurred_at": DAYS[3]}), ("qualify", {"occurred_at": DAYS[9]}))
    await walk(anni, ("clean", {"occurred_at": DAYS[1]}), ("nurture", {"occurred_at": DAYS[5]}))
    await merge(anna, anni)
    assert await ledger(anna) == ["acquire", "clean", "nurture", "qualify"]
    told = await rows(anna, "transitions")
    assert [row["occurred_at"][:10] for row in told] == ["2026-03-01", "2026-03-02", "2026-03-06", "2026-03-10"]
    assert {row["correction_id"] for row in told} != {None}


async def test_a_ledger_that_says_nothing_new_changes_nothing(create, merge, rows):
    anna = await create(email="anna@nordwind.example", occurred_at=DAYS[0])
    anni = await create(phone="+4930901820", occurred_at=DAYS[1])
    before = await rows(anna, "transitions")
    await merge(anna, anni)
    assert await rows(anna, "transitions") == before


async def test_the_newest_word_on_a_field_is_shown(client: AsyncClient, create, merge):
    anna = await create(email="anna@nordwind.example", full_name="Anna Schmidt", company={"name": "Nordwind"})
    anni = await create(phone="+4930901820", full_name="Anna Weber", company={"name": "Südwind"})
    await client.patch(f"/v1/leads/{anna['id']}", json={"company": {"name": "Nordwind GmbH"}})
    lead = (await merge(anna, anni))["lead"]
    assert (lead["full_name"], lead["last_name"]) == ("Anna Weber", "Weber")
    assert lead["company"]["name"] == "Nordwind GmbH"


async def test_the_caller_may_choose(create, merge, client: AsyncClient):
    anna = await create(email="anna@nordwind.example", full_name="Anna Schmidt", attributes={"plan": "free"})
    anni = await create(email="anni@suedwind.example", full_name="Anni Weber", attributes={"plan": "pro"})
    lead = (await merge(anna, anni, fields={"full_name": "survivor", "attributes.plan": "survivor"}))["lead"]
    assert (lead["full_name"], lead["first_name"]) == ("Anna Schmidt", "Anna")
    assert lead["attributes"] == {"plan": "free"}
    assert lead["email"] == "anni@suedwind.example"
    found = await client.post("/v1/leads", json={"email": "anna@nordwind.example"})
    assert found.json()["id"] == anna["id"]


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("newest", "Anni Weber-Schmidt"),
        ("oldest", "Anna Schmidt"),
        ("survivor", "Anna Schmidt"),
        ("duplicate", "Anni Weber-Schmidt"),
        ("longest", "Anni Weber-Schmidt"),
        ("most_complete", "Anna Schmidt"),
    ],
)
async def test_rules_are_data(client: AsyncClient, create, merge, rule, shown):
    given = {"default": "newest", "fields": {"full_name": rule}}
    answer = await client.put("/v1/merge-rules", json=given)
    assert (answer.status_code, answer.json()) == (200, given)
    assert (await client.get("/v1/merge-rules")).json() == given
    anna = await create(email="anna@nordwind.example", full_name="Anna Schmidt", job_title="CEO", referred_by="Eva")
    anni = await create(phone="+4930901820", full_name="Anni Weber-Schmidt")
    assert (await merge(anna, anni))["lead"]["full_name"] == shown


async def test_rules_name_fields_that_there_are(client: AsyncClient):
    assert (await client.get("/v1/merge-rules")).json()["default"] == "newest"
    for wrong in ({"default": "best"}, {"fields": {"stage": "newest"}}, {"fields": {"email": "mine"}}):
        assert (await client.put("/v1/merge-rules", json=wrong)).status_code == 422


async def test_of_two_ids_in_one_system_the_other_stays_an_alias(create, merge, rows):
    anna = await create(external_ids={"crm": "A1"}, email="anna@nordwind.example")
    anni = await create(external_ids={"crm": "B2", "erp": "7"})
    lead = (await merge(anna, anni))["lead"]
    assert lead["external_ids"] == {"crm": "A1", "erp": "7"}
    known = {(one["kind"], one["value"]): one["shown"] for one in await rows(lead, "identities")}
    assert known["external:crm", "B2"] is False


async def test_the_old_address_leads_to_the_survivor(client: AsyncClient, create, merge):
    anna, anni = await pair(create)
    await merge(anna, anni)
    paths = (await client.get("/openapi.json")).json()["paths"]
    of_a_lead = [path for path, told in paths.items() if path.startswith("/v1/leads/{lead_id}") and "get" in told]
    parts = [path.removeprefix("/v1/leads/{lead_id}") for path in of_a_lead]
    assert {"", "/timeline", "/touchpoints"} <= set(parts)
    for part in [*parts, "/transitions?superseded=true"]:
        answer = await client.get(f"/v1/leads/{anni['id']}{part}")
        assert (answer.status_code, answer.headers.get("location")) == (308, f"/v1/leads/{anna['id']}{part}"), part
        assert answer.json()["code"] == "lead_merged"
        assert (await client.get(f"/v1/leads/{anni['id']}{part}", follow_redirects=True)).status_code == 200
    shouted = await client.get(f"/v1/leads/{anni['id'].upper()}")
    assert shouted.headers["location"] == f"/v1/leads/{anna['id']}"
    for method, path, body in (
        ("PATCH", "", {"owner": "eva"}),
        ("POST", "/transitions", {"event": "clean"}),
        ("POST", "/corrections", {"from_sequence": 2, "transitions": [], "reason": "x"}),
        ("POST", "/merge", {"duplicate_id": str(uuid4())}),
        ("POST", "/erasure", {}),
        ("DELETE", "/identities/email/x@example.com", None),
    ):
        answer = await client.request(method, f"/v1/leads/{anni['id']}{path}", json=body)
        assert (answer.status_code, answer.headers.get("location")) == (308, f"/v1/leads/{anna['id']}{path}"), path
    moved = await client.post(f"/v1/leads/{anni['id']}/transitions", json={"event": "clean"}, follow_redirects=True)
    assert moved.status_code == 201
    assert moved.json()["lead_id"] == anna["id"]


async def test_through_a_chain_the_address_leads_to_its_end(client: AsyncClient, create, merge, undo, faults):
    eva = await create(email="eva@nordwind.example")
    anni = await create(email="anni@nordwind.example")
    anna = await create(email="anna@nordwind.example")
    first = await merge(anni, eva)
    second = await merge(anna, anni)
    answer = await client.get(f"/v1/leads/{eva['id']}")
    assert answer.headers["location"] == f"/v1/leads/{anna['id']}"
    refused = await client.post(f"/v1/merges/{first['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "merged_further")
    assert refused.json()["lead_id"] == anna["id"]
    await undo(second)
    assert (await client.get(f"/v1/leads/{eva['id']}")).headers["location"] == f"/v1/leads/{anni['id']}"
    await undo(first)
    assert (await client.get(f"/v1/leads/{eva['id']}")).status_code == 200
    assert await faults() == []


async def test_whoever_comes_again_is_the_survivor(create, merge):
    anna, anni = await pair(create)
    await merge(anna, anni)
    assert (await create(phone="+4930901820"))["id"] == anna["id"]


async def test_lists_have_one_of_them(client: AsyncClient, create, merge):
    anna, anni = await pair(create)
    await merge(anna, anni)
    listed = (await client.get("/v1/leads", params={"count": True})).json()
    assert ([lead["id"] for lead in listed["data"]], listed["total"]) == ([anna["id"]], 1)


async def test_the_statistics_follow_at_once(client: AsyncClient, create, walk, merge, undo):
    anna, anni = await pair(create)
    await walk(anni, "clean")

    async def entered(**query):
        answer = await client.get("/v1/stats/funnel", params={"from": "2026-01-01", "to": "2027-01-01", **query})
        return answer.json()["totals"]["entered"]

    known_before = (await client.get(f"/v1/leads/{anni['id']}")).json()["updated_at"]
    assert await entered() == 2
    merged = await merge(anna, anni)
    assert await entered() == 1
    assert await entered(known_at=known_before) == 2
    query = {
        "behind": "funnel",
        "stage": "acquired",
        "from": "2026-01-01",
        "to": "2027-01-01",
        "known_at": known_before,
    }
    assert len((await client.get("/v1/leads", params=query)).json()["data"]) == 2
    assert await entered(channel="fair") == 1
    await undo(merged)
    assert await entered() == 2


async def test_both_are_told_of_it(create, merge, undo, events):
    anna, anni = await pair(create)
    merged = await merge(anna, anni)
    await undo(merged)
    for lead in (anna, anni):
        told = [event for event in await events(lead) if "merge_id" in event["data"]]
        assert [event["type"] for event in told] == ["lead.merged", "lead.unmerged"]
        ids = {"merge_id": merged["id"], "survivor_id": anna["id"], "duplicate_id": anni["id"]}
        assert all(ids.items() <= event["data"].items() for event in told)
    merged_into = [event["data"]["lead"]["merged_into"] for event in await events(anni)]
    assert (merged_into[0], anna["id"] in merged_into, merged_into[-1]) == (None, True, None)


async def test_the_timeline_has_what_could_not_be_woven(create, walk, merge, rows):
    anna, anni = await pair(create)
    await walk(anna, ("win", {"allow_skip": True, "occurred_at": DAYS[4]}))
    await walk(anni, ("churn", {"reason": "duplicate", "occurred_at": DAYS[6]}))
    merged = await merge(anna, anni)
    assert merged["lead"]["stage"] == "won"
    timeline = await rows(anna, "timeline")
    assert {item["kind"] for item in timeline} >= {"merge", "set_aside", "transition", "touchpoint"}
    aside = [item["data"] for item in timeline if item["kind"] == "set_aside"]
    assert [(one["event"], one["why"]) for one in aside] == [("acquire", "repeated"), ("churn", "of_one_record")]


async def test_a_merge_can_be_read(client: AsyncClient, create, merge, undo):
    anna, anni = await pair(create)
    merged = await merge(anna, anni)
    shown = {name: value for name, value in merged.items() if name != "lead"}
    assert (await client.get(f"/v1/merges/{merged['id']}")).json() == shown
    for query in ({}, {"lead_id": anna["id"]}, {"lead_id": anni["id"]}, {"active": True}):
        assert (await client.get("/v1/merges", params=query)).json()["data"] == [shown]
    await undo(merged)
    assert (await client.get("/v1/merges", params={"active": True})).json()["data"] == []
    assert (await client.get("/v1/merges", params={"active": False})).json()["data"][0]["undone_by"] == "key:test"
    assert (await client.get(f"/v1/merges/{uuid4()}")).json()["code"] == "merge_not_found"


async def test_merges_come_in_pages(client: AsyncClient, create, merge):
    anna = await create(email="anna@nordwind.example")
    made = [(await merge(anna, await create(email=f"a{number}@nordwind.example")))["id"] for number in range(3)]
    first = (await client.get("/v1/merges", params={"limit": 2})).json()
    rest = (await client.get("/v1/merges", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["id"] for one in first["data"] + rest["data"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_what_cannot_be_merged(client: AsyncClient, create, merge):
    anna, anni = await pair(create)
    other = await create(email="other@example.com")
    test = await create(email="test@example.com", test=True)

    async def code(survivor, duplicate, **body):
        given = {"duplicate_id": duplicate, **body}
        answer = await client.post(f"/v1/leads/{survivor}/merge", json=given)
        return answer.status_code, answer.json()["code"]

    assert await code(anna["id"], anna["id"]) == (409, "same_lead")
    assert await code(anna["id"], test["id"]) == (409, "test_with_real")
    assert await code(anna["id"], str(uuid4())) == (404, "lead_not_found")
    assert await code(str(uuid4()), anna["id"]) == (404, "lead_not_found")
    assert await code(anna["id"], anni["id"], fields={"stage": "survivor"}) == (422, "validation_failed")
    await merge(anna, anni)
    assert await code(other["id"], anni["id"]) == (409, "already_merged")
    assert await code(anna["id"], anni["id"]) == (409, "already_merged")
    assert await code(anni["id"], other["id"]) == (308, "lead_merged")
    await client.post(f"/v1/leads/{other['id']}/erasure", json={})
    assert await code(anna["id"], other["id"]) == (409, "duplicate_erased")
    assert await code(other["id"], anna["id"]) == (410, "lead_erased")


async def test_two_tests_are_merged_and_count_nowhere(create, walk, merge, undo, faults):
    one, other = await create(email="one@example.com", test=True), await create(email="two@example.com", test=True)
    await walk(other, "clean", "nurture")
    merged = await merge(one, other)
    assert await faults() == []
    await undo(merged)
    assert await faults() == []


async def test_if_match_is_about_the_survivor(client: AsyncClient, create):
    anna, anni = await pair(create)
    body = {"duplicate_id": anni["id"]}
    stale = await client.post(f"/v1/leads/{anna['id']}/merge", json=body, headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    done = await client.post(f"/v1/leads/{anna['id']}/merge", json=body, headers={"If-Match": '"1"'})
    assert done.headers["etag"] == f'"{done.json()["lead"]["version"]}"'


async def test_the_same_request_again_is_answered_again(client: AsyncClient, create):
    anna, anni = await pair(create)
    send = {"json": {"duplicate_id": anni["id"]}, "headers": {"Idempotency-Key": "k1"}}
    first = await client.post(f"/v1/leads/{anna['id']}/merge", **send)
    again = await client.post(f"/v1/leads/{anna['id']}/merge", **send)
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_merging_needs_its_scope(client: AsyncClient, create, key):
    anna, anni = await pair(create)
    reader = {"Authorization": f"Bearer {await key('leads:read')}"}
    writer = {"Authorization": f"Bearer {await key('leads:write')}"}
    body = {"duplicate_id": anni["id"]}
    assert (await client.post(f"/v1/leads/{anna['id']}/merge", json=body, headers=reader)).status_code == 403
    assert (await client.put("/v1/merge-rules", json={}, headers=writer)).status_code == 403
    assert (await client.post(f"/v1/leads/{anna['id']}/merge", json=body, headers=writer)).status_code == 201


async def test_of_merges_at_the_same_time_one_wins(client: AsyncClient, create, walk, faults):
    anna, anni = await pair(create)
    await walk(anni, "clean", "nurture")
    ways = [(anna, anni), (anni, anna)] * 4
    answers = await asyncio.gather(
        *(client.post(f"/v1/leads/{one['id']}/merge", json={"duplicate_id": other["id"]}) for one, other in ways)
    )
    assert sorted(answer.status_code for answer in answers if answer.status_code == 201) == [201]
    assert {answer.status_code for answer in answers} <= {201, 308, 409}
    assert len((await client.get("/v1/merges")).json()["data"]) == 1
    assert await faults() == []


async def test_merges_and_submissions_at_the_same_time(client: AsyncClient, create, faults):
    leads = [await create(email=f"p{number}@example.com", phone=f"+493090182{number}") for number in range(6)]
    merging = [
        client.post(f"/v1/leads/{one['id']}/merge", json={"duplicate_id": other["id"]})
        for one, other in pairwise(leads)
    ]
    coming = [client.post("/v1/leads", json={"email": f"p{number % 6}@example.com"}) for number in range(18)]
    answers = await asyncio.gather(*merging, *coming)
    assert {answer.status_code for answer in answers} <= {200, 201, 308, 409, 503}
    assert await faults() == []
    assert 201 in {answer.status_code for answer in answers[:5]}
