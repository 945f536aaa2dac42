from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from service.outbound.signing import SecretRefused, new_secret, parse_secret, sign

# The test vector of the standard's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_it_signs_as_the_standard_does() -> None:
    assert sign([SECRET], ID, TIMESTAMP, BODY) == SIGNATURE


def test_in_rotation_both_secrets_sign() -> None:
    newer = new_secret()
    first, second = sign([newer, SECRET], ID, TIMESTAMP, BODY).split(" ")
    assert second == SIGNATURE
    assert first == sign([newer], ID, TIMESTAMP, BODY) != SIGNATURE


@given(st.binary(min_size=24, max_size=64), st.uuids(), st.text())
def test_the_public_library_verifies_and_refuses_what_was_changed(key: bytes, identifier: object, text: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    now = int(datetime.now(UTC).timestamp())
    body = ('{"a":"' + text.encode("ascii", "replace").decode().replace('"', "").replace("\\", "") + '"}').encode()
    headers = {
        "webhook-id": str(identifier), "webhook-timestamp": str(now), "webhook-signature": sign([new_secret(), secret], str(identifier), now, body),
    }  # fmt: skip
    verifier = Webhook(secret)
    try:
        verifier.verify(body, headers)
    except ValueError:
        # The signature is checked first; a control character is no JSON.
        assert any(character < 0x20 for character in body)
    for changed in (body + b" ", body[:-1]):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(changed, headers)
    for name, value in (("webhook-id", "other"), ("webhook-timestamp", str(now - 1)), ("webhook-signature", "v1,AAAA")):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, headers | {name: value})
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


def test_new_secrets_are_good_and_different() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(parse_secret(secret)) for secret in secrets} == {32}


@pytest.mark.parametrize("size", [24, 32, 63, 64])
def test_sizes_of_the_standard(size: int) -> None:
    assert parse_secret("whsec_" + base64.b64encode(b"k" * size).decode()) == b"k" * size


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "begins with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_", "this one has 0"),
        ("whsec_" + base64.b64encode(b"k" * 23).decode(), "this one has 23"),
        ("whsec_" + base64.b64encode(b"k" * 65).decode(), "this one has 65"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "must be base64"),
        ("whsec_MfKQ9r8GKYqr TwjUPD8ILPZIo2LaLaSw", "must be base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_", "must be base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSé", "must be base64"),
    ],
)
def test_what_is_no_secret(secret: str, why: str) -> None:
    with pytest.raises(SecretRefused, match=why) as refusal:
        parse_secret(secret)
    assert secret[6:] not in str(refusal.value) or not secret[6:]


def test_nothing_goes_out_unsigned() -> None:
    with pytest.raises(SecretRefused):
        sign([], ID, TIMESTAMP, BODY)
    with pytest.raises(ValueError, match="full stop"):
        sign([SECRET], "a.b", TIMESTAMP, BODY)
