"""Anything that can post JSON or a form: the secret in a header, in Basic authentication or in the address; fields mapped per channel.

Nothing is signed and nothing has a time, so the dedupe key is the only defence against replay: the channel's own id of a submission
(``settings.dedupe``), or else the hash of the content.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import to_json

from service.channels.bodies import document
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Translation
from service.channels.mapping import compiled, search, submissions_of
from service.channels.shared_secret import HEADER, Place, check_shared_secret, fresh_secret
from service.channels.signatures import text_secret_fault, without_credentials
from service.channels.values import as_text

vendor: Final = "generic"
title: Final = "Any form or tool that can post JSON or a form"
proofs: Final = ("header", "basic", "url")
asks_first: Final = False
setup: Final = (
    "Point the form's webhook at the intake address. Send the secret in the header x-channel-secret, as a Bearer token, as the password "
    "of Basic authentication, or as the last part of the address. Usual field names are understood; map others with JMESPath."
)

_MAX_KEY: Final = 500


def _is_expression(value: str) -> str:
    try:
        compiled(value)
    except (JMESPathError, ValueError, RecursionError):
        raise ValueError("Not a JMESPath expression") from None
    return value


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: Annotated[Place, Field(description="Where the secret may be; any of them by default.")] = "any"
    header: Annotated[
        str, Field(pattern=r"^[a-z0-9-]{1,64}$", description="The header that carries the secret, in lower case.")
    ] = HEADER
    dedupe: Annotated[
        Annotated[str, AfterValidator(_is_expression)] | None,
        Field(max_length=500, description="JMESPath of a submission's own id. Absent: the hash of the content."),
    ] = None


def new_secret() -> str | None:
    """Return 32 random bytes that fit a header and an address."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(settings: Any) -> bool:
    """Return whether the channel takes its secret from the address alone."""
    return bool(settings.place == "url")


def sample(address: str, settings: Any) -> str:
    """Return a shell line that delivers a sample."""
    proof = {"url": "", "basic": ' -u "channel:$SECRET"'}.get(settings.place, f' -H "{settings.header}: $SECRET"')
    target = f'"{address}/$SECRET"' if settings.place == "url" else f"'{address}'"
    body = '{"email":"ada@example.com","first_name":"Ada","last_name":"Lovelace"}'
    return f"curl -sS {target} -H 'content-type: application/json'{proof} -d '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the secret is where the channel expects it and the body is JSON or a form."""
    settings = channel.settings
    check_shared_secret(request, channel, place=settings.place, header=settings.header)
    if not isinstance(document(request), dict | list):
        raise Refusal("malformed_body", "The body must be a JSON object, a list of them, or a form.")


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: nobody knows what an unknown tool would ask."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 202 with the delivery's id: stored, not yet understood."""
    return Reply(202, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, channel: ChannelConfig) -> str | None:
    """Return the submission's own id where the channel says how to find it, else the hash of the body."""
    expression = channel.settings.dedupe
    if expression is not None:
        try:
            found = as_text(search(expression, document(request)), _MAX_KEY)
        except Refusal:
            found = None
        if found is not None:
            # Keys are kept for ever: an address or a number would outlive its person's erasure in them.
            is_address = "@" in found or found.startswith("+")
            return f"id:sha256:{hashlib.sha256(found.encode()).hexdigest()}" if is_address else f"id:{found}"
    content = request.body
    if request.headers.get("content-type", "").startswith("multipart/"):
        # The boundary is another one in every retry; what is between the boundaries is not.
        content = to_json(document(request))
    return "sha256:" + hashlib.sha256(content).hexdigest()


def redact(request: Request, channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials."""
    return without_credentials(request, channel.settings.header)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the people in the document by the channel's mapping and the usual spellings."""
    return Translation(submissions=submissions_of(document(request), channel, at=request.received_at))
