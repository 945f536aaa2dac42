from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.channels import stripe
from tests.channels.deliveries import again, channel_of, post, refusal, stored, to_body
from tests.channels.documented.stripe import BODY, sample

CHANNEL = sample().channel
# The event of Stripe's own test fixtures, with its secret and signature.
KNOWN_BODY = (
    b'{\n  "id": "evt_123",\n  "object": "event",\n  "account": "acct_123",\n  "api_version": "2017-05-25",\n  "created": 1533204620,\n'
    b'  "data": {\n    "object": {\n      "id": "cus_123",\n      "object": "customer",\n      "created": 123456789,\n'
    b'      "email": "test@stripe.com",\n      "livemode": false,\n      "metadata": {}\n    }\n  },\n  "livemode": false,\n'
    b'  "pending_webhooks": 1,\n  "request": {\n    "id": "req_123",\n    "idempotency_key": "idempotency-key-123"\n  },\n'
    b'  "type": "customer.created"\n}\n'
)
KNOWN = post(
    KNOWN_BODY,
    {"stripe-signature": "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7"},
    received_at=datetime.fromtimestamp(1533204620, UTC),
)


def event(kind: str, thing: dict[str, Any], **changes: Any) -> bytes:
    return to_body({**json.loads(BODY), "type": kind, "data": {"object": thing}, **changes})


def test_a_published_signature_is_recognised() -> None:
    channel = channel_of("stripe", secrets=("webhook_secret",))
    stripe.verify(again(KNOWN), channel)
    (found,) = stripe.translate(stored(again(KNOWN), channel), channel).submissions
    assert found.fields["email"] == "test@stripe.com"
    assert found.fields["test"] is True
    assert refusal(lambda: stripe.verify(again(KNOWN, body=KNOWN_BODY.strip()), channel)) == "bad_signature"
    late = again(KNOWN, received_at=datetime.fromtimestamp(1533204620 + 301, UTC))
    assert refusal(lambda: stripe.verify(late, channel)) == "stale"


def test_the_secret_is_the_key_as_it_is_written() -> None:
    channel = replace(CHANNEL, secrets=("whsec_" + CHANNEL.secrets[0],))
    assert refusal(lambda: stripe.verify(sample().request, channel)) == "bad_signature"


def test_an_older_version_of_signatures_is_not_taken() -> None:
    header = sample().request.headers["stripe-signature"].split(",")
    downgraded = f"{header[0]},v0={header[2].partition('=')[2]}"
    request = again(sample().request, headers={"stripe-signature": downgraded})
    assert refusal(lambda: stripe.verify(request, CHANNEL)) == "bad_signature"


def test_a_new_customer_is_translated_field_by_field() -> None:
    (found,) = stripe.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert not found.revises
    assert found.fields == {
        "email": "ada@example.com",
        "full_name": "Ada Lovelace",
        "phone": "+442079460000",
        "country": "GB",
        "region": "London",
        "channel": "a-channel",
        "external_ids": {"stripe": "cus_1"},
        "attributes": {"plan": "pro"},
        "occurred_at": datetime.fromtimestamp(1772366000, UTC),
        "test": False,
    }


def test_a_checkout_is_a_lead() -> None:
    thing = {
        "id": "cs_1",
        "object": "checkout.session",
        "customer": None,
        "customer_details": {"email": "ada@example.com", "name": "Ada"},
    }
    (found,) = stripe.translate(sample(event("checkout.session.completed", thing)).request, CHANNEL).submissions
    assert (found.fields["email"], found.fields["external_ids"]) == ("ada@example.com", {"stripe": "cs_1"})


def test_an_update_revises_and_the_rest_are_activities() -> None:
    (found,) = stripe.translate(
        sample(BODY.replace(b"customer.created", b"customer.updated")).request, CHANNEL
    ).submissions
    assert found.revises
    thing = {"id": "in_1", "object": "invoice", "customer": "cus_1", "status": "paid", "amount": 2**60}
    (activity,) = stripe.translate(sample(event("invoice.paid", thing)).request, CHANNEL).activities
    assert activity.person == {"external_ids": {"stripe": "cus_1"}}
    assert dict(activity.data) == {"id": "in_1", "object": "invoice", "status": "paid", "amount": "1152921504606846976"}
    assert stripe.translate(sample(event("payout.paid", {"id": "po_1"})).request, CHANNEL).ignored


def test_others_who_sign_like_stripe_are_read_by_the_usual_spellings() -> None:
    (found,) = stripe.translate(sample(b'{"id":"x1","email":"ada@example.com","tel":"1"}').request, CHANNEL).submissions
    assert (found.fields["phone"], found.fields["external_ids"]) == ("1", {"stripe": "x1"})
    assert stripe.translate(sample(b'{"hello":"world"}').request, CHANNEL).ignored


def test_an_event_is_recognised() -> None:
    assert stripe.dedupe_key(sample().request, CHANNEL) == "id:evt_1"
    assert (stripe.dedupe_key(sample(b"{}").request, CHANNEL) or "").startswith("sha256:")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: stripe.verify(sample(body).request, CHANNEL)) == "malformed_body"


def test_a_customer_without_an_id_is_malformed() -> None:
    assert refusal(lambda: stripe.translate(sample(event("customer.created", {})).request, CHANNEL)) == "malformed_body"
