from __future__ import annotations

from urllib.parse import urlencode

from tests.channels.deliveries import SECRET, STAMP, Sample, channel_of, post
from tests.channels.documented.wecom import AES_KEY, NONCE, encrypt, envelope, query, sign

APP = "wxba5fad812f8e6fb9"
OPENID = "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"
BODY = (
    "<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName>"
    f"<FromUserName><![CDATA[{OPENID}]]></FromUserName><CreateTime>1767225600</CreateTime><MsgType><![CDATA[event]]></MsgType>"
    "<Event><![CDATA[subscribe]]></Event><EventKey><![CDATA[qrscene_fair]]></EventKey></xml>"
).encode()


def sample(body: bytes = BODY) -> Sample:
    encrypted = encrypt(body, APP)
    request = post(envelope(encrypted), media="text/xml", query=query(encrypted, encrypt_type="aes"))
    channel = channel_of("wechat", encoding_aes_key=AES_KEY, app_id=APP)
    return Sample(request, channel, secret_words=[AES_KEY])


def plain_query(token: str = SECRET, stamp: str = STAMP, **more: str) -> str:
    return urlencode({"signature": sign(token, stamp, NONCE), "timestamp": stamp, "nonce": NONCE, **more})


def plain_sample(body: bytes = BODY) -> Sample:
    return Sample(post(body, media="text/xml", query=plain_query()), channel_of("wechat"), signed=False)
