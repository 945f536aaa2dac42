from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.channels import meta
from tests.channels.deliveries import again, get, hmac_hex, post, refusal, stored
from tests.channels.documented.meta import BODY, VERIFY_TOKEN, sample

CHANNEL = sample().channel


def ask(**known: str) -> str:
    parameters = {
        "mode": "subscribe",
        "challenge": "1158201444",
        "verify_token": VERIFY_TOKEN.replace(" ", "+"),
        **known,
    }
    return "&".join(f"hub.{name}={value}" for name, value in parameters.items())


def test_a_challenge_is_answered_bare() -> None:
    assert meta.handshake(get(ask()), CHANNEL) == (200, b"1158201444", "text/plain")


@pytest.mark.parametrize("token", ["", "wrong", VERIFY_TOKEN[:-1].replace(" ", "+")])
def test_a_challenge_without_the_verify_token_is_refused(token: str) -> None:
    assert refusal(lambda: meta.handshake(get(ask(verify_token=token)), CHANNEL)) == "wrong_secret"


@pytest.mark.parametrize("query", ["", "hub.mode=unsubscribe", "a=b"])
def test_other_questions_are_not_answered(query: str) -> None:
    assert meta.handshake(get(query), CHANNEL) is None


def test_a_verify_token_must_be_set() -> None:
    for given in ({}, {"verify_token": ""}):
        with pytest.raises(ValueError, match="verify_token"):
            meta.Settings.model_validate(given)


# The scheme's known answer is GitHub's, who signs in the same way.
def test_a_published_signature_is_recognised() -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    request = post(b"Hello, World!", {"x-hub-signature-256": signature})
    channel = replace(CHANNEL, secrets=("It's a Secret to Everybody",))
    assert refusal(lambda: meta.verify(request, channel)) == "malformed_body"
    assert refusal(lambda: meta.verify(again(request, body=b"Hello, World?"), channel)) == "bad_signature"


def test_escaped_bytes_are_verified_as_they_are() -> None:
    request = sample().request
    assert rb"\u00fc" in request.body
    meta.verify(request, CHANNEL)
    unescaped = request.body.replace(rb"\u00fc", "ü".encode())
    assert refusal(lambda: meta.verify(again(request, body=unescaped), CHANNEL)) == "bad_signature"


def test_leads_are_fetched_first_by_their_exact_ids() -> None:
    meaning = meta.translate(stored(sample().request, CHANNEL), CHANNEL)
    assert [(one.name, one.path) for one in meaning.fetch] == [
        ("123123123123", "/123123123123"),
        ("9223372036854775807123", "/9223372036854775807123"),
    ]
    assert "field_data" in meaning.fetch[0].query["fields"]
    assert "token" not in repr(meaning.fetch)


def test_only_what_is_missing_is_fetched() -> None:
    fetched = {"123123123123": sample().fetched["123123123123"]}
    meaning = meta.translate(stored(sample().request, CHANNEL, fetched=fetched), CHANNEL)
    assert [one.name for one in meaning.fetch] == ["9223372036854775807123"]


def test_a_lead_is_translated_field_by_field() -> None:
    found = meta.translate(stored(sample().request, CHANNEL, fetched=sample().fetched), CHANNEL).submissions
    assert [one.key for one in found] == ["leadgen:123123123123", "leadgen:9223372036854775807123"]
    assert found[0].fields == {
        "email": "joe@example.com",
        "full_name": "Joe Example",
        "channel": "a-channel",
        "campaign": "Spring",
        "external_ids": {"meta": "123123123123"},
        "consent": {"newsletter": True, "calls": False},
        "attributes": {
            "car_make": ["Honda", "Kia"],
            "ad_id": "777",
            "form_id": "12312312312",
            "campaign_id": "42",
            "platform": "ig",
            "page_id": "123123123",
            "is_organic": False,
        },
        "occurred_at": datetime(2015, 2, 28, 8, 49, 14, tzinfo=UTC),
    }


def test_a_test_lead_is_marked_and_an_ad_of_zero_is_none() -> None:
    fields = meta.translate(stored(sample().request, CHANNEL, fetched=sample().fetched), CHANNEL).submissions[1].fields
    assert fields["test"] is True
    assert fields["external_ids"] == {"meta": "9223372036854775807123"}
    assert "ad_id" not in fields["attributes"]


def test_the_same_leads_are_recognised_in_any_order() -> None:
    request = sample().request
    renamed = BODY.replace(b"1438292065", b"1438299999")
    assert meta.dedupe_key(request, CHANNEL) == "123123123123,9223372036854775807123"
    assert meta.dedupe_key(again(request, body=renamed), CHANNEL) == meta.dedupe_key(request, CHANNEL)


def test_an_answer_that_is_no_lead_is_refused() -> None:
    for answer in (b"", b"{}", b"[]", b'{"error":{"code":190}}'):
        fetched = dict.fromkeys(sample().fetched, answer)
        request = stored(sample().request, CHANNEL, fetched=fetched)
        assert refusal(lambda request=request: meta.translate(request, CHANNEL)) == "malformed_body"


def test_notices_without_leads_are_ignored() -> None:
    body = b'{"object":"page","entry":[{"id":1,"changes":[{"field":"feed","value":{}}]}]}'
    request = post(body, {"x-hub-signature-256": f"sha256={hmac_hex(body)}"})
    assert meta.translate(request, CHANNEL).ignored


def test_the_reply_is_an_empty_200() -> None:
    assert meta.reply("x", CHANNEL)[:2] == (200, b"")
