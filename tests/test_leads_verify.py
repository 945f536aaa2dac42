"""`leads verify`: silent after any history that went through the API, and loud about every kind of damage."""

from __future__ import annotations

import random
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import all_faults
from service.stats.verify import snapshot

EVENTS = ("clean", "nurture", "qualify", "recycle", "win", "repurchase", "churn", "reactivate")
REASONS = ("price", "spam", "inactive", "dissatisfied")


@pytest.fixture
def faults(engine: AsyncEngine):
    async def find() -> list[str]:
        async with snapshot(engine) as connection:
            return await all_faults(connection)

    return find


def _step(chance: random.Random, event: str) -> dict[str, Any]:
    why = {"reason": chance.choice(REASONS)} if event in {"churn", "recycle"} else {}
    return {"event": event, "allow_skip": True, **why}


async def _act(client: AsyncClient, chance: random.Random, ids: list[str]) -> int:
    day = f"2026-{chance.randint(1, 9):02}-{chance.randint(1, 28):02}T00:00:00Z"
    person = {"email": f"p{chance.randrange(14)}@example.com", "phone": f"+49309018{chance.randrange(20, 30)}"}
    step = _step(chance, chance.choice(EVENTS))
    lead = f"/v1/leads/{chance.choice(ids)}" if ids else ""
    match chance.randrange(10) if lead else 0:
        case 0 | 1:
            body = {name: value for name, value in person.items() if chance.random() < 0.7} or person
            extra = {
                "channel": chance.choice(["web", "fair", None]),
                "test": chance.random() < 0.1,
                "external_ids": {"crm": str(chance.randrange(9))},
            }
            answer = await client.post(
                "/v1/leads", json=body | extra | ({"occurred_at": day} if chance.random() < 0.6 else {})
            )
            ids += [answer.json()["id"]] if answer.status_code == 201 else []
        case 2:
            answer = await client.put(
                f"/v1/leads/by-external-id/crm/{chance.randrange(9)}", json={"owner": "x", **person}
            )
        case 3:
            answer = await client.patch(
                lead,
                json={chance.choice(["email", "phone"]): None, "external_ids": {"crm": chance.choice(["1", None])}}
                | chance.choice([person, {}]),
            )
        case 4:
            tail = [
                _step(chance, event) | {"occurred_at": f"2026-10-0{number + 1}T00:00:00Z"}
                for number, event in enumerate(chance.sample(EVENTS, chance.randrange(4)))
            ]
            answer = await client.post(
                f"{lead}/corrections", json={"from_sequence": chance.randint(2, 4), "transitions": tail, "reason": "x"}
            )
        case _:
            answer = await client.post(
                f"{lead}/transitions", json=step | ({"amount": 5, "currency": "EUR"} if step["event"] == "win" else {})
            )
    return answer.status_code


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_random_history_leaves_nothing_to_find(client: AsyncClient, faults, worker, seed: int):
    chance, ids = random.Random(seed), []
    statuses = [await _act(client, chance, ids) for _ in range(220)]
    assert set(statuses) <= {200, 201, 409, 422}
    assert statuses.count(201) > 30
    assert await faults() == []
    await worker()
    assert await faults() == []


DAMAGE = {
    "UPDATE leads SET stage = 'won' WHERE id = :id": "replaying the ledger gives another stage",
    "UPDATE leads SET furthest_stage = 'won' WHERE id = :id": "another furthest_stage",
    "UPDATE leads SET stage_entered_at = stage_entered_at - interval '1 s' WHERE id = :id": "another stage_entered_at",
    "UPDATE leads SET journey = 2 WHERE id = :id": "another journey number",
    "UPDATE leads SET sequence = 9 WHERE id = :id": "another sequence",
    "UPDATE leads SET acquired_at = acquired_at - interval '1 s' WHERE id = :id": "another acquired_at",
    "UPDATE leads SET version = version + 1 WHERE id = :id": "version is not the number of its events",
    "UPDATE leads SET email = 'eve@example.com' WHERE id = :id": "not the lead's own",
    "DELETE FROM transitions WHERE lead_id = :id AND sequence = 2": "a gap",
    "DELETE FROM transitions WHERE lead_id = :id AND sequence = 3": "not in the ledger",
    "UPDATE transitions SET event = 'win' WHERE lead_id = :id AND sequence = 2": "not what the machine makes of its event",
    "UPDATE transitions SET occurred_at = '2020-01-01' WHERE lead_id = :id AND sequence = 3": "not legal",
    "UPDATE transitions SET to_stage = 'won' WHERE lead_id = :id AND sequence = 2": "not what the machine makes",
    "UPDATE transitions SET reason = NULL WHERE lead_id = :id AND sequence = 3": "not legal",
    "DELETE FROM outbox WHERE lead_id = :id AND sequence = 2": "has no event, or more than one",
    "DELETE FROM outbox WHERE lead_id = :id AND type = 'lead.updated'": "version is not the number of its events",
    "INSERT INTO outbox SELECT (json_populate_record(o, json_build_object('id', gen_random_uuid(), 'sequence', 99))).* FROM outbox o WHERE lead_id = :id AND sequence = 2": "more than one",
    "DELETE FROM identities WHERE lead_id = :id AND kind = 'email'": "kind=email",
    "DELETE FROM identities WHERE lead_id = :id AND kind = 'external:crm'": "kind=external:crm",
    "UPDATE identities SET lead_id = gen_random_uuid() WHERE lead_id = :id": "belongs to no lead",
    "DELETE FROM touchpoints WHERE lead_id = :id": "no touchpoint",
    "UPDATE touchpoints SET journey = 7 WHERE lead_id = :id": "journey that the lead does not have",
    "DELETE FROM cohort_deltas WHERE :id = :id": "cohorts",
    "DELETE FROM flow_deltas WHERE ctid = (SELECT min(ctid) FROM flow_deltas) AND :id = :id": "flows",
    "UPDATE journeys SET cell = cell + 1 WHERE lead_id = :id": "wrong cell",
    "UPDATE journeys SET cleaned_at = NULL WHERE lead_id = :id": "other journeys or milestones",
    "DELETE FROM journeys WHERE lead_id = :id": "other journeys or milestones",
    "UPDATE journeys SET outcome = 'lapsed' WHERE lead_id = :id": "other journeys or milestones",
    "UPDATE journeys SET counted = false WHERE lead_id = :id": "journeys",
}  # fmt: skip


async def test_every_kind_of_damage_is_found(client: AsyncClient, engine: AsyncEngine):
    ids = []
    for name in ("ada", "bob"):
        body = {
            "email": f"{name}@example.com",
            "phone": f"+493090182{len(ids)}",
            "external_ids": {"crm": name},
            "occurred_at": "2026-03-01T00:00:00Z",
        }
        ids.append((await client.post("/v1/leads", json=body)).json()["id"])
        for event, why in (("clean", {}), ("churn", {"reason": "price"})):
            await client.post(f"/v1/leads/{ids[-1]}/transitions", json={"event": event, **why})
        await client.patch(f"/v1/leads/{ids[-1]}", json={"owner": "ben"})
    missed = {}
    async with engine.connect() as connection:
        assert await all_faults(connection) == []
        for damage, complaint in DAMAGE.items():
            await connection.execute(text(damage.replace(":id", f"CAST('{ids[0]}' AS uuid)")))
            found = await all_faults(connection)
            if not any(complaint in fault for fault in found):
                missed[damage] = found
            await connection.rollback()
    assert missed == {}
