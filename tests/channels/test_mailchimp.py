from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from service.channels import mailchimp
from service.channels.contract import Refusal, Translation
from tests.channels.deliveries import SECRET, channel_of, get, stored
from tests.channels.documented.mailchimp import SUBSCRIBE, sample

CHANNEL = channel_of("mailchimp")
AT = datetime(2009, 3, 26, 21, 35, 57, tzinfo=UTC)
MEMBER = {"email": "api@mailchimp.com", "external_ids": {"mailchimp": "8a25ff1d98"}}


def form(kind: str = "subscribe", **data: str) -> bytes:
    pairs = {"type": kind, "fired_at": "2009-03-26 21:35:57"}
    return urlencode(pairs | {f"data[{name}]": value for name, value in data.items()}).encode()


def translated(body: bytes) -> Translation:
    return mailchimp.translate(stored(sample(body).request, CHANNEL), CHANNEL)


def test_the_documented_subscription_field_by_field() -> None:
    meaning = translated(urlencode(SUBSCRIBE).encode())
    (submitted,), (consent,) = meaning.submissions, meaning.consent_changes
    assert submitted.fields == {
        **MEMBER,
        "first_name": "Mailchimp",
        "last_name": "API",
        "channel": "a-channel",
        "occurred_at": AT,
        "attributes": {
            "INTERESTS": "Group1,Group2",
            "list_id": "a6b5da1054",
            "email_type": "html",
            "ip_opt": "10.20.10.30",
            "ip_signup": "10.20.10.30",
        },
    }
    assert (consent.person, consent.purpose, consent.granted) == (MEMBER, "marketing", True)


def test_the_address_is_checked_with_its_secret() -> None:
    for method in ("GET", "HEAD"):
        found = mailchimp.handshake(get(method=method, url_secret=SECRET), CHANNEL)
        assert found is not None
        assert found.status == 200
        with pytest.raises(Refusal):
            mailchimp.handshake(get(method=method), CHANNEL)


@pytest.mark.parametrize("action", ["unsub", "delete"])
def test_unsubscribing_takes_consent_back(action: str) -> None:
    body = form(
        "unsubscribe",
        id="8a25ff1d98",
        email="api@mailchimp.com",
        action=action,
        reason="manual",
        campaign_id="cb398d21d2",
    )
    meaning = translated(body)
    (consent,), (happened,) = meaning.consent_changes, meaning.activities
    assert (consent.person, consent.granted, consent.occurred_at) == (MEMBER, False, AT)
    assert happened.data == {"action": action, "reason": "manual", "campaign_id": "cb398d21d2"}
    assert meaning.submissions == ()


def test_a_profile_revises() -> None:
    (submitted,) = translated(form("profile", id="8a25ff1d98", email="api@mailchimp.com")).submissions
    assert submitted.revises


def test_a_new_address_is_learned_under_the_old_one() -> None:
    body = form("upemail", new_id="51da8c3259", new_email="new@example.com", old_email="api@mailchimp.com")
    meaning = translated(body)
    (submitted,), (happened,) = meaning.submissions, meaning.activities
    assert submitted.fields["email"] == "api@mailchimp.com"
    assert submitted.fields["external_ids"] == {"mailchimp": "51da8c3259"}
    assert happened.data["new_email"] == "new@example.com"


@pytest.mark.parametrize(("reason", "changes"), [("hard", 0), ("abuse", 1)])
def test_a_complaint_takes_consent_back_and_a_bounce_does_not(reason: str, changes: int) -> None:
    meaning = translated(form("cleaned", email="api@mailchimp.com", reason=reason, campaign_id="4fjk2ma9xd"))
    assert len(meaning.consent_changes) == changes
    assert meaning.activities[0].kind == "cleaned"


def test_events_are_told_apart_by_type_member_and_time() -> None:
    bodies = [
        form(id="1"),
        form("unsubscribe", id="1"),
        form(id="2"),
        form(id="1", list_id="b"),
        form("cleaned", email="a@b.c"),
    ]
    assert len({mailchimp.dedupe_key(sample(body).request, CHANNEL) for body in bodies}) == len(bodies)


def test_the_rest_is_ignored_or_refused() -> None:
    assert translated(form("campaign", id="5aa2102003", status="sent")).ignored
    with pytest.raises(Refusal):
        translated(form("unsubscribe", reason="manual"))
