"""Tencent Wenjuan (腾讯问卷): answers to a survey as JSON, created, changed and deleted. Source: wj.qq.com/docs/webhook.

Nothing is signed: the guard is a secret in the address. An answer is known by its survey and its number there. A changed one revises the
earlier; a deleted one is an activity: the survey's owner tidied up, nobody asked to be forgotten. When the address is saved, a test push
comes; without a number it is ignored. How the single answers are written is read tolerantly, for only the envelope is certain: each with
``title`` or ``id`` and ``text``, ``answer``, ``value`` or chosen ``options``. Questions without usual titles are mapped from the body.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import Answer, document_of, known_as
from service.channels.bodies import content_hash, json_object
from service.channels.china import BEIJING, chinese_person, known, local_time, rest_of
from service.channels.contract import Activity, ChannelConfig, Reply, Request, Stored, Submitted, Translation
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import without_credentials
from service.channels.values import Timezone, as_record, as_records, as_text

vendor: Final = "tencent-wenjuan"
title: Final = "Tencent Wenjuan (腾讯问卷)"
proofs: Final = ("url",)
asks_first: Final = False
setup: Final = (
    "问卷 > 设置 > 回收设置 > Webhook: enter the intake address with the secret as its last part and switch the push on. Titles such as 姓名 "
    "and 手机 are understood; map other questions from payload."
)

_ANSWERS: Final = ("answer", "answers")
_PLACE: Final = ("country", "province")
_OWN: Final = ("started_at", "ended_at", *_PLACE, *_ANSWERS)
_CHINA: Final = {"中国": "CN", "中国大陆": "CN"}
_MAX_DEPTH: Final = 4


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    """Return a shell line that delivers an answer."""
    body = (
        '{"id":"33cc555f-056f-4242-a97c-46f3e7d2016f","object":"Answer","action":"answer.create","created_at":"2026-01-26 14:00:00",'
        '"payload":{"survey_id":5356056,"survey_hash":"abc1","answer_id":7,"answer":[{"questions":[{"title":"姓名","text":"张三"},'
        '{"title":"手机","text":"13800138000"}]}]}}'
    )
    return f"curl -sS \"{address}/$SECRET\" -H 'content-type: application/json' --data-binary '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the address has the secret and the body is a JSON object."""
    check_shared_secret(request, channel)
    json_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: the test push is a delivery like others."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the event's id, or the hash of the content of an event without one."""
    body = json_object(request)
    identifier = as_text(body.get("id"), 200)
    return f"event:{identifier}" if identifier else f"sha256:{content_hash(body)}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its address is not stored."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the answer as a submission, or its deletion as an activity."""
    body = json_object(request)
    action, payload = as_text(body.get("action")) or "", as_record(body.get("payload"))
    number = as_text(payload.get("answer_id"), 90)
    if number is None:
        return Translation(ignored="There is no answer in it: a test push, or another kind of event.")
    identifier = f"{as_text(payload.get('survey_id'), 90) or ''}/{number}"
    if action == "answer.delete":
        happened = local_time(body.get("created_at"), channel, request)
        return Translation(activities=(Activity(known_as(vendor, identifier), action, happened),))
    if action not in {"answer.create", "answer.update"}:
        return Translation(ignored="The channel does not know events of this type.")
    revises = action == "answer.update"
    country = as_text(payload.get("country"))
    person = chinese_person(
        document_of(answer for name in _ANSWERS for answer in _answers(payload.get(name)))
        | known(
            country=_CHINA.get(country, country) if country else None,
            region=as_text(payload.get("province")),
            attributes=rest_of(payload, *_OWN),
        ),
        channel,
        request,
        vendor_id=identifier,
        said_at=body.get("created_at") if revises else payload.get("ended_at") or body.get("created_at"),
        source=body,
    )
    return Translation(submissions=(Submitted(person, revises=revises),))


def _answers(node: Any, depth: int = 0) -> Iterator[Answer]:
    """Yield the answers in a list of questions, or of pages of them."""
    if depth > _MAX_DEPTH:
        return
    for item in as_records(node if isinstance(node, list) else [node]):
        if "questions" in item:
            yield from _answers(item["questions"], depth + 1)
        else:
            yield Answer((as_text(item.get("title")), as_text(item.get("id"))), _said(item))


def _said(question: dict[str, Any]) -> Any:
    for name in ("text", "answer", "value"):
        if question.get(name) not in (None, "", [], {}):
            return question[name]
    options = as_records(question.get("options"))
    if any("checked" in option for option in options):
        options = [option for option in options if option.get("checked") in (1, True, "1")]
    return [option.get("text") for option in options]
