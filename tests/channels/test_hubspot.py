from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service.channels import hubspot
from service.channels.contract import ChannelConfig, Request
from tests.channels.deliveries import (
    NOW,
    OTHER_SECRET,
    SECRET,
    STAMP_MS,
    again,
    channel_of,
    hmac_base64,
    post,
    refusal,
    stored,
    to_body,
)
from tests.channels.documented.hubspot import BODY, sample

CHANNEL = sample().channel
EVENT = {
    "eventId": 1,
    "subscriptionId": 12345,
    "portalId": 62515,
    "occurredAt": 1564113600000,
    "subscriptionType": "contact.creation",
    "attemptNumber": 0,
    "objectId": 123,
}
# The published vectors of HubSpot's own library: one secret, one body that is no JSON, three versions.
KNOWN_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
KNOWN_BODY = b"{'example_field':'example_value'}"
KNOWN = {
    "v1": {
        "x-hubspot-signature": "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750",
        "x-hubspot-signature-version": "v1",
    },
    "v2": {
        "x-hubspot-signature": "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383",
        "x-hubspot-signature-version": "v2",
    },
    "v3": {
        "x-hubspot-signature-v3": "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        "x-hubspot-request-timestamp": "1693657560000",
    },
}


def known(version: str) -> Request:
    return post(
        KNOWN_BODY,
        KNOWN[version],
        origin="https://www.example.com",
        path=b"/webhook_uri",
        received_at=datetime.fromtimestamp(1693657560, UTC),
    )


def events(*changes: dict[str, Any]) -> Request:
    return sample(to_body([{**EVENT, **change} for change in changes])).request


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_published_signatures_are_recognised(version: str) -> None:
    channel = replace(CHANNEL, secrets=(OTHER_SECRET, KNOWN_SECRET))
    # Authentic, and only then found not to be JSON.
    assert refusal(lambda: hubspot.verify(known(version), channel)) == "malformed_body"
    tampered = again(known(version), body=KNOWN_BODY + b" ")
    assert refusal(lambda: hubspot.verify(tampered, channel)) == "bad_signature"
    assert refusal(lambda: hubspot.verify(known(version), CHANNEL)) == "bad_signature"


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_a_version_the_channel_does_not_take_is_refused(version: str) -> None:
    others = [one for one in ("v1", "v2", "v3") if one != version]
    channel = channel_of("hubspot", secrets=(KNOWN_SECRET,), versions=others)
    assert refusal(lambda: hubspot.verify(known(version), channel)) in {"unsigned", "bad_signature"}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_signature_by_an_empty_secret_is_refused(version: str) -> None:
    prefix = b"" if version == "v1" else b"POSThttps://leads.example.com/v1/intake/a-channel"
    headers = {"x-hubspot-signature": hashlib.sha256(prefix + BODY).hexdigest(), "x-hubspot-signature-version": version}
    assert refusal(lambda: hubspot.verify(post(BODY, headers), replace(CHANNEL, secrets=("",)))) == "bad_signature"


def test_a_bad_v3_is_not_excused_by_a_good_v1() -> None:
    v1 = {
        "x-hubspot-signature": hashlib.sha256(SECRET.encode() + BODY).hexdigest(),
        "x-hubspot-signature-version": "v1",
    }
    hubspot.verify(post(BODY, v1), CHANNEL)
    both = {**v1, "x-hubspot-signature-v3": "AAAA", "x-hubspot-request-timestamp": STAMP_MS}
    assert refusal(lambda: hubspot.verify(post(BODY, both), CHANNEL)) == "bad_signature"


@pytest.mark.parametrize("late", [301_000, -301_000])
def test_v3_is_fresh_for_five_minutes(late: int) -> None:
    stamp = str(int(STAMP_MS) - late)
    signature = hmac_base64(b"POSThttps://leads.example.com/v1/intake/a-channel" + BODY + stamp.encode())
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    assert refusal(lambda: hubspot.verify(post(BODY, headers), CHANNEL)) == "stale"


@pytest.mark.parametrize("query", ["a=1&b=2", "next=https%3A%2F%2Fexample.com"])
def test_the_query_is_signed_as_it_is_or_decoded(query: str) -> None:
    decoded = query.replace("%3A", ":").replace("%2F", "/")
    for signed in {query, decoded}:
        address = f"https://leads.example.com/v1/intake/a-channel?{signed}".encode()
        headers = {
            "x-hubspot-signature-v3": hmac_base64(b"POST" + address + BODY + STAMP_MS.encode()),
            "x-hubspot-request-timestamp": STAMP_MS,
        }
        hubspot.verify(post(BODY, headers, query=query), CHANNEL)


