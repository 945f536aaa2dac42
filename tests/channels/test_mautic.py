from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.channels import mautic
from service.channels.contract import Refusal, Translation
from tests.channels.deliveries import again, channel_of, post, stored, to_body
from tests.channels.documented.mautic import BODY, CONTACT, escaped, event, sample

CHANNEL = channel_of("mautic")
AT = datetime(2024, 10, 1, 8, tzinfo=UTC)


def translated(body: bytes, **settings: Any) -> Translation:
    channel = channel_of("mautic", **settings)
    return mautic.translate(stored(sample(body).request, channel), channel)


def test_a_new_contact_field_by_field() -> None:
    (submitted,) = translated(BODY).submissions
    assert submitted.fields == {
        "email": "zoë@example.com",
        "first_name": "Zoë",
        "last_name": "Müller",
        "tags": ("vip",),
        "channel": "a-channel",
        "occurred_at": AT,
        "external_ids": {"mautic": "52"},
        "attributes": {"favourite_colour": "blue"},
    }
    assert not submitted.revises
    assert translated(event("lead_post_save_update", contact=CONTACT)).submissions[0].revises


def test_only_the_raw_bytes_verify() -> None:
    request = sample().request
    assert b"\\u00eb" in request.body
    mautic.verify(request, CHANNEL)
    with pytest.raises(Refusal):
        mautic.verify(again(request, body=to_body(mautic.json_object(request))), CHANNEL)


def test_a_published_signature_is_accepted() -> None:
    # Shopify's known answer: the same HMAC in the same notation.
    known = {"webhook-signature": "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="}
    mautic.verify(post(b'{"foo": "bar"}', known), channel_of("mautic", secrets=("test_secret_key",)))


def test_a_form_is_a_submission() -> None:
    submission = {
        "id": 9,
        "form": {"id": 3, "name": "Newsletter", "alias": "newsletter"},
        "lead": CONTACT,
        "dateSubmitted": "2024-10-01T09:59:00+02:00",
        "referer": "https://example.com/form",
        "results": {"email": "zoë@example.com", "company": "Acme", "f_question": "why?"},
    }
    (submitted,) = translated(event("form_on_submit", submission=submission)).submissions
    assert submitted.fields["company_name"] == "Acme"
    assert submitted.fields["external_ids"] == {"mautic": "52"}
    assert submitted.fields["occurred_at"] == datetime(2024, 10, 1, 7, 59, tzinfo=UTC)
    assert submitted.fields["attributes"]["f_question"] == "why?"
    assert submitted.fields["attributes"]["form_name"] == "Newsletter"


@pytest.mark.parametrize(("status", "granted"), [("unsubscribed", False), ("manual", False), ("contactable", True)])
@pytest.mark.parametrize(("medium", "purpose"), [("email", "marketing"), ("sms", "sms")])
def test_subscriptions_are_consent(status: str, granted: bool, medium: str, purpose: str) -> None:
    body = event(
        "lead_channel_subscription_changed", contact=CONTACT, channel=medium, old_status="x", new_status=status
    )
    meaning = translated(body)
    (change,) = meaning.consent_changes
    assert (change.purpose, change.granted, change.occurred_at) == (purpose, granted, AT)
    assert change.person["external_ids"] == {"mautic": "52"}
    assert meaning.submissions == ()


def test_a_bounce_is_no_change_of_consent() -> None:
    body = event("lead_channel_subscription_changed", contact=CONTACT, channel="email", new_status="bounced")
    assert translated(body).consent_changes == ()
    assert translated(body).activities


def test_who_unsubscribed_before_comes_with_it() -> None:
    refused = {
        **CONTACT,
        "doNotContact": [{"id": 1, "reason": 1, "channel": "email"}, {"id": 2, "reason": 2, "channel": "sms"}],
    }
    (submitted,) = translated(event("lead_post_save_new", contact=refused)).submissions
    assert submitted.fields["consent"] == {"marketing": False}


def test_points_are_an_activity() -> None:
    meaning = translated(event("lead_points_change", contact=CONTACT, points={"old_points": 0, "new_points": 10}))
    (happened,) = meaning.activities
    assert (happened.kind, happened.data) == ("lead_points_change", {"points": {"old_points": 0, "new_points": 10}})
    assert meaning.submissions == ()


def test_events_of_a_batch_are_recognised_one_by_one() -> None:
    first, second = {"contact": CONTACT, "timestamp": "1"}, {"contact": CONTACT, "timestamp": "2"}
    batches = [{"mautic.lead_post_save_new": items} for items in ([first], [second, first])]
    alone, together = (translated(escaped(batch)).submissions for batch in batches)
    assert alone[0].key == together[1].key != together[0].key


def test_deleting_forgets_only_when_the_operator_says_so() -> None:
    body = event("lead_post_delete", id=52, contact={**CONTACT, "id": None})
    assert translated(body).activities[0].person["external_ids"] == {"mautic": "52"}
    assert translated(body, erase_deleted=True).erasures[0].person["external_ids"] == {"mautic": "52"}


def test_visitors_companies_and_others_are_ignored() -> None:
    visitor = {"id": 53, "fields": []}
    assert translated(event("lead_post_save_new", contact=visitor)).ignored
    assert translated(event("company_post_save", company={"id": 1})).ignored
    assert translated(escaped({"test": []})).ignored


def test_test_payloads_are_marked() -> None:
    fields = {"core": {"email": {"alias": "email", "value": "email@formsubmit.com"}}}
    (submitted,) = translated(event("lead_post_save_new", contact={"id": 26, "fields": fields})).submissions
    assert submitted.fields["test"] is True
