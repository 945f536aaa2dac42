"""Wenjuanxing (问卷星): answers to a survey as JSON, proved by ``sign = sha1(activity + index + push key)`` in the body.

Source: the vendor's notes at showdoc.com.cn, and other people's receivers. The signature covers the survey and the answer's serial number,
nothing else, and no time: a captured one vouches for any content under its numbers, and the dedupe key (``joinid``, which is not signed) has to
last for ever. Keep the address secret too. Variants that encrypt a form field ``content`` are not documented, and refused.

Questions come as q1, q2, …: map them (``phone: q2``). ``sojumpparm``, the custom parameter of the survey's link, becomes the campaign.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.bodies import json_object
from service.channels.china import BEIJING, chinese_person, known, rest_of
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.signatures import any_equal, text_secret_fault, without_credentials
from service.channels.values import Timezone, as_text

vendor: Final = "wenjuanxing"
title: Final = "Wenjuanxing (问卷星)"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "问卷 > 设置 > 数据推送 API: enter the intake address; the channel's secret is the push key (推送密钥), which Wenjuanxing's support gives out. "
    "Map the questions: full_name from q1, phone from q2. The link's sojumpparm becomes the campaign."
)

_OWN: Final = ("sign", "joinid", "submittime", "sojumpparm", "name")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{40}")


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: Timezone = BEIJING


def new_secret() -> str | None:
    """Return None: the push key is made by the vendor."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a push key, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the push key never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and delivers an answer."""
    body = (
        '{"activity":"5657754","name":"sample","timetaken":"528","submittime":"2026-01-01 10:01:59","q1":"张三","q2":"13800138000",'
        '"joinid":"101812480275","index":"1","sign":"\'"$sign"\'"}'
    )
    return (
        "sign=$(printf %s \"56577541$SECRET\" | openssl dgst -sha1 -r | cut -d' ' -f1); "
        f"curl -sS '{address}' -H 'content-type: application/json' --data-binary '{body}'"
    )


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the body is a JSON object signed with one of the channel's push keys."""
    body = json_object(request)
    given = (as_text(body.get("sign")) or "").lower()
    if not given:
        raise Refusal("unsigned", "The body has no sign.")
    activity, index = as_text(body.get("activity")), as_text(body.get("index"))
    if activity is None or index is None:
        raise Refusal("malformed_body", "The body has no activity or no index, which are signed.")
    signed = [f"{activity}{index}{key}".encode("utf-8", "surrogatepass") for key in channel.secrets if key]
    expected = [hashlib.sha1(one, usedforsecurity=False).hexdigest() for one in signed]
    if _SIGNATURE.fullmatch(given) is None or not any_equal(given, expected):
        raise Refusal("bad_signature", "The sign is not by this channel's push key.")


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: no handshake is documented."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return a bare 200; ten other answers in a row make the vendor pause."""
    return Reply(200, b"success", "text/plain")


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the answer's id, or its number in its survey, which the signature vouches for."""
    body = json_object(request)
    identifier = as_text(body.get("joinid"), 200)
    return f"join:{identifier}" if identifier else f"index:{as_text(body.get('activity'))}/{as_text(body.get('index'))}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its sign is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the answer as the operator's mapping reads it; ``name`` is the survey's, not the person's."""
    body = json_object(request)
    person = chinese_person(
        known(
            campaign=as_text(body.get("sojumpparm")),
            attributes=rest_of(body, *_OWN) | known(survey=as_text(body.get("name"))),
        ),
        channel,
        request,
        vendor_id=body.get("joinid"),
        said_at=body.get("submittime"),
        source=body,
    )
    return Translation(submissions=(Submitted(person),))
