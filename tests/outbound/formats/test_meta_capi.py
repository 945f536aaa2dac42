from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from service.outbound.formats import meta_capi as meta
from service.outbound.formats.contract import Outcome
from service.outbound.sending.sender import Sender
from tests.outbound.formats.advertisers import AT, EVENT_ID, event, outcome, why
from tests.outbound.receivers import Receive

SETTINGS = meta.Settings(access_token="EAAB")


def told(told: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    body = meta.body_of(told or event(), meta.Settings(access_token="EAAB", **settings))
    assert isinstance(body, bytes), body
    return orjson.loads(body)


def test_it_works() -> None:
    assert told() == {
        "data": [
            {
                "event_name": "Converted", "event_time": int(AT.timestamp()), "event_id": EVENT_ID, "action_source": "system_generated",
                "user_data": {"lead_id": 1234567890123456},
                "custom_data": {"event_source": "crm", "lead_event_source": "lead-lifecycle", "value": 1200.5, "currency": "EUR"},
            }
        ]
    }  # fmt: skip
    headers = meta.headers_of(event(), SETTINGS, body=b"", secrets=[], attempted_at=AT)
    assert headers == {"content-type": "application/json", "authorization": "Bearer EAAB"}


def test_every_stage_on_the_way_is_told() -> None:
    events = told(event(skipped=("nurtured", "opportunity")))["data"]
    assert [(one["event_name"], one["event_id"]) for one in events] == [
        ("Marketing Qualified Lead", f"{EVENT_ID}-nurtured"), ("Sales Opportunity", f"{EVENT_ID}-opportunity"), ("Converted", EVENT_ID),
    ]  # fmt: skip


def test_a_new_lead_is_told() -> None:
    (one,) = told(event("acquired", kind="lead.created"))["data"]
    assert one["event_name"] == "Initial Lead"
    assert "value" not in one["custom_data"]


def test_names_and_sources_are_settings() -> None:
    answer = told(event_names={"won": "Kunde"}, lead_event_source="In-house CRM", test_event_code="TEST1")
    assert answer["test_event_code"] == "TEST1"
    assert (answer["data"][0]["event_name"], answer["data"][0]["custom_data"]["lead_event_source"]) == (
        "Kunde",
        "In-house CRM",
    )
    assert (
        why(meta, meta.Settings(access_token="a", event_names={"won": "Kunde"}), event("opportunity"))
        == "stage_not_mapped"
    )


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_hashes_of_who_has_consented() -> None:
    user = told(event(email="Anna.Schmidt@Example.com"), hashed_identifiers=True)["data"][0]["user_data"]
    assert user == {
        "lead_id": 1234567890123456,
        "em": [digest("anna.schmidt@example.com")],
        "ph": [digest("4930901820")],
    }
    silent = event(can_contact={"email": True, "phone": True, "purposes": {}})
    assert told(silent, hashed_identifiers=True)["data"][0]["user_data"] == {"lead_id": 1234567890123456}


def test_a_click_is_known_by_its_own_id() -> None:
    user = told(event(external_ids={}, attributes={"fbc": "fb.1.1554763741205.AbCd"}))["data"][0]["user_data"]
    assert user == {"fbc": "fb.1.1554763741205.AbCd"}


@pytest.mark.parametrize("given", ["", "abc", "1" * 21, "12 3"])
def test_what_is_no_id_of_metas(given: str) -> None:
    assert why(meta, SETTINGS, event(external_ids={"meta": given})) == "no_lead_id"


def test_what_meta_would_take_for_too_old() -> None:
    late = {**event(), "recorded_at": AT + timedelta(days=8)}
    assert why(meta, SETTINGS, late) == "too_old"


@pytest.mark.parametrize(
    "wrong",
    [{"access_token": ""}, {"access_token": "a b"}, {"event_names": {}}, {"event_names": {"won": ""}}, {"x": 1}],
)
def test_settings_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        meta.Settings(**{"access_token": "a"} | wrong)


def error(code: int, *, message: str = "No.", **more: Any) -> bytes:
    return orjson.dumps(
        {"error": {"message": message, "type": "OAuthException", "code": code, **more, "fbtrace_id": "EJplcsCHuLu"}}
    )


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (200, b'{"events_received":1,"messages":[],"fbtrace_id":"A"}', Outcome("delivered")),
        (200, b"", Outcome("delivered")),
        (200, b'{"events_received":0}', Outcome("failed", "meta_nothing_received")),
        (400, error(190, error_subcode=463), Outcome("retry", "token_rejected")),
        (400, error(102), Outcome("retry", "token_rejected")),
        (403, error(200), Outcome("retry", "token_rejected")),
        (400, error(100, error_subcode=2804003, is_transient=False), Outcome("failed", "meta_100")),
        (400, error(100, message="long " * 1000), Outcome("failed", "http_400")),
        (400, error(2, is_transient=True), Outcome("retry", "meta_2")),
        (400, error(9999, is_transient=True), Outcome("retry", "meta_9999")),
        (500, error(1), Outcome("retry", "meta_1")),
        (400, error(4), Outcome("retry", "rate_limited", slow_down=True)),
        (400, error(80004), Outcome("retry", "rate_limited", slow_down=True)),
        (502, b"<html>", Outcome("retry", "http_502", slow_down=True)),
        (404, b"<html>", Outcome("retry", "http_404")),
    ],
)
async def test_what_meta_answers(status: int, answer: bytes, told: Outcome, sender: Sender, receive: Receive) -> None:
    assert await outcome(meta, SETTINGS, sender, receive, answer, status) == told
