"""WeCom (企业微信): events about customers, encrypted XML. Source: developer.work.weixin.qq.com/document/path/91144 and 90968.

The address is verified with an encrypted text that has to come back decrypted within a second. A customer whom a member of the company adds
is a lead, ``State`` (the channel code of the QR code or link) its campaign; that a customer or a member breaks off is an activity. Events about
the company's own members are ignored.

The event has only the customer's id. With ``fetch`` the rest is asked for (``externalcontact/get``). WeCom's access tokens live for two
hours: let ``base_url`` be a gateway that adds a fresh one to the query; ``access_token`` is for the time being only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import known_as
from service.channels.bodies import parsed_json
from service.channels.china import chinese_person, known, local_time
from service.channels.contract import (
    Activity,
    ChannelConfig,
    Fetch,
    Grievance,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.queries import parameters
from service.channels.signatures import without_credentials
from service.channels.values import as_record, as_records, as_text
from service.channels.wechat_crypto import (
    EncodingAesKey,
    PreviousEncodingAesKey,
    check_signature,
    decrypt,
    encrypting_shell,
    new_token,
    token_fault,
)
from service.channels.wechat_messages import encrypted_in, message_in, message_key

vendor: Final = "wecom"
title: Final = "WeCom (企业微信)"
proofs: Final = ("signature",)
asks_first: Final = True
setup: Final = (
    "管理后台 > 客户与上下游 > 客户联系 > API > 接收事件服务器: enter the intake address, the channel's secret as Token, and the "
    "EncodingAESKey of the settings. Saving verifies the address: create the channel first."
)

_ECHO: Final = re.compile(rb"[0-9A-Za-z_.=+/-]{1,256}")
_ADDED: Final = frozenset({"add_external_contact", "add_half_external_contact"})
_CONTACT: Final = "contact"
_MEANT: Final[Mapping[int, Grievance]] = {
    40001: "token_rejected",
    40014: "token_rejected",
    41001: "token_rejected",
    42001: "token_rejected",
    48002: "token_rejected",
    84061: "gone",
    45009: "rate_limited",
    45033: "rate_limited",
}


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    corp_id: Annotated[str, Field(min_length=1, max_length=64, description="CorpID (企业ID): whom messages are for.")]
    suite_id: Annotated[
        str | None, Field(min_length=1, max_length=64, description="SuiteID of a third-party application.")
    ] = None
    encoding_aes_key: EncodingAesKey
    previous_encoding_aes_key: PreviousEncodingAesKey = None
    fetch: Annotated[bool, Field(description="Ask WeCom for a new customer's name, company and number.")] = False
    base_url: Annotated[
        str,
        Field(pattern=r"^https?://[^\s]+$", max_length=200, description="Where to ask: WeCom, or a gateway to it."),
    ] = "https://qyapi.weixin.qq.com"
    access_token: Annotated[
        str | None,
        Field(
            max_length=1000,
            description="An access token for customers' data; none with a gateway that adds it.",
            json_schema_extra={"writeOnly": True},
        ),
    ] = None


def new_secret() -> str | None:
    """Return a token to be entered at WeCom."""
    return new_token()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a token, or None."""
    return token_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the token never travels."""
    return False


def sample(address: str, settings: Any) -> str:
    """Return a shell line that encrypts, signs and delivers an event; it takes the EncodingAESKey from ``$ENCODING_AES_KEY``."""
    message = (
        "<xml><ToUserName>corp</ToUserName><FromUserName>sys</FromUserName><CreateTime>1767225600</CreateTime><MsgType>event</MsgType>"
        "<Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType><UserID>zhangsan</UserID>"
        "<ExternalUserID>wm-sample</ExternalUserID><State>sample</State></xml>"
    )
    return (
        encrypting_shell(message, settings.corp_id)
        + f"curl -sS \"{address}?msg_signature=$signature&timestamp=$ts&nonce=$nonce\" -H 'content-type: text/xml' "
        '--data-binary "<xml><Encrypt>$encrypted</Encrypt></xml>"'
    )


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless what is encrypted is signed, fresh and for this company; what it says is read by the worker."""
    encrypted = encrypted_in(request.body)
    check_signature(
        parameters(request.query), channel.secrets, name="msg_signature", signed=[encrypted], now=request.received_at
    )
    decrypt(encrypted, *_keys_and_receivers(channel))


