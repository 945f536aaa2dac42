from __future__ import annotations

import hashlib
from typing import Any

from tests.channels.deliveries import SECRET, STAMP, Sample, channel_of, post, to_body

NONCE = "0f5ade"
RECORD: dict[str, Any] = {
    "op": "data_create",
    "data": {
        "_id": "595f0e0d8a3ea0c0e5b1a001",
        "appId": "5d1f",
        "entryId": "5d20",
        "formName": "客户登记",
        "_widget_1": "张三",
        "mobile": {"verified": True, "phone": "13800138000"},
        "邮箱": "zhangsan@example.com",
        "creator": {"name": "staff", "username": "staff1"},
        "createTime": "2026-01-01T02:00:00.000Z",
        "updateTime": "2026-01-01T02:00:00.000Z",
    },
}
BODY = to_body(RECORD)


def sign(body: bytes, stamp: str = STAMP, secret: str = SECRET) -> str:
    return hashlib.sha1(
        b":".join([NONCE.encode(), body, secret.encode(), stamp.encode()]), usedforsecurity=False
    ).hexdigest()


def sample(body: bytes = BODY) -> Sample:
    headers = {"x-jdy-signature": sign(body), "x-jdy-deliverid": "7d38cdd689735b008b3c702edd92eea2"}
    request = post(body, headers, query=f"timestamp={STAMP}&nonce={NONCE}")
    return Sample(request, channel_of("jiandaoyun"))
