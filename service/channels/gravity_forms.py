"""Gravity Forms' Webhooks add-on, for WordPress: an entry as JSON or a form, whole or as chosen fields. Source: docs.gravityforms.com.

Nothing is signed: the secret is in a header the operator adds to the feed, in Basic authentication, or in the address. A whole entry has the
numbers of its inputs as names: ``1.3`` and ``1.6`` without ``1.1`` and ``1.5`` are a first and a last name, and a value that is an e-mail address
is one; everything else needs a mapping ("4"), or chosen fields with usual names. ``date_created`` is UTC. Only POST is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import person_of
from service.channels.bodies import any_object, content_hash
from service.channels.contract import ChannelConfig, Reply, Request, Stored, Submitted, Translation
from service.channels.redaction import without_query_secrets
from service.channels.shared_secret import HEADER, Place, check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import without_credentials
from service.channels.values import as_past, as_text

vendor: Final = "gravity-forms"
title: Final = "Gravity Forms (WordPress)"
proofs: Final = ("header", "basic", "url")
asks_first: Final = False
setup: Final = (
    "In the form choose Settings > Webhooks > Add New: the intake address, method POST, format JSON, a request header x-channel-secret with the "
    "secret, and as body either selected fields with names such as email and first_name, or all fields with a mapping of their numbers."
)

_INPUT: Final = re.compile(r"(\d{1,6})(?:\.(\d{1,4}))?")
_EMAIL: Final = re.compile(r"[^@\s,;]{1,64}@[^@\s,;]+\.[^@\s,;.]{2,}")
# What WordPress notes of the entry and of payments, of no use for a person.
_NOISE: Final = frozenset(
    {"id", "date_created", "date_updated", "is_starred", "is_read", "is_approved", "status", "post_id", "created_by"}
    | {"currency", "payment_status", "payment_date", "payment_amount", "payment_method", "transaction_id"}
    | {"is_fulfilled", "transaction_type", "source_id"}
)


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: Annotated[Place, Field(description="Where the secret may be; any of them by default.")] = "any"
    header: Annotated[
        str, Field(pattern=r"^[a-z0-9-]{1,64}$", description="The header that carries the secret, in lower case.")
    ] = HEADER


def new_secret() -> str | None:
    """Return a secret that fits a header and an address."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return url_secret_fault(secret)


def secret_in_url(settings: Any) -> bool:
    """Return whether the channel takes its secret from the address alone."""
    return bool(settings.place == "url")


def sample(address: str, settings: Any) -> str:
    """Return a shell line that sends an entry."""
    proof = {"url": "", "basic": ' -u "channel:$SECRET"'}.get(settings.place, f' -H "{settings.header}: $SECRET"')
    target = f'"{address}/$SECRET"' if settings.place == "url" else f"'{address}'"
    body = '{"id":"55","form_id":"3","date_created":"2026-01-01 10:00:00","1.3":"Ada","1.6":"Lovelace","2":"ada@example.com"}'
    return f"curl -sS {target} -H 'content-type: application/json'{proof} -d '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the secret is where the channel expects it and the body is JSON or a form."""
    settings = channel.settings
    check_shared_secret(request, channel, place=settings.place, header=settings.header)
    any_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the form and the entry, or the hash of the content where the feed does not send them."""
    entry = any_object(request)
    form, identifier = as_text(entry.get("form_id"), 100), as_text(entry.get("id"), 100)
    return f"{form}:{identifier}" if form and identifier else f"body:{content_hash(entry)}"


def redact(request: Request, channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials."""
    return without_query_secrets(
        without_credentials(request, channel.settings.header), request, "secret", "token", channel.settings.header
    )


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person who filled the form in."""
    entry = any_object(request)
    form, identifier = as_text(entry.get("form_id"), 100), as_text(entry.get("id"), 100)
    fields = person_of(
        _document(entry),
        channel,
        request,
        # Entries are counted through all forms of one WordPress; without one the content is the entry.
        vendor_id=f"{form}:{identifier}" if form and identifier else content_hash(entry),
        occurred_at=as_past(entry.get("date_created"), at=request.received_at),
        source=entry,
    )
    return Translation(submissions=(Submitted(fields),))


def _document(entry: Mapping[str, Any]) -> dict[str, Any]:
    numbered = {name: parts for name in entry if (parts := _INPUT.fullmatch(name))}
    inputs = {(parts[1], parts[2]) for parts in numbered.values()}
    found: dict[str, Any] = {}
    for name, value in entry.items():
        if name in _NOISE or value in (None, "", [], {}):
            continue
        parts = numbered.get(name)
        found.setdefault(name if parts is None else _meant(parts, value, inputs) or name, value)
    return found


def _meant(parts: re.Match[str], value: Any, inputs: set[tuple[str, str]]) -> str | None:
    """Return the field that a numbered input is by its number or its value, or None."""
    field, part = parts[1], parts[2]
    if (
        part in {"3", "6"}
        and not {(field, "1"), (field, "5")} & inputs
        and (field, "6") in inputs
        and (field, "3") in inputs
    ):
        return "first_name" if part == "3" else "last_name"
    return "email" if part is None and isinstance(value, str) and _EMAIL.fullmatch(value.strip()) else None
