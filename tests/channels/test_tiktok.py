from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.channels import tiktok
from tests.channels.deliveries import NOW, OTHER_SECRET, SECRET, again, channel_of, hmac_hex, post, refusal, stored
from tests.channels.documented.tiktok import BODY, sample

CHANNEL = sample().channel
BY_ADDRESS = channel_of("tiktok", guard="url")
PUSH = (
    b'{"lead_id":7035000000000000001,"email":"ada@example.com","create_time":1772366000,"is_test":true,"question":"?"}'
)


def test_a_signature_made_elsewhere_is_recognised() -> None:
    # printf '1772366400.{}' | openssl dgst -sha256 -hmac key
    request = post(b"{}", {"tiktok-signature": f"t=1772366400,s={KNOWN}"})
    channel = channel_of("tiktok", secrets=("key",))
    tiktok.verify(request, channel)
    assert refusal(lambda: tiktok.verify(again(request, body=b"{ }"), channel)) == "bad_signature"


KNOWN = "e0903b0a13ae309147ad9c0d5610f91b4dc2a68d24c5283b9348c3208ad1291a"


def test_an_old_time_is_stale() -> None:
    stamp = str(int(NOW.timestamp()) - 301)
    header = f"t={stamp},s={hmac_hex(stamp.encode() + b'.' + BODY)}"
    assert refusal(lambda: tiktok.verify(post(BODY, {"tiktok-signature": header}), CHANNEL)) == "stale"


def test_a_signed_lead_is_translated_field_by_field() -> None:
    (found,) = tiktok.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert found.fields == {
        "email": "ada@example.com",
        "full_name": "Ada Lovelace",
        "channel": "a-channel",
        "external_ids": {"tiktok": "7035000000000000001"},
        "attributes": {"ad_name": "Spring"},
        "occurred_at": datetime.fromtimestamp(1772366000, UTC),
        "test": False,
    }


def test_events_that_carry_nobody_are_ignored_unless_the_channel_says_so() -> None:
    request = sample(BODY.replace(b"lead.create", b"authorization.removed")).request
    assert tiktok.translate(request, CHANNEL).ignored
    assert tiktok.translate(again(request), channel_of("tiktok", events=["authorization.removed"])).submissions


def test_a_push_without_a_documented_signature_is_guarded_by_its_address() -> None:
    tiktok.verify(post(PUSH, url_secret=SECRET), BY_ADDRESS)
    assert refusal(lambda: tiktok.verify(post(PUSH), BY_ADDRESS)) == "unsigned"
    assert refusal(lambda: tiktok.verify(post(PUSH, url_secret=OTHER_SECRET), BY_ADDRESS)) == "wrong_secret"
    assert refusal(lambda: tiktok.verify(post(PUSH, url_secret=SECRET), CHANNEL)) == "unsigned"
    (found,) = tiktok.translate(stored(post(PUSH), BY_ADDRESS), BY_ADDRESS).submissions
    assert found.fields["external_ids"] == {"tiktok": "7035000000000000001"}
    assert found.fields["test"] is True
    assert found.fields["attributes"]["question"] == "?"


def test_a_retry_is_recognised_and_another_event_is_not() -> None:
    assert tiktok.dedupe_key(sample().request, CHANNEL) == tiktok.dedupe_key(sample().request, CHANNEL)
    assert tiktok.dedupe_key(sample(BODY + b" ").request, CHANNEL) != tiktok.dedupe_key(sample().request, CHANNEL)


def test_content_that_is_no_json_is_malformed() -> None:
    for content in (b'"{"', rb'"\u007b"', rb'"{\"a\":\"\\u0000\"}"'):
        request = post(b'{"event":"lead","content":' + content + b"}")
        assert refusal(lambda request=request: tiktok.translate(request, CHANNEL)) == "malformed_body"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: tiktok.verify(sample(body).request, CHANNEL)) == "malformed_body"
