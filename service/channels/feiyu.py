"""Feiyu (飞鱼), the CRM of Ocean Engine (巨量引擎): leads of Douyin, Toutiao and the like, pushed as JSON.

Source: other people's receivers; no official text was within reach. What they do not agree upon is a setting: the names of the fields (the
customer draws them up; here are the defaults), the expected answer, and the proof. Feiyu sends the headers SIGNATURE, TIMESTAMP and
ACCESS_TOKEN when both a secret key and a token are set there:

- ``token`` compares ACCESS_TOKEN with the channel's secret. Proxies drop headers with underscores in their names unless told not to.
- ``signature`` expects HMAC-SHA256 with the channel's secret over the lead's id, the token and the timestamp; the order and the notation
  are unverified, and settings. It does not cover the rest of the body, so that the dedupe key, which is the signed id, is the guard.
- ``url`` needs neither: the secret is the last part of the address.

Leads of ad previews are marked as tests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import to_json

from service.channels.bodies import content_hash, json_object
from service.channels.china import BEIJING, SUCCESS, chinese_person, known, rest_of, utm_of
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import any_equal, check_fresh, without_credentials
from service.channels.values import Timezone, as_text

vendor: Final = "feiyu"
title: Final = "Feiyu CRM, Ocean Engine (飞鱼, 巨量引擎)"
proofs: Final = ("url", "header", "signature")
asks_first: Final = False
setup: Final = (
    "飞鱼 > 设置 > 线索推送规则: enter the intake address, and the secret as token together with any secretkey. For signatures choose "
    "proof signature, enter the channel's secret as secretkey and give the token here too. Keep code = 0 as the expected reply."
)

_PREVIEWS: Final = frozenset({"广告预览", "营销预览"})
_MS_DIGITS: Final = 13


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    proof: Annotated[
        Literal["token", "signature", "url"],
        Field(description="What proves a delivery: the token in its header, its signature, or a secret address."),
    ] = "token"
    token: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description="The token set at Feiyu, which is part of what is signed; the secretkey is the channel's secret.",
            json_schema_extra={"writeOnly": True},
        ),
    ] = None
    signed: Annotated[
        Literal["id+token+timestamp", "token+id+timestamp", "timestamp+id+token", "timestamp+token+id"],
        Field(description="What is signed, in this order and without anything in between."),
    ] = "id+token+timestamp"
    notation: Annotated[
        Literal["base64", "base64-of-hex", "hex"], Field(description="How the signature is written.")
    ] = "base64"
    id_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="The name of the lead's id.")] = "id"
    reply_code_key: Annotated[str, Field(min_length=1, max_length=64, description="codeKey of the expected reply.")] = (
        "code"
    )
    reply_message_key: Annotated[
        str, Field(min_length=1, max_length=64, description="msgKey of the expected reply.")
    ] = "message"
    reply_code: Annotated[int | str, Field(description="The code that means success in the expected reply.")] = 0
    timezone: Timezone = BEIJING

    @model_validator(mode="after")
    def _has_token(self) -> Self:
        if self.proof == "signature" and not self.token:
            raise ValueError("Signatures need the token that is set at Feiyu")
        return self


def new_secret() -> str | None:
    """Return a secret that fits Feiyu's form and an address."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return url_secret_fault(secret)


def secret_in_url(settings: Any) -> bool:
    """Return whether the secret is the last part of the address."""
    return bool(settings.proof == "url")