def _message(request: Request, channel: ChannelConfig) -> dict[str, Any]:
    if request.parsed is None:
        request.parsed = message_in(decrypt(encrypted_in(request.body), *_keys_and_receivers(channel)))
    message: dict[str, Any] = request.parsed
    return message


def _keys_and_receivers(channel: ChannelConfig) -> tuple[list[str], list[str]]:
    settings = channel.settings
    keys = [key for key in (settings.encoding_aes_key, settings.previous_encoding_aes_key) if key]
    return keys, [receiver for receiver in (settings.corp_id, settings.suite_id) if receiver]


def handshake(request: Request, channel: ChannelConfig) -> Reply | None:
    """Return the decrypted ``echostr`` as bare text.

    Messages are signed in the same way: nothing that could be one is decrypted for whoever asks.
    """
    if request.method == "POST":
        return None
    query = parameters(request.query)
    # A plus sign that was not escaped has become a space, which base64 has not.
    encrypted = query.get("echostr", "").replace(" ", "+")
    check_signature(query, channel.secrets, name="msg_signature", signed=[encrypted], now=request.received_at)
    echo = decrypt(encrypted, *_keys_and_receivers(channel))
    if _ECHO.fullmatch(echo) is None:
        raise Refusal("malformed_body", "The echostr is not a text to be echoed.")
    return Reply(200, echo, "text/plain")


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200: received, and nothing to say."""
    return Reply(200)


def dedupe_key(request: Request, channel: ChannelConfig) -> str | None:
    """Return the message's id, or who did what to whom and when."""
    return message_key(_message(request, channel))


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery as it is: what is in it stays encrypted."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return a customer who was added as a submission, anything else about a customer as an activity."""
    message = _message(request, channel)
    customer, change = as_text(message.get("ExternalUserID"), 200), as_text(message.get("ChangeType"), 100)
    if as_text(message.get("Event")) != "change_external_contact" or not customer or not change:
        return Translation(ignored="Only events about customers are about people who may be leads.")
    if change not in _ADDED:
        happened = local_time(message.get("CreateTime"), channel, request)
        data = known(user_id=as_text(message.get("UserID")), source=as_text(message.get("Source")))
        return Translation(activities=(Activity(known_as(vendor, customer), change, happened, data),))
    if channel.settings.fetch and _CONTACT not in request.fetched:
        return Translation(fetch=(_question(customer, channel),))
    contact = _contact(request.fetched.get(_CONTACT))
    person = chinese_person(
        _document(message, contact),
        channel,
        request,
        vendor_id=customer,
        said_at=message.get("CreateTime"),
        source={"event": message, "contact": contact},
    )
    return Translation(submissions=(Submitted(person),))


def _question(customer: str, channel: ChannelConfig) -> Fetch:
    token = channel.settings.access_token
    query = {"external_userid": customer} | ({"access_token": token} if token else {})
    return Fetch(_CONTACT, "/cgi-bin/externalcontact/get", query, anonymous=True, judge=_grievance)


def _grievance(_status: int, answer: Any) -> Grievance | None:
    """Return what WeCom's error codes mean; all of them come with status 200."""
    code = as_record(answer).get("errcode")
    return _MEANT.get(code, "failed") if isinstance(code, int) and code else None


def _contact(answer: bytes | None) -> dict[str, Any]:
    contact = as_record(parsed_json(answer)) if answer is not None else {}
    if (code := as_text(contact.get("errcode"), 20)) and code != "0":
        raise Refusal("fetch_failed", f"WeCom answers with errcode {code}.")
    return contact


def _document(message: Mapping[str, Any], contact: Mapping[str, Any]) -> dict[str, Any]:
    customer = as_record(contact.get("external_contact"))
    member = as_text(message.get("UserID"))
    follower = next((one for one in as_records(contact.get("follow_user")) if as_text(one.get("userid")) == member), {})
    return known(
        full_name=as_text(customer.get("name")),
        job_title=as_text(customer.get("position")),
        company_name=as_text(customer.get("corp_full_name")) or as_text(customer.get("corp_name")),
        phone=as_text(follower.get("remark_mobiles")),
        tags=[name for tag in as_records(follower.get("tags")) if (name := as_text(tag.get("tag_name")))],
        campaign=as_text(message.get("State")),
        attributes=known(
            user_id=member,
            change_type=as_text(message.get("ChangeType")),
            remark=as_text(follower.get("remark")),
            add_way=as_text(follower.get("add_way")),
            unionid=as_text(customer.get("unionid")),
        ),
    )
