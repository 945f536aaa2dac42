"""What the tests of the advertisers' formats start from: one event of one lead that all of them brought."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from service.outbound.catalogue import EVENT_TYPES
from service.outbound.formats.contract import Format, Outcome, Skipped
from service.outbound.sending.answers import Outgoing
from service.outbound.sending.sender import Sender
from tests.outbound.receivers import Receive

AT = datetime(2026, 11, 19, 9, 36, 44, 576120, tzinfo=UTC)
EVENT_ID = "019a9c64-7e20-7c15-b1d0-0c9e4a6b8d33"
_EXAMPLE = EVENT_TYPES["lead.stage_changed"].example["data"]


def event(
    to_stage: str = "won",
    *,
    skipped: tuple[str, ...] = (),
    kind: str = "lead.stage_changed",
    data: Mapping[str, Any] = {},
    **lead: Any,
) -> dict[str, Any]:
    """Return an event of a lead that reached a stage; ``lead`` are its fields."""
    known = {
        "amount": "1200.50", "currency": "EUR",
        "external_ids": {"meta": "1234567890123456", "feiyu": "6844000000000000001", "google-ads": "Cj0"},
        "attributes": {"gcl_id": "TeSter-123"},
        "can_contact": {"email": True, "phone": True, "purposes": {"marketing": True}},
    }  # fmt: skip
    transition = _EXAMPLE["transition"] | {"to_stage": to_stage, "skipped": list(skipped)}
    return {
        "id": UUID(EVENT_ID), "type": kind, "timestamp": AT, "recorded_at": AT, "lead_id": UUID(_EXAMPLE["lead"]["id"]), "sequence": 3,
        "data": {"lead": _EXAMPLE["lead"] | known | {"stage": to_stage} | lead, "transition": transition, **data},
    }  # fmt: skip


def why(one: Format, settings: Any, told: Mapping[str, Any]) -> str | None:
    """Return the code of why an event is not told, or None."""
    body = one.body_of(told, settings)
    return body.code if isinstance(body, Skipped) else None


async def outcome(
    one: Format, settings: Any, sender: Sender, receive: Receive, answer: bytes, status: int = 200
) -> Outcome:
    """Send an event to somebody who answers this, and return what the format takes it for."""
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
    receiver = await receive(head.encode() + answer)
    body = one.body_of(event(), settings)
    assert isinstance(body, bytes)
    headers = one.headers_of(event(), settings, body=body, secrets=[], attempted_at=AT)
    return one.outcome_of(await sender.send(Outgoing(receiver.url(), headers, body)))
