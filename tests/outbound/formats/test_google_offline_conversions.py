from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from service.outbound.formats import google_offline_conversions as google
from service.outbound.formats.contract import Outcome
from service.outbound.sending.sender import Sender
from tests.outbound.formats.advertisers import AT, EVENT_ID, event, outcome
from tests.outbound.receivers import Receive

GIVEN: dict[str, Any] = {
    "customer_id": "1234567890", "developer_token": "dev-1", "access_token": "ya29.a", "conversion_actions": {"won": "77", "opportunity": "88"},
}  # fmt: skip
SETTINGS = google.Settings(**GIVEN)


def conversions(told: dict[str, Any] | None = None, **settings: Any) -> list[dict[str, Any]]:
    body = google.body_of(told or event(), google.Settings(**GIVEN | settings))
    assert isinstance(body, bytes), body
    whole = orjson.loads(body)
    assert whole["partialFailure"] is True
    return whole["conversions"]


def test_it_works() -> None:
    assert conversions() == [
        {
            "gclid": "TeSter-123", "conversionAction": "customers/1234567890/conversionActions/77",
            "conversionDateTime": "2026-11-19 09:36:44+00:00", "conversionValue": 1200.5, "currencyCode": "EUR",
            "orderId": EVENT_ID, "consent": {"adUserData": "GRANTED"},
        }
    ]  # fmt: skip


def test_headers() -> None:
    settings = google.Settings(**GIVEN, login_customer_id="99")
    headers = google.headers_of(event(), settings, body=b"", secrets=[], attempted_at=AT)
    assert headers == {
        "content-type": "application/json", "authorization": "Bearer ya29.a", "developer-token": "dev-1", "login-customer-id": "99",
    }  # fmt: skip
    assert "login-customer-id" not in google.headers_of(event(), SETTINGS, body=b"", secrets=[], attempted_at=AT)


def test_a_stage_that_was_skipped_is_a_conversion_too() -> None:
    first, second = conversions(event(skipped=("nurtured", "opportunity")))
    assert (first["conversionAction"], first["orderId"]) == (
        "customers/1234567890/conversionActions/88",
        f"{EVENT_ID}-opportunity",
    )
    assert (second["conversionAction"], second["orderId"]) == ("customers/1234567890/conversionActions/77", EVENT_ID)


def test_without_an_amount_or_a_word_on_consent_neither_is_told() -> None:
    (told,) = conversions(event(amount=None, currency=None, can_contact={"email": True, "phone": True, "purposes": {}}))
    assert not told.keys() & {"conversionValue", "currencyCode", "consent"}


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"gclid": "g", "wbraid": "w"}, {"gclid": "g"}),
        ({"wbraid": "w", "gbraid": "b"}, {"wbraid": "w"}),
        ({"gbraid": "b"}, {"gbraid": "b"}),
        ({"landing_page": "https://x.example/a?utm_source=google&gclid=Cj0-_x"}, {"gclid": "Cj0-_x"}),
    ],
)
def test_one_id_of_the_click_is_told(attributes: dict[str, str], told: dict[str, str]) -> None:
    (conversion,) = conversions(event(attributes=attributes), hashed_identifiers=False)
    assert {name: conversion[name] for name in ("gclid", "wbraid", "gbraid") if name in conversion} == told


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_hashes_of_who_has_consented() -> None:
    (told,) = conversions(event(attributes={}, email="Anna.Schmidt@Gmail.com"), hashed_identifiers=True)
    assert told["userIdentifiers"] == [
        {"hashedEmail": digest("annaschmidt@gmail.com"), "userIdentifierSource": "FIRST_PARTY"},
        {"hashedPhoneNumber": digest("+4930901820"), "userIdentifierSource": "FIRST_PARTY"},
    ]
    (told,) = conversions(event(email="a.b@example.com"), hashed_identifiers=True)
    assert told["userIdentifiers"][0]["hashedEmail"] == digest("a.b@example.com")


@pytest.mark.parametrize(
    "can_contact",
    [{"email": True, "phone": True, "purposes": {}}, {"email": False, "phone": False, "purposes": {"marketing": True}}],
)
def test_no_hashes_of_who_has_not(can_contact: dict[str, Any]) -> None:
    (told,) = conversions(event(can_contact=can_contact), hashed_identifiers=True)
    assert "userIdentifiers" not in told


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_token": None}, {"access_token": None, "client_id": "c", "client_secret": "s"}, {"customer_id": "123-456-7890"},
        {"conversion_actions": {}}, {"conversion_actions": {"sold": "1"}}, {"developer_token": "a\nb"}, {"more": 1},
    ],
)  # fmt: skip
def test_settings_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        google.Settings(**GIVEN | wrong)


def fault(kind: str, code: str, *, message: str = "No.") -> dict[str, Any]:
    """Return the errors of a request, as Google writes them."""
    failure = {
        "@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure",
        "errors": [{"errorCode": {kind: code}, "message": message}],
    }
    return {"code": 3, "message": message, "details": [failure]}


def partial(code: str, **more: Any) -> bytes:
    return orjson.dumps(
        {"partialFailureError": fault("conversionUploadError", code, **more), "results": [{}], "jobId": "1"}
    )


def refused(kind: str, code: str) -> bytes:
    return orjson.dumps({"error": fault(kind, code)})


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (200, orjson.dumps({"results": [{"gclid": "TeSter-123"}], "jobId": "1"}), Outcome("delivered")),
        (
            200,
            partial("CLICK_CONVERSION_ALREADY_EXISTS"),
            Outcome("delivered", "google_click_conversion_already_exists"),
        ),
        (200, partial("ORDER_ID_ALREADY_IN_USE"), Outcome("delivered", "google_order_id_already_in_use")),
        (200, partial("UNPARSEABLE_GCLID"), Outcome("failed", "google_unparseable_gclid")),
        (200, partial("EXPIRED_EVENT"), Outcome("failed", "google_expired_event")),
        (200, partial("UNPARSEABLE_GCLID", message="long " * 150), Outcome("failed", "google_unparseable_gclid")),
        (200, partial("EXPIRED_EVENT", message="long " * 1000), Outcome("failed", "google_partial_failure")),
        (200, partial("TOO_RECENT_EVENT"), Outcome("retry", "google_too_recent_event")),
        (200, partial("TOO_RECENT_CONVERSION_ACTION"), Outcome("retry", "google_too_recent_conversion_action")),
        (401, refused("authenticationError", "OAUTH_TOKEN_EXPIRED"), Outcome("retry", "token_rejected")),
        (403, refused("authorizationError", "USER_PERMISSION_DENIED"), Outcome("retry", "token_rejected")),
        (401, b"no", Outcome("retry", "token_rejected")),
        (429, refused("quotaError", "RESOURCE_EXHAUSTED"), Outcome("retry", "rate_limited", slow_down=True)),
        (400, refused("requestError", "INVALID_INPUT"), Outcome("failed", "google_invalid_input")),
        (500, refused("internalError", "TRANSIENT_ERROR"), Outcome("retry", "google_transient_error")),
        (503, b"", Outcome("retry", "http_503", slow_down=True)),
        (404, b"<html>", Outcome("retry", "http_404")),
    ],
)
async def test_what_google_answers(status: int, answer: bytes, told: Outcome, sender: Sender, receive: Receive) -> None:
    assert await outcome(google, SETTINGS, sender, receive, answer, status) == told
