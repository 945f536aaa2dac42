"""POST /v1/leads/{id}/corrections: late news, mistakes, and both kinds of time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from tests.leads.correcting import on, step


@pytest.fixture
async def ada(create):
    return await create(email="ada@example.com", channel="web", campaign="spring", occurred_at=on(1))


@pytest.fixture
def reached(client: AsyncClient):
    async def read(**query: object) -> dict[str, int]:
        answer = await client.get("/v1/stats/funnel", params=query)
        assert answer.status_code == 200, answer.text
        return {stage["stage"]: stage["reached"] for group in answer.json()["groups"] for stage in group["stages"]}

    return read


@pytest.fixture
async def late(ada, walk):
    """A lead that was won on day 9, while the news of its nurturing on day 5 comes late."""
    return await walk(
        ada,
        ("clean", {"occurred_at": on(2)}),
        ("qualify", {"occurred_at": on(8)}),
        ("win", {"occurred_at": on(9), "amount": 5, "currency": "EUR"}),
    )


async def test_late_news(client: AsyncClient, late, correct, rows, events, reached, faults):
    old = await rows(late, "transitions")
    answer = await correct(
        late, 3, step("nurture", 5), step("qualify", 8), step("win", 9, amount="5", currency="EUR"), reason="late news"
    )
    assert answer.status_code == 201
    done = answer.json()
    lead = done["lead"]
    assert answer.headers["ETag"] == f'"{lead["version"]}"'
    assert lead == (await client.get(f"/v1/leads/{late['id']}")).json()
    assert done["superseded"] == [row["id"] for row in old[2:]]
    assert (lead["stage"], lead["version"], lead["stage_entered_at"]) == ("won", 7, on(9))
    new = await rows(late, "transitions")
    assert [row["event"] for row in new] == ["acquire", "clean", "nurture", "qualify", "win"]
    assert [row["sequence"] for row in new] == [1, 2, 3, 4, 5]
    assert [row["correction_id"] for row in new] == [None, None] + [done["id"]] * 3
    assert new[:2] == old[:2]
    told = await events(late)
    assert [event["data"].get("correction_id") for event in told[4:]] == [done["id"]] * 3
    assert (await rows(late, "journeys"))[0]["nurtured_at"] == on(5)
    assert (await reached())["nurtured"] == 1
    assert await faults() == []


async def test_what_was_believed_before_can_be_asked_for(client: AsyncClient, late, correct, rows, reached):
    old, before = await rows(late, "transitions"), datetime.now(UTC)
    await correct(late, 3, step("churn", 8, reason="price"))
    assert [row["event"] for row in await rows(late, "transitions")] == ["acquire", "clean", "churn"]
    believed = await rows(late, "transitions", known_at=before.isoformat())
    assert [row["event"] for row in believed] == ["acquire", "clean", "qualify", "win"]
    assert [row["id"] for row in believed] == [row["id"] for row in old]
    assert [row["event"] for row in await rows(late, "transitions", known_at=datetime.now(UTC).isoformat())] == [
        "acquire",
        "clean",
        "churn",
    ]
    assert await rows(late, "transitions", known_at="2020-01-01T00:00:00Z") == []
    everything = await rows(late, "transitions", superseded=True)
    assert [row["superseded_at"] is None for row in everything] == [True, True, False, False, True]
    assert (await reached())["won"] == 0
    assert (await reached(known_at=before.isoformat()))["won"] == 1


async def test_a_wrong_stage_is_put_right(late, correct, rows, reached, faults):
    lead = (await correct(late, 2, step("churn", 2, reason="spam"))).json()["lead"]
    assert (lead["stage"], lead["furthest_stage"], lead["journey"]) == ("churned", "acquired", 1)
    journey = (await rows(late, "journeys"))[0]
    assert (journey["outcome"], journey["won_at"], journey["cleaned_at"], journey["amount"]) == (
        "disqualified",
        None,
        None,
        None,
    )
    assert await reached() == {"acquired": 1, "cleaned": 0, "nurtured": 0, "opportunity": 0, "won": 0}
    assert await faults() == []


async def test_a_tail_is_voided(late, correct, rows, events, reached, faults):
    answer = await correct(late, 3)
    assert answer.status_code == 201
    lead = answer.json()["lead"]
    assert (lead["stage"], lead["furthest_stage"], lead["stage_entered_at"]) == ("cleaned", "cleaned", on(2))
    assert [row["event"] for row in await rows(late, "transitions")] == ["acquire", "clean"]
    told = (await events(late))[-1]
    assert (told["type"], told["data"]["changed"], told["data"]["lead"]["stage"]) == (
        "lead.updated",
        ["stage"],
        "cleaned",
    )
    assert (await reached())["opportunity"] == 0
    assert await faults() == []


async def test_a_correction_may_only_add(ada, correct, rows, faults):
    answer = await correct(ada, 2, step("clean", 3))
    assert answer.status_code == 201
    assert answer.json()["superseded"] == []
    assert [row["event"] for row in await rows(ada, "transitions")] == ["acquire", "clean"]
    assert await faults() == []


async def test_the_very_first_step_can_be_corrected(client: AsyncClient, late, correct, rows, reached, faults):
    answer = await correct(late, 1, step("acquire", 3, channel="fair"), step("win", 4, allow_skip=True))
    assert answer.status_code == 201, answer.text
    lead = answer.json()["lead"]
    assert (lead["acquired_at"], lead["stage"]) == (on(3), "won")
    assert (await rows(late, "journeys"))[0]["channel"] == "fair"
    assert (lead["channel"], lead["campaign"]) == ("fair", None)
    assert [(one["channel"], one["occurred_at"]) for one in await rows(late, "touchpoints")] == [("fair", on(3))]
    listed = (await client.get("/v1/leads?channel=fair")).json()["data"]
    assert [one["id"] for one in listed] == [late["id"]]
    assert (await reached(channel="fair"))["won"] == 1
    assert (await reached(channel="web"))["acquired"] == 0
    assert await faults() == []


async def test_journeys_follow_and_keep_their_channels(ada, walk, correct, rows, reached, faults):
    lead = await walk(
        ada,
        ("churn", {"occurred_at": on(2)}),
        ("reactivate", {"occurred_at": on(3), "channel": "webinar", "campaign": "autumn"}),
        ("clean", {"occurred_at": on(4)}),
        ("churn", {"occurred_at": on(5)}),
        ("reactivate", {"occurred_at": on(6), "channel": "fair"}),
    )
    assert lead["journey"] == 3
    assert [one["journey"] for one in await rows(lead, "touchpoints")] == [1, 2, 3]
    await correct(lead, 2, step("churn", 2, reason="inactive"), step("reactivate", 4), step("qualify", 5))
    first, second = await rows(lead, "journeys")
    assert [(one["channel"], one["campaign"]) for one in (first, second)] == [("web", "spring"), ("webinar", "autumn")]
    assert (first["outcome"], second["outcome"], second["furthest_stage"], second["started_at"]) == (
        "lapsed",
        "open",
        "opportunity",
        on(4),
    )
    # The fair was named by a start that there never was.
    assert [(one["journey"], one["channel"]) for one in await rows(lead, "touchpoints")] == [(1, "web"), (2, "webinar")]
    assert (await reached(channel="fair"))["acquired"] == 0
    assert (await reached(channel="webinar"))["opportunity"] == 1
    assert await faults() == []
    assert (await walk(lead, "win"))["journey"] == 2
    assert await faults() == []


async def test_corrections_of_corrections(late, correct, rows, faults):
    for day in range(3, 8):
        answer = await correct(late, 3, step("nurture", day), step("qualify", 8))
        assert answer.status_code == 201
    assert (await rows(late, "transitions"))[2]["occurred_at"] == on(7)
    assert len(await rows(late, "transitions", superseded=True)) == 4 + 5 * 2
    assert len([item for item in await rows(late, "timeline") if item["kind"] == "correction"]) == 5
    assert await faults() == []


ILLEGAL = [
    ((3, step("win", 5)), "/transitions/0", 422),
    ((3, step("qualify", 5), step("clean", 6)), "/transitions/1", 422),
    ((3, step("qualify", 5), step("win", 4)), "/transitions/1", 422),
    ((3, step("qualify", 1)), "/transitions/0", 422),
    ((3, step("churn", 5)), "/transitions/0", 422),
    ((3, {"event": "qualify", "occurred_at": "2099-01-01T00:00:00Z"}), "/transitions/0", 422),
    ((3, {"event": "qualify"}), "/transitions/0/occurred_at", 422),
    ((3, step("churn", 5, reason="bored")), "/transitions/0/reason", 422),
    ((3, step("qualify", 4), step("win", 5, amount=3, currency="euro")), "/transitions/1/currency", 422),
    ((1, step("clean", 5)), "/transitions/0", 422),
    ((1,), "/transitions", 422),
    ((5,), "/transitions", 422),
    ((2, step("acquire", 5)), "/transitions/0", 422),
    ((6, step("repurchase", 12)), "/from_sequence", 422),
    ((0,), "/from_sequence", 422),
    ((-1,), "/from_sequence", 422),
    ((2**31,), "/from_sequence", 422),
    ((2**63,), "/from_sequence", 422),
    ((1.5,), "/from_sequence", 422),
    ((3, {"event": "qualify", "occurred_at": on(4), "lead": "x"}), "/transitions/0/lead", 422),
]


async def test_an_illegal_tail_is_refused_by_its_step_and_changes_nothing(
    client: AsyncClient, late, correct, rows, events, faults
):
    ledger = await rows(late, "transitions", superseded=True)
    for tail, pointer, status in ILLEGAL:
        answer = await correct(late, *tail)
        assert answer.status_code == status, (tail, answer.text)
        assert answer.json()["errors"][0]["pointer"] == pointer, tail
    assert await rows(late, "transitions", superseded=True) == ledger
    assert len(await events(late)) == 4
    assert (await client.get(f"/v1/leads/{late['id']}")).json() == late
    assert await faults() == []


async def test_an_amount_without_a_known_currency_is_refused_by_its_step(ada, correct):
    answer = await correct(ada, 2, step("qualify", 2, allow_skip=True), step("win", 3, amount=5))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/transitions/1/currency")


async def test_a_reason_is_needed(client: AsyncClient, late):
    for reason in (None, "", "  "):
        body = {"from_sequence": 3, "transitions": [], "reason": reason}
        answer = await client.post(f"/v1/leads/{late['id']}/corrections", json=body)
        assert answer.json()["errors"][0]["pointer"] == "/reason"


async def test_if_match_and_races(late, correct, move, faults):
    assert (await correct(late, 4, **{"If-Match": '"3"'})).status_code == 412
    answers = await asyncio.gather(
        *(correct(late, 4, step("win", 9 + n), **{"If-Match": '"4"'}) for n in range(6)),
        *(move(late, "repurchase", headers={"If-Match": '"4"'}) for _ in range(6)),
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 11
    assert await faults() == []


async def test_a_test_lead_is_corrected_and_never_counted(create, walk, correct, reached, faults):
    lead = await create(email="qa@example.com", test=True, occurred_at=on(1))
    await walk(lead, ("clean", {"occurred_at": on(2)}))
    assert (await correct(lead, 2, step("win", 4, allow_skip=True))).status_code == 201
    assert set((await reached()).values()) <= {0}
    assert await faults() == []


async def test_an_unknown_lead(client: AsyncClient):
    body = {"from_sequence": 1, "transitions": [], "reason": "x"}
    answer = await client.post("/v1/leads/00000000-0000-7000-8000-000000000000/corrections", json=body)
    assert answer.status_code == 404


async def test_a_win_that_never_was_takes_its_amount_along(client: AsyncClient):
    lead = (await client.post("/v1/leads", json={"email": "ada@example.com"})).json()
    address = f"/v1/leads/{lead['id']}"
    won = {"event": "win", "allow_skip": True, "amount": "10.00", "currency": "EUR"}
    assert (await client.post(f"{address}/transitions", json=won)).json()["lead"]["amount"] == "10.00"
    voided = await client.post(
        f"{address}/corrections", json={"from_sequence": 2, "transitions": [], "reason": "never signed"}
    )
    assert (voided.json()["lead"]["stage"], voided.json()["lead"]["amount"]) == ("acquired", None)


async def test_a_correction_cleans_no_unusable_lead_that_was_not_clean(engine, ada, walk, correct, faults):
    await walk(ada, ("clean", {"occurred_at": on(2)}))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE leads SET verdict = 'invalid'"))
    twice = [step("clean", 3), step("churn", 4, reason="price"), step("reactivate", 5), step("clean", 6)]
    refused = await correct(ada, 2, *twice)
    assert (refused.status_code, refused.json()["code"]) == (422, "ledger_invalid")
    assert refused.json()["errors"][0]["pointer"] == "/transitions/3"
    assert (await correct(ada, 2, *twice[:3])).status_code == 201
    assert (await correct(ada, 5, step("clean", 6))).status_code == 422
    assert await faults() == []
