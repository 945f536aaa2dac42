from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from service.channels import activecampaign
from service.channels.contract import Translation
from tests.channels.deliveries import channel_of, stored
from tests.channels.documented.activecampaign import SUBSCRIBE, sample

CHANNEL = channel_of("activecampaign")
AT = datetime(2026, 2, 20, 14, 30, tzinfo=UTC)


def form(**changes: str) -> bytes:
    return urlencode({**SUBSCRIBE, **changes}).encode()


def translated(body: bytes, **settings: Any) -> Translation:
    channel = channel_of("activecampaign", **settings)
    return activecampaign.translate(stored(sample(body).request, channel), channel)


def test_a_subscription_field_by_field() -> None:
    meaning = translated(form())
    (submitted,), (consent,) = meaning.submissions, meaning.consent_changes
    assert submitted.fields == {
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+442079460000",
        "tags": ("vip", "fair"),
        "channel": "a-channel",
        "occurred_at": AT,
        "external_ids": {"activecampaign": "9007199254740993"},
        "attributes": {"field_7": "blue", "list": "3", "initiated_from": "public", "initiated_by": "contact"},
    }
    assert (consent.purpose, consent.granted, consent.occurred_at) == ("marketing", True, AT)


def test_an_import_proves_no_consent() -> None:
    assert translated(form(initiated_from="admin")).consent_changes == ()


def test_unsubscribing_takes_consent_back() -> None:
    meaning = translated(form(type="unsubscribe", initiated_from="admin"))
    assert [change.granted for change in meaning.consent_changes] == [False]
    assert [one.kind for one in meaning.activities] == ["unsubscribe"]
    assert meaning.submissions == ()


def test_an_update_revises() -> None:
    assert translated(form(type="update")).submissions[0].revises


def test_the_rest_is_an_activity() -> None:
    meaning = translated(form(type="contact_tag_added", tag="hot"))
    (happened,) = meaning.activities
    assert (happened.kind, happened.occurred_at, happened.data["tag"]) == ("contact_tag_added", AT, "hot")
    assert happened.person["external_ids"] == {"activecampaign": "9007199254740993"}
    assert meaning.submissions == ()


def test_a_time_without_a_zone_is_the_accounts() -> None:
    body = form(date_time="2026-02-20 08:30:00")
    assert translated(body, timezone="America/Chicago").submissions[0].fields["occurred_at"] == AT
    assert translated(body).submissions[0].fields["occurred_at"] == AT.replace(hour=8)
    with pytest.raises(ValidationError):
        channel_of("activecampaign", timezone="Mars/Olympus")


def test_events_of_one_moment_are_told_apart() -> None:
    tagged = {"type": "contact_tag_added", "tag": "hot"}
    bodies = [form(), form(list="4"), form(type="unsubscribe"), form(**tagged), form(**{**tagged, "tag": "cold"})]
    keys = [activecampaign.dedupe_key(sample(body).request, CHANNEL) for body in bodies]
    assert len(set(keys)) == len(bodies)
    assert activecampaign.dedupe_key(sample(form()).request, CHANNEL) == keys[0]


def test_what_is_about_nobody_is_ignored() -> None:
    assert translated(urlencode({"type": "deal_add", "deal[id]": "1"}).encode()).ignored
