from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post, to_body

ENTRY = {
    "1.3": "Jane",
    "1.6": "Doe",
    "2": "jane@example.com",
    "4": "Engines",
    "id": "55",
    "form_id": "3",
    "date_created": "2026-01-01 10:00:00",
    "source_url": "https://shop.example.com/contact",
    "ip": "10.0.0.1",
    "payment_status": None,
}
BODY = to_body(ENTRY)


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body, {"x-channel-secret": SECRET}), channel_of("gravity-forms"), signed=False)
