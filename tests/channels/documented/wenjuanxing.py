from __future__ import annotations

import hashlib
from typing import Any

from tests.channels.deliveries import SECRET, Sample, channel_of, post, to_body


def sign(activity: str = "5657754", index: str = "1", key: str = SECRET) -> str:
    return hashlib.sha1((activity + index + key).encode(), usedforsecurity=False).hexdigest()


ANSWER: dict[str, Any] = {
    "activity": "5657754",
    "name": "问卷名称",
    "timetaken": "528",
    "submittime": "2016-08-23 10:01:59",
    "q1": "1",
    "q2": "测试",
    "q3": "1,2",
    "joinid": "101812480275",
    "totalvalue": "15",
    "index": "1",
    "sojumpparm": "spring",
    "sign": sign(),
}
BODY = to_body(ANSWER)


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body), channel_of("wenjuanxing"), signed=False)
