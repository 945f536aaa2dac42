from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.channels import typeform
from service.channels.contract import Refusal, Translation
from tests.channels.deliveries import again, channel_of, post, stored, to_body
from tests.channels.documented.typeform import RESPONSE, sample

TOKEN = RESPONSE["token"]


def event(kind: str = "form_response", **changes: Any) -> bytes:
    return to_body({"event_id": "1", "event_type": kind, "form_response": {**RESPONSE, **changes}})


def translated(body: bytes, *, mapping: dict[str, str] | None = None, **settings: Any) -> Translation:
    channel = channel_of("typeform", **settings)
    for field, expression in (mapping or {}).items():
        channel.mapping[field] = expression  # type: ignore[index]
    return typeform.translate(stored(sample(body).request, channel), channel)


def test_the_documented_response_field_by_field() -> None:
    (submitted,) = translated(event()).submissions
    assert submitted.revises
    assert submitted.fields == {
        "email": "laura@example.com",
        "first_name": "Laura",
        "channel": "a-channel",
        "consent": {"marketing": True},
        "utm": {"source": "newsletter"},
        "external_ids": {"typeform": TOKEN},
        "occurred_at": datetime(2018, 1, 18, 18, 17, 2, tzinfo=UTC),
        "attributes": {
            "where_you_live": "It's cold right now!",
            "pictures": ["London", "Sydney", "Rome"],
            "favorite_city": "London",
            "user_id": "abc123456",
            "form_id": "lT4Z3j",
            "form_title": "Webhooks example",
            "score": 9,
            "variables": {"score": 4, "name": "typeform"},
        },
    }


def test_the_signature_is_base64_not_hex() -> None:
    # The published known answer of the same HMAC (Shopify's): key and body are theirs, the prefix is Typeform's.
    known = {"typeform-signature": "sha256=B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="}
    typeform.verify(post(b'{"foo": "bar"}', known), channel_of("typeform", secrets=("test_secret_key",)))
    with pytest.raises(Refusal, match="signature"):
        typeform.verify(post(b'{"foo":"bar"}', known), channel_of("typeform", secrets=("test_secret_key",)))


def test_a_partial_response_is_news_until_it_says_nothing_new() -> None:
    channel = channel_of("typeform")
    answers = RESPONSE["answers"]
    bodies = [
        event("form_response_partial", answers=answers[:2]),
        event("form_response_partial", answers=answers[:3]),
        event(),
    ]
    keys = [typeform.dedupe_key(sample(body).request, channel) for body in bodies]
    assert len(set(keys)) == 3
    assert typeform.dedupe_key(sample(event("form_response_partial", answers=answers[:2])).request, channel) == keys[0]


def test_partial_and_complete_are_one_submission() -> None:
    partial = translated(
        event("form_response_partial", answers=RESPONSE["answers"][:2], submitted_at=None)
    ).submissions[0]
    complete = translated(event()).submissions[0]
    assert partial.fields["external_ids"] == complete.fields["external_ids"] == {"typeform": TOKEN}
    assert partial.fields["occurred_at"] == datetime(2018, 1, 18, 18, 7, 2, tzinfo=UTC)
    assert partial.fields["occurred_at"] < complete.fields["occurred_at"]
    assert partial.revises
    assert complete.revises


def test_a_partial_response_of_nobody_is_ignored() -> None:
    assert translated(event("form_response_partial", answers=RESPONSE["answers"][:1])).ignored
    assert translated(event("form_response_partial"), partial=False).ignored
    assert translated(event("form_response_started")).ignored


def test_the_operators_mapping_finds_answers_by_reference() -> None:
    mapping = {"job_title": "answers.favorite_city", "company_name": "hidden.user_id"}
    (submitted,) = translated(event(), mapping=mapping).submissions
    assert submitted.fields["job_title"] == "London"
    assert submitted.fields["company_name"] == "abc123456"


def test_the_test_button_makes_test_leads() -> None:
    answer = {"type": "email", "email": "an_account@example.com", "field": {"id": "SMEUb7VJz92Q", "type": "email"}}
    assert translated(event(answers=[answer])).submissions[0].fields["test"] is True


def test_a_visitor_cannot_say_whose_record_it_is() -> None:
    hidden = {"external_id": "42", "test": "1", "occurred_at": "1999-01-01", "plan": "pro"}
    fields = translated(event(hidden=hidden)).submissions[0].fields
    assert fields["external_ids"] == {"typeform": TOKEN}
    assert "test" not in fields
    assert fields["occurred_at"].year == 2018
    assert fields["attributes"]["external_id"] == "42"
    assert fields["attributes"]["plan"] == "pro"


@pytest.mark.parametrize("body", [to_body({"event_type": "form_response"}), event(token=None), event(token={"a": 1})])
def test_a_response_without_its_token_cannot_be_understood(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        translated(body)
    assert caught.value.code == "malformed_body"
    assert typeform.dedupe_key(again(sample(body).request), channel_of("typeform"))
