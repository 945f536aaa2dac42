"""The formats that tell every event as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from service.outbound.formats.contract import Outcome
from service.outbound.formats.outcomes import outcome_of
from service.outbound.formats.registry import FORMATS, described
from service.outbound.sending.answers import Answer, Outgoing
from service.outbound.sending.sender import Sender
from service.outbound.signing import new_secret
from tests.outbound.receivers import Receive

SECRET = new_secret()
LEAD = "019a9c5e-51d0-7a61-9d3c-2b7f5e8a1c04"
EVENT = {
    "id": UUID("019a9c64-7e20-7c15-b1d0-0c9e4a6b8d33"),
    "type": "lead.stage_changed",
    "timestamp": datetime(2026, 11, 19, 9, 36, 44, 576120, tzinfo=UTC),
    "recorded_at": datetime(2026, 11, 19, 9, 36, 45, tzinfo=UTC),
    "lead_id": UUID(LEAD),
    "sequence": 3,
    "data": {"lead": {"id": LEAD, "full_name": "张伟 \U0001f600"}, "transition": {"event": "clean"}},
}


def rendered(name: str, event: Any = EVENT, **settings: Any) -> tuple[bytes, dict[str, str]]:
    one = FORMATS[name]
    chosen = one.Settings(**settings)
    body = one.body_of(event, chosen)
    return body, one.headers_of(event, chosen, body=body, secrets=[SECRET], attempted_at=datetime.now(UTC))


def test_standard_has_exactly_three_fields() -> None:
    body, headers = rendered("standard")
    assert orjson.loads(body) == {
        "type": "lead.stage_changed", "timestamp": "2026-11-19T09:36:44.576120Z", "data": {**EVENT["data"], "sequence": 3},
    }  # fmt: skip
    assert headers.keys() == {"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"}
    assert headers["webhook-id"] == str(EVENT["id"])
    assert headers["content-type"] == "application/json"


def test_cloudevents_says_in_headers_what_it_is() -> None:
    body, headers = rendered("cloudevents", source="https://leads.example.com/", type_prefix="com.example.")
    assert orjson.loads(body) == {**EVENT["data"], "sequence": 3}
    assert {name: value for name, value in headers.items() if not name.startswith("webhook-")} == {
        "content-type": "application/json", "ce-specversion": "1.0", "ce-id": str(EVENT["id"]), "ce-source": "https://leads.example.com/",
        "ce-type": "com.example.lead.stage_changed", "ce-time": "2026-11-19T09:36:44.576120Z", "ce-subject": LEAD, "ce-sequence": "0000000003",
    }  # fmt: skip


def test_an_event_of_no_lead_has_no_subject() -> None:
    _, headers = rendered("cloudevents", {**EVENT, "lead_id": None, "sequence": 0})
    assert "ce-subject" not in headers
    assert headers["ce-source"] == "urn:lead-lifecycle"


@pytest.mark.parametrize("source", ["", "a b", "a\r\nb", "é", "a" * 301])
def test_a_source_is_a_uri_reference(source: str) -> None:
    with pytest.raises(ValidationError):
        FORMATS["cloudevents"].Settings(source=source)


@pytest.mark.parametrize("name", ["standard", "cloudevents"])
async def test_the_public_library_verifies_what_arrives(name: str, sender: Sender, receive: Receive) -> None:
    receiver = await receive()
    body, headers = rendered(name)
    assert (await sender.send(Outgoing(receiver.url(), headers, body))).ok
    arrived = dict(line.split(": ", 1) for line in receiver.heads[0].split("\r\n")[1:] if line)
    assert Webhook(SECRET).verify(receiver.bodies[0], arrived) == orjson.loads(body)


@pytest.mark.parametrize("name", ["standard", "cloudevents"])
def test_a_body_is_the_same_for_every_try(name: str) -> None:
    assert rendered(name)[0] == rendered(name)[0]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(200, None, 1), Outcome("delivered")),
        (Answer(299, None, 1), Outcome("delivered")),
        (Answer(302, "redirect", 1), Outcome("retry", "redirect")),
        (Answer(200, "timeout", 1), Outcome("retry", "timeout")),
        (Answer(None, "address_refused", 1), Outcome("retry", "address_refused")),
        (Answer(400, None, 1), Outcome("retry", "http_400")),
        (Answer(410, None, 1), Outcome("disable", "http_410")),
        (Answer(429, None, 1, b"", 7.0), Outcome("retry", "http_429", slow_down=True, wait=7.0)),
        (Answer(500, None, 1, b"", 7.0), Outcome("retry", "http_500", wait=7.0)),
        (Answer(502, None, 1), Outcome("retry", "http_502", slow_down=True)),
        (Answer(503, None, 1), Outcome("retry", "http_503", slow_down=True)),
        (Answer(504, None, 1), Outcome("retry", "http_504", slow_down=True)),
    ],
)
def test_what_answers_mean(answer: Answer, outcome: Outcome) -> None:
    assert outcome_of(answer) == outcome


def test_every_format_is_described() -> None:
    listed = {one["format"]: one for one in described()}
    assert listed.keys() == FORMATS.keys()
    for one in listed.values():
        assert one["title"]
        assert one["settings"]["type"] == "object"
        assert one["settings"]["additionalProperties"] is False