def sample(address: str, settings: Any) -> str:
    """Return a shell line that delivers a sample; a signed one takes the token from ``$TOKEN``."""
    body = (
        f'{{"{settings.id_key}":"6844000000000000001","name":"张三","telphone":"13800138000","adv_name":"sample",'
        '"province_name":"山东","city_name":"济南","create_time":"1767225600"}'
    )
    send = f"curl -sS -H 'content-type: application/json' --data-binary '{body}'"
    if settings.proof == "url":
        return f'{send} "{address}/$SECRET"'
    if settings.proof == "token":
        return f"{send} -H \"ACCESS_TOKEN: $SECRET\" '{address}'"
    signed = (
        settings.signed.replace("id", "6844000000000000001").replace("token", "${TOKEN}").replace("timestamp", "${ts}")
    )
    digest = 'openssl dgst -sha256 -hmac "$SECRET"'
    in_hex = f"{digest} -r | cut -d' ' -f1 | tr -d '\\n'"
    notations = {
        "base64": f"{digest} -binary | openssl base64 -A",
        "hex": in_hex,
        "base64-of-hex": f"{in_hex} | openssl base64 -A",
    }
    return (
        f'ts=$(date +%s); signature=$(printf %s "{signed.replace("+", "")}" | {notations[settings.notation]}); '
        f'{send} -H "SIGNATURE: $signature" -H "TIMESTAMP: $ts" \'{address}\''
    )


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the chosen proof is there and the body is a JSON object."""
    if channel.settings.proof == "signature":
        _check_signature(request, channel)
    elif channel.settings.proof == "token":
        _check_token(request, channel)
    else:
        check_shared_secret(request, channel)
    json_object(request)


def _check_token(request: Request, channel: ChannelConfig) -> None:
    given = request.headers.get("access_token") or request.headers.get("access-token")
    if not given:
        raise Refusal("unsigned", "The header ACCESS_TOKEN is missing.")
    if not any_equal(given, channel.secrets):
        raise Refusal("wrong_secret", "The token is not this channel's.")


def _check_signature(request: Request, channel: ChannelConfig) -> None:
    settings = channel.settings
    given, stamp = request.headers.get("signature"), request.headers.get("timestamp")
    if not given or not stamp:
        raise Refusal("unsigned", "The headers SIGNATURE and TIMESTAMP are missing.")
    check_fresh(stamp, request.received_at, per_second=1000 if len(stamp) >= _MS_DIGITS else 1)
    values = {"id": _id_of(request, channel) or "", "token": settings.token or "", "timestamp": stamp}
    if not values["id"]:
        raise Refusal("malformed_body", f"The body has no {settings.id_key!r}, which is signed.")
    signed = "".join(values[part] for part in settings.signed.split("+")).encode("utf-8", "surrogatepass")
    expected = [
        _written(hmac.digest(key.encode(), signed, "sha256"), settings.notation) for key in channel.secrets if key
    ]
    if not any_equal(given, expected):
        raise Refusal("bad_signature", "The signature is not by this channel's secret.")


def _written(digest: bytes, notation: str) -> str:
    if notation == "hex":
        return digest.hex()
    return base64.b64encode(digest if notation == "base64" else digest.hex().encode()).decode()


def _id_of(request: Request, channel: ChannelConfig) -> str | None:
    return as_text(json_object(request).get(channel.settings.id_key), 200)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: Feiyu asks nothing beforehand."""
    return None


def reply(_delivery_id: str, channel: ChannelConfig) -> Reply:
    """Return the expected reply as it is set at Feiyu."""
    settings = channel.settings
    expected = {settings.reply_code_key: settings.reply_code, settings.reply_message_key: "success"}
    return Reply(200, SUCCESS.encode() if expected == {"code": 0, "message": "success"} else to_json(expected))


def dedupe_key(request: Request, channel: ChannelConfig) -> str | None:
    """Return the lead's id, or the hash of the content of a lead without one."""
    identifier = _id_of(request, channel)
    return f"clue:{identifier}" if identifier else f"sha256:{content_hash(json_object(request))}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without its token."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the lead; its place and its advertisement become region and campaign."""
    body = json_object(request)
    province, _, city = (as_text(body.get("location")) or "").partition("+")
    document = rest_of(body, channel.settings.id_key, "create_time", "remark_dict") | known(
        region=as_text(body.get("province_name")) or province,
        city_name=as_text(body.get("city_name")) or city,
        campaign=as_text(body.get("promotion_name")) or as_text(body.get("ad_name")),
        remark_dict=body.get("remark_dict"),
        test=as_text(body.get("clue_convert_status")) in _PREVIEWS,
        **utm_of(body.get("external_url")),
    )
    identifier = _id_of(request, channel) or hashlib.sha256(request.body).hexdigest()[:32]
    person = chinese_person(
        document, channel, request, vendor_id=identifier, said_at=body.get("create_time"), source=body
    )
    return Translation(submissions=(Submitted(person),))
