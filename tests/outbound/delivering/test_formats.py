"""Formats other than the standard's, from the endpoint to what is received."""

from __future__ import annotations

import json

GOOGLE = {
    "customer_id": "1234567890",
    "developer_token": "developer-token",
    "conversion_actions": {"nurtured": "77"},
    "client_id": "client",
    "client_secret": "client-secret",
    "refresh_token": "refresh",
}


async def test_a_conversion_is_told_with_a_token_that_is_fetched(client, add, deliver) -> None:
    from tests.outbound.delivering.listening import listening

    tokens = await listening(200)
    receiver = await listening(200)
    endpoint = await add(receiver, format="google-offline-conversions", settings=GOOGLE | {"token_url": tokens.url})
    shown = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}")).json()
    assert not {"developer_token", "client_secret", "refresh_token"} & shown["settings"].keys()
    lead = (await client.post("/v1/leads", json={"email": "anna@firma.de", "utm": {"gclid": "abc"}})).json()
    await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": "clean"})
    await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": "nurture"})
    await deliver()
    [asked] = tokens.heard
    assert b"refresh_token=refresh" in asked.body
    # What came back is no token: nothing was sent, and it is tried again.
    assert receiver.heard == []
    [tried] = (await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/attempts")).json()["data"]
    assert (tried["status"], tried["event_type"]) == (None, "lead.stage_changed")
    assert tried["error"] is not None
    assert tried["next_at"] is not None
    await tokens.stop()
    await receiver.stop()


async def test_settings_that_are_secret_stay_when_others_are_changed(client, add, rows) -> None:
    endpoint = await add("http://127.0.0.1:9/", format="google-offline-conversions", settings=GOOGLE)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    changed = await client.patch(path, json={"settings": {"conversion_actions": {"won": "78"}}})
    assert changed.status_code == 200
    assert changed.json()["settings"]["conversion_actions"] == {"won": "78"}
    [row] = await rows("SELECT settings FROM webhook_endpoints")
    kept = row["settings"] if isinstance(row["settings"], dict) else json.loads(row["settings"])
    assert kept["developer_token"] == "developer-token"


async def test_a_type_that_the_format_cannot_tell(client) -> None:
    given = {"url": "https://google.example/", "format": "google-offline-conversions", "settings": GOOGLE}
    answer = await client.post("/v1/webhook-endpoints", json=given | {"event_types": ["lead.erased"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/event_types/0")


async def test_an_example_that_the_format_would_not_send(client, add) -> None:
    endpoint = await add("http://127.0.0.1:9/", format="google-offline-conversions", settings=GOOGLE)
    answer = await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/type")
