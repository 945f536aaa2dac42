"""Standard Webhooks, held against the library its authors publish."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.channels import standard_webhooks
from service.channels.contract import ChannelConfig, Refusal, Request

NOW = datetime.now(UTC)
SECRET = standard_webhooks.new_secret() or ""
OTHER = standard_webhooks.new_secret() or ""
BODY = b'{"type":"lead.submitted","data":{"email":"ada@example.com"}}'


def channel(*secrets: str, **settings: object) -> ChannelConfig:
    return ChannelConfig(
        "web", "standard-webhooks", secrets or (SECRET,), standard_webhooks.Settings.model_validate(settings)
    )


def signed(body: bytes = BODY, secret: str = SECRET, *, at: datetime = NOW, message: str = "msg_1") -> Request:
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, body.decode()),
    }
    return Request("POST", headers, "", body, NOW)


def code_of(request: Request, config: ChannelConfig | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        standard_webhooks.verify(request, config or channel())
    return caught.value.code


def test_it_accepts_what_the_library_signs() -> None:
    standard_webhooks.verify(signed(), channel())


def test_it_accepts_the_known_answer_of_the_authors() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    request = Request("POST", headers, "", b'{"test": 2432232314}', at)
    standard_webhooks.verify(request, channel("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))


def test_the_sample_line_takes_the_secret_from_its_environment() -> None:
    line = standard_webhooks.sample("https://leads.example.com/v1/intake/web", channel().settings)
    assert "$SECRET" in line or "${SECRET" in line
    assert SECRET not in line


@given(st.binary(max_size=200), st.sampled_from([SECRET, OTHER]))
def test_it_agrees_with_the_library(extra: bytes, secret: str) -> None:
    body = BODY[:-1] + b',"more":' + json.dumps(extra.hex()).encode() + b"}"
    request = signed(body, secret)
    try:
        Webhook(SECRET).verify(body, dict(request.headers))
    except WebhookVerificationError:
        assert code_of(request) == "bad_signature"
    else:
        standard_webhooks.verify(request, channel())


def test_a_tampered_body_is_refused() -> None:
    request = signed()
    request.body = BODY.replace(b"ada", b"eve")
    assert code_of(request) == "bad_signature"


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(header: str) -> None:
    request = signed()
    request.headers = {name: value for name, value in request.headers.items() if name != header}
    assert code_of(request) == "unsigned"


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp"])
def test_what_is_signed_cannot_be_changed(header: str) -> None:
    request = signed()
    request.headers = {
        **request.headers,
        header: request.headers[header] + "1" if header == "webhook-id" else str(int(NOW.timestamp()) + 1),
    }
    assert code_of(request) == "bad_signature"


def test_another_secret_is_refused() -> None:
    assert code_of(signed(secret=OTHER)) == "bad_signature"


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_stale_or_early_delivery_is_refused(minutes: int) -> None:
    assert code_of(signed(at=NOW + timedelta(minutes=minutes))) == "stale"


@pytest.mark.parametrize("stamp", ["", "soon", "1e9", "-1", "٣", "9" * 30, "1614265330.5"])
def test_a_timestamp_that_is_none_is_refused(stamp: str) -> None:
    request = signed()
    request.headers = {**request.headers, "webhook-timestamp": stamp}
    assert code_of(request) in {"bad_signature", "stale"}


def test_both_secrets_count_during_a_rotation() -> None:
    for secret in (SECRET, OTHER):
        standard_webhooks.verify(signed(secret=secret), channel(OTHER, SECRET))


def test_one_good_signature_of_several_is_enough() -> None:
    request = signed()
    good = request.headers["webhook-signature"]
    request.headers = {**request.headers, "webhook-signature": f"v1,AAAA v1a,BBBB {good} v2,CCCC"}
    standard_webhooks.verify(request, channel())


@pytest.mark.parametrize(
    "given_signature", ["", " ", "v1,", "v1", "v2,{good}", "{good}x", "V1,{good}", "v1,é", "\udce9"]
)
def test_a_signature_that_is_none_is_refused(given_signature: str) -> None:
    request = signed()
    good = request.headers["webhook-signature"].removeprefix("v1,")
    request.headers = {**request.headers, "webhook-signature": given_signature.replace("{good}", good)}
    assert code_of(request) == "bad_signature"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "not base64!"])
def test_an_empty_or_impossible_secret_never_verifies(secret: str) -> None:
    assert standard_webhooks.secret_fault(secret)
    assert code_of(signed(), channel(secret)) == "bad_signature"
    config = ChannelConfig("web", "standard-webhooks", (), channel().settings)
    assert code_of(signed(), config) == "bad_signature"


def test_a_fresh_secret_is_a_good_one_and_another_each_time() -> None:
    assert standard_webhooks.secret_fault(SECRET) is None
    assert SECRET != OTHER


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1,", b"\xff", b'{"a":"\\u0000"}', b'"text"', b"1", b"[" * 300, b'{"a":"\\ud800"}']
)
def test_a_signed_body_that_is_no_json_object_is_malformed(body: bytes) -> None:
    request = signed()
    key = standard_webhooks.signing_key(SECRET) or b""
    message = f"msg_1.{request.headers['webhook-timestamp']}.".encode() + body
    request.headers = {
        **request.headers,
        "webhook-signature": "v1," + base64.b64encode(hmac.digest(key, message, "sha256")).decode(),
    }
    request.body = body
    assert code_of(request) == "malformed_body"


def test_the_dedupe_key_is_the_message_id() -> None:
    assert standard_webhooks.dedupe_key(signed(message="msg_7"), channel()) == "msg_7"


def test_the_envelope_is_opened() -> None:
    body = b'{"type":"lead.submitted","timestamp":"2026-01-02T03:04:05Z","data":{"email":"a@b.example","first_name":"Ada"}}'
    meaning = standard_webhooks.translate(signed(body), channel())
    [submitted] = meaning.submissions
    assert submitted.fields["email"] == "a@b.example"
    assert submitted.fields["occurred_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert submitted.fields["channel"] == "web"


def test_fields_without_an_envelope_are_taken_too() -> None:
    [submitted] = standard_webhooks.translate(signed(b'{"e-mail":"a@b.example"}'), channel()).submissions
    assert submitted.fields["email"] == "a@b.example"


def test_other_types_are_ignored_where_the_channel_says_so() -> None:
    assert standard_webhooks.translate(signed(), channel(types=["lead.submitted"])).submissions
    assert standard_webhooks.translate(signed(), channel(types=["order.paid"])).ignored
