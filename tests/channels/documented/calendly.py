from __future__ import annotations

from tests.channels.deliveries import STAMP, Sample, channel_of, hmac_hex, post, to_body

INVITEES = "https://api.calendly.com/scheduled_events/EVENT/invitees/"
PAYLOAD = {
    "uri": f"{INVITEES}FIRST",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "first_name": None,
    "last_name": None,
    "timezone": "Europe/London",
    "text_reminder_number": "+442079460000",
    "status": "active",
    "rescheduled": False,
    "old_invitee": None,
    "new_invitee": None,
    "questions_and_answers": [
        {"question": "Company", "answer": "Acme", "position": 0},
        {"question": "What shall we talk about?", "answer": "Engines", "position": 1},
    ],
    "tracking": {
        "utm_campaign": "spring",
        "utm_source": "newsletter",
        "utm_medium": None,
        "utm_content": None,
        "utm_term": None,
        "salesforce_uuid": "003000000000001",
    },
    "scheduled_event": {
        "uri": "https://api.calendly.com/scheduled_events/EVENT",
        "name": "30 minutes",
        "start_time": "2026-03-02T10:00:00.000000Z",
        "end_time": "2026-03-02T10:30:00.000000Z",
    },
}


def event(kind: str = "invitee.created", **changes: object) -> bytes:
    payload = {**PAYLOAD, **changes}
    return to_body({"event": kind, "created_at": "2026-03-01T11:59:58.000000Z", "payload": payload})


BODY = event()


def sample(body: bytes = BODY) -> Sample:
    signature = hmac_hex(STAMP.encode() + b"." + body)
    return Sample(post(body, {"calendly-webhook-signature": f"t={STAMP},v1={signature}"}), channel_of("calendly"))
