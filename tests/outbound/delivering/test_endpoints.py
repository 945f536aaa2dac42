"""Endpoints as people see them."""

from __future__ import annotations

import base64

import pytest

from service.core.ids import new_id
from service.outbound.delivering.retention import forget_attempts

GIVEN = {"url": "https://crm.example.com/hooks?key=1"}


async def test_it_works(client) -> None:
    answer = await client.post("/v1/webhook-endpoints", json=GIVEN)
    assert answer.status_code == 201
    made = answer.json()
    assert len(base64.b64decode(made.pop("secret").removeprefix("whsec_"))) == 32
    assert made.pop("id")
    assert made.pop("created_at") == made.pop("updated_at")
    assert made == {
        "url": GIVEN["url"], "description": None, "event_types": [], "segment": None, "filters": None, "format": "standard",
        "settings": {}, "concurrency": 8, "rate": None, "status": "enabled", "disabled_reason": None, "disabled_at": None,
        "failing_since": None, "paused_until": None, "last_success_at": None, "previous_secret_until": None,
    }  # fmt: skip


async def test_a_secret_is_shown_once(client) -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(24))).decode()
    made = (await client.post("/v1/webhook-endpoints", json=GIVEN | {"secret": secret})).json()
    assert made["secret"] == secret
    path = f"/v1/webhook-endpoints/{made['id']}"
    assert secret not in (await client.get(path)).text
    assert secret not in (await client.get("/v1/webhook-endpoints")).text
    rotated = (await client.post(path + "/rotate-secret", json={})).json()
    assert rotated["secret"] != secret
    assert rotated["previous_secret_until"] is not None
    assert (await client.post(path + "/rotate-secret", json={"secret": "whsec_c2hvcnQ="})).status_code == 422


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"url": "https://127.0.0.2/"}, "/url"),
        ({"url": "https://10.1.2.3/"}, "/url"),
        ({"url": "https://[::ffff:127.0.0.2]/"}, "/url"),
        ({"url": "https://localhost/"}, "/url"),
        ({"url": "https://me:secret@crm.example.com/"}, "/url"),
        ({"url": "crm.example.com"}, "/url"),
        ({"event_types": ["lead.created", "lead.vanished"]}, "/event_types/1"),
        ({"segment": "nobody"}, "/segment"),
        ({"filters": {"colour": "red"}}, "/filters/colour"),
        ({"format": "soap"}, "/format"),
        ({"settings": {"colour": "red"}}, "/settings/colour"),
        ({"secret": "whsec_c2hvcnQ="}, "/secret"),
        ({"secret": "secret"}, "/secret"),
        ({"concurrency": 65}, "/concurrency"),
        ({"rate": 0}, "/rate"),
        ({"status": "asleep"}, "/status"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_cannot_be(client, given, pointer) -> None:
    answer = await client.post("/v1/webhook-endpoints", json=GIVEN | given)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.get("/v1/webhook-endpoints")).json()["data"] == []


async def test_a_patch_changes_what_it_names(client) -> None:
    await client.post("/v1/segments", json={"key": "german", "filters": {"country": "DE"}})
    given = GIVEN | {"description": "The CRM", "filters": {"country": "DE"}, "event_types": ["lead.created"], "rate": 5}
    made = (await client.post("/v1/webhook-endpoints", json=given)).json()
    path = f"/v1/webhook-endpoints/{made['id']}"
    changed = (await client.patch(path, json={"description": None, "segment": "german", "filters": None})).json()
    assert (changed["description"], changed["segment"], changed["filters"]) == (None, "german", None)
    assert (changed["event_types"], changed["rate"]) == (["lead.created"], 5)
    changed = (await client.patch(path, json={"format": "cloudevents", "settings": {"source": "urn:me"}})).json()
    assert changed["settings"]["source"] == "urn:me"
    changed = (await client.patch(path, json={"settings": {"type_prefix": "com.example."}})).json()
    assert changed["settings"] == {"source": "urn:me", "type_prefix": "com.example."}
    assert (await client.patch(path, json={"format": "standard"})).json()["settings"] == {}
    for bad in ({"url": "https://127.0.0.2/"}, {"segment": "nobody"}, {"url": None}, {"secret": "x"}):
        assert (await client.patch(path, json=bad)).status_code == 422, bad


