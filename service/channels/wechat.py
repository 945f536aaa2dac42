"""WeChat official accounts and mini programs (微信公众号, 小程序), plain or encrypted, XML or JSON. Source: developers.weixin.qq.com, message push.

With an EncodingAESKey in the settings the channel is in safe mode: only ``msg_signature``, which covers what is encrypted, counts. Without one it
is in plain mode, whose ``signature`` covers token, timestamp and nonce but not the body: a captured one vouches for any body for five minutes.
Prefer safe mode. The five seconds and three tries of a push are said to be WeChat's, and unverified.

Someone who follows the account is a lead, the QR code's scene its campaign, and agrees to be written to there; unfollowing takes that back.
What they write, scan or choose are activities. The only thing known about them is their openid.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.channels.answers import known_as
from service.channels.china import chinese_person, known, local_time, rest_of
from service.channels.contract import (
    Activity,
    ChannelConfig,
    ConsentChange,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.queries import parameters
from service.channels.signatures import without_credentials
from service.channels.values import as_attribute, as_text
from service.channels.wechat_crypto import (
    OptionalEncodingAesKey,
    PreviousEncodingAesKey,
    check_signature,
    decrypt,
    encrypting_shell,
    new_token,
    token_fault,
)
from service.channels.wechat_messages import encrypted_in, message_in, message_key

vendor: Final = "wechat"
title: Final = "WeChat official account or mini program (微信公众号, 小程序)"
proofs: Final = ("signature",)
asks_first: Final = True
setup: Final = (
    "公众平台 > 设置与开发 > 基本配置 > 服务器配置: enter the intake address, the channel's secret as Token, the EncodingAESKey of the settings, "
    "and choose safe mode (安全模式). Saving verifies the address: create the channel first."
)

PURPOSE: Final = "wechat"
_ECHO: Final = re.compile(r"[0-9A-Za-z_.=+/-]{1,256}")
_SCENE: Final = "qrscene_"
# Reports on what we sent, not something the person did.
_REPORTS: Final = frozenset({"masssendjobfinish", "templatesendjobfinish", "publishjobfinish"})
_ENVELOPE: Final = ("ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "MsgId", "Encrypt")


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    app_id: Annotated[
        str | None, Field(min_length=1, max_length=64, description="AppID (wx…): whom messages are for, in safe mode.")
    ] = None
    encoding_aes_key: OptionalEncodingAesKey = None
    previous_encoding_aes_key: PreviousEncodingAesKey = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.encoding_aes_key and not self.app_id:
            raise ValueError("Safe mode needs the AppID too")
        return self


def new_secret() -> str | None:
    """Return a token to be entered at WeChat."""
    return new_token()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a token, or None."""
    return token_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the token never travels."""
    return False


def sample(address: str, settings: Any) -> str:
    """Return a shell line that delivers an event; in safe mode it takes the EncodingAESKey from ``$ENCODING_AES_KEY``."""
    message = (
        "<xml><ToUserName>gh_sample</ToUserName><FromUserName>o-sample</FromUserName><CreateTime>1767225600</CreateTime>"
        "<MsgType>event</MsgType><Event>subscribe</Event><EventKey>qrscene_sample</EventKey></xml>"
    )
    if settings.encoding_aes_key:
        return (
            encrypting_shell(message, settings.app_id)
            + f'curl -sS "{address}?msg_signature=$signature&timestamp=$ts&nonce=$nonce&encrypt_type=aes" '
            "-H 'content-type: text/xml' --data-binary \"<xml><Encrypt>$encrypted</Encrypt></xml>\""
        )
    return (
        "ts=$(date +%s); nonce=$(openssl rand -hex 8); "
        'signature=$(printf "%s\\n" "$SECRET" "$ts" "$nonce" | LC_ALL=C sort | tr -d "\\n" | openssl dgst -sha1 -r | cut -d" " -f1); '
        f"curl -sS \"{address}?signature=$signature&timestamp=$ts&nonce=$nonce\" -H 'content-type: text/xml' --data-binary '{message}'"
    )


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the message is signed in the channel's mode, fresh, and for this account.

    What one that is signed and encrypted says is read by the worker; one in plain mode must be from somebody.
    """
    query = parameters(request.query)
    if channel.settings.encoding_aes_key:
        encrypted = encrypted_in(request.body)
        check_signature(query, channel.secrets, name="msg_signature", signed=[encrypted], now=request.received_at)
        _decrypted(encrypted, channel)
    else:
        check_signature(query, channel.secrets, name="signature", now=request.received_at)
        _message(request, channel)


def _decrypted(encrypted: str, channel: ChannelConfig) -> bytes:
    settings = channel.settings
    keys = [key for key in (settings.encoding_aes_key, settings.previous_encoding_aes_key) if key]
    return decrypt(encrypted, keys, [settings.app_id or ""])


def _message(request: Request, channel: ChannelConfig) -> dict[str, Any]:
    if request.parsed is None:
        safe = channel.settings.encoding_aes_key
        request.parsed = message_in(_decrypted(encrypted_in(request.body), channel) if safe else request.body)
        if as_text(request.parsed.get("FromUserName"), 100) is None:
            request.parsed = None
            raise Refusal(
                "malformed_body", "The message is from nobody; one that is encrypted needs an EncodingAESKey."
            )
    message: dict[str, Any] = request.parsed
    return message


def handshake(request: Request, channel: ChannelConfig) -> Reply | None:
    """Return ``echostr`` as it came, if the plain signature is by the token."""
    if request.method == "POST":
        return None
    query = parameters(request.query)
    check_signature(query, channel.secrets, name="signature", now=request.received_at)
    echo = query.get("echostr", "")
    if _ECHO.fullmatch(echo) is None:
        raise Refusal("malformed_body", "The echostr is not a text to be echoed.")
    return Reply(200, echo.encode(), "text/plain")


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return what WeChat takes for: received, and nothing to say to the person."""
    return Reply(200, b"success", "text/plain")


def dedupe_key(request: Request, channel: ChannelConfig) -> str | None:
    """Return the message's id, or who did what and when."""
    return message_key(_message(request, channel))


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery as it is: what is encrypted stays so."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return a follower as a submission, an unfollowing as a change of consent, anything else as an activity."""
    message = _message(request, channel)
    person = known_as(vendor, message.get("FromUserName"))
    happened = local_time(message.get("CreateTime"), channel, request)
    kind = as_text(message.get("Event"), 100) or as_text(message.get("MsgType"), 100)
    if kind is None or kind.lower() in _REPORTS:
        return Translation(ignored="The message does not say what somebody did.")
    if kind == "subscribe":
        return Translation(submissions=(_follower(message, request, channel),))
    if kind == "unsubscribe":
        return Translation(consent_changes=(ConsentChange(person, PURPOSE, granted=False, occurred_at=happened),))
    data = {name: as_attribute(value) for name, value in list(rest_of(message, *_ENVELOPE).items())[:50]}
    return Translation(activities=(Activity(person, kind, happened, data),))


def _follower(message: dict[str, Any], request: Request, channel: ChannelConfig) -> Submitted:
    scene = (as_text(message.get("EventKey")) or "").removeprefix(_SCENE)
    document = known(
        campaign=scene, consent={PURPOSE: True}, attributes=known(account=as_text(message.get("ToUserName")))
    )
    return Submitted(
        chinese_person(
            document,
            channel,
            request,
            vendor_id=message.get("FromUserName"),
            said_at=message.get("CreateTime"),
            source=message,
        )
    )
