"""What vendors do that a plain webhook receiver gets wrong, end to end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import AsyncClient

from service.core import clock
from tests.channels.deliveries import NOW, Sample, to_body
from tests.channels.documented import baidu, calendly, jinshuju, linkedin, mailchimp, mautic, typeform
from tests.intake.vendors.door import (
    Work,
    deliveries,
    leads,
    make_channel,
    of_lead,
    paths_of,
    send,
    settle,
)
from tests.intake.vendors.standin import Answer, stand_in


def results(delivery: dict[str, Any]) -> list[str]:
    return [entry["result"] for entry in delivery["outcome"]]


async def consent(client: AsyncClient, purpose: str = "marketing") -> bool:
    [lead] = await leads(client)
    return bool(lead["consent"][purpose]["granted"])


def baidu_push(**changes: Any) -> Sample:
    return baidu.sample(to_body({**baidu.LEAD, **changes}))


async def test_baidus_second_push_enriches(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    thin = baidu_push(formDetail=[], keyword=None)
    rich = baidu_push(consultUrl="https://example.com/chat")
    await make_channel(client, thin)
    first, second, again = await settle(client, vendor, worker, thin, rich, rich)
    assert (results(first), results(second), again["status"]) == (["created"], ["revised"], "duplicate")
    [lead] = await leads(client)
    assert (lead["full_name"], lead["email"]) == ("张三", "zhangsan@example.com")
    assert lead["attributes"]["consultUrl"] == "https://example.com/chat"
    assert len(await of_lead(client, lead, "touchpoints")) == 1
    events = [event for event in (await client.get("/v1/events")).json()["data"] if event["type"] == "lead.updated"]
    assert {"email", "full_name", "attributes"} <= set(events[0]["data"]["changed"])
    # The address it brought is the lead's now, for whoever else knows it by that.
    made = await client.post("/v1/leads", json={"email": "zhangsan@example.com"})
    assert (made.status_code, made.json()["id"], made.json()["matched_by"]) == (200, lead["id"], ["email"])


def typed(kind: str, most: int = 6, **changes: Any) -> Sample:
    response = {**typeform.RESPONSE, "answers": typeform.RESPONSE["answers"][:most], **changes}
    return typeform.sample(to_body({"event_id": "e", "event_type": kind, "form_response": response}))


PARTIAL = typed("form_response_partial", 2, submitted_at=None)
COMPLETE = typed("form_response")


async def test_a_partial_answer_is_completed(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    await make_channel(client, PARTIAL)
    first, second = await settle(client, vendor, worker, PARTIAL, COMPLETE)
    assert (results(first), results(second)) == (["created"], ["revised"])
    [lead] = await leads(client)
    assert lead["first_name"] == "Laura"
    assert len(await of_lead(client, lead, "touchpoints")) == 1


async def test_a_partial_answer_that_comes_late_overwrites_nothing(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    answers = [
        {"type": "email", "email": "old@example.com", "field": {"id": "SMEUb7VJz92Q", "type": "email"}},
        {"type": "text", "text": "Lau", "field": {"id": "JwWggjAKtOkA", "type": "short_text"}},
    ]
    late = typed("form_response_partial", submitted_at=None, answers=answers)
    await make_channel(client, COMPLETE)
    first, second = await settle(client, vendor, worker, COMPLETE, late)
    assert (results(first), results(second)) == (["created"], ["outdated"])
    [lead] = await leads(client)
    assert (lead["email"], lead["first_name"]) == ("laura@example.com", "Laura")
    assert len(await of_lead(client, lead, "touchpoints")) == 1


async def test_both_orders_in_one_batch(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    await make_channel(client, COMPLETE)
    for one in (COMPLETE, PARTIAL):
        await send(vendor, one)
    await worker()
    assert [results(one) for one in await deliveries(client)] == [["created"], ["outdated"]]
    assert len(await leads(client)) == 1


async def test_only_the_shared_id_gives_the_right_to_overwrite(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    """Anybody can type somebody's e-mail address into a form."""
    known = {"email": "laura@example.com", "first_name": "Original", "occurred_at": "2018-01-01T00:00:00Z"}
    await client.post("/v1/leads", json=known)
    await make_channel(client, COMPLETE)
    first, second = await settle(client, vendor, worker, COMPLETE, typed("form_response", token="another"))
    assert (results(first), results(second)) == (["matched"], ["matched"])
    [lead] = await leads(client)
    assert lead["first_name"] == "Original"
    assert len(await of_lead(client, lead, "touchpoints")) == 3


