"""Typeform: complete and partial responses, signed with a base64 HMAC-SHA256 of the raw body. Source: Typeform's webhook reference.

A partial response and the complete one have the same token: they are one submission, the later one revises the earlier. Partial ones come
as often as there is something new in them, and one that says neither an e-mail address nor a telephone number is nobody yet. Nothing in
the body of a test request marks it; that its answers come from ``an_account@example.com`` is observed, not documented, and a setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import Answer, document_of, person_of
from service.channels.bodies import content_hash, json_object
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.shared_secret import fresh_secret
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_past, as_record, as_records, as_text

vendor: Final = "typeform"
title: Final = "Typeform"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "In the form choose Connect > Webhooks, add the intake address, edit it to set the secret, and switch it on: it starts switched off. "
    "Questions with usual names are understood; map others by their reference: answers.my_ref, hidden.my_field."
)

_SCHEME: Final = Scheme(header="typeform-signature", prefix="sha256=", notation="base64")
_COMPLETE: Final = "form_response"
_PARTIAL: Final = "form_response_partial"
_FIELD_OF_TYPE: Final = {"email": "email", "phone_number": "phone"}
# References that Typeform made up: UUIDs and ULIDs say nothing to people.
_MADE_UP: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9A-HJKMNP-TV-Za-z]{26}")


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partial: Annotated[bool, Field(description="Take partial responses as leads as soon as they can be reached.")] = (
        True
    )
    test_emails: Annotated[
        tuple[str, ...],
        Field(max_length=20, description="Addresses, in lower case, that only test requests come from."),
    ] = ("an_account@example.com",)


def new_secret() -> str | None:
    """Return a secret to be typed into the form's webhook."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends a response."""
    body = (
        '{"event_id":"LtWXD3crgy","event_type":"form_response","form_response":{"form_id":"lT4Z3j","token":"sample-1",'
        '"submitted_at":"2026-01-18T18:17:02Z","hidden":{"utm_source":"sample"},"answers":[{"type":"email","email":"ada@example.com",'
        '"field":{"id":"SMEUb7VJz92Q","type":"email","ref":"email"}},{"type":"text","text":"Ada","field":{"id":"JwWggjAKtOkA",'
        '"type":"short_text","ref":"first_name"}}]}}'
    )
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the raw body is signed by one of the secrets and is a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    json_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id, which Typeform shows in its list of deliveries."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the response's token; with the hash of the answers while it is partial, and of the body where there is no token."""
    event = json_object(request)
    response = as_record(event.get("form_response"))
    token = as_text(response.get("token"), 200)
    if token is None:
        return f"body:{content_hash(event)}"
    if event.get("event_type") != _PARTIAL:
        return f"{as_text(event.get('event_type'), 50)}:{token}"
    return f"{_PARTIAL}:{token}:{content_hash([response.get('answers'), response.get('hidden')])}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person who answered."""
    event = json_object(request)
    kind = as_text(event.get("event_type"), 50)
    if kind not in {_COMPLETE, _PARTIAL}:
        return Translation(ignored="Not a response to a form.")
    response = as_record(event.get("form_response"))
    token = as_text(response.get("token"), 200)
    if token is None:
        raise Refusal("malformed_body", "The response has no token.")
    answers = list(_answers(response))
    references = {name: answer.value for answer in answers for name in answer.names if name}
    fields = person_of(
        _document(response, answers),
        channel,
        request,
        vendor_id=token,
        occurred_at=as_past(
            # A partial response is older than the complete one, however late it reaches us.
            response.get("submitted_at") or (response.get("landed_at") if kind == _PARTIAL else None),
            at=request.received_at,
        ),
        source={**response, "answers": references},
    )
    if kind == _PARTIAL and not channel.settings.partial:
        return Translation(ignored="The channel does not take partial responses.")
    if kind == _PARTIAL and not (fields.get("email") or fields.get("phone")):
        return Translation(ignored="A partial response that does not say yet how to reach the person.")
    if fields.get("email", "").lower() in channel.settings.test_emails:
        fields["test"] = True
    return Translation(submissions=(Submitted(fields, revises=True),))


def _answers(response: Mapping[str, Any]) -> Iterator[Answer]:
    questions = {as_text(item.get("id")): item for item in _questions(response)}
    for answer in as_records(response.get("answers")):
        asked = as_record(answer.get("field"))
        question = questions.get(as_text(asked.get("id")), {})
        reference = as_text(asked.get("ref")) or as_text(question.get("ref"))
        names = [reference, as_text(question.get("title")), as_text(asked.get("id"))]
        if reference and _MADE_UP.fullmatch(reference):
            names = [names[1], reference, names[2]]
        kind = as_text(answer.get("type")) or ""
        yield Answer(tuple(names), _value(answer.get(kind)), _FIELD_OF_TYPE.get(kind))


def _questions(response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the questions, also those that are grouped on one page."""
    for question in as_records(as_record(response.get("definition")).get("fields")):
        yield question
        yield from as_records(as_record(question.get("properties")).get("fields"))


def _value(value: Any) -> Any:
    """Return what was chosen: one label, or all of them with what was typed as another one."""
    if not isinstance(value, dict):
        return value
    if "labels" in value or "label" in value or "other" in value:
        labels = value["labels"] if isinstance(value.get("labels"), list) else [value.get("label")]
        chosen = [item for item in (*labels, value.get("other")) if item]
        return chosen if "labels" in value else next(iter(chosen), None)
    return value


def _document(response: Mapping[str, Any], answers: list[Answer]) -> dict[str, Any]:
    hidden = (Answer((name,), value) for name, value in as_record(response.get("hidden")).items())
    found = document_of([*answers, *hidden])
    variables = {
        as_text(item.get("key")): item.get(str(item.get("type"))) for item in as_records(response.get("variables"))
    }
    extras = {
        "form_id": response.get("form_id"),
        "form_title": as_record(response.get("definition")).get("title"),
        "score": as_record(response.get("calculated")).get("score"),
        "variables": {name: value for name, value in variables.items() if name} or None,
    }
    return {**{name: value for name, value in extras.items() if value is not None}, **found}
