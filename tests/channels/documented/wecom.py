from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tests.channels.deliveries import SECRET, STAMP, Sample, channel_of, post, to_body

AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CORP = "wx5823bf96d3bd56c7"
NONCE = "263014780"
CUSTOMER = "woAJ2GCAAAXtWyujaWJHDDGi0mACAAAA"
BODY = (
    "<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>"
    "<CreateTime>1767225600</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event>"
    "<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[zhangsan]]></UserID>"
    f"<ExternalUserID><![CDATA[{CUSTOMER}]]></ExternalUserID><State><![CDATA[spring]]></State>"
    "<WelcomeCode><![CDATA[WELCOME]]></WelcomeCode></xml>"
).encode()
CONTACT = {
    "errcode": 0,
    "errmsg": "ok",
    "external_contact": {
        "external_userid": CUSTOMER,
        "name": "李四",
        "position": "Manager",
        "corp_name": "腾讯",
        "corp_full_name": "腾讯科技有限公司",
        "type": 2,
        "unionid": "ozynqsulJFCZ2z1aYeS8h-nuasdAAA",
    },
    "follow_user": [
        {"userid": "rocky", "remark_mobiles": []},
        {
            "userid": "zhangsan",
            "remark": "李部长",
            "remark_mobiles": ["13800000001", "13000000002"],
            "tags": [{"group_name": "标签分组", "tag_name": "重点客户", "type": 1}],
            "add_way": 3,
        },
    ],
}


def encrypt(message: bytes, receiver: str = CORP, key: str = AES_KEY) -> str:
    secret = base64.b64decode(key + "=")
    plain = b"0123456789abcdef" + len(message).to_bytes(4, "big") + message + receiver.encode()
    missing = 32 - len(plain) % 32
    encryptor = Cipher(AES(secret), CBC(secret[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()).decode()


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def query(encrypted: str, *, token: str = SECRET, stamp: str = STAMP, **more: str) -> str:
    signature = sign(token, stamp, NONCE, encrypted)
    return urlencode({"msg_signature": signature, "timestamp": stamp, "nonce": NONCE, **more})


def envelope(encrypted: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><AgentID><![CDATA[]]></AgentID>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    ).encode()


def sample(body: bytes = BODY, **settings: Any) -> Sample:
    encrypted = encrypt(body)
    request = post(envelope(encrypted), media="text/xml", query=query(encrypted))
    channel = channel_of("wecom", encoding_aes_key=AES_KEY, corp_id=CORP, fetch=True, **settings)
    return Sample(request, channel, fetched={"contact": to_body(CONTACT)}, secret_words=[AES_KEY])
