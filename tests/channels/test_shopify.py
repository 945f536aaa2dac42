from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.channels import shopify
from tests.channels.deliveries import again, channel_of, post, refusal, stored, to_body
from tests.channels.documented.shopify import BODY, sample

CHANNEL = sample().channel


def test_a_published_signature_is_recognised() -> None:
    headers = {"x-shopify-hmac-sha256": "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="}
    channel = channel_of("shopify", secrets=("test_secret_key",))
    request = post(b'{"foo": "bar"}', headers)
    shopify.verify(request, channel)
    assert refusal(lambda: shopify.verify(again(request, body=b'{"foo":"bar"}'), channel)) == "bad_signature"


def test_a_new_customer_is_translated_field_by_field() -> None:
    (found,) = shopify.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert not found.revises
    assert found.fields == {
        "email": "bob@example.com",
        "first_name": "Bob",
        "last_name": "Norman",
        "phone": "+16135550127",
        "company_name": "Acme",
        "country": "CA",
        "region": "Ontario",
        "tags": ("loyal", "vip"),
        "channel": "a-channel",
        "external_ids": {"shopify": "706405506930370084"},
        "consent": {"marketing": True},
        "attributes": {"shop": "acme.myshopify.com", "city": "Ottawa", "note": "likes tea"},
        "occurred_at": datetime(2026, 2, 28, 12, tzinfo=UTC),
        "test": False,
    }


def test_an_id_beyond_every_integer_stays_exact() -> None:
    request = sample(BODY.replace(b"706405506930370084", b"18446744073709551617")).request
    (found,) = shopify.translate(stored(request, CHANNEL), CHANNEL).submissions
    assert found.fields["external_ids"] == {"shopify": "18446744073709551617"}


def test_an_event_is_recognised_over_subscriptions() -> None:
    first, second = sample().request, sample(**{"x-shopify-webhook-id": "another"}).request
    assert shopify.dedupe_key(first, CHANNEL) == shopify.dedupe_key(second, CHANNEL)
    assert shopify.dedupe_key(sample(**{"x-shopify-event-id": ""}).request, CHANNEL) == (
        "delivery:b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"
    )
    bare = sample(**{"x-shopify-event-id": "", "x-shopify-webhook-id": ""}).request
    assert (shopify.dedupe_key(bare, CHANNEL) or "").startswith("customers/create:")


def test_an_update_revises() -> None:
    (found,) = shopify.translate(sample(topic="customers/update").request, CHANNEL).submissions
    assert found.revises


def test_a_test_is_marked() -> None:
    (found,) = shopify.translate(sample(**{"x-shopify-test": "true"}).request, CHANNEL).submissions
    assert found.fields["test"] is True


def test_a_customer_who_must_be_forgotten_is() -> None:
    body = to_body({"shop_id": 1, "shop_domain": "x", "customer": {"id": 7, "email": "bob@example.com", "phone": "1"}})
    (erasure,) = shopify.translate(sample(body, "customers/redact").request, CHANNEL).erasures
    assert erasure.person == {"external_ids": {"shopify": "7"}, "email": "bob@example.com", "phone": "1"}


def test_the_topic_is_not_signed_so_the_shape_must_fit() -> None:
    request = sample(topic="customers/redact").request
    assert refusal(lambda: shopify.translate(request, CHANNEL)) == "malformed_body"


@pytest.mark.parametrize(
    ("state", "changes"),
    [("unsubscribed", [("marketing", False)]), ("subscribed", [("marketing", True)]), ("pending", [])],
)
def test_consent_changes(state: str, changes: list[tuple[str, bool]]) -> None:
    body = to_body({"customer_id": 7, "email_address": "bob@example.com", "email_marketing_consent": {"state": state}})
    meaning = shopify.translate(sample(body, "customers_email_marketing_consent/update").request, CHANNEL)
    assert [(one.purpose, one.granted) for one in meaning.consent_changes] == changes
    assert bool(meaning.ignored) is not bool(changes)


def test_other_things_that_happen_to_a_customer_are_activities() -> None:
    meaning = shopify.translate(sample(topic="customers/disable").request, CHANNEL)
    assert [one.kind for one in meaning.activities] == ["customers/disable"]
    assert shopify.translate(sample(topic="orders/create").request, CHANNEL).ignored
    assert shopify.translate(sample(topic="").request, CHANNEL).ignored


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: shopify.verify(sample(body).request, CHANNEL)) == "malformed_body"
