"""The examples of the documentation: each is done by the worker, recorded with its why, and explained by the timeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator

from service.outbound.catalogue import EVENT_TYPES
from tests.nurture.policies.acting import (
    CHURN_IDLE,
    CLEAN,
    NURTURE_BY_ACTIVITY,
    NURTURE_BY_SCORE,
    QUALIFY_ON_DEMO,
    REACTIVATE,
    Clock,
    act,
    firings,
    lead,
    move,
    outcomes,
    put,
    read,
    stage,
    timeline,
)

Run = Callable[[], Awaitable[None]]


async def test_a_valid_lead_is_cleaned_at_once(client: AsyncClient, nurture: Run) -> None:
    await put(client, CLEAN)
    one = await lead(client, "ann@example.com")
    await nurture()
    assert await stage(client, one["id"]) == "cleaned"
    fired = await firings(client)
    assert [(each["policy"], each["version"], each["outcome"]) for each in fired] == [("clean-valid", 1, "moved")]
    assert fired[0]["why"] == {"stage": "acquired", "verdict": "valid"}
    ledger = (await client.get(f"/v1/leads/{one['id']}/transitions")).json()["data"]
    assert (ledger[-1]["actor"], ledger[-1]["id"]) == ("policy:clean-valid", fired[0]["transition_id"])
    told = [item["data"] for item in await timeline(client, one["id"]) if item["kind"] == "policy"]
    assert told == fired


async def test_a_lead_is_nurtured_for_what_it_does(client: AsyncClient, nurture: Run) -> None:
    await put(client, CLEAN, NURTURE_BY_ACTIVITY)
    one = await lead(client, "ann@example.com")
    await nurture()
    await act(client, one["id"], "webinar.registered")
    await nurture()
    assert await stage(client, one["id"]) == "cleaned"
    done = await act(client, one["id"], "webinar.attended")
    await nurture()
    assert await stage(client, one["id"]) == "nurtured"
    last = (await firings(client))[-1]
    assert last["trigger"] == "activity"
    assert last["why"] == {"stage": "cleaned", "activity_id": done["id"], "kind": "webinar.attended"}


async def test_a_lead_is_qualified_by_a_demo_however_it_came_there(client: AsyncClient, nurture: Run) -> None:
    """Whoever asks for a demonstration with its first contact passes all policies in one go."""
    await put(client, CLEAN, NURTURE_BY_SCORE, QUALIFY_ON_DEMO)
    one = await lead(client, "ann@example.com")
    await act(client, one["id"], "demo.requested")
    await nurture()
    assert await stage(client, one["id"]) == "opportunity"
    assert await outcomes(client) == [("clean-valid", "moved"), ("qualify-demo", "moved")]


async def test_who_did_nothing_for_long_is_given_up(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await put(client, CLEAN, CHURN_IDLE)
    one = await lead(client, "ann@example.com")
    await nurture()
    time.pass_(days=29)
    await act(client, one["id"], "email.opened")
    await nurture()
    time.pass_(days=29)
    await act(client, one["id"], "mailing.sent")
    await nurture()
    assert await stage(client, one["id"]) == "cleaned"
    time.pass_(days=1)
    await nurture()
    assert await stage(client, one["id"]) == "churned"
    last = (await firings(client))[-1]
    assert last["trigger"] == "time"
    assert last["why"] == {"stage": "cleaned", "idle_days": 30.0, "idle_since": "2026-03-31T09:00:00.000000Z"}
    ledger = (await client.get(f"/v1/leads/{one['id']}/transitions")).json()["data"]
    assert (ledger[-1]["reason"], ledger[-1]["category"]) == ("inactive", "lapsed")


async def test_who_returns_is_reactivated_once(client: AsyncClient, nurture: Run) -> None:
    """By an activity the policy does it, by a submission the intake has done it already."""
    await put(client, REACTIVATE | {"then": {"move": {"event": "reactivate"}, "announce": True}})
    one, other = await lead(client, "ann@example.com"), await lead(client, "bob@example.com")
    for each in (one, other):
        await move(client, each["id"], "churn", reason="no_budget")
    await nurture()
    await act(client, one["id"], "mailing.sent")
    await nurture()
    assert await outcomes(client) == []
    await act(client, one["id"], "page.visited")
    await lead(client, "bob@example.com")
    await nurture()
    assert await stage(client, one["id"]) == await stage(client, other["id"]) == "reactivated"
    assert [(fired["lead_id"], fired["actions"]) for fired in await firings(client)] == [
        (one["id"], ["moved", "announced"])
    ]
    moves = (await client.get(f"/v1/leads/{other['id']}/transitions")).json()["data"]
    assert [each["event"] for each in moves] == ["acquire", "churn", "reactivate"]


@pytest.mark.parametrize("reason", ["spam", "test"])
async def test_spam_does_not_return(client: AsyncClient, nurture: Run, reason: str) -> None:
    await put(client, REACTIVATE)
    one = await lead(client, "ann@example.com")
    await move(client, one["id"], "churn", reason=reason)
    await act(client, one["id"], "page.visited")
    await nurture()
    assert await stage(client, one["id"]) == "churned"


async def test_a_policy_may_assign_and_tag_and_announce(client: AsyncClient, nurture: Run) -> None:
    await put(
        client,
        {
            "key": "unhappy",
            "when": {"on": {"activity": {"kind": "survey.answered", "rating_lte": 0.3}}},
            "then": {"assign": {"owner": "care"}, "tag": {"add": ["unhappy"], "remove": ["happy"]}, "announce": True},
        },
    )
    one = await lead(client, "ann@example.com", tags=["happy", "vip"])
    await nurture()
    await act(client, one["id"], "survey.answered", rating={"value": 4, "worst": 1, "best": 5})
    await nurture()
    assert await outcomes(client) == []
    await act(client, one["id"], "survey.answered", rating={"value": 2, "worst": 1, "best": 5})
    await nurture()
    shown = await read(client, one["id"])
    assert (shown["owner"], shown["tags"]) == ("care", ["unhappy", "vip"])
    (fired,) = await firings(client)
    assert fired["actions"] == ["assigned", "tagged", "announced"]
    assert fired["why"]["rating"] == 0.25
    events = (await client.get("/v1/events", params={"limit": 500})).json()["data"]
    for event in events:
        Draft202012Validator(EVENT_TYPES[event["type"]].schema).validate(event)
    told = [event["data"] for event in events if event["type"] == "policy.fired"]
    assert [(each["policy"], each["why"]) for each in told] == [({"key": "unhappy", "version": 1}, fired["why"])]


async def test_the_n_th_activity_within_days(client: AsyncClient, nurture: Run, time: Clock) -> None:
    visits = {"kind": "page.*", "count": 3, "within_days": 7}
    await put(
        client,
        {"key": "hot", "when": {"on": {"activity": visits}}, "then": {"tag": {"add": ["hot"]}, "announce": True}},
    )
    one = await lead(client, "ann@example.com")
    for days in (0, 5, 3):
        time.pass_(days=days)
        await act(client, one["id"], "page.visited")
        await nurture()
    assert await outcomes(client) == []
    await act(client, one["id"], "page.visited")
    await nurture()
    assert [fired["why"]["count"] for fired in await firings(client)] == [3]
