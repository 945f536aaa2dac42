"""Jinshuju (金数据): entries of a form as JSON, new and edited ones; unsigned, so that the guard is a secret in the address.

Source: open.jinshuju.net for the settings, other people's receivers for the sample. An entry is known by its form and its token. An edited
one is pushed again: the dedupe key has a hash of the content in it, and the later version revises the earlier. Fields come under their
API codes (``field_1``), which can be renamed in the form to names that are understood, or mapped: ``entry.field_1``.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import Answer, document_of
from service.channels.bodies import content_hash, json_object
from service.channels.china import BEIJING, chinese_person, known, rest_of
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import without_credentials
from service.channels.values import Timezone, as_record, as_text

vendor: Final = "jinshuju"
title: Final = "Jinshuju (金数据)"
proofs: Final = ("url",)
asks_first: Final = False
setup: Final = (
    "表单 > 设置 > 数据推送 (API): enter the intake address with the secret as its last part, for new and for edited entries. Rename the "
    "fields' API codes to name, phone, email and the like, or map them: entry.field_1."
)

_OWN: Final = ("token", "created_at", "updated_at")


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
    """Return a shell line that delivers an entry."""
    body = (
        '{"form":"Oet50U","form_name":"sample","entry":{"token":"HgdvvZx9","serial_number":1,"name":"张三","phone":"13800138000",'
        '"created_at":"2026-01-01T05:34:17.873Z","updated_at":"2026-01-01T05:34:17.873Z"}}'
    )
    return f"curl -sS \"{address}/$SECRET\" -H 'content-type: application/json' --data-binary '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the address has the secret and the body is an entry of a form."""
    check_shared_secret(request, channel)
    _entry(request)


def _entry(request: Request) -> dict[str, Any]:
    entry = as_record(json_object(request).get("entry"))
    if not entry:
        raise Refusal("malformed_body", "The body has no entry.")
    return entry


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: no handshake is documented."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the entry's id with a hash of its content, which is another one after an edit."""
    return f"entry:{_id_of(request)}:{content_hash(json_object(request))}"


def _id_of(request: Request) -> str | None:
    token = as_text(_entry(request).get("token"), 90)
    return f"{as_text(json_object(request).get('form'), 90) or ''}/{token}" if token else None


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its address is not stored."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the entry, by the fields' API codes where they are usual names."""
    body, entry = json_object(request), _entry(request)
    created_at, updated_at = entry.get("created_at"), entry.get("updated_at")
    revises = created_at is None or created_at != updated_at
    person = chinese_person(
        document_of(Answer((name,), value) for name, value in rest_of(entry, *_OWN).items())
        | known(attributes=rest_of(body, "entry")),
        channel,
        request,
        vendor_id=_id_of(request),
        said_at=updated_at if revises and updated_at else created_at,
        source=body,
    )
    return Translation(submissions=(Submitted(person, revises=revises),))
