from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.channels import webflow
from tests.channels.deliveries import OTHER_SECRET, SECRET, STAMP, again, channel_of, hmac_hex, post, refusal, stored
from tests.channels.documented.webflow import BODY, sample

CHANNEL = sample().channel


def test_the_documented_submission_is_translated_field_by_field() -> None:
    (found,) = webflow.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert found.fields == {
        "first_name": "Zaphod",
        "last_name": "Beeblebrox",
        "email": "zaphod@heartofgold.ai",
        "phone": "15550000000",
        "channel": "a-channel",
        "external_ids": {"webflow": "6321ca84df3949bfc6752327"},
        "attributes": {
            "Heads": "two",
            "form": "Contact Us",
            "form_id": "65429eadebe8a9f3a30f62d0",
            "site_id": "65427cf400e02b306eaa049c",
        },
        "occurred_at": datetime(2022, 9, 14, 12, 35, 16, 117000, UTC),
    }


def test_a_signature_made_elsewhere_is_recognised() -> None:
    # printf '1772366400000:{}' | openssl dgst -sha256 -hmac key
    headers = {"x-webflow-timestamp": "1772366400000", "x-webflow-signature": KNOWN}
    webflow.verify(post(b"{}", headers), channel_of("webflow", secrets=("key",)))


KNOWN = "86addc3a166f7d8baa7f371e5d2deeed7fd33572f930505366ad1beb3f172dd9"


def test_milliseconds_are_meant() -> None:
    headers = {"x-webflow-timestamp": STAMP, "x-webflow-signature": hmac_hex(STAMP.encode() + b":" + BODY)}
    assert refusal(lambda: webflow.verify(post(BODY, headers), CHANNEL)) == "stale"


def test_what_the_dashboard_made_is_guarded_by_its_address() -> None:
    channel = channel_of("webflow", signed=False)
    assert webflow.secret_in_url(channel.settings)
    webflow.verify(post(BODY, url_secret=SECRET), channel)
    assert refusal(lambda: webflow.verify(post(BODY, url_secret=OTHER_SECRET), channel)) == "wrong_secret"
    assert refusal(lambda: webflow.verify(post(BODY), channel)) == "unsigned"
    # A signature is no substitute for the secret that the channel expects.
    assert refusal(lambda: webflow.verify(sample().request, channel)) == "unsigned"


def test_the_secret_in_an_address_does_not_open_a_signed_channel() -> None:
    assert refusal(lambda: webflow.verify(post(BODY, url_secret=SECRET), CHANNEL)) == "unsigned"


def test_a_submission_is_recognised() -> None:
    assert webflow.dedupe_key(sample().request, CHANNEL) == "6321ca84df3949bfc6752327"


def test_other_triggers_are_ignored() -> None:
    body = BODY.replace(b"form_submission", b"site_publish")
    assert webflow.translate(sample(body).request, CHANNEL).ignored


@pytest.mark.parametrize("change", [{"data": None}, {"id": None}, {"data": []}])
def test_a_submission_without_its_parts_is_malformed(change: dict[str, object]) -> None:
    event = json.loads(BODY)
    event["payload"] |= change
    request = again(sample().request, body=json.dumps(event).encode())
    assert refusal(lambda: webflow.translate(request, CHANNEL)) == "malformed_body"


def test_the_operators_mapping_knows_labels_and_the_envelope() -> None:
    mapping = {"company_name": '"Heads"', "campaign": "formId"}
    (found,) = webflow.translate(sample().request, replace(CHANNEL, mapping=mapping)).submissions
    assert (found.fields["company_name"], found.fields["campaign"]) == ("two", "65429eadebe8a9f3a30f62d0")