async def test_an_address_of_somebody_else_is_not_taken_over_by_a_revision(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    thin = baidu_push(formDetail=[])
    await make_channel(client, thin)
    await settle(client, vendor, worker, thin)
    other = (await client.post("/v1/leads", json={"email": "zhangsan@example.com"})).json()
    # One submission that names two leads makes them one in the background, unless it is told to leave that to people.
    assert (await client.put("/v1/matching-rules", json={"merge_bridged": False})).status_code == 200
    [second] = await settle(client, vendor, worker, baidu_push())
    assert results(second) == ["revised"]
    found = {lead["id"]: lead["email"] for lead in await leads(client)}
    assert sorted(found.values(), key=str) == [None, "zhangsan@example.com"]
    assert found[other["id"]] == "zhangsan@example.com"


async def test_an_edited_entry_replaces_what_it_said(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    def entry(name: str, updated_at: str) -> Sample:
        fields = {"field_1": name, "email": "li@example.com", "token": "T1", "created_at": "2026-01-01T05:34:17.873Z"}
        return jinshuju.sample(to_body({"form": "F", "entry": {**fields, "updated_at": updated_at}}))

    new = entry("李", "2026-01-01T05:34:17.873Z")
    await make_channel(client, new)
    await client.patch("/v1/channels/a-channel", json={"mapping": {"full_name": "entry.field_1"}})
    edited, older = entry("李四", "2026-01-03T05:34:17.873Z"), entry("李三", "2026-01-02T05:34:17.873Z")
    found = await settle(client, vendor, worker, new, edited, older)
    assert [results(one) for one in found] == [["created"], ["revised"], ["outdated"]]
    [lead] = await leads(client)
    assert lead["full_name"] == "李四"


async def test_a_disqualified_lead_comes_back_when_its_submission_is_completed(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    thin = baidu_push(cluePhoneNumber="123", formDetail=[])
    await make_channel(client, thin)
    await settle(client, vendor, worker, thin)
    [lead] = await leads(client)
    first = (lead["stage"], lead["verdict"])
    await settle(client, vendor, worker, baidu_push())
    [lead] = await leads(client)
    assert (lead["stage"], lead["verdict"]) == ("cleaned", "valid"), first


async def test_a_rescheduled_meeting_is_one_lead_with_its_story(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    old, new = f"{calendly.INVITEES}FIRST", f"{calendly.INVITEES}SECOND"
    booked = calendly.sample()
    canceled = calendly.sample(calendly.event("invitee.canceled", rescheduled=True, new_invitee=new, status="canceled"))
    rebooked = calendly.sample(calendly.event(uri=new, old_invitee=old))
    gone = calendly.sample(calendly.event("invitee.canceled", uri=new, status="canceled"))
    await make_channel(client, booked)
    found = await settle(client, vendor, worker, booked, rebooked, canceled, gone, gone)
    assert [one["status"] for one in found] == ["processed"] * 4 + ["duplicate"]
    assert [results(one) for one in found[:2]] == [["created", "activity"], ["matched", "activity"]]
    [lead] = await leads(client)
    kinds = [activity["kind"] for activity in await of_lead(client, lead, "activities")]
    assert sorted(kinds) == ["invitee.canceled"] * 2 + ["invitee.created"] * 2


async def test_who_is_not_known_is_not_made_a_lead_by_what_they_did(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    canceled = calendly.sample(calendly.event("invitee.canceled"))
    await make_channel(client, canceled)
    [before] = await settle(client, vendor, worker, canceled)
    assert (before["status"], before["reason"], results(before)) == ("ignored", "unknown_person", ["unknown_person"])
    assert await leads(client) == []
    await client.post("/v1/leads", json={"email": "ada@example.com"})
    await client.post(f"/v1/deliveries/{before['id']}/replay")
    await worker()
    [after] = await deliveries(client)
    assert (after["status"], results(after)) == ("processed", ["activity"])
    await client.post(f"/v1/deliveries/{before['id']}/replay")
    await worker()
    [lead] = await leads(client)
    assert len(await of_lead(client, lead, "activities")) == 1


async def test_a_deleted_response_erases_its_person(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    one = linkedin.sample()
    deleted = linkedin.sample(linkedin.BODY.replace(b"CREATED", b"DELETED").replace(b"1699999999999", b"1700000000000"))
    async with stand_in() as api:
        for path, answer in paths_of(one).items():
            api.tell(path, Answer(answer))
        await make_channel(client, one, base_url=api.address)
        created, erased, again = await settle(client, vendor, worker, one, deleted, deleted)
    assert (results(created), results(erased), again["status"]) == (["created"], ["erased"], "duplicate")
    assert erased["lead_ids"] == created["lead_ids"]
    [lead_id] = created["lead_ids"]
    assert (await client.get(f"/v1/leads/{lead_id}")).status_code == 410
    for delivery in (created, erased, again):
        shown = (await client.get(f"/v1/deliveries/{delivery['id']}")).json()
        assert (shown["body"], shown["headers"]) == ("", {})
    assert "ada@example.com" not in (await client.get("/v1/events?limit=500")).text


async def test_an_erasure_of_nobody_we_know(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    deleted = linkedin.sample(linkedin.BODY.replace(b"CREATED", b"DELETED"))
    await make_channel(client, deleted)
    [delivery] = await settle(client, vendor, worker, deleted)
    assert (delivery["status"], delivery["reason"]) == ("ignored", "unknown_person")


def mailchimp_event(kind: str, fired_at: str, **data: str) -> Sample:
    told = {"type": kind, "fired_at": fired_at, "data[id]": "8a25ff1d98", "data[email]": "api@mailchimp.com"}
    return mailchimp.sample(urlencode(told | {f"data[{name}]": value for name, value in data.items()}).encode())


async def test_who_unsubscribes_takes_their_consent_back(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    one = mailchimp.sample()
    await make_channel(client, one)
    [subscribed] = await settle(client, vendor, worker, one)
    assert results(subscribed) == ["created", "consent"]
    assert await consent(client) is True
    left = mailchimp_event("unsubscribe", "2009-03-27 21:40:57", action="unsub", reason="manual")
    [unsubscribed] = await settle(client, vendor, worker, left)
    assert results(unsubscribed) == ["activity", "consent"]
    assert await consent(client) is False
    # What was said before it, and comes late, changes nothing.
    early = mailchimp_event("subscribe", "2009-03-27 10:00:00")
    await settle(client, vendor, worker, early)
    assert await consent(client) is False
    back = mailchimp_event("subscribe", "2009-03-28 10:00:00")
    await settle(client, vendor, worker, back)
    assert await consent(client) is True
    [lead] = await leads(client)
    assert [one["kind"] for one in await of_lead(client, lead, "activities")] == ["unsubscribe"]


async def test_mautics_unsubscription_and_points(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    one = mautic.sample()
    stops = mautic.sample(
        mautic.event(
            "lead_channel_subscription_changed",
            contact=mautic.CONTACT,
            channel="email",
            old_status="contactable",
            new_status="unsubscribed",
        )
    )
    points = mautic.sample(
        mautic.event("lead_points_change", contact=mautic.CONTACT, points={"old_points": 10, "new_points": 20})
    )
    await make_channel(client, one)
    found = await settle(client, vendor, worker, one, stops, points)
    assert [results(delivery) for delivery in found] == [["created"], ["consent"], ["activity"]]
    assert await consent(client) is False
    [lead] = await leads(client)
    [activity] = await of_lead(client, lead, "activities")
    assert activity["kind"] == "lead_points_change"


async def test_a_consent_taken_back_outlives_an_older_submission(
    client: AsyncClient, vendor: AsyncClient, worker: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = mailchimp.sample()
    await make_channel(client, one)
    left = mailchimp_event("unsubscribe", "2009-03-27 21:40:57", action="unsub")
    profile = mailchimp_event("profile", "2009-03-27 21:00:00", **{"merges][FNAME": "Ada"})
    await settle(client, vendor, worker, one, left)
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=1))
    [changed] = await settle(client, vendor, worker, profile)
    assert results(changed) == ["revised"]
    assert await consent(client) is False
    [lead] = await leads(client)
    assert lead["first_name"] == "Ada"


async def test_replaying_everything_changes_nothing(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    one = mailchimp.sample()
    await make_channel(client, one)
    left = mailchimp_event("unsubscribe", "2009-03-27 21:40:57", action="unsub")
    await settle(client, vendor, worker, one, left, mailchimp_event("profile", "2009-03-28 21:00:00"))
    before = await leads(client)
    assert (await client.post("/v1/deliveries/replay", json={"status": "processed"})).json() == {"count": 3}
    await worker()
    assert await leads(client) == before
    assert {one["status"] for one in await deliveries(client)} == {"processed"}


async def test_what_a_person_did_is_erased_with_them(client: AsyncClient, vendor: AsyncClient, worker: Work) -> None:
    """Deliveries that became no touchpoint hold the person too, and so may the one that asks for the erasure."""
    one = mautic.sample()
    points = mautic.sample(
        mautic.event("lead_points_change", contact=mautic.CONTACT, points={"old_points": 10, "new_points": 20})
    )
    deleted = mautic.sample(mautic.event("lead_post_delete", id=52, contact=mautic.CONTACT))
    await make_channel(client, one, erase_deleted=True)
    found = await settle(client, vendor, worker, one, points, deleted)
    assert results(found[-1]) == ["erased"]
    # The vendor's second attempts come when the person is gone.
    found += await settle(client, vendor, worker, one, points)
    assert [one["status"] for one in found[3:]] == ["duplicate", "duplicate"]
    for delivery in found:
        assert (await client.get(f"/v1/deliveries/{delivery['id']}")).json()["body"] == ""
    assert "example.com" not in (await client.get("/v1/events?limit=500")).text


async def test_somebody_who_comes_back_after_their_erasure_is_new(
    client: AsyncClient, vendor: AsyncClient, worker: Work
) -> None:
    """All in one batch: what came before the erasure is erased, what came after it is not."""
    one = mautic.sample()
    deleted = mautic.sample(mautic.event("lead_post_delete", id=52))
    back = mautic.sample(mautic.event("lead_post_save_new", contact={**mautic.CONTACT, "points": 0}))
    await make_channel(client, one, erase_deleted=True)
    for sample in (one, deleted, back):
        await send(vendor, sample)
    await worker()
    found = await deliveries(client)
    assert [results(delivery) for delivery in found] == [["created"], ["erased"], ["created"]]
    assert (await client.get(f"/v1/leads/{found[0]['lead_ids'][0]}")).status_code == 410
    assert (await client.get(f"/v1/leads/{found[2]['lead_ids'][0]}")).json()["email"] == "zoë@example.com"
