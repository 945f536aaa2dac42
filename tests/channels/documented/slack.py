from __future__ import annotations

from tests.channels.deliveries import STAMP, Sample, channel_of, hmac_hex, post

TOKEN = "XXYYZZ-verification-token"
BODY = (
    b'{"token":"XXYYZZ-verification-token","team_id":"T061EG9R6","type":"event_callback","event":{"type":"team_join","user":{"id":"U012A3CDE",'
    b'"profile":{"email":"ada@example.com","real_name":"Ada Lovelace","title":"CTO","phone":""}}},"event_id":"Ev08MFMKH6","event_time":1772366000}'
)


def sample(body: bytes = BODY, media: str = "application/json") -> Sample:
    signature = "v0=" + hmac_hex(b"v0:" + STAMP.encode() + b":" + body)
    request = post(body, {"x-slack-request-timestamp": STAMP, "x-slack-signature": signature}, media=media)
    return Sample(request, channel_of("slack"), secret_words=[TOKEN])
