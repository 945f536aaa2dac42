"""What the page on policies shows is accepted as it stands, and does what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from httpx import AsyncClient

from service.nurture.policies.schemas import PolicyThen, PolicyTrigger, PolicyWhen
from tests.nurture.policies.acting import Clock, act, lead, outcomes, stage

PAGE = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")
Run = Callable[[], Awaitable[None]]


def first_set() -> dict[str, Any]:
    return json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


async def test_the_first_set_is_accepted_and_warns_of_nothing(client: AsyncClient) -> None:
    answer = await client.put("/v1/policies", json=first_set())
    assert (answer.status_code, answer.json()["warnings"]) == (200, [])


async def test_the_first_set_does_what_its_labels_say(client: AsyncClient, nurture: Run, time: Clock) -> None:
    await client.put("/v1/policies", json=first_set())
    one = await lead(client, "ann@example.com")
    await act(client, one["id"], "webinar.attended")
    await nurture()
    assert await stage(client, one["id"]) == "nurtured"
    time.pass_(days=90)
    await nurture()
    assert await stage(client, one["id"]) == "churned"
    time.pass_(days=5)
    await act(client, one["id"], "demo.requested")
    await nurture()
    assert await outcomes(client) == [
        ("clean-valid", "moved"),
        ("nurture-attended", "moved"),
        ("churn-idle", "moved"),
        ("welcome-back", "moved"),
        ("clean-valid", "moved"),
        ("qualify-demo", "moved"),
    ]


async def test_triggers_and_the_dry_run_of_the_page_are_accepted(client: AsyncClient) -> None:
    triggers = [json.loads(found) for found in re.findall(r"^\| `(\{.*?\})` \|", PAGE, re.MULTILINE)]
    assert {name for trigger in triggers for name in trigger} == set(PolicyTrigger.model_fields)
    body = {
        "policies": [
            {"key": f"p{number}", "when": {"on": trigger}, "then": {"announce": True}}
            for number, trigger in enumerate(triggers)
        ]
    }
    assert (await client.put("/v1/policies", json=body)).status_code == 200
    question = json.loads(re.findall(r"dry-run .*?-d '(.*?)'", PAGE, re.DOTALL)[0])
    answer = await client.post("/v1/policies/dry-run", json=question)
    assert answer.status_code == 200, answer.text


def test_the_page_names_every_condition_and_every_action() -> None:
    for name in {*PolicyWhen.model_fields, *PolicyThen.model_fields}:
        assert f"`{name}`" in PAGE, name


async def test_the_worker_does_it_too(client: AsyncClient, worker: Run) -> None:
    """With everything else that a worker does of its own accord."""
    await client.put("/v1/policies", json=first_set())
    one = await lead(client, "ann@example.com")
    await act(client, one["id"], "demo.requested")
    await worker()
    assert await outcomes(client) == [("clean-valid", "moved"), ("qualify-demo", "moved")]
    assert await stage(client, one["id"]) == "opportunity"
