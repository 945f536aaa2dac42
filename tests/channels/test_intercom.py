from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.channels import intercom
from service.channels.contract import Refusal, Translation
from tests.channels.deliveries import channel_of, get, post, stored
from tests.channels.documented.intercom import CONTACT, notification, sample

AT = datetime(2020, 3, 11, 10, 53, 20, tzinfo=UTC)
CHANNEL = channel_of("intercom")


def translated(topic: str, item: Any = CONTACT, **settings: Any) -> Translation:
    channel = channel_of("intercom", **settings)
    return intercom.translate(stored(sample(notification(topic, item)).request, channel), channel)


def test_a_new_lead_field_by_field() -> None:
    (submitted,) = translated("contact.lead.created").submissions
    assert not submitted.revises
    assert submitted.fields == {
        "email": "ada@example.com",
        "phone": "+442079460000",
        "full_name": "Ada Lovelace",
        "country": "United Kingdom",
        "region": "London",
        "utm": {"source": "newsletter"},
        "tags": ("vip",),
        "channel": "a-channel",
        "occurred_at": AT,
        "external_ids": {"intercom": "5ba682d23d7cf92bef87bfd4"},
        "attributes": {"role": "lead", "custom_attributes": {"plan": "pro", "account": "9007199254740993"}},
    }


def test_a_published_signature_is_accepted() -> None:
    # RFC 2202, test case 2. Its text is no JSON, so the refusal is the next one.
    known = {"x-hub-signature": "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}
    for text, code in ((b"what do ya want for nothing?", "malformed_body"), (b"What do ya want?", "bad_signature")):
        with pytest.raises(Refusal) as caught:
            intercom.verify(post(text, known), channel_of("intercom", secrets=("Jefe",)))
        assert caught.value.code == code


def test_a_ping_and_a_look_are_answered_and_not_stored() -> None:
    ping = intercom.handshake(sample(notification("ping", {"type": "ping"})).request, CHANNEL)
    look = intercom.handshake(get(method="HEAD"), CHANNEL)
    assert ping is not None
    assert look is not None
    assert (ping.status, look.status) == (200, 200)


def test_attempts_share_their_key() -> None:
    again = sample(notification(delivery_attempts=2, delivery_status="retry")).request
    assert intercom.dedupe_key(again, CHANNEL) == intercom.dedupe_key(sample().request, CHANNEL) == "notif_1"
    nameless = [sample(notification(id=None, delivery_attempts=attempt)).request for attempt in (1, 2)]
    assert len({intercom.dedupe_key(one, CHANNEL) for one in nameless}) == 1


def test_a_change_revises() -> None:
    assert translated("contact.email.updated").submissions[0].revises


@pytest.mark.parametrize(("topic", "granted"), [("contact.unsubscribed", False), ("contact.subscribed", True)])
@pytest.mark.parametrize("item", [CONTACT, {"type": "contact_subscription", "contact": CONTACT}])
def test_subscriptions_are_consent(topic: str, granted: bool, item: Any) -> None:
    meaning = translated(topic, item)
    (change,) = meaning.consent_changes
    assert (change.purpose, change.granted, change.occurred_at) == ("marketing", granted, AT)
    assert change.person["email"] == "ada@example.com"
    assert meaning.submissions == ()


@pytest.mark.parametrize(
    "item",
    [
        {
            "type": "conversation",
            "id": "1",
            "source": {"author": {"type": "lead", "id": "7", "email": "ada@example.com"}},
        },
        {
            "type": "conversation",
            "id": "1",
            "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "7"}]},
        },
    ],
)
def test_a_conversation_is_an_activity(item: Any) -> None:
    meaning = translated("conversation.user.created", item)
    (happened,) = meaning.activities
    assert happened.kind == "conversation.user.created"
    assert happened.person["external_ids"] == {"intercom": "7"}
    assert meaning.submissions == ()


def test_an_administrator_is_nobody() -> None:
    item = {
        "type": "conversation",
        "id": "1",
        "source": {"author": {"type": "admin", "id": "1", "email": "a@us.example"}},
    }
    assert translated("conversation.admin.replied", item).ignored


def test_deleting_forgets_only_when_the_operator_says_so() -> None:
    assert translated("contact.deleted").activities
    meaning = translated("contact.deleted", erase_deleted=True)
    assert meaning.erasures[0].person["external_ids"] == {"intercom": "5ba682d23d7cf92bef87bfd4"}


def test_the_rest_is_ignored_or_refused() -> None:
    assert translated("company.created", {"type": "company", "id": "1"}).ignored
    with pytest.raises(Refusal):
        translated("contact.lead.created", {"type": "contact"})
