from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from service.outbound.formats import feiyu
from service.outbound.formats.contract import Outcome, Skipped
from service.outbound.sending.sender import Sender
from tests.outbound.formats.advertisers import AT, event, outcome, why
from tests.outbound.receivers import Receive

APP: dict[str, Any] = {"access_token": "t", "advertiser_ids": [1664750332606472]}
CRM: dict[str, Any] = {"via": "feiyu-crm", "access_token": "t", "signature_key": "ABCDEFGHIGKLMNOP"}
SETTINGS = feiyu.Settings(**APP)


def told(settings: dict[str, Any], told: dict[str, Any] | None = None) -> dict[str, Any]:
    body = feiyu.body_of(told or event(), feiyu.Settings(**settings))
    assert isinstance(body, bytes), body
    return orjson.loads(body)


def test_it_works_with_an_app() -> None:
    assert told(APP) == {
        "advertiser_ids": [1664750332606472], "source": 1, "clue_id": "6844000000000000001", "clue_convert_state": 285,
    }  # fmt: skip
    headers = feiyu.headers_of(event(), SETTINGS, body=b"", secrets=[], attempted_at=AT)
    assert headers == {"content-type": "application/json", "access-token": "t"}


def test_it_works_with_feiyus_key() -> None:
    assert told(CRM) == {"clue_id": "6844000000000000001", "clue_convert_state": 4}
    headers = feiyu.headers_of(event(), feiyu.Settings(**CRM), body=b"", secrets=[], attempted_at=AT)
    stamp = str(int(AT.timestamp()))
    hexed = hmac.new(
        b"ABCDEFGHIGKLMNOP", f"/crm/v2/openapi/clue/callback/ {stamp}".encode(), hashlib.sha256
    ).hexdigest()
    assert (headers["timestamp"], headers["access-token"]) == (stamp, "t")
    assert headers["signature"] == base64.b64encode(hexed.encode()).decode()


@pytest.mark.parametrize(
    ("stage", "app", "crm"), [("nurtured", 194, 2), ("opportunity", 196, 3), ("won", 285, 4), ("acquired", None, None)]
)
def test_states_that_fit(stage: str, app: int | None, crm: int | None) -> None:
    for settings, state in ((APP, app), (CRM, crm)):
        body = feiyu.body_of(event(stage), feiyu.Settings(**settings))
        assert isinstance(body, Skipped) if state is None else orjson.loads(body)["clue_convert_state"] == state


def test_of_stages_on_the_way_nothing_is_said() -> None:
    assert told(APP, event(skipped=("nurtured", "opportunity")))["clue_convert_state"] == 285


def test_only_who_was_never_a_customer_is_invalid() -> None:
    lost = event("churned")
    for category, code in (("disqualified", None), ("lost", "not_invalid"), ("customer", "not_invalid")):
        lost["data"]["transition"]["category"] = category
        assert why(feiyu, SETTINGS, lost) == code
    lost["data"]["transition"]["category"] = "disqualified"
    assert told(APP, lost)["clue_convert_state"] == 10000


def test_states_are_settings() -> None:
    assert told(APP | {"states": {"won": 527}})["clue_convert_state"] == 527
    assert why(feiyu, feiyu.Settings(**APP, states={"won": 527}), event("opportunity")) == "stage_not_mapped"


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_token": ""},
        {"advertiser_ids": []},
        {"via": "feiyu-crm"},
        {"states": {}},
        {"states": {"won": 0}},
        {"via": "x"},
        {"x": 1},
    ],
)
def test_settings_that_cannot_work(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        feiyu.Settings(**APP | wrong)


@pytest.mark.parametrize("given", ["", "abc", "1" * 31])
def test_what_is_no_id_of_feiyus(given: str) -> None:
    assert why(feiyu, SETTINGS, event(external_ids={"feiyu": given})) == "no_clue_id"


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (200, b'{"code":0,"message":"OK","request_id":"2","data":{}}', Outcome("delivered")),
        (200, b'{"status":0,"msg":"success"}', Outcome("delivered")),
        (200, b'{"status":"success"}', Outcome("delivered")),
        (200, b'{"status":-1,"msg":"missing params"}', Outcome("retry", "feiyu_-1")),
        (200, b'{"code":40105,"message":"access token is invalid"}', Outcome("retry", "token_rejected")),
        (200, b'{"code":40100,"message":"too many requests"}', Outcome("retry", "rate_limited", slow_down=True)),
        (200, b'{"code":40000,"message":"clue_id"}', Outcome("failed", "feiyu_40000")),
        (200, b'{"code":50000,"message":"busy"}', Outcome("retry", "feiyu_50000")),
        (200, b"<html>", Outcome("retry", "feiyu_no_code")),
        (503, b"", Outcome("retry", "http_503", slow_down=True)),
    ],
)
async def test_what_feiyu_answers(status: int, answer: bytes, told: Outcome, sender: Sender, receive: Receive) -> None:
    assert await outcome(feiyu, SETTINGS, sender, receive, answer, status) == told
