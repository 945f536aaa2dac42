from __future__ import annotations

from tests.channels.deliveries import STAMP, Sample, channel_of, hmac_hex, post

BODY = (
    b'{"id":"evt_1","object":"event","created":1772366000,"livemode":true,"type":"customer.created","data":{"object":{"id":"cus_1",'
    b'"object":"customer","created":1772366000,"email":"ada@example.com","name":"Ada Lovelace","phone":"+442079460000",'
    b'"address":{"country":"GB","state":"London","city":null},"metadata":{"plan":"pro"}}}}'
)


def sample(body: bytes = BODY) -> Sample:
    header = f"t={STAMP},v1={'0' * 64},v1={hmac_hex(STAMP.encode() + b'.' + body)},v0={'f' * 64}"
    return Sample(post(body, {"stripe-signature": header}), channel_of("stripe"))
