from __future__ import annotations

from typing import Any

from tests.channels.deliveries import Sample, channel_of, hmac_base64, post

CONTACT: dict[str, Any] = {
    "id": 52,
    "points": 10,
    "dateIdentified": "2024-10-01T09:00:00+00:00",
    "fields": {
        "core": {
            "email": {"id": "6", "alias": "email", "type": "email", "group": "core", "value": "zoë@example.com"},
            "firstname": {"id": "2", "alias": "firstname", "type": "text", "group": "core", "value": "Zoë"},
            "lastname": {"id": "3", "alias": "lastname", "type": "text", "group": "core", "value": "Müller"},
            "mobile": {"id": "8", "alias": "mobile", "type": "tel", "group": "core", "value": None},
            "favourite_colour": {"id": "9", "alias": "favourite_colour", "type": "text", "value": "blue"},
        },
        "social": [],
    },
    "tags": [{"id": 1, "tag": "vip"}],
    "doNotContact": [],
}


def escaped(batch: Any) -> bytes:
    """As PHP writes it: every slash and everything that is not ASCII escaped."""
    import json

    return json.dumps(batch, separators=(",", ":")).replace("/", "\\/").encode()


def event(kind: str, **known: Any) -> bytes:
    return escaped({f"mautic.{kind}": [{**known, "timestamp": "2024-10-01T10:00:00+02:00"}]})


BODY = event("lead_post_save_new", contact=CONTACT)


def sample(body: bytes = BODY) -> Sample:
    headers = {"webhook-signature": hmac_base64(body), "x-origin-base-url": "https://mautic.example.com"}
    return Sample(post(body, headers), channel_of("mautic"))
