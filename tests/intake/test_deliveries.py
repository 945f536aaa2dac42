from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.core.ids import new_id
from tests.intake.conftest import Deliver

Work = Callable[[], Awaitable[None]]


async def read(client: AsyncClient, delivery: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/deliveries/{delivery}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def settled(client: AsyncClient, worker: Work, *answers: Any) -> list[dict[str, Any]]:
    """Let the worker run and return what became of deliveries."""
    await worker()
    return [await read(client, answer.json()["id"]) for answer in answers]


async def lead_of(client: AsyncClient, delivery: dict[str, Any]) -> dict[str, Any]:
    [lead_id] = delivery["lead_ids"]
    return dict((await client.get(f"/v1/leads/{lead_id}")).json())


async def touchpoints(client: AsyncClient, lead_id: str) -> list[dict[str, Any]]:
    return list((await client.get(f"/v1/leads/{lead_id}/touchpoints")).json()["data"])


async def test_a_delivery_becomes_a_cleaned_lead(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    data = {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "mail": "Ada@Example.com",
        "tel": "+49 30 901820",
        "company": "Analytical Engines",
        "utm_source": "google",
        "utm_campaign": "spring",
    }
    [delivery] = await settled(client, worker, await deliver(data))
    assert delivery["status"] == "processed"
    assert delivery["attempts"] == 1
    assert delivery["processed_at"]
    assert delivery["outcome"][0]["result"] == "created"
    lead = await lead_of(client, delivery)
    assert lead["stage"] == "cleaned"
    assert lead["email"] == "ada@example.com"
    assert lead["phone"] == "+4930901820"
    assert lead["full_name"] == "Ada Lovelace"
    assert lead["company"]["name"] == "Analytical Engines"
    assert (lead["channel"], lead["campaign"]) == ("web", "spring")
    assert lead["utm"]["source"] == "google"
    [touchpoint] = await touchpoints(client, lead["id"])
    assert touchpoint["via"] == "webhook"
    assert touchpoint["delivery_id"] == delivery["id"]
    events = (await client.get("/v1/events")).json()["data"]
    assert [event["type"] for event in events if event["lead_id"] == lead["id"]] == [
        "lead.created",
        "lead.stage_changed",
    ]


async def test_a_delivery_by_somebody_known_is_a_touchpoint(
    client: AsyncClient, deliver: Deliver, worker: Work
) -> None:
    one, two = await settled(
        client, worker, await deliver({"email": "a@example.com"}), await deliver({"mail": "A@EXAMPLE.com"})
    )
    assert (one["outcome"][0]["result"], two["outcome"][0]["result"]) == ("created", "matched")
    assert one["lead_ids"] == two["lead_ids"]
    assert len(await touchpoints(client, one["lead_ids"][0])) == 2


async def test_the_same_delivery_twenty_times_is_one_result(
    client: AsyncClient, deliver: Deliver, worker: Work
) -> None:
    answers = await asyncio.gather(*(deliver({"email": "a@example.com"}, message="msg_once") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    found = await settled(client, worker, *answers)
    assert sorted(one["status"] for one in found) == ["duplicate"] * 19 + ["processed"]
    first = next(one for one in found if one["status"] == "processed")
    assert {one["outcome"][0]["duplicate_of"] for one in found if one["status"] == "duplicate"} == {first["id"]}
    assert len(await touchpoints(client, first["lead_ids"][0])) == 1
    late = await deliver({"email": "a@example.com"}, message="msg_once")
    assert (await settled(client, worker, late))[0]["status"] == "duplicate"


async def test_the_same_form_twice_is_one_result(client: AsyncClient, form: str, worker: Work) -> None:
    headers = {"x-channel-secret": "correct-horse"}
    answers = [await client.post("/v1/intake/form", data={"email": "a@example.com"}, headers=headers) for _ in range(2)]
    found = await settled(client, worker, *answers)
    assert [one["status"] for one in found] == ["processed", "duplicate"]


async def test_a_doubtful_lead_waits_for_a_person(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    [delivery] = await settled(client, worker, await deliver({"phone": "+4930901820", "email": "not an address"}))
    assert (delivery["status"], delivery["outcome"][0]["verdict"]) == ("processed", "suspect")
    lead = await lead_of(client, delivery)
    assert lead["stage"] == "acquired"
    assert lead["raw"]["email"] == "not an address"


async def test_a_doubtful_lead_is_cleaned_when_the_doubt_ends(
    client: AsyncClient, deliver: Deliver, worker: Work
) -> None:
    await settled(client, worker, await deliver({"phone": "+4930901820", "email": "not an address"}))
    sent = await deliver({"phone": "+4930901820", "email": "ada@example.com"})
    lead = await lead_of(client, (await settled(client, worker, sent))[0])
    assert (lead["stage"], lead["verdict"]) == ("cleaned", "valid")
    last = (await touchpoints(client, lead["id"]))[-1]
    assert lead["acquired_at"] < lead["stage_entered_at"] == last["occurred_at"]


async def test_a_channel_may_leave_cleaning_to_people(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    await client.patch("/v1/channels/web", json={"policy": {"auto_clean": False}})
    [delivery] = await settled(client, worker, await deliver({"email": "ada@example.com"}))
    assert (await lead_of(client, delivery))["stage"] == "acquired"


async def test_a_channel_knows_where_its_phone_numbers_are_from(
    client: AsyncClient, deliver: Deliver, worker: Work
) -> None:
    await client.patch("/v1/channels/web", json={"policy": {"default_region": "DE"}})
    [delivery] = await settled(client, worker, await deliver({"phone": "030 901820"}))
    assert (await lead_of(client, delivery))["phone"] == "+4930901820"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"first_name": "Nobody"}, "no_identity"),
        ({"email": "not an address"}, "no_identity"),
        ([1, 2], "malformed_body"),
    ],
)
async def test_what_comes_to_nothing_is_dead_with_its_reason(
    client: AsyncClient, deliver: Deliver, worker: Work, data: Any, reason: str
) -> None:
    [delivery] = await settled(client, worker, await deliver(data))
    assert (delivery["status"], delivery["reason"]) == ("dead", reason)
    assert delivery["detail"]
    assert delivery["lead_ids"] == []
    assert (await client.get("/v1/leads")).json()["data"] == []


async def test_one_bad_delivery_spoils_no_other(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    answers = [await deliver(data) for data in ({"email": "a@example.com"}, {"x": 1}, {"email": "b@example.com"})]
    assert [one["status"] for one in await settled(client, worker, *answers)] == ["processed", "dead", "processed"]


async def test_an_unexpected_fault_buries_one_delivery_alone(
    client: AsyncClient, deliver: Deliver, worker: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.intake import processing

    clean = processing.normalise

    def fragile(submission: Any, *known: Any) -> Any:
        if submission.email == "poison@example.com":
            raise RuntimeError("a secret: poison@example.com")
        return clean(submission, *known)

    monkeypatch.setattr(processing, "normalise", fragile)
    answers = [await deliver({"email": f"{name}@example.com"}) for name in ("a", "poison", "b")]
    found = await settled(client, worker, *answers)
    assert [one["status"] for one in found] == ["processed", "dead", "processed"]
    assert (found[1]["reason"], found[1]["detail"]) == ("processing_failed", "Unexpected fault: RuntimeError.")
    monkeypatch.undo()
    again = await client.post(f"/v1/deliveries/{found[1]['id']}/replay")
    assert again.status_code == 202
    assert (await settled(client, worker, again))[0]["status"] == "processed"


async def test_a_dead_delivery_lets_the_vendor_send_it_again(
    client: AsyncClient, deliver: Deliver, worker: Work
) -> None:
    [dead] = await settled(client, worker, await deliver({"who": "ada"}, message="msg_1"))
    assert dead["status"] == "dead"
    await client.patch("/v1/channels/web", json={"mapping": {"external_ids.crm": "who"}})
    [second] = await settled(client, worker, await deliver({"who": "ada"}, message="msg_1"))
    assert second["status"] == "processed"
    replayed = await client.post(f"/v1/deliveries/{dead['id']}/replay")
    assert (await settled(client, worker, replayed))[0]["status"] == "duplicate"


async def test_a_replay_after_a_better_mapping_finds_the_person(
    client: AsyncClient, deliver: Deliver, worker: Work
) -> None:
    [dead] = await settled(client, worker, await deliver({"who": "ada"}))
    await client.patch("/v1/channels/web", json={"mapping": {"external_ids.crm": "who"}})
    answer = await client.post(f"/v1/deliveries/{dead['id']}/replay")
    assert (answer.status_code, answer.json()["status"]) == (202, "received")
    [done] = await settled(client, worker, answer)
    assert (done["status"], done["attempts"], done["reason"]) == ("processed", 2, None)


async def test_a_replay_never_repeats_a_result(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    [first] = await settled(client, worker, await deliver({"email": "a@example.com"}))
    [lead] = first["lead_ids"]
    before = (await client.get(f"/v1/leads/{lead}/timeline")).json()
    [second] = await settled(client, worker, await client.post(f"/v1/deliveries/{first['id']}/replay"))
    assert (second["status"], second["outcome"], second["lead_ids"]) == ("processed", first["outcome"], [lead])
    assert (await client.get(f"/v1/leads/{lead}/timeline")).json() == before
    assert len((await client.get("/v1/leads")).json()["data"]) == 1


async def test_a_replay_completes_what_was_missing(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    [first] = await settled(client, worker, await deliver([{"email": "a@example.com"}, {"who": "b"}]))
    assert [one["result"] for one in first["outcome"]] == ["created", "refused"]
    assert first["status"] == "processed"
    await client.patch("/v1/channels/web", json={"mapping": {"external_ids.crm": "who"}})
    [second] = await settled(client, worker, await client.post(f"/v1/deliveries/{first['id']}/replay"))
    assert [one["result"] for one in second["outcome"]] == ["created", "created"]
    assert second["lead_ids"][0] == first["lead_ids"][0]
    assert len(await touchpoints(client, first["lead_ids"][0])) == 1


async def test_deliveries_are_replayed_by_filter(
    client: AsyncClient, deliver: Deliver, form: str, worker: Work
) -> None:
    dead = [await deliver({"who": str(number)}) for number in range(3)]
    other = await client.post("/v1/intake/form", json={"who": "x"}, headers={"x-channel-secret": "correct-horse"})
    fine = await deliver({"email": "a@example.com"})
    await settled(client, worker)
    await client.patch("/v1/channels/web", json={"mapping": {"external_ids.crm": "data.who"}})
    answer = await client.post("/v1/deliveries/replay", json={"channel": "web", "reason": "no_identity"})
    assert (answer.status_code, answer.json()) == (202, {"count": 3})
    found = await settled(client, worker, *dead, other, fine)
    assert [one["status"] for one in found] == ["processed"] * 3 + ["dead", "processed"]
    assert (await client.post("/v1/deliveries/replay", json={"since": "2999-01-01T00:00:00Z"})).json() == {"count": 0}
    assert (await client.post("/v1/deliveries/replay", json={})).json() == {"count": 1}


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"status": "received"}, "/status"),
        ({"since": "yesterday"}, "/since"),
        ({"since": "2026-01-01T00:00:00"}, "/since"),
        ({"x": 1}, "/x"),
    ],
)
async def test_a_wrong_filter_is_refused(client: AsyncClient, given: dict[str, Any], pointer: str) -> None:
    answer = await client.post("/v1/deliveries/replay", json=given)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_unknown_deliveries_are_not_found(client: AsyncClient) -> None:
    assert (await client.get(f"/v1/deliveries/{new_id()}")).status_code == 404
    assert (await client.post(f"/v1/deliveries/{new_id()}/replay")).status_code == 404


async def test_lists_are_filtered_and_paged(client: AsyncClient, deliver: Deliver, form: str, worker: Work) -> None:
    ids = [(await deliver({"email": f"a{number}@example.com"})).json()["id"] for number in range(5)]
    await worker()
    waiting = await client.post("/v1/intake/form", json={"who": "x"}, headers={"x-channel-secret": "correct-horse"})
    pages, cursor = [], ""
    while cursor is not None:
        page = (
            await client.get(
                f"/v1/deliveries?channel=web&limit=2&cursor={quote(cursor)}"
                if cursor
                else "/v1/deliveries?channel=web&limit=2"
            )
        ).json()
        pages += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
    assert pages == ids[::-1]
    received = (await client.get("/v1/deliveries?status=received")).json()["data"]
    assert [one["id"] for one in received] == [waiting.json()["id"]]
    assert (await client.get("/v1/deliveries?since=2999-01-01T00:00:00Z")).json()["data"] == []
    assert (await client.get("/v1/deliveries?status=nonsense")).status_code == 422
    first = (await client.get("/v1/deliveries?channel=web&limit=2")).json()["next_cursor"]
    assert (await client.get(f"/v1/deliveries?channel=form&cursor={first}")).json()["code"] == "invalid_cursor"


async def test_a_body_that_is_no_text_is_shown_as_base64(client: AsyncClient, form: str) -> None:
    parts = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n\xff\xfe\r\n--x--\r\n'
    headers = {"x-channel-secret": "correct-horse", "content-type": "multipart/form-data; boundary=x"}
    answer = await client.post("/v1/intake/form", content=parts, headers=headers)
    assert answer.status_code == 202, answer.text
    shown = await read(client, answer.json()["id"])
    assert shown["body_encoding"] == "base64"
    assert base64.b64decode(shown["body"]) == parts


async def test_a_deleted_channel_finishes_what_it_accepted(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    answer = await deliver({"email": "a@example.com"})
    await client.delete("/v1/channels/web")
    assert (await settled(client, worker, answer))[0]["status"] == "processed"


async def test_parallel_workers_do_each_delivery_once(client: AsyncClient, deliver: Deliver, worker: Work) -> None:
    answers = await asyncio.gather(*(deliver({"email": f"a{number % 10}@example.com"}) for number in range(60)))
    await asyncio.gather(worker(), worker(), worker())
    found = [await read(client, answer.json()["id"]) for answer in answers]
    assert {one["status"] for one in found} == {"processed"}
    assert {one["attempts"] for one in found} == {1}
    leads = {one["lead_ids"][0] for one in found}
    assert len(leads) == 10
    assert sum([len(await touchpoints(client, lead)) for lead in leads]) == 60


async def test_headers_are_kept_as_evidence(client: AsyncClient, deliver: Deliver) -> None:
    shown = await read(client, (await deliver({"email": "a@example.com"}, message="msg_seen")).json()["id"])
    assert shown["headers"]["webhook-id"] == "msg_seen"
    assert shown["headers"]["webhook-signature"].startswith("v1,")


async def test_a_schema_that_does_not_fit_buries_nothing(
    client: AsyncClient, deliver: Deliver, worker: Work, engine: AsyncEngine
) -> None:
    answer = await deliver({"email": "a@example.com"})
    async with transaction(engine) as connection:
        await connection.execute(text("ALTER TABLE identities RENAME COLUMN kind TO sort"))
    with pytest.raises(ProgrammingError):
        await worker()
    assert (await read(client, answer.json()["id"]))["status"] == "received"
    async with transaction(engine) as connection:
        await connection.execute(text("ALTER TABLE identities RENAME COLUMN sort TO kind"))
    assert (await settled(client, worker, answer))[0]["status"] == "processed"
