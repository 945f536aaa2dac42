"""Policies are checked when they are written, each fault at its place."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from tests.nurture.policies.acting import CHURN_IDLE, CLEAN, REACTIVATE, put


def policy(when: dict[str, Any] | None = None, then: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"key": "one", "when": when or {}, "then": then or {"announce": True}, **more}


def moving(event: str, when: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return policy(when, {"move": {"event": event, **more}})


FAULTS = [
    ("/policies/0/then", policy(then={"tag": None})),
    ("/policies/0/then/tag", policy(then={"tag": {}})),
    ("/policies/0/then/tag", policy(then={"tag": {"add": ["a"], "remove": ["a"]}})),
    ("/policies/0/then/assign", policy(then={"assign": {}})),
    ("/policies/0/then/assign", policy(then={"assign": {"owner": "a", "team": "b"}})),
    ("/policies/0/then/assign/team", policy(then={"assign": {"team": "nobody"}})),
    ("/policies/0/then/move/event", moving("acquire")),
    ("/policies/0/then/move/reason", moving("churn")),
    ("/policies/0/then/move/reason", moving("churn", reason="boredom")),
    ("/policies/0/then/move/reason", moving("clean", reason="inactive")),
    ("/policies/0/when/stages/1", moving("clean", {"stages": ["acquired", "nurtured"]})),
    ("/policies/0/when/stages/0", moving("nurture", {"stages": ["acquired"]})),
    ("/policies/0/when/stages/0", policy({"stages": ["lost"]})),
    ("/policies/0/when/verdict", moving("clean", {"verdict": ["invalid"]})),
    ("/policies/0/when/score_lt", policy({"score_gte": 50, "score_lt": 50})),
    ("/policies/0/when/score_lt", policy({"score_lt": 50, "on": {"score_reached": 50}})),
    ("/policies/0/when/segment", policy({"segment": "nobody"})),
    ("/policies/0/when/filters/shoe_size", policy({"filters": {"shoe_size": "42"}})),
    ("/policies/0/when/filters/country", policy({"filters": {"country": "Germany"}})),
    ("/policies/0/when/churned_for/0", policy({"churned_for": ["boredom"]})),
    ("/policies/0/when/churned_for", policy({"stages": ["won"], "churned_for": ["price"]})),
    ("/policies/0/when/not_yet", policy({"not_yet": "acquired"})),
    ("/policies/0/when/not_yet", policy({"not_yet": "churned"})),
    ("/policies/0/when/on", policy({"on": {}})),
    ("/policies/0/when/on", policy({"on": {"created": True, "returned": True}})),
    ("/policies/0/when/on/changed/0", policy({"on": {"changed": ["shoe_size"]}})),
    ("/policies/0/when/on/entered", policy({"stages": ["won"], "on": {"entered": ["churned"]}})),
    ("/policies/0/when/on/activity/within_days", policy({"on": {"activity": {"kind": "a", "count": 2}}})),
    (
        "/policies/0/when/on/activity/rating_lte",
        policy({"on": {"activity": {"kind": "a", "rating_gte": 0.3, "rating_lte": 0.2}}}),
    ),
    ("/policies/0/when/did/rating_lte", policy({"did": {"kind": "a", "rating_gte": 0.3, "rating_lte": 0.2}})),
    ("/policies/0/when/idle_days", policy({"idle_days": 3, "on": {"activity": {"kind": "a"}}})),
    ("/policies/0/when/days_in_stage", policy({"days_in_stage": 3, "on": {"entered": ["won"]}})),
    ("/policies/0/key", policy() | {"key": "Not A Key"}),
    ("/policies/0/colour", policy() | {"colour": "red"}),
]


async def test_faults_are_pointed_at(client: AsyncClient) -> None:
    for pointer, wrong in FAULTS:
        answer = await client.put("/v1/policies", json={"policies": [wrong]})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), wrong
    assert (await client.get("/v1/policies")).json()["version"] == 0


async def test_a_dry_run_takes_no_others(client: AsyncClient) -> None:
    for pointer, wrong in FAULTS[:8]:
        answer = await client.post("/v1/policies/dry-run", json={"policies": {"policies": [wrong]}})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/policies{pointer}"), wrong


async def test_a_key_stands_for_one_policy(client: AsyncClient) -> None:
    answer = await client.put("/v1/policies", json={"policies": [CLEAN, CHURN_IDLE, CLEAN]})
    assert answer.json()["errors"] == [{"pointer": "/policies/2/key", "detail": "is the key of /policies/0, too"}]


async def test_every_version_can_be_read_and_is_sent_back_as_it_was_written(client: AsyncClient) -> None:
    assert (await put(client, CLEAN))["version"] == 1
    second = await put(client, CLEAN, CHURN_IDLE, max_moves_per_day=5)
    assert second["version"] == 2
    assert second["warnings"] == []
    assert (await client.get("/v1/policies")).json() == second
    versions = (await client.get("/v1/policies/versions")).json()["data"]
    assert [(one["version"], [each["key"] for each in one["policies"]]) for one in versions] == [
        (2, ["clean-valid", "churn-idle"]),
        (1, ["clean-valid"]),
    ]


RECYCLE = moving("recycle", {"days_in_stage": 5}, reason="bad_timing") | {"key": "recycle"}
QUALIFY = moving("qualify", {"stages": ["nurtured"]}) | {"key": "qualify"}


@pytest.mark.parametrize(
    ("policies", "loops"),
    [
        ([RECYCLE, QUALIFY], [["recycle", "qualify"]]),
        # Those that are switched off, that wait for something from outside, or cannot hold together feed nobody.
        ([RECYCLE, QUALIFY | {"enabled": False}], []),
        ([RECYCLE, QUALIFY | {"when": {"on": {"activity": {"kind": "demo.*"}}}}], []),
        ([RECYCLE | {"when": {"score_lt": 20}}, QUALIFY | {"when": {"score_gte": 20}}], []),
        ([RECYCLE, QUALIFY | {"when": {"stages": ["cleaned"]}}], []),
        ([CHURN_IDLE, REACTIVATE], []),
        (
            [
                CLEAN,
                CHURN_IDLE,
                moving("reactivate", {"days_in_stage": 90}) | {"key": "once-more"},
            ],
            [["clean-valid", "churn-idle", "once-more"]],
        ),
    ],
)
async def test_policies_that_feed_each_other_are_warned_of(
    client: AsyncClient, policies: list[dict[str, Any]], loops: list[list[str]]
) -> None:
    warned = (await put(client, *policies))["warnings"]
    assert [(one["code"], one["policies"]) for one in warned] == [("loop", keys) for keys in loops]
