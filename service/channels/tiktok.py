"""TikTok: the developer platform's signed events. Source: TikTok for Developers, webhook verification.

For pushes of its lead generation no official text was found and receivers disagree about the header, so they are a mapped source: the setting
``guard`` is ``url``, the address has the secret, and the fields are mapped. Of the developer platform's events those
carry people whose name has "lead" in it or is in the setting ``events``; whom others are about is known by an open id only: they are ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import person_of
from service.channels.bodies import json_document, parsed_json
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.shared_secret import check_shared_secret
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_flag, as_past, as_text

vendor: Final = "tiktok"
title: Final = "TikTok"
proofs: Final = ("signature", "url")
asks_first: Final = False
setup: Final = (
    "For the developer platform paste the intake address as the app's webhook URL; the secret is the client secret. For lead generation set "
    "guard to url, think of a secret, and paste the address with it; map fields that are not understood."
)

_SCHEME: Final = Scheme(header="tiktok-signature", template="{ts}.{body}", labels=("t", "s"))
_IDS: Final = ("lead_id", "leadId", "leadgen_id", "id")
_TIMES: Final = ("create_time", "created_time", "submit_time")


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    guard: Annotated[
        Literal["signature", "url"],
        Field(description="What proves a request: the developer platform's signature, or the secret in the address."),
    ] = "signature"
    events: Annotated[
        tuple[str, ...], Field(max_length=50, description="Names of further events that carry people.")
    ] = ()


def new_secret() -> str | None:
    """Return None: TikTok makes the client secret."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(settings: Any) -> bool:
    """Return whether the address is the guard."""
    return bool(settings.guard == "url")


def sample(address: str, settings: Any) -> str:
    """Return a shell line that sends a lead, signed where the channel expects it."""
    if settings.guard == "url":
        body = (
            '{"lead_id":"7035000000000000001","email":"ada@example.com","name":"Ada Lovelace","create_time":1768394116}'
        )
        return f"curl -sS \"{address}/$SECRET\" -H 'content-type: application/json' --data-binary '{body}'"
    content = r'"{\"lead_id\":\"7035000000000000001\",\"email\":\"ada@example.com\",\"name\":\"Ada Lovelace\"}"'
    body = f'{{"client_key":"bwo2m45353a6k85","event":"lead.create","create_time":1768394116,"user_openid":"act.example","content":{content}}}'
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the request is signed, or its address has the secret, and the body is a JSON object."""
    if channel.settings.guard == "signature":
        check_hmac(_SCHEME, request, channel.secrets)
    else:
        check_shared_secret(request, channel, place="url")
    _event(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200; other answers are tried again for 72 hours."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the hash of the body: there is no id of an event, and a retry is the same text."""
    return f"sha256:{hashlib.sha256(request.body).hexdigest()}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person in an event's content, or in the body itself."""
    event, settings = _event(request), channel.settings
    name = as_text(event.get("event")) or ""
    if settings.guard == "signature" and "lead" not in name.lower() and name not in settings.events:
        return Translation(ignored="Not an event that carries a person.")
    content = _content(event)
    identifier = _first(content, _IDS) or _first(event, _IDS) or hashlib.sha256(request.body).hexdigest()
    at = as_past(_first(content, _TIMES) or _first(event, _TIMES), at=request.received_at)
    document = {key: value for key, value in content.items() if key not in {*_IDS, *_TIMES}}
    fields = person_of(document, channel, request, vendor_id=identifier, occurred_at=at, source=content)
    fields["test"] = as_flag(content.get("is_test")) or as_flag(content.get("test"))
    return Translation(submissions=(Submitted(fields),))


def _event(request: Request) -> dict[str, Any]:
    event = json_document(request)
    if not isinstance(event, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return event


def _content(event: dict[str, Any]) -> dict[str, Any]:
    """Return the content, a JSON text in the developer platform's events; without one, the body."""
    content = event.get("content")
    if isinstance(content, str):
        content = parsed_json(content)
    return content if isinstance(content, dict) else event


def _first(table: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := as_text(table.get(name)))), None)
