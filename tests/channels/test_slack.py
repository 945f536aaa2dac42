from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from service.channels import slack
from tests.channels.deliveries import SECRET, again, channel_of, get, post, refusal, stored
from tests.channels.documented.slack import sample

CHANNEL = sample().channel
FORM = "application/x-www-form-urlencoded"
# The slash command of Slack's documentation, with its secret and signature.
COMMAND = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA"
    b"&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
KNOWN = post(
    COMMAND,
    {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    },
    media=FORM,
    received_at=datetime.fromtimestamp(1531420618, UTC),
)


def test_a_published_signature_is_recognised() -> None:
    channel = channel_of("slack", secrets=(SECRET, "8f742231b10e8888abcd99yyyzzz85a5"))
    slack.verify(again(KNOWN), channel)
    assert refusal(lambda: slack.verify(again(KNOWN, body=COMMAND + b"&a=b"), channel)) == "bad_signature"
    assert (
        slack.dedupe_key(again(KNOWN), channel)
        == "trigger_id:398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    late = again(KNOWN, received_at=datetime.fromtimestamp(1531420618 + 301, UTC))
    assert refusal(lambda: slack.verify(late, channel)) == "stale"


def test_credentials_in_a_form_are_not_stored() -> None:
    kept = stored(again(KNOWN), CHANNEL)
    assert b"xyzz0WbapA4vBCDEFasx0q6G" not in kept.body
    assert b"96rGlfmibIGlgcZRskXaIFfN" not in kept.body
    assert b"user_name=roadrunner" in kept.body
    assert slack.translate(kept, CHANNEL).ignored


def test_the_challenge_is_echoed_when_it_is_signed() -> None:
    body = b'{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}'
    request = sample(body).request
    slack.verify(request, CHANNEL)
    reply = slack.handshake(request, CHANNEL)
    assert reply is not None
    assert json.loads(reply.body) == {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
    assert refusal(lambda: slack.verify(post(body), CHANNEL)) == "unsigned"
    assert slack.handshake(get("challenge=x"), CHANNEL) is None


def test_who_joined_is_translated_field_by_field() -> None:
    (found,) = slack.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert found.fields == {
        "email": "ada@example.com",
        "full_name": "Ada Lovelace",
        "job_title": "CTO",
        "channel": "a-channel",
        "external_ids": {"slack": "U012A3CDE"},
        "occurred_at": datetime.fromtimestamp(1772366000, UTC),
    }


def test_a_retry_is_recognised() -> None:
    assert slack.dedupe_key(sample().request, CHANNEL) == "event_id:Ev08MFMKH6"


def test_types_can_be_chosen() -> None:
    channel = channel_of("slack", types=["message"])
    assert slack.translate(sample().request, channel).ignored


def test_a_form_with_a_person_is_a_lead() -> None:
    request = sample(b"email=ada%40example.com&company=Acme&trigger_id=1.2", FORM).request
    slack.verify(request, CHANNEL)
    (found,) = slack.translate(stored(request, CHANNEL), CHANNEL).submissions
    assert (found.fields["company_name"], found.fields["external_ids"]) == ("Acme", {"slack": "1.2"})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null"])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: slack.verify(sample(body).request, CHANNEL)) == "malformed_body"