def test_a_new_contact_is_fetched_then_translated_field_by_field() -> None:
    request = stored(sample().request, CHANNEL)
    (fetch,) = hubspot.translate(request, CHANNEL).fetch
    assert (fetch.name, fetch.path) == ("123", "/crm/v3/objects/contacts/123")
    (found,) = hubspot.translate(replace(request, fetched=sample().fetched), CHANNEL).submissions
    assert found.key == "62515|12345|1|123|1564113600000"
    assert found.fields == {
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "company_name": "Acme",
        "job_title": "CTO",
        "company_size": "50",
        "channel": "a-channel",
        "external_ids": {"hubspot": "123"},
        "attributes": {"hs_object_id": "123", "createdate": "2019-07-26T04:00:00Z"},
        "occurred_at": datetime(2019, 7, 26, 4, tzinfo=UTC),
    }


def test_what_happens_to_a_contact_is_no_new_lead() -> None:
    request = events(
        {"eventId": 3, "subscriptionType": "contact.privacyDeletion", "occurredAt": 1564113600003},
        {
            "eventId": 1,
            "subscriptionType": "contact.propertyChange",
            "propertyName": "lifecyclestage",
            "propertyValue": "customer",
        },
        {
            "eventId": 2,
            "subscriptionType": "contact.propertyChange",
            "propertyName": "hs_email_optout",
            "propertyValue": "true",
        },
        {"eventId": 4, "subscriptionType": "object.deletion", "objectTypeId": "0-1"},
        {"eventId": 5, "subscriptionType": "company.creation"},
        {"eventId": 6, "subscriptionType": "object.creation", "objectTypeId": "0-2"},
    )
    meaning = hubspot.translate(stored(request, CHANNEL), CHANNEL)
    assert not meaning.submissions
    assert [(one.kind, dict(one.data)) for one in meaning.activities] == [
        ("contact.propertyChange", {"propertyName": "lifecyclestage", "propertyValue": "customer"}),
        ("contact.deletion", {}),
    ]
    assert [(one.purpose, one.granted) for one in meaning.consent_changes] == [("marketing", False)]
    assert [one.person for one in meaning.erasures] == [{"external_ids": {"hubspot": "123"}}]


def keys(requests: Iterable[Request], channel: ChannelConfig = CHANNEL) -> set[str | None]:
    return {hubspot.dedupe_key(request, channel) for request in requests}


def test_an_attempt_is_recognised_and_an_event_id_alone_is_not_enough() -> None:
    assert (
        len(keys([events({}, {"objectId": 4}), events({"objectId": 4, "attemptNumber": 3}, {"attemptNumber": 2})])) == 1
    )
    assert len(keys([events({}), events({"objectId": 4}), events({"occurredAt": 1}), events({"portalId": 7})])) == 4


def test_big_ids_stay_exact() -> None:
    (fetch,) = hubspot.translate(events({"objectId": 2**63 + 1}), CHANNEL).fetch
    assert fetch.name == "9223372036854775809"


def test_the_contact_of_a_workflow_is_a_lead_as_it_is_now() -> None:
    body = b'{"vid":51,"portal-id":62515,"properties":{"email":{"value":"ada@example.com","versions":[]},"firstname":{"value":"Ada"}}}'
    (found,) = hubspot.translate(stored(sample(body).request, CHANNEL), CHANNEL).submissions
    assert found.revises
    assert (found.fields["email"], found.fields["first_name"]) == ("ada@example.com", "Ada")
    assert (found.fields["external_ids"], found.fields["occurred_at"]) == ({"hubspot": "51"}, NOW)


@pytest.mark.parametrize("body", [b"{", b"null", b"[1]", b'"x"'])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: hubspot.verify(sample(body).request, CHANNEL)) == "malformed_body"


def test_an_answer_that_is_no_contact_is_refused() -> None:
    request = stored(sample().request, CHANNEL, fetched={"123": b'{"status":"error"}'})
    assert refusal(lambda: hubspot.translate(request, CHANNEL)) == "malformed_body"
