from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.channels import google_ads
from tests.channels.deliveries import NOW, OTHER_SECRET, SECRET, again, post, refusal, stored, to_body
from tests.channels.documented.google_ads import BODY, sample

CHANNEL = sample().channel
LEAD_ID = json.loads(BODY)["lead_id"]


def lead(**changes: Any) -> bytes:
    return to_body({**json.loads(BODY), **changes})


def test_the_reply_is_exactly_what_google_expects() -> None:
    assert google_ads.reply("x", CHANNEL) == (200, b"{}", "application/json")


def test_both_spellings_of_the_key_are_taken() -> None:
    body = BODY.replace(b'"google_key"', b'"Google_key"')
    google_ads.verify(post(body), CHANNEL)
    assert SECRET.encode() not in stored(post(body), CHANNEL).body


# The page of tests has the key "testkey"; a channel that somebody made with it verifies.
def test_the_published_test_payload_verifies() -> None:
    google_ads.verify(post(lead(google_key="testkey")), replace(CHANNEL, secrets=("testkey",)))


@pytest.mark.parametrize("key", ["", None, 0, [SECRET], {"x": SECRET}])
def test_no_key_is_unsigned(key: Any) -> None:
    assert refusal(lambda: google_ads.verify(post(lead(google_key=key)), CHANNEL)) == "unsigned"
    assert refusal(lambda: google_ads.verify(post(lead(google_key=key)), replace(CHANNEL, secrets=("",)))) == "unsigned"


def test_another_key_is_refused() -> None:
    assert refusal(lambda: google_ads.verify(post(lead(google_key=OTHER_SECRET)), CHANNEL)) == "wrong_secret"


def test_the_documented_lead_is_translated_field_by_field() -> None:
    (found,) = google_ads.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert found.fields == {
        "full_name": "FirstName LastName",
        "phone": "1-650-555-0123",
        "email": "test@example.com",
        "channel": "a-channel",
        "campaign": "123456",
        "external_ids": {"google-ads": LEAD_ID},
        "attributes": {"gcl_id": LEAD_ID, "campaign_id": "123456", "form_id": "123456789", "api_version": "1.0"},
        "occurred_at": NOW,
        "test": True,
    }


def test_columns_are_known_by_id_and_questions_by_text() -> None:
    columns = [
        {"column_id": "WORK_EMAIL", "string_value": "work@example.com"},
        {"column_id": "EMAIL", "string_value": "ada@example.com", "column_name": "First Name"},
        {"column_id": "POSTAL_CODE", "string_value": "1010"},
        {"column_id": "1234567890", "column_name": "When do you start?", "string_value": "May"},
        {"column_id": "77", "string_value": "unnamed"},
        {"column_id": "COMPANY_SIZE", "string_value": "11-50"},
    ]
    body = lead(user_column_data=columns, is_test=False, lead_submit_time="2026-02-28T10:00:00+02:00", new_field=1)
    (found,) = google_ads.translate(stored(post(body), CHANNEL), CHANNEL).submissions
    assert found.fields["email"] == "work@example.com"
    assert found.fields["company_size"] == "11-50"
    assert found.fields["occurred_at"] == datetime(2026, 2, 28, 8, tzinfo=UTC)
    assert found.fields["test"] is False
    kept = found.fields["attributes"]
    assert (kept["postal_code"], kept["When do you start?"], kept["77"]) == ("1010", "May", "unnamed")


def test_big_ids_stay_exact() -> None:
    body = lead(campaign_id=9223372036854775807, form_id=18446744073709551617)
    (found,) = google_ads.translate(stored(post(body), CHANNEL), CHANNEL).submissions
    assert found.fields["campaign"] == "9223372036854775807"
    assert found.fields["attributes"]["form_id"] == "18446744073709551617"


def test_a_lead_is_recognised_whatever_else_changed() -> None:
    first, second = post(lead(is_test=False)), post(lead(is_test=False, lead_stage="x"))
    assert google_ads.dedupe_key(first, CHANNEL) == google_ads.dedupe_key(second, CHANNEL) == f"lead:{LEAD_ID}"


def test_each_click_on_the_test_button_counts() -> None:
    request = sample().request
    later = again(request, received_at=NOW + timedelta(seconds=30))
    keys = {google_ads.dedupe_key(request, CHANNEL), google_ads.dedupe_key(later, CHANNEL), f"lead:{LEAD_ID}"}
    assert len(keys) == 3


def test_a_lead_without_an_id_is_malformed() -> None:
    request = post(lead(lead_id=None))
    google_ads.verify(request, CHANNEL)
    assert google_ads.dedupe_key(request, CHANNEL) is None
    assert refusal(lambda: google_ads.translate(request, CHANNEL)) == "malformed_body"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{"])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: google_ads.verify(post(body), CHANNEL)) == "malformed_body"
