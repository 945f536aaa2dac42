"""POST /v1/leads/{id}/transitions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.leads.book import Book
from service.lifecycle.ledger import Step
from service.lifecycle.machine import MOVES, Event
from service.lifecycle.stages import Stage

ROUTES = {
    "acquired": (),
    "cleaned": ("clean",),
    "nurtured": ("clean", "nurture"),
    "opportunity": ("clean", "qualify"),
    "won": ("clean", "qualify", "win"),
    "churned": ("churn",),
    "reactivated": ("churn", "reactivate"),
}


def why(event: str) -> dict[str, str]:
    return {"reason": "price"} if event in {"churn", "recycle"} else {}


@pytest.fixture
async def ada(create):
    return await create(email="ada@example.com", channel="web", campaign="spring", occurred_at="2026-03-01T08:00:00Z")


async def test_it_works(client: AsyncClient, ada, move, rows, events):
    answer = await move(ada, "clean", note="looks fine", occurred_at="2026-03-01T10:00:00+01:00")
    assert answer.status_code == 201
    done = answer.json()
    assert answer.headers["ETag"] == '"2"'
    lead = done.pop("lead")
    assert lead == (await client.get(f"/v1/leads/{ada['id']}")).json()
    assert (lead["stage"], lead["furthest_stage"], lead["version"]) == ("cleaned", "cleaned", 2)
    assert lead["stage_entered_at"] == done["occurred_at"] == "2026-03-01T09:00:00Z"
    assert (done["sequence"], done["journey"], done["from_stage"], done["to_stage"]) == (2, 1, "acquired", "cleaned")
    assert (done["skipped"], done["reason"], done["category"], done["note"]) == ([], None, None, "looks fine")
    assert done["actor"] == "key:test"
    assert (await rows(ada, "transitions"))[-1] == done
    told = (await events(ada))[-1]
    assert (told["type"], told["data"]["transition"], told["data"]["lead"]) == ("lead.stage_changed", done, lead)


@pytest.mark.parametrize("stage", ROUTES)
async def test_every_event_from_every_stage(client: AsyncClient, ada, walk, move, rows, events, stage: str):
    lead = await walk(ada, *ROUTES[stage])
    assert lead["stage"] == stage
    told = len(await events(ada))
    legal = {event: arrow for (source, event), arrow in MOVES.items() if source == stage}
    direct = {event for event, arrow in legal.items() if not arrow.is_skip}
    assert {item["event"]: item["requires_skip"] for item in await rows(ada, "allowed-events")} == {
        event: arrow.is_skip for event, arrow in legal.items()
    }
    for event in set(Event) - direct:
        answer = await move(lead, event, **why(event))
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["stage"]) == (409, "transition_refused", stage)
        assert problem["event"] == event
        assert set(problem["allowed"]) == direct
        assert set(problem["allowed_with_skip"]) == set(legal) - direct
    assert len(await events(ada)) == told
    for event, arrow in legal.items():
        address = f"/v1/leads/{ada['id']}/transitions?dry_run=true"
        body = {"event": event, "allow_skip": arrow.is_skip, **why(event)}
        answer = await client.post(address, json=body)
        assert (answer.status_code, answer.json()["transition"]["to_stage"]) == (200, arrow.target)


async def test_a_need_unmet_is_named(ada, move, walk):
    problem = (await move(ada, "churn")).json()
    assert problem["missing"] == [{"need": "reason", "detail": "a reason code"}]
    assert "churn" in problem["allowed"]
    await walk(ada, "clean", "qualify")
    assert (await move(ada, "recycle")).json()["missing"][0]["need"] == "reason"


@pytest.mark.parametrize(
    ("route", "event", "skipped"),
    [
        ((), "nurture", ["cleaned"]),
        ((), "qualify", ["cleaned", "nurtured"]),
        ((), "win", ["cleaned", "nurtured", "opportunity"]),
        (("clean",), "qualify", ["nurtured"]),
        (("clean",), "win", ["nurtured", "opportunity"]),
        (("churn", "reactivate"), "win", ["cleaned", "nurtured", "opportunity"]),
        (("churn", "reactivate"), "nurture", ["cleaned"]),
    ],
)
async def test_skips_are_recorded_and_never_invented(ada, walk, move, rows, route, event: str, skipped):
    lead = await walk(ada, *route)
    needs_leave = MOVES[Stage(lead["stage"]), Event(event)].is_skip
    assert (await move(lead, event)).status_code == (409 if needs_leave else 201)
    if needs_leave:
        answer = await move(lead, event, allow_skip=True)
        assert (answer.status_code, answer.json()["skipped"]) == (201, skipped)
    journey = (await rows(ada, "journeys"))[-1]
    assert [journey[f"{stage}_at"] for stage in skipped] == [None] * len(skipped)


async def test_unknown_reasons_and_events(ada, move, events):
    answer = await move(ada, "churn", reason="bored")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reason")
    assert answer.json()["errors"][0]["pointer"] == "/reason"
    answer = await move(ada, "fly")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/event")
    assert len(await events(ada)) == 1


async def test_a_reason_of_our_own(client: AsyncClient, ada, move, rows):
    answer = await client.post("/v1/lifecycle/reasons", json={"code": "moved_abroad", "category": "lapsed"})
    assert answer.status_code == 201
    done = (await move(ada, "churn", reason="moved_abroad")).json()
    assert (done["reason"], done["category"]) == ("moved_abroad", "lapsed")
    assert (await rows(ada, "journeys"))[0]["outcome"] == "lapsed"


async def test_time_never_goes_backwards(ada, move, walk, events):
    await walk(ada, ("clean", {"occurred_at": "2026-03-02T00:00:00Z"}))
    answer = await move(ada, "qualify", occurred_at="2026-03-01T23:59:59.999999Z")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "occurred_out_of_order")
    assert problem["last_occurred_at"].startswith("2026-03-02T00:00:00")
    assert problem["errors"][0]["pointer"] == "/occurred_at"
    assert len(await events(ada)) == 2
    assert (await move(ada, "qualify", occurred_at="2026-03-02T00:00:00Z")).status_code == 201


async def test_the_future_is_refused_beyond_five_minutes(ada, move, walk):
    now = datetime.now(UTC)
    answer = await move(ada, "clean", occurred_at=(now + timedelta(minutes=6)).isoformat())
    assert (answer.status_code, answer.json()["code"]) == (422, "occurred_in_future")
    lead = await walk(ada, ("clean", {"occurred_at": (now + timedelta(minutes=4)).isoformat()}))
    lead = await walk(lead, "qualify")
    assert lead["stage"] == "opportunity"


async def test_amounts(client: AsyncClient, ada, walk, move, rows):
    lead = await walk(ada, "clean", ("qualify", {"amount": "1000", "currency": "EUR"}))
    assert (lead["amount"], lead["currency"]) == ("1000.00", "EUR")
    lead = await walk(lead, ("win", {"amount": "9999999999999999.9999"}))
    assert (lead["amount"], lead["currency"]) == ("9999999999999999.9999", "EUR")
    journey = (await rows(ada, "journeys"))[0]
    assert (journey["amount"], journey["currency"]) == ("9999999999999999.9999", "EUR")
    other = (await client.post("/v1/leads", json={"email": "bob@example.com"})).json()
    answer = await move(other, "win", amount="5", allow_skip=True)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/currency")
    done = (await move(other, "win", amount="-0", currency="EUR", allow_skip=True)).json()
    assert done["amount"] == "0.00"


async def test_dry_run_answers_and_does_nothing(client: AsyncClient, ada, walk, events):
    lead = await walk(ada, "clean")
    address = f"/v1/leads/{ada['id']}/transitions?dry_run=true"
    answer = await client.post(
        address, json={"event": "win", "allow_skip": True, "occurred_at": "2026-03-01T09:00:00Z"}
    )
    assert answer.status_code == 409
    answer = await client.post(address, json={"event": "win", "allow_skip": True})
    assert answer.status_code == 200
    tried = answer.json()
    assert tried["dry_run"] is True
    assert (tried["transition"]["to_stage"], tried["transition"]["skipped"]) == ("won", ["nurtured", "opportunity"])
    assert tried["transition"]["sequence"] == 3
    assert [item["event"] for item in tried["allowed_after"]] == ["repurchase", "churn"]
    for body, status in [({"event": "win"}, 409), ({"event": "churn"}, 409), ({"event": "churn", "reason": "x"}, 422)]:
        assert (await client.post(address, json=body)).status_code == status
    assert (await client.get(f"/v1/leads/{ada['id']}")).json() == lead
    assert len(await events(ada)) == 2


async def test_a_second_win_starts_a_second_journey(ada, walk, rows):
    lead = await walk(
        ada,
        "clean",
        "qualify",
        ("win", {"amount": 5, "currency": "EUR"}),
        ("repurchase", {"channel": "webinar"}),
        ("win", {"amount": 7}),
    )
    assert (lead["stage"], lead["journey"], lead["amount"], lead["channel"]) == ("won", 2, "7.00", "web")
    first, second = await rows(ada, "journeys")
    assert [(one["number"], one["channel"], one["entry_stage"], one["amount"]) for one in (first, second)] == [
        (1, "web", "acquired", "5.00"),
        (2, "webinar", "opportunity", "7.00"),
    ]
    assert [one["channel"] for one in await rows(ada, "touchpoints")] == ["web", "webinar"]


async def test_a_journey_without_a_channel_has_the_acquiring_one(ada, walk, rows):
    await walk(ada, "churn", "reactivate", ("churn", {"reason": "price"}), ("reactivate", {"channel": "fair"}))
    assert [(one["channel"], one["campaign"]) for one in await rows(ada, "journeys")] == [
        ("web", "spring"),
        ("web", "spring"),
        ("fair", None),
    ]


async def test_the_event_of_a_new_journey_shows_the_lead_as_the_answer_does(ada, walk, events):
    lead = await walk(ada, "churn", ("reactivate", {"channel": "fair"}))
    assert lead["last_activity_at"] == lead["stage_entered_at"]
    assert (await events(ada))[-1]["data"]["lead"] == lead


async def test_furthest_and_current_stage_are_kept_apart(ada, walk):
    lead = await walk(ada, "clean", "qualify", "recycle")
    assert (lead["stage"], lead["furthest_stage"]) == ("nurtured", "opportunity")
    lead = await walk(lead, "churn")
    assert (lead["stage"], lead["furthest_stage"]) == ("churned", "opportunity")


async def test_an_unusable_contact_is_not_cleaned(client: AsyncClient, ada, move, engine):
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE leads SET verdict = 'invalid'"))
    problem = (await move(ada, "clean")).json()
    assert problem["missing"][0]["need"] == "usable_contact"
    item = (await client.get(f"/v1/leads/{ada['id']}/allowed-events")).json()["data"][0]
    assert (item["event"], item["missing"]) == ("clean", ["usable_contact"])


async def test_of_sixteen_who_win_it_one_does(client: AsyncClient, ada, walk, move, rows, faults):
    await walk(ada, "clean", "qualify")
    answers = await asyncio.gather(*(move(ada, "win", amount=n, currency="EUR") for n in range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    won = next(answer.json() for answer in answers if answer.status_code == 201)
    lead = (await client.get(f"/v1/leads/{ada['id']}")).json()
    assert (lead["amount"], lead["version"]) == (won["amount"], 4)
    assert len(await rows(ada, "transitions")) == 4
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["allowed"] == ["repurchase", "churn"]
    assert await faults() == []


async def test_what_is_recorded_later_says_so(engine: AsyncEngine, ada):
    """The clock is read before the lock on the lead is there; somebody else may write to it in between."""
    async with transaction(engine) as connection:
        book = Book(connection, now=datetime.fromisoformat(ada["updated_at"]) - timedelta(seconds=1), actor="test")
        entry = await book.take_one(UUID(ada["id"]))
        row = book.move(entry, Step(event=Event.CLEAN))
        await book.flush()
    assert row["recorded_at"] == datetime.fromisoformat(ada["updated_at"])


async def test_if_match_lets_one_through(ada, move, faults):
    answers = await asyncio.gather(
        *(
            move(ada, event, headers={"If-Match": '"1"'}, allow_skip=True, **why(event))
            for event in ("clean", "churn", "win", "nurture")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 412, 412, 412]
    assert await faults() == []


async def test_moves_and_patches_of_one_lead_race_without_loss(client: AsyncClient, ada, move, faults):
    steps = ["clean", "nurture", "qualify", "win"] * 2
    patches = [client.patch(f"/v1/leads/{ada['id']}", json={"attributes": {f"n{n}": n}}) for n in range(8)]
    answers = await asyncio.gather(*(move(ada, step) for step in steps), *patches)
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    lead = (await client.get(f"/v1/leads/{ada['id']}")).json()
    assert len(lead["attributes"]) == 8
    assert await faults() == []


FAULTS = [
    ({}, "/event"),
    ({"event": None}, "/event"),
    ({"event": "clean", "stage": "won"}, "/stage"),
    ({"event": "clean", "to": "won"}, "/to"),
    ({"event": "clean", "actor": "me"}, "/actor"),
    ({"event": "clean", "allow_skip": "maybe"}, "/allow_skip"),
    ({"event": "clean", "amount": 1e30, "currency": "EUR"}, "/amount"),
    ({"event": "clean", "amount": "1e30", "currency": "EUR"}, "/amount"),
    ({"event": "clean", "amount": "NaN", "currency": "EUR"}, "/amount"),
    ({"event": "clean", "amount": "sNaN", "currency": "EUR"}, "/amount"),
    ({"event": "clean", "amount": "10000000000000000", "currency": "EUR"}, "/amount"),
    ({"event": "clean", "amount": 10**400, "currency": "EUR"}, "/amount"),
    ({"event": "clean", "note": "x" * 5001}, "/note"),
    ({"event": "clean", "note": "\u0000"}, "/note"),
    ({"event": "clean", "occurred_at": "2026-03-02"}, "/occurred_at"),
    ({"event": "clean", "occurred_at": "2016-12-31T23:59:60Z"}, "/occurred_at"),
    ({"event": "clean", "occurred_at": "0001-01-01T00:00:00+14:00"}, "/occurred_at"),
    ({"event": "clean", "occurred_at": "9999-12-31T23:59:59-12:00"}, "/occurred_at"),
    ({"event": "clean", "occurred_at": "9999-12-31T23:59:59Z"}, "/occurred_at"),
    ({"event": "clean", "occurred_at": "10000-01-01T00:00:00Z"}, "/occurred_at"),
    ({"event": "clean", "occurred_at": 1e300}, "/occurred_at"),
    ({"event": "clean", "channel": "fair"}, "/channel"),
    ({"event": "clean", "campaign": "spring"}, "/campaign"),
    ({"event": "clean", "currency": "EUR"}, "/currency"),
]


async def test_a_wrong_body_names_its_field_and_changes_nothing(client: AsyncClient, ada, events):
    for body, pointer in FAULTS:
        answer = await client.post(f"/v1/leads/{ada['id']}/transitions", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert len(await events(ada)) == 1


async def test_an_unknown_lead(client: AsyncClient):
    answer = await client.post("/v1/leads/00000000-0000-7000-8000-000000000000/transitions", json={"event": "clean"})
    assert (answer.status_code, answer.json()["code"]) == (404, "lead_not_found")


async def test_the_same_key_again_moves_once(client: AsyncClient, ada, move, rows):
    headers = {"Idempotency-Key": '"win-1"'}
    first = await move(ada, "win", allow_skip=True, headers=headers)
    again = await move(ada, "win", allow_skip=True, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await rows(ada, "transitions")) == 2
