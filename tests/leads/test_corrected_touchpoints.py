"""What a correction of the ledger does to the touchpoints that its starts told of, and to what they are credited with."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from tests.leads.correcting import on, step


@pytest.fixture
async def ada(create):
    return await create(email="ada@nordwind.example", channel="web", campaign="spring", occurred_at=on(1))


AGAIN = (
    step("churn", 5, reason="price"),
    step("reactivate", 10, channel="fair"),
    step("qualify", 11),
    step("win", 20),
)


async def move(client: AsyncClient, lead, *steps: dict[str, object]) -> None:
    for one in steps:
        assert (await client.post(f"/v1/leads/{lead['id']}/transitions", json=one)).status_code == 201


async def touches(client: AsyncClient, lead) -> list[tuple[str, str, str, int]]:
    told = (await client.get(f"/v1/leads/{lead['id']}/touchpoints")).json()["data"]
    return [(one["channel"], one["via"], one["occurred_at"], one["journey"]) for one in told]


async def credited(client: AsyncClient, model: str) -> dict[str, float]:
    lines = (await client.get("/v1/stats/attribution")).json()["credits"]
    return {line["value"]: line["models"][model]["wins"] for line in lines if line["models"][model]["wins"]}


async def test_a_channel_that_only_a_mistake_named_gets_no_credit(client: AsyncClient, ada, correct) -> None:
    await move(client, ada, *AGAIN)
    assert [one[0] for one in await touches(client, ada)] == ["web", "fair"]
    # It had never churned.
    assert (await correct(ada, 2, step("qualify", 11, allow_skip=True), step("win", 20))).is_success
    assert await touches(client, ada) == [("web", "api", on(1), 1)]
    assert await credited(client, "last") == await credited(client, "linear") == {"web": 1.0}
    # It is no engagement of her company's either, but nothing is lost.
    march = {"from": "2026-03-01", "to": "2026-04-01"}
    engagement = (await client.get("/v1/accounts/nordwind.example/engagement", params=march)).json()
    assert engagement["all"]["touchpoints"] == 1
    timeline = (await client.get(f"/v1/leads/{ada['id']}/timeline")).json()["data"]
    told = {one["data"]["channel"]: one["data"]["journey"] for one in timeline if one["kind"] == "touchpoint"}
    assert told == {"web": 1, "fair": 0}


async def test_the_touchpoint_of_a_start_follows_its_correction(client: AsyncClient, ada, correct) -> None:
    await move(client, ada, *AGAIN)
    rest = (step("qualify", 13), step("win", 20))
    assert (await correct(ada, 3, step("reactivate", 12, channel="radio"), *rest)).is_success
    assert await touches(client, ada) == [("web", "api", on(1), 1), ("radio", "transition", on(12), 2)]
    assert await credited(client, "last") == {"radio": 1.0}
    # Again, and nothing of it changes but the ledger.
    assert (await correct(ada, 3, step("reactivate", 12), *rest)).is_success
    assert await touches(client, ada) == [("web", "api", on(1), 1), ("radio", "transition", on(12), 2)]


async def test_the_first_touchpoint_stays_the_first(client: AsyncClient, create, correct) -> None:
    lead = await create(email="bob@example.com", channel="web", occurred_at=on(10))
    again = {"email": "bob@example.com", "channel": "fair", "occurred_at": on(12)}
    assert (await client.post("/v1/leads", json=again)).status_code == 200
    await move(client, lead, step("qualify", 15, allow_skip=True), step("win", 20))
    assert (
        await correct(lead, 1, step("acquire", 2), step("qualify", 15, allow_skip=True), step("win", 20))
    ).is_success
    assert await touches(client, lead) == [("web", "api", on(2), 1), ("fair", "api", on(12), 1)]
    assert await credited(client, "first") == {"web": 1.0}
    assert (await credited(client, "linear"))["fair"] == 0.5


async def test_a_contact_that_started_a_journey_is_not_told_twice(client: AsyncClient, ada, correct) -> None:
    await move(client, ada, step("churn", 5, reason="price"))
    for channel, day in (("fair", 10), ("mail", 12)):
        again = {"email": "ada@nordwind.example", "channel": channel, "occurred_at": on(day)}
        assert (await client.post("/v1/leads", json=again)).status_code == 200
    await move(client, ada, step("qualify", 15), step("win", 20))
    before = await touches(client, ada)
    assert await credited(client, "linear") == {"fair": 0.5, "mail": 0.5}
    ledger = [step("reactivate", 10, channel="fair"), step("qualify", 15), step("win", 21)]
    assert (await correct(ada, 3, *ledger)).is_success
    assert await touches(client, ada) == before
    assert await credited(client, "linear") == {"fair": 0.5, "mail": 0.5}


async def test_late_news_of_an_earlier_start_leaves_the_later_one_its_touchpoint(
    client: AsyncClient, ada, correct
) -> None:
    await move(
        client,
        ada,
        step("churn", 17, reason="price"),
        step("reactivate", 18, channel="fair"),
        step("qualify", 19),
        step("win", 20),
    )
    late = (step("churn", 5, reason="price"), step("reactivate", 7), step("churn", 17, reason="price"))
    assert (await correct(ada, 2, *late, step("reactivate", 18), step("qualify", 19), step("win", 20))).is_success
    assert await touches(client, ada) == [("web", "api", on(1), 1), ("fair", "transition", on(18), 3)]
    journeys = (await client.get(f"/v1/leads/{ada['id']}/journeys")).json()["data"]
    assert [journey["channel"] for journey in journeys] == ["web", "web", "fair"]
    assert await credited(client, "last") == {"fair": 1.0}


async def test_another_event_at_the_same_start_keeps_its_touchpoint(client: AsyncClient, ada, correct) -> None:
    won = (step("win", 3, allow_skip=True), step("churn", 5, reason="dissatisfied"))
    await move(client, ada, *won, step("reactivate", 10, channel="fair"), step("qualify", 12), step("win", 20))
    assert (await correct(ada, 3, step("repurchase", 10), step("win", 20))).is_success
    assert await touches(client, ada) == [("web", "api", on(1), 1), ("fair", "transition", on(10), 2)]


async def test_a_start_that_a_correction_adds_brings_its_touchpoint(client: AsyncClient, ada, correct) -> None:
    await move(client, ada, step("qualify", 11, allow_skip=True), step("win", 20))
    late = (step("churn", 5, reason="price"), step("reactivate", 7, channel="fair"))
    assert (await correct(ada, 2, *late, step("qualify", 11), step("win", 20))).is_success
    assert await touches(client, ada) == [("web", "api", on(1), 1), ("fair", "transition", on(7), 2)]
    assert await credited(client, "last") == {"fair": 1.0}
