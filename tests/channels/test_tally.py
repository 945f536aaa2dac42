from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.channels import tally
from service.channels.contract import Refusal
from tests.channels.deliveries import SECRET, again, channel_of, post, stored, to_body
from tests.channels.documented.tally import BODY, EVENT, sample

CHANNEL = channel_of("tally")


def event(**changes: Any) -> bytes:
    return to_body({**EVENT, "data": {**EVENT["data"], **changes}})


def test_the_documented_response_field_by_field() -> None:
    (submitted,) = tally.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert submitted.fields == {
        "email": "alice@example.com",
        "phone": "+32491223344",
        "campaign": "newsletter",
        "utm": {"campaign": "newsletter"},
        "channel": "a-channel",
        "occurred_at": datetime(2023, 6, 28, 15, 0, 21, tzinfo=UTC),
        "external_ids": {"tally": "2wgx4n"},
        "attributes": {
            "Text": "Hello",
            "Multiple choice": "In progress",
            "Checkboxes": "Swimming",
            "form_id": "VwbNEw",
            "form_name": "Webhook payload",
            "respondent_id": "dwQKYm",
        },
    }


def test_a_published_signature_is_accepted() -> None:
    # Shopify's known answer: the same HMAC in the same notation.
    known = {"tally-signature": "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="}
    tally.verify(post(b'{"foo": "bar"}', known), channel_of("tally", secrets=("test_secret_key",)))


def test_an_unsigned_form_is_guarded_by_its_address() -> None:
    guarded = channel_of("tally", place="url")
    assert tally.secret_in_url(guarded.settings)
    tally.verify(post(BODY, url_secret=SECRET), guarded)
    for given, code in ((None, "unsigned"), ("x" * 20, "wrong_secret")):
        with pytest.raises(Refusal) as caught:
            tally.verify(post(BODY, url_secret=given), guarded)
        assert caught.value.code == code
    # Neither guard stands in for the other one.
    with pytest.raises(Refusal):
        tally.verify(post(BODY, url_secret=SECRET), CHANNEL)
    with pytest.raises(Refusal):
        tally.verify(again(sample().request), guarded)


def test_a_response_is_recognised_by_its_id() -> None:
    retried = to_body({**EVENT, "eventId": "another", "createdAt": "2023-06-28T16:00:21.889Z"})
    assert tally.dedupe_key(sample(retried).request, CHANNEL) == tally.dedupe_key(sample().request, CHANNEL)
    other = sample(event(responseId="other")).request
    assert tally.dedupe_key(other, CHANNEL) != tally.dedupe_key(sample().request, CHANNEL)


def test_a_lone_check_box_is_kept() -> None:
    box = {"key": "question_wQ1K7w_cb33", "label": "Newsletter", "type": "CHECKBOXES", "value": True}
    request = sample(event(fields=[box])).request
    assert tally.translate(stored(request, CHANNEL), CHANNEL).submissions[0].fields["consent"] == {"marketing": True}


def test_what_is_no_response_is_ignored_or_refused() -> None:
    assert tally.translate(sample(to_body({"eventType": "FORM_CREATED"})).request, CHANNEL).ignored
    with pytest.raises(Refusal):
        tally.translate(sample(to_body({"eventType": "FORM_RESPONSE", "data": {}})).request, CHANNEL)