async def test_off_and_on(client) -> None:
    made = (await client.post("/v1/webhook-endpoints", json=GIVEN)).json()
    path = f"/v1/webhook-endpoints/{made['id']}"
    off = (await client.patch(path, json={"status": "disabled"})).json()
    assert (off["status"], off["disabled_reason"]) == ("disabled", "by_request")
    assert off["disabled_at"] is not None
    assert len((await client.get("/v1/webhook-endpoints?status=enabled")).json()["data"]) == 0
    on = (await client.patch(path, json={"status": "enabled"})).json()
    assert (on["status"], on["disabled_reason"], on["disabled_at"]) == ("enabled", None, None)


async def test_a_list_in_pages(client) -> None:
    made = [(await client.post("/v1/webhook-endpoints", json=GIVEN)).json()["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await client.get(f"/v1/webhook-endpoints?limit=2{cursor and '&cursor='}{cursor}")).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
    assert seen == made


async def test_what_is_deleted_is_gone(client, listen, add, deliver, publish, rows, engine) -> None:
    from service.core import clock
    from service.core.database import transaction

    listener = await listen(500)
    made = await add(listener)
    await publish()
    await deliver()
    path = f"/v1/webhook-endpoints/{made['id']}"
    assert (await client.delete(path)).status_code == 204
    for answer in (await client.get(path), await client.delete(path), await client.get(path + "/attempts")):
        assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_not_found")
    await publish()
    heard = len(listener.heard)
    await deliver()
    assert len(listener.heard) == heard
    forgotten = 1
    while forgotten:
        async with transaction(engine) as connection:
            forgotten = await forget_attempts(connection, now=clock.now())
    for table in ("webhook_endpoints", "webhook_queue", "webhook_attempts"):
        assert await rows(f"SELECT 1 FROM {table}") == []


async def test_attempts_are_kept_for_thirty_days(client, listen, add, deliver, publish, rows, engine, time) -> None:
    from service.core import clock
    from service.core.database import transaction

    await add(await listen())
    await publish()
    await deliver()
    for days, left in ((29, 1), (2, 0)):
        time.move(days=days)
        async with transaction(engine) as connection:
            await forget_attempts(connection, now=clock.now())
        assert len(await rows("SELECT 1 FROM webhook_attempts")) == left


async def test_attempts_are_found_by_event_and_by_what_came_of_them(
    client, listen, add, deliver, publish, time
) -> None:
    listener = await listen(lambda heard: 500 if heard.sequence == 2 else 201)
    made = await add(listener)
    ids = [str(await publish(sequence=number)) for number in (1, 2, 3)]
    await deliver()
    time.move(minutes=1)
    await deliver()
    path = f"/v1/webhook-endpoints/{made['id']}/attempts"

    async def found(query: str) -> list[str]:
        return [one["event_id"] for one in (await client.get(f"{path}?{query}")).json()["data"]]

    assert await found(f"event_id={ids[1]}") == [ids[1]] * 2
    assert await found("outcome=failed") == [ids[1]] * 2
    assert sorted(await found("outcome=delivered")) == sorted([ids[0], ids[2]])
    assert sorted(await found("status=201")) == sorted([ids[0], ids[2]])
    assert await found(f"event_id={new_id()}") == []
    assert len(await found("limit=1")) == 1


async def test_only_administrators(app, key, client) -> None:
    token = await key("leads:read", "leads:write", "stats:read")
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/v1/webhook-endpoints", headers=headers)).status_code == 403
    assert (await client.post("/v1/webhook-endpoints", json=GIVEN, headers=headers)).status_code == 403


async def test_figures_of_metrics(client, listen, add, deliver, publish) -> None:
    made = await add(await listen(500))
    await publish()
    await deliver()
    page = (await client.get("/metrics")).text
    assert f'webhook_queue{{endpoint="{made["id"]}",state="pending"}} 1.0' in page
    assert 'webhook_attempts_total{result="retry"}' in page
    assert 'webhook_endpoints{status="enabled"} 1.0' in page
