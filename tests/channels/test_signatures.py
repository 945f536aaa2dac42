"""HMAC schemes against published signatures."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.channels.contract import Request
from service.channels.signatures import Scheme, check_fresh, check_hmac, labelled, text_secret_fault
from tests.channels.deliveries import NOW, STAMP, hmac_hex, refusal

DOTTED = Scheme("sig", "{ts}.{body}", labels=("t", "v1"))


def delivery(body: bytes, at: int = int(NOW.timestamp()), **headers: str) -> Request:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(
        "POST", sent, "", body, datetime.fromtimestamp(at, UTC), origin="https://www.example.com", path=b"/webhook_uri"
    )


# Payload, secret and signature as GitHub's and Shopify's documentation and libraries give them.
def test_hex_with_a_prefix() -> None:
    request = delivery(b"Hello, World!", sig="sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
    check_hmac(Scheme("sig", prefix="sha256="), request, ["It's a Secret to Everybody"])


def test_sha1() -> None:
    check_hmac(
        Scheme("sig", prefix="sha1=", algorithm="sha1"),
        delivery(b"x", sig=f"sha1={hmac_hex(b'x', 'key', 'sha1')}"),
        ["key"],
    )


@pytest.mark.parametrize("given", ["", "sha256=", "sha256=zz", "é", "757107ea"])
def test_what_is_no_signature_is_refused(given: str) -> None:
    assert refusal(lambda: check_hmac(Scheme("sig", prefix="sha256="), delivery(b"x", sig=given), ["key"])) in {
        "unsigned",
        "bad_signature",
    }


def test_an_empty_secret_signs_nothing() -> None:
    request = delivery(b"x", sig=hmac_hex(b"x", ""))
    assert refusal(lambda: check_hmac(Scheme("sig"), request, ["", ""])) == "bad_signature"


def test_one_of_several_signatures_is_enough_and_one_time_there_must_be() -> None:
    good = hmac_hex(f"{STAMP}.x".encode(), "key")
    check_hmac(DOTTED, delivery(b"x", sig=f"t={STAMP}, v1=aa,v1={good}"), ["key"])
    for header in (f"t={STAMP},t={STAMP},v1={good}", f"v1={good}", f"t={STAMP},v0={good}", "nonsense"):
        assert refusal(lambda header=header: check_hmac(DOTTED, delivery(b"x", sig=header), ["key"])) == "bad_signature"


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_old_and_future_times_are_stale(seconds: int) -> None:
    stamp = str(int(NOW.timestamp()) + seconds)
    request = delivery(b"x", sig=f"t={stamp},v1={hmac_hex(f'{stamp}.x'.encode(), 'key')}")
    assert refusal(lambda: check_hmac(DOTTED, request, ["key"])) == "stale"


def test_times_at_the_edge_are_fresh() -> None:
    check_fresh(str(int(NOW.timestamp()) - 300), NOW)
    check_fresh(f"{int(NOW.timestamp()) - 300}000", NOW, per_second=1000)
    assert refusal(lambda: check_fresh(f"{int(NOW.timestamp()) - 301}000", NOW, per_second=1000)) == "stale"


@pytest.mark.parametrize("stamp", ["", "-1", "1.5", "١٢٣", "1e9", "9" * 40])
def test_what_is_no_time_is_refused(stamp: str) -> None:
    assert refusal(lambda: check_fresh(stamp, NOW)) == "bad_signature"


def test_labels_may_repeat() -> None:
    assert labelled("t=1, v1=a=b,v1=c") == {"t": ["1"], "v1": ["a=b", "c"]}


@pytest.mark.parametrize("secret", ["", "short", "with space", "x" * 201, "ümlaut-secret"])
def test_secrets_nobody_should_use(secret: str) -> None:
    assert text_secret_fault(secret)
