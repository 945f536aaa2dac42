"""Tencent Ads (腾讯广告), pushes of its lead management: a form or JSON, unsigned; the guard is a secret in the address.

Source: the fields are those of the official ``leads_list/get``; how leads are pushed is known from other people's receivers only. What
answer a push expects is not documented, and a setting.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import Answer, document_of
from service.channels.bodies import content_hash, document
from service.channels.china import BEIJING, SUCCESS, as_answers, chinese_person, known, rest_of
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import without_credentials
from service.channels.values import Timezone, as_text

vendor: Final = "tencent-ads"
title: Final = "Tencent Ads (腾讯广告)"
proofs: Final = ("url",)
asks_first: Final = False
setup: Final = (
    "腾讯广告 > 线索管理平台 > 线索推送: enter the intake address with the secret as its last part. The fields are those of the leads "
    "API; map answers to your own questions from bundle."
)

_CAMPAIGNS: Final = ("campaign_name", "adgroup_name", "campaign_id", "adgroup_id")
_ABOUT_THE_PERSON: Final = (
    "leads_id",
    "leads_name",
    "leads_tel",
    "leads_telephone",
    "leads_email",
    "leads_area",
    "leads_create_time",
    "bundle",
)


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reply: Annotated[str, Field(max_length=500, description="The body of the answer to a push.")] = SUCCESS
    timezone: Timezone = BEIJING


def new_secret() -> str | None:
    """Return a secret for the address."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return url_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return True: nothing else guards the channel."""
    return True


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that delivers a lead."""
    body = (
        '{"account_id":25610,"leads_id":12345678901,"leads_name":"张三","leads_telephone":"13800138000","bundle":"{}"}'
    )
    return f"curl -sS \"{address}/$SECRET\" -H 'content-type: application/json' --data-binary '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the address has the secret and the body is a form or a JSON object."""
    check_shared_secret(request, channel)
    _lead(request)


def _lead(request: Request) -> dict[str, Any]:
    lead = document(request)
    if not isinstance(lead, dict):
        raise Refusal("malformed_body", "The body must be a form or a JSON object.")
    return lead


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: no handshake is documented."""
    return None


def reply(_delivery_id: str, channel: ChannelConfig) -> Reply:
    """Return 200 with the body that is set."""
    text = channel.settings.reply
    return Reply(200, text.encode(), "application/json" if text.startswith("{") else "text/plain")


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the lead's id, or the hash of the content of a lead without one."""
    lead = _lead(request)
    identifier = as_text(lead.get("leads_id"), 200)
    return f"lead:{identifier}" if identifier else f"sha256:{content_hash(lead)}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its address is not stored."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the lead, with the answers in ``bundle`` by their questions."""
    lead = _lead(request)
    answers = document_of(Answer((question,), answer) for question, answer in as_answers(lead.get("bundle")).items())
    person = chinese_person(
        answers
        | known(
            full_name=lead.get("leads_name"),
            phone=as_text(lead.get("leads_telephone")) or as_text(lead.get("leads_tel")),
            email=lead.get("leads_email"),
            region=lead.get("leads_area"),
            campaign=next((name for key in _CAMPAIGNS if (name := as_text(lead.get(key)))), None),
            attributes=rest_of(lead, *_ABOUT_THE_PERSON),
        ),
        channel,
        request,
        vendor_id=lead.get("leads_id"),
        said_at=lead.get("leads_create_time"),
        source=lead,
    )
    return Translation(submissions=(Submitted(person),))
