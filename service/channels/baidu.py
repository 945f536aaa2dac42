"""Baidu marketing, Jimuyu (百度营销, 基木鱼): leads pushed as JSON, with a shared token in the body.

Source: other people's receivers. Each lead is pushed twice under the same ``clueId``: at once, and enriched some twenty minutes later. Both
count, for the dedupe key is the id with a hash of the content, and the later one revises the earlier. There is no signature and no time:
whoever knows the token may send. The token is never stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import Answer, document_of
from service.channels.bodies import content_hash, json_object
from service.channels.china import BEIJING, SUCCESS, chinese_person, known, rest_of, utm_of
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.redaction import redacted_json
from service.channels.shared_secret import fresh_secret
from service.channels.signatures import any_equal, text_secret_fault, without_credentials
from service.channels.values import Timezone, as_records, as_text

vendor: Final = "baidu"
title: Final = "Baidu marketing, Jimuyu (百度营销, 基木鱼)"
proofs: Final = ("body",)
asks_first: Final = False
setup: Final = (
    "基木鱼 > 线索管理 > 线索推送: enter the intake address and the channel's secret as the token. Each lead comes twice, the second time "
    "with more about it; that is recognised."
)

_TOKEN: Final = "token"  # noqa: S105 - the name of a field


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reply: Annotated[
        Literal["json", "text"],
        Field(description='Whether the answer is {"code":0,"message":"success"} or bare success.'),
    ] = "json"
    timezone: Timezone = BEIJING


def new_secret() -> str | None:
    """Return a token to be entered at Baidu."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a token, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: it is in the body."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that delivers a lead."""
    body = (
        '{"clueId":"sample-1","cluePhoneNumber":"13800138000","solutionTypeName":"form","formDetail":[{"type":"name","name":"姓名",'
        '"value":"张三"}],"commitTime":"2026-01-01 10:00:00","token":"\'"$SECRET"\'"}'
    )
    return f"curl -sS '{address}' -H 'content-type: application/json' --data-binary '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the body is a JSON object with the channel's token in it."""
    given = json_object(request).get(_TOKEN)
    if not isinstance(given, str) or not given:
        raise Refusal("unsigned", "The body has no token.")
    if not any_equal(given, channel.secrets):
        raise Refusal("wrong_secret", "The token is not this channel's.")


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: Baidu asks nothing beforehand."""
    return None


def reply(_delivery_id: str, channel: ChannelConfig) -> Reply:
    """Return one of the two answers Baidu takes for a yes."""
    return Reply(200, b"success", "text/plain") if channel.settings.reply == "text" else Reply(200, SUCCESS.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the lead's id with a hash of what is said about it; the token, which may be rotated, is no part of that."""
    content = rest_of(json_object(request), _TOKEN)
    return f"clue:{as_text(content.get('clueId'), 200)}:{content_hash(content)}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery with its token replaced."""
    return without_credentials(request)._replace(body=redacted_json(request.body, json_object(request), (_TOKEN,)))


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the lead: the number and the form's answers about the person, the plan as campaign, the bid word as utm term."""
    body = json_object(request)
    url = body.get("url")
    document = document_of(_answers(body.get("formDetail"))) | known(
        phone=body.get("cluePhoneNumber"),
        region=as_text(body.get("areaProvince")),
        campaign=as_text(body.get("planId")),
        utm={"utm_term": as_text(body.get("keyword"))} | utm_of(url),
        attributes=rest_of(body, _TOKEN, "clueId", "cluePhoneNumber", "formDetail", "commitTime", "areaProvince"),
    )
    person = chinese_person(
        document, channel, request, vendor_id=body.get("clueId"), said_at=body.get("commitTime"), source=body
    )
    return Translation(submissions=(Submitted(person, revises=True),))


def _answers(details: Any) -> Iterator[Answer]:
    for detail in as_records(details):
        yield Answer((as_text(detail.get("name")), as_text(detail.get("type"))), detail.get("value"))
