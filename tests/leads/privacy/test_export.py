"""All that is held of a person: GET /v1/leads/{id}/export."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from httpx import AsyncClient

from service.core.tables import metadata
from tests.leads.privacy.test_erasure_everywhere import EMAIL, MARKS, deliver, fill_every_door, make_channel

# Tables with a lead's id whose rows an export shows, and under which name.
SHOWN = {
    "identities": "identities",
    "transitions": "transitions",
    "corrections": "corrections",
    "journeys": "journeys",
    "touchpoints": "touchpoints",
    "activities": "activities",
    "consents": "consents",
    "merges": "merges",
    "set_aside": "set_aside",
    "outbox": "events",
    "score_entries": "score_entries",
    "assignments": "assignments",
    "buying_roles": "buying_roles",
    "deadlines": "deadlines",
    "policy_firings": "policies",
}
# The others, and why they hold nothing of the person that is not shown elsewhere.
NOT_SHOWN = {
    "match_keys": "hashes of what the lead's own fields say",
    "timers": "when the service looks at the lead again",
    "parked_leads": "that policies leave the lead alone; which of them led to it is shown",
    "webhook_queue": "that an event, which is shown, is still to be delivered",
    "webhook_attempts": "that an event, which is shown, was tried at an endpoint, and what the receiver answered",
    "duplicates": "which other leads are like it: these are other people, as long as nobody says otherwise",
}


async def export(client: AsyncClient, lead: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/v1/leads/{lead['id']}/export")
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["Content-Disposition"]
    return answer.json()


async def test_every_table_of_a_lead_is_shown_or_has_its_reason() -> None:
    with_leads = {table.name for table in metadata.sorted_tables if "lead_id" in table.c}
    assert with_leads - set(SHOWN) - set(NOT_SHOWN) == set()


async def test_everything_is_in_it(client: AsyncClient, worker: Callable) -> None:
    lead = await fill_every_door(client, worker)
    await worker()
    held = await export(client, lead)
    assert set(held) == {"exported_at", "lead", "merged_leads", "deliveries", *SHOWN.values()}
    shown = (await client.get(f"/v1/leads/{lead['id']}")).json()
    assert {name: value for name, value in held["lead"].items() if name != "can_contact"} == {
        name: value for name, value in shown.items() if name != "can_contact"
    }
    for what in ("journeys", "touchpoints", "activities", "consents"):
        assert held[what] == (await client.get(f"/v1/leads/{lead['id']}/{what}")).json()["data"]
    ledger = (await client.get(f"/v1/leads/{lead['id']}/transitions?superseded=true")).json()["data"]
    assert sorted(one["id"] for one in held["transitions"]) == sorted(one["id"] for one in ledger)
    assert len(held["merged_leads"]) == 2
    assert len(held["events"]) == shown["version"]
    assert len(held["deliveries"]) >= 3
    assert not [delivery for delivery in held["deliveries"] if delivery["shared"]]
    whole = json.dumps(held, ensure_ascii=False).lower()
    assert [mark for mark in MARKS if mark not in whole] == []


async def test_nothing_of_others_is_in_it(client: AsyncClient, worker: Callable) -> None:
    form = await make_channel(client, "form", mapping={"email": "people[0].email"})
    await deliver(client, form, json.dumps({"people": [{"email": EMAIL}]}))
    await client.post("/v1/leads", json={"email": "other@example.com", "referred_by": EMAIL})
    await worker()
    [lead] = (await client.get(f"/v1/leads?email={EMAIL}")).json()["data"]
    assert "other@example.com" not in json.dumps(await export(client, lead))


async def test_gone_leads_and_who_may(client: AsyncClient, key: Callable) -> None:
    lead = (await client.post("/v1/leads", json={"email": EMAIL})).json()
    address = f"/v1/leads/{lead['id']}/export"
    for scope, status in (("leads:read", 200), ("leads:write", 403), ("stats:read", 403)):
        headers = {"Authorization": f"Bearer {await key(scope)}"}
        assert (await client.get(address, headers=headers)).status_code == status
    twin = (await client.post("/v1/leads", json={"email": "twin@quill.example"})).json()
    await client.post(f"/v1/leads/{lead['id']}/merge", json={"duplicate_id": twin["id"]})
    moved = await client.get(f"/v1/leads/{twin['id']}/export")
    assert (moved.status_code, moved.headers["Location"]) == (308, address)
    await client.post(f"/v1/leads/{lead['id']}/erasure")
    assert (await client.get(address)).status_code == 410
