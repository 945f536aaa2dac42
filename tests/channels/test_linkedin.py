from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.channels import linkedin
from tests.channels.deliveries import OTHER_SECRET, SECRET, get, hmac_hex, post, refusal, stored
from tests.channels.documented.linkedin import BODY, sample

CHANNEL = sample().channel
CHALLENGE = "2f6b1f1e-1f0a-4b4e-9d5c-0a1b2c3d4e5f"


def test_a_challenge_is_answered_signed() -> None:
    reply = linkedin.handshake(get(f"challengeCode={CHALLENGE}&applicationId=7"), CHANNEL)
    assert reply is not None
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert json.loads(reply.body) == {"challengeCode": CHALLENGE, "challengeResponse": hmac_hex(CHALLENGE.encode())}


def test_during_a_rotation_the_current_secret_answers() -> None:
    rotating = replace(CHANNEL, secrets=(SECRET, OTHER_SECRET))
    reply = linkedin.handshake(get(f"challengeCode={CHALLENGE}"), rotating)
    assert reply is not None
    assert hmac_hex(CHALLENGE.encode()).encode() in reply.body


@pytest.mark.parametrize(
    "challenge",
    [
        "hmacsha256=" + BODY.decode(),
        "hmacsha256%3D%7B%7D",
        "",
        "1",
        f"{CHALLENGE}%0A",
        f"{CHALLENGE}x",
        f"hmacsha256={CHALLENGE}",
    ],
)
def test_a_challenge_is_no_oracle_for_signatures(challenge: str) -> None:
    assert refusal(lambda: linkedin.handshake(get(f"challengeCode={challenge}"), CHANNEL)) == "malformed_body"


def test_a_channel_without_a_secret_answers_no_challenge() -> None:
    nobody = replace(CHANNEL, secrets=("",))
    assert refusal(lambda: linkedin.handshake(get(f"challengeCode={CHALLENGE}"), nobody)) == "wrong_secret"


def test_the_signature_is_over_the_prefix_too() -> None:
    request = post(BODY, {"x-li-signature": hmac_hex(BODY)})
    assert refusal(lambda: linkedin.verify(request, CHANNEL)) == "bad_signature"
    # Computed once with another tool: printf 'hmacsha256={}' | openssl dgst -sha256 -hmac key
    known = post(b"{}", {"x-li-signature": KNOWN})
    linkedin.verify(known, replace(CHANNEL, secrets=("key",)))


KNOWN = "df0ffab55ea8604751bcb265ce413ffbccb281d59159af05aa536c41afc41130"


def test_a_response_is_fetched() -> None:
    (fetch,) = linkedin.translate(stored(sample().request, CHANNEL), CHANNEL).fetch
    assert fetch.path == "/rest/leadFormResponses/abc-1"
    assert fetch.headers["linkedin-version"] == "202601"
    assert "formResponse" in fetch.query["fields"]


def test_a_response_is_translated_field_by_field() -> None:
    (found,) = linkedin.translate(stored(sample().request, CHANNEL, fetched=sample().fetched), CHANNEL).submissions
    assert not found.revises
    assert found.fields == {
        "first_name": "Ada",
        "email": "ada@example.com",
        "channel": "a-channel",
        "campaign": "360035215",
        "utm": {"source": "linkedin"},
        "external_ids": {"linkedin": "abc-1"},
        "consent": {"linkedin_5": True},
        "attributes": {
            "Plan": [2],
            "question_4": "in May",
            "form": "Spring form",
            "lead_type": "SPONSORED",
            "owner_urn": "urn:li:sponsoredAccount:522529623",
            "creative": "urn:li:sponsoredCreative:1",
        },
        "occurred_at": datetime.fromtimestamp(1699999999, UTC),
        "test": False,
    }


def test_a_test_lead_is_marked() -> None:
    fetched = {"response": sample().fetched["response"].replace(b'"testLead":false', b'"testLead":true')}
    (found,) = linkedin.translate(stored(sample().request, CHANNEL, fetched=fetched), CHANNEL).submissions
    assert found.fields["test"] is True


def test_a_deleted_response_is_an_erasure() -> None:
    request = sample(BODY.replace(b"CREATED", b"DELETED")).request
    meaning = linkedin.translate(stored(request, CHANNEL), CHANNEL)
    assert [one.person for one in meaning.erasures] == [{"external_ids": {"linkedin": "abc-1"}}]
    assert not meaning.fetch


def test_created_and_deleted_are_two_deliveries() -> None:
    deleted = sample(BODY.replace(b"CREATED", b"DELETED")).request
    assert linkedin.dedupe_key(sample().request, CHANNEL) == "urn:li:leadGenFormResponse:abc-1|CREATED|1699999999999"
    assert linkedin.dedupe_key(deleted, CHANNEL) != linkedin.dedupe_key(sample().request, CHANNEL)


def test_a_response_id_cannot_leave_its_path() -> None:
    request = sample(BODY.replace(b"abc-1", b"../me?x=1")).request
    (fetch,) = linkedin.translate(request, CHANNEL).fetch
    assert fetch.path == "/rest/leadFormResponses/..%2Fme%3Fx%3D1"


@pytest.mark.parametrize("body", [b"[]", b"{", b"null"])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: linkedin.verify(sample(body).request, CHANNEL)) == "malformed_body"


def test_other_notices_are_ignored() -> None:
    assert linkedin.translate(sample(BODY.replace(b"LEAD_ACTION", b"OTHER")).request, CHANNEL).ignored
