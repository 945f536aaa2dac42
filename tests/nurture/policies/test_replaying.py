"""Replays: what a dry run says is what the worker does, twice the same, and nothing is changed by it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import fetch, transaction
from service.nurture.policies import replaying
from service.nurture.policies.checking import load_plan
from service.nurture.policies.history import replay
from service.nurture.policies.schemas import Policies
from tests.nurture.policies.acting import START, Clock, act, firings, lead, put, read

Run = Callable[[], Awaitable[None]]

_POOL: list[dict[str, Any]] = [
    {"key": "clean-valid", "when": {"verdict": ["valid"]}, "then": {"move": {"event": "clean"}}},
    {"key": "clean-any", "when": {"stages": ["reactivated"]}, "then": {"move": {"event": "clean"}}},
    {
        "key": "nurture-attended",
        "when": {"on": {"activity": {"kind": "webinar.*"}}},
        "then": {"move": {"event": "nurture"}, "tag": {"add": ["attended"]}},
    },
    {
        "key": "nurture-visits",
        "when": {"did": {"kind": "page.visited", "count": 2, "within_days": 14}},
        "then": {"move": {"event": "nurture"}},
    },
    {
        "key": "qualify-demo",
        "when": {"on": {"activity": {"kind": "demo.requested"}}},
        "then": {"move": {"event": "qualify", "allow_skip": True}},
    },
    {
        "key": "recycle-stuck",
        "when": {"stages": ["opportunity"], "days_in_stage": 10},
        "then": {"move": {"event": "recycle", "reason": "bad_timing"}},
    },
    {
        "key": "requalify-tagged",
        "when": {"stages": ["nurtured"], "filters": {"tag": "attended"}, "not_yet": "won"},
        "then": {"move": {"event": "qualify"}},
    },
    {
        "key": "churn-idle",
        "when": {"stages": ["acquired", "cleaned", "nurtured"], "idle_days": 21},
        "then": {"move": {"event": "churn", "reason": "inactive"}},
    },
    {
        "key": "remind-idle",
        "when": {"stages": ["cleaned", "nurtured", "opportunity"], "idle_days": 7},
        "then": {"announce": True},
    },
    {
        "key": "welcome-back",
        "when": {"on": {"returned": True}, "churned_for": ["inactive", "price"]},
        "then": {"move": {"event": "reactivate"}},
    },
    {"key": "greet-back", "when": {"on": {"returned": True}}, "then": {"announce": True, "tag": {"add": ["back"]}}},
    {
        "key": "tell-steel",
        "when": {"on": {"changed": ["industry"]}, "filters": {"industry": "steel"}},
        "then": {"announce": True, "assign": {"owner": "steel-desk"}},
    },
    {
        "key": "entered",
        "when": {"on": {"entered": ["opportunity", "churned"]}, "has_owner": False},
        "then": {"assign": {"owner": "inbound"}, "tag": {"remove": ["attended"]}},
    },
    {
        "key": "many-visits",
        "when": {"on": {"activity": {"kind": "page.*", "count": 3, "within_days": 10}}},
        "then": {"announce": True},
        "once_per": "journey",
    },
]
_KINDS = ("page.visited", "webinar.attended", "demo.requested", "mailing.sent", "call.made")
_EVENTS = ("clean", "nurture", "qualify", "win", "churn", "reactivate", "recycle", "repurchase")


class World:
    """A few leads, people who move them, and time that passes; the worker is up whenever something happens or falls due."""

    def __init__(self, client: AsyncClient, engine: AsyncEngine, time: Clock, nurture: Run, dice: Random) -> None:
        self.client, self.engine, self.time, self.nurture, self.dice = client, engine, time, nurture, dice
        self.leads: list[str] = []

    async def step(self) -> None:
        doings = [self.come, self.come_again, self.change, self.do, self.do, self.do, self.move, self.wait, self.wait]
        await self.dice.choice(doings if self.leads else [self.come])()
        await self.nurture()
        await self.until(self.time.at + timedelta(seconds=self.dice.randrange(1, 4000)))

    async def come(self) -> None:
        fields: dict[str, Any] = {"company": {"industry": self.dice.choice(["steel", "food"])}}
        if self.dice.random() < 0.2:
            fields["email"] = f"a{len(self.leads)}@mailinator.com"
        address = fields.pop("email", f"a{len(self.leads)}@example.com")
        self.leads.append((await lead(self.client, address, **fields))["id"])

    async def come_again(self) -> None:
        shown = await read(self.client, self.dice.choice(self.leads))
        await lead(self.client, shown["email"])

    async def change(self) -> None:
        patch = self.dice.choice(
            [{"company": {"industry": "steel"}}, {"company": {"industry": "food"}}, {"owner": None}, {"tags": ["new"]}]
        )
        await self.client.patch(f"/v1/leads/{self.dice.choice(self.leads)}", json=patch)

    async def do(self) -> None:
        await act(self.client, self.dice.choice(self.leads), self.dice.choice(_KINDS))

    async def move(self) -> None:
        event, lead_id = self.dice.choice(_EVENTS), self.dice.choice(self.leads)
        reason = {"reason": self.dice.choice(["price", "spam"])} if event in {"churn", "recycle"} else {}
        body = {"event": event, "allow_skip": self.dice.random() < 0.5, **reason}
        answer = await self.client.post(f"/v1/leads/{lead_id}/transitions", json=body)
        assert answer.status_code in {201, 409}, answer.text

    async def wait(self) -> None:
        await self.until(self.time.at + timedelta(days=self.dice.choice([0.5, 3, 8, 15])))

    async def until(self, end: datetime) -> None:
        """Let time pass, and the worker be there at each instant that something falls due."""
        while True:
            async with transaction(self.engine) as connection:
                due = (await fetch(connection, text("SELECT min(due_at) AS at FROM timers")))[0]["at"]
            if due is None or due > end:
                break
            self.time.at = max(due, self.time.at)
            await self.nurture()
        self.time.at = end


@pytest.mark.parametrize("seed", range(3))
async def test_a_replay_decides_what_the_worker_decided(
    client: AsyncClient, engine: AsyncEngine, nurture: Run, time: Clock, seed: int
) -> None:
    dice = Random(seed)
    chosen = [one for one in _POOL if dice.random() < 0.75]
    settings = {"max_moves_per_day": dice.choice([1, 2, 3, 10])}
    await put(client, *chosen, **settings)
    world = World(client, engine, time, nurture, dice)
    time.pass_(minutes=1)
    for _ in range(40):
        await world.step()
    await world.until(time.at + timedelta(days=40))
    time.pass_(seconds=1)

    done = await firings(client)
    names = ("lead_id", "policy", "trigger", "why", "outcome", "actions", "stage", "journey", "fired_at")
    assert in_order([one[name] for name in names] for one in done) == in_order(
        await replayed(engine, {"policies": chosen, **settings}, time.at)
    )
    body = {"from": START.isoformat(), "to": time.at.isoformat()}
    answer = await client.post("/v1/policies/dry-run", json=body)
    assert answer.status_code == 200, answer.text
    again = await client.post("/v1/policies/dry-run", json=body | {"policies": {"policies": chosen, **settings}})
    assert again.json() | {"version": 1} == answer.json()
    told = answer.json()
    assert sum(one["moved"] for one in told["policies"]) == sum(one["outcome"] == "moved" for one in done)
    assert all(stage["replayed"] == stage["real"] for stage in told["stages"])
    assert told["real_moves"]["superseded"] == told["real_moves"]["impossible"] == 0
    assert len(done) > 5


def in_order(decisions: Iterable[list[Any]]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in decisions)


async def replayed(engine: AsyncEngine, policies: dict[str, Any], end: datetime) -> list[list[Any]]:
    """Return what a replay decides of each lead, in the words of the firings."""
    found = []
    async with transaction(engine) as connection:
        plan = await load_plan(connection, Policies.model_validate(policies))
        past = replaying._Past(connection, None, start=START, end=end, parts=65536)
        async for histories in past.read():
            for history, one in (
                (each, one) for each in histories for one in replay(plan, each, start=START, end=end).decisions
            ):
                at = one.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
                at = at.replace(".000000Z", "Z")
                words = [one.rule.key, one.trigger, one.why, one.outcome, list(one.actions), one.stage, one.journey]
                found.append([str(history.lead_id), *words, at])
    return found
