from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.channels import calendly
from service.channels.contract import Refusal, Translation
from tests.channels.deliveries import again, channel_of, post, stored, to_body
from tests.channels.documented.calendly import INVITEES, event, sample

CHANNEL = channel_of("calendly")
AT = datetime(2026, 3, 1, 11, 59, 58, tzinfo=UTC)
FIRST, SECOND = f"{INVITEES}FIRST", f"{INVITEES}SECOND"


def translated(body: bytes) -> Translation:
    return calendly.translate(stored(sample(body).request, CHANNEL), CHANNEL)


def key_of(body: bytes) -> str | None:
    return calendly.dedupe_key(sample(body).request, CHANNEL)


def test_a_booking_field_by_field() -> None:
    meaning = translated(event())
    (submitted,), (happened,) = meaning.submissions, meaning.activities
    assert submitted.fields == {
        "email": "ada@example.com",
        "full_name": "Ada Lovelace",
        "phone": "+442079460000",
        "company_name": "Acme",
        "campaign": "spring",
        "utm": {"campaign": "spring", "source": "newsletter"},
        "channel": "a-channel",
        "occurred_at": AT,
        "external_ids": {"calendly": FIRST},
        "attributes": {
            "What shall we talk about?": "Engines",
            "timezone": "Europe/London",
            "meeting": "30 minutes",
            "salesforce_uuid": "003000000000001",
        },
    }
    assert (happened.kind, happened.occurred_at) == ("invitee.created", AT)
    assert happened.person["email"] == "ada@example.com"
    assert happened.data["scheduled_event"]["start_time"] == "2026-03-02T10:00:00.000000Z"


def test_a_published_signature_is_accepted() -> None:
    # Stripe's known answer: the same template, the same labels.
    body = (
        b'{\n  "id": "evt_123",\n  "object": "event",\n  "account": "acct_123",\n  "api_version": "2017-05-25",\n  "created": 1533204620,\n'
        b'  "data": {\n    "object": {\n      "id": "cus_123",\n      "object": "customer",\n      "created": 123456789,\n'
        b'      "email": "test@stripe.com",\n      "livemode": false,\n      "metadata": {}\n    }\n  },\n  "livemode": false,\n'
        b'  "pending_webhooks": 1,\n  "request": {\n    "id": "req_123",\n    "idempotency_key": "idempotency-key-123"\n  },\n'
        b'  "type": "customer.created"\n}\n'
    )
    known = {
        "calendly-webhook-signature": "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7"
    }
    request = post(body, known, received_at=datetime.fromtimestamp(1533204620, UTC))
    channel = channel_of("calendly", secrets=("webhook_secret",))
    calendly.verify(request, channel)
    with pytest.raises(Refusal) as caught:
        calendly.verify(again(request, received_at=request.received_at + timedelta(seconds=301)), channel)
    assert caught.value.code == "stale"


def test_a_reschedule_is_a_cancellation_and_a_booking_and_neither_is_dropped() -> None:
    canceled = event("invitee.canceled", status="canceled", rescheduled=True, new_invitee=SECOND)
    booked = event(uri=SECOND, old_invitee=FIRST)
    assert len({key_of(event()), key_of(canceled), key_of(booked)}) == 3
    (gone,) = translated(canceled).activities
    assert translated(canceled).submissions == ()
    assert (gone.data["rescheduled"], gone.data["new_invitee"]) == (True, SECOND)
    assert gone.person["external_ids"] == {"calendly": FIRST}
    meaning = translated(booked)
    assert meaning.submissions[0].fields["external_ids"] == {"calendly": SECOND}
    assert meaning.activities[0].data["old_invitee"] == FIRST


def test_a_resent_event_is_recognised() -> None:
    assert key_of(event(status="active")) == key_of(event(status="whatever"))
    assert key_of(event()) != key_of(event("invitee.canceled"))


def test_a_no_show_is_an_activity_of_the_invitee() -> None:
    body = to_body(
        {
            "event": "invitee_no_show.created",
            "created_at": "2026-03-01T11:59:58.000000Z",
            "payload": {"uri": "https://api.calendly.com/invitee_no_shows/N", "invitee": FIRST},
        }
    )
    (happened,) = translated(body).activities
    assert happened.person == {"external_ids": {"calendly": FIRST}}


def test_a_routing_form_is_a_lead_booked_or_not() -> None:
    body = to_body(
        {
            "event": "routing_form_submission.created",
            "created_at": "2026-03-01T11:59:58.000000Z",
            "payload": {
                "uri": "https://api.calendly.com/routing_form_submissions/R",
                "questions_and_answers": [
                    {"question_uuid": "1", "question": "Email", "answer": "ada@example.com"},
                    {"question_uuid": "2", "question": "Name", "answer": "Ada Lovelace"},
                ],
                "tracking": {"utm_source": "ads"},
            },
        }
    )
    (submitted,) = translated(body).submissions
    assert submitted.fields["email"] == "ada@example.com"
    assert submitted.fields["full_name"] == "Ada Lovelace"
    assert submitted.fields["utm"] == {"source": "ads"}


def test_the_rest_is_ignored_or_refused() -> None:
    assert translated(event("contact.created")).ignored
    assert translated(event("event_type.created")).ignored
    with pytest.raises(Refusal):
        translated(event(uri=None))
