from __future__ import annotations

from datetime import UTC, datetime

from standardwebhooks import Webhook

from tests.channels.deliveries import NOW, STAMP, Sample, channel_of, post

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = (
    b'{"type":"lead.submitted","timestamp":"2026-03-01T11:59:00Z","data":{"email":"ada@example.com","company":"Acme"}}'
)


def sample(body: bytes = BODY) -> Sample:
    # A signer made by others: it takes text, which any body is in one of the encodings.
    signature = Webhook(SECRET).sign(
        "msg_1", datetime.fromtimestamp(NOW.timestamp(), UTC), body.decode("utf-8", "replace")
    )
    headers = {"webhook-id": "msg_1", "webhook-timestamp": STAMP, "webhook-signature": signature}
    return Sample(post(body, headers), channel_of("standard-webhooks", secrets=(SECRET,)))
