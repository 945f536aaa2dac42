from __future__ import annotations

from typing import Any

from tests.channels.deliveries import Sample, channel_of, hmac_hex, post, to_body

CONTACT = {
    "type": "contact",
    "id": "5ba682d23d7cf92bef87bfd4",
    "role": "lead",
    "email": "ada@example.com",
    "phone": "+442079460000",
    "name": "Ada Lovelace",
    "utm_source": "newsletter",
    "location": {"type": "location", "country": "United Kingdom", "region": "London", "city": "London"},
    "tags": {"type": "list", "data": [{"type": "tag", "id": "2", "name": "vip"}]},
    "custom_attributes": {"plan": "pro", "account": 9007199254740993},
}


def notification(topic: str = "contact.lead.created", item: Any = CONTACT, **changes: Any) -> bytes:
    event = {
        "type": "notification_event",
        "app_id": "abc",
        "data": {"type": "notification_event_data", "item": item},
        "id": "notif_1",
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "first_sent_at": 1583924000,
        "created_at": 1583924000,
    }
    return to_body({**event, **changes})


BODY = notification()


def sample(body: bytes = BODY) -> Sample:
    signature = "sha1=" + hmac_hex(body, algorithm="sha1")
    return Sample(post(body, {"x-hub-signature": signature}), channel_of("intercom"))
