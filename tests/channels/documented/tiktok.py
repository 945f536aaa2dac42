from __future__ import annotations

from tests.channels.deliveries import STAMP, Sample, channel_of, hmac_hex, post

BODY = (
    rb'{"client_key":"bwo2m45353a6k85","event":"lead.create","create_time":1772366000,"user_openid":"act.example.12345Example12345Example",'
    rb'"content":"{\"lead_id\":7035000000000000001,\"email\":\"ada@example.com\",\"name\":\"Ada Lovelace\",\"ad_name\":\"Spring\"}"}'
)


def sample(body: bytes = BODY) -> Sample:
    header = f"t={STAMP},s={hmac_hex(STAMP.encode() + b'.' + body)}"
    return Sample(post(body, {"tiktok-signature": header}), channel_of("tiktok"))
