"""Jiandaoyun (简道云): records of a form as JSON, signed with sha1 over ``nonce:body:secret:timestamp``. Source: hc.jiandaoyun.com/open/11507.

``nonce`` and ``timestamp`` are in the query, ``X-JDY-Signature`` and ``X-JDY-DeliverId`` (not signed; the same over retries) are headers.
An edited record revises the earlier one; a deleted one is an activity: a row was taken off a list, nobody asked to be forgotten.
Fields come as ``_widget_…`` unless they were given names in the form; map them: ``data._widget_1``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import Answer, document_of, known_as
from service.channels.bodies import content_hash, json_object
from service.channels.china import BEIJING, chinese_person, known, local_time, rest_of
from service.channels.contract import Activity, ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.queries import parameters
from service.channels.shared_secret import fresh_secret
from service.channels.signatures import any_equal, check_fresh, text_secret_fault, without_credentials
from service.channels.values import Timezone, as_record, as_text

vendor: Final = "jiandaoyun"
title: Final = "Jiandaoyun (简道云)"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "表单 > 扩展功能 > 数据推送: enter the intake address and the channel's secret as Secret. Give the fields names (name, phone, email) under "
    "字段别名, or map them: data._widget_1."
)

_TAKEN: Final = frozenset({"data_create", "data_recover", "data_update"})
_OWN: Final = ("_id", "createTime", "updateTime", "deleteTime", "creator", "updater", "deleter")


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: Timezone = BEIJING


def new_secret() -> str | None:
    """Return a secret to be entered at Jiandaoyun."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and delivers a record."""
    body = (
        '{"op":"data_create","data":{"_id":"595f0e0d8a3ea0c0e5b1a001","formName":"sample","name":"张三","phone":{"phone":"13800138000"},'
        '"createTime":"2026-01-01T02:00:00.000Z"}}'
    )
    return (
        f"body='{body}'; ts=$(date +%s); nonce=$(openssl rand -hex 3); "
        "signature=$(printf %s \"$nonce:$body:$SECRET:$ts\" | openssl dgst -sha1 -r | cut -d' ' -f1); "
        f"curl -sS \"{address}?timestamp=$ts&nonce=$nonce\" -H 'content-type: application/json' "
        '-H "X-JDY-Signature: $signature" -H "X-JDY-DeliverId: $(openssl rand -hex 16)" --data-binary "$body"'
    )


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the signature is by one of the channel's secrets, fresh, and over a JSON object."""
    query = parameters(request.query)
    given, stamp, nonce = request.headers.get("x-jdy-signature"), query.get("timestamp"), query.get("nonce")
    if not given or not stamp or nonce is None:
        raise Refusal("unsigned", "The header X-JDY-Signature, or timestamp or nonce in the query, is missing.")
    check_fresh(stamp, request.received_at)
    before, after = f"{nonce}:".encode("utf-8", "replace"), f":{stamp}".encode()
    expected = [
        hashlib.sha1(before + request.body + b":" + key.encode() + after, usedforsecurity=False).hexdigest()
        for key in channel.secrets
        if key
    ]
    if not any_equal(given.lower(), expected):
        raise Refusal("bad_signature", "The signature is not by this channel's secret.")
    json_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: no handshake is documented."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the delivery's id, or the hash of the content of a delivery without one."""
    identifier = request.headers.get("x-jdy-deliverid", "").strip()
    return f"delivery:{identifier}" if identifier else f"sha256:{content_hash(json_object(request))}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the record as a submission, or what happened to it as an activity."""
    body = json_object(request)
    operation, record = as_text(body.get("op")) or "", as_record(body.get("data"))
    identifier = as_text(record.get("_id"), 200)
    if not operation.startswith("data_") or not record:
        return Translation(ignored="Only operations on records are about people.")
    if operation not in _TAKEN:
        person = known_as(vendor, identifier)
        if not person:
            return Translation(ignored="The record has no id.")
        happened = local_time(record.get("deleteTime") or record.get("updateTime"), channel, request)
        return Translation(activities=(Activity(person, operation, happened),))
    revises = operation != "data_create"
    said_at = record.get("updateTime") if operation == "data_update" else None
    person = chinese_person(
        document_of(_answers(rest_of(record, *_OWN))) | known(attributes=rest_of(body, "data")),
        channel,
        request,
        vendor_id=identifier,
        said_at=said_at or record.get("createTime"),
        source=body,
    )
    return Translation(submissions=(Submitted(person, revises=revises),))


def _answers(record: Mapping[str, Any]) -> Iterator[Answer]:
    for name, value in record.items():
        # A telephone number that may have been verified: {"phone": "…", "verified": true}.
        is_phone = isinstance(value, dict) and "phone" in value
        yield Answer((name,), value["phone"] if is_phone else value, "phone" if is_phone else None)
