"""What every operation has in common, said once in the OpenAPI document and referred to from each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI

PROBLEM: Final = {"$ref": "#/components/responses/Problem"}
IDEMPOTENCY_KEY: Final = {"$ref": "#/components/parameters/IdempotencyKey"}

_ERROR: Final = {
    "type": "object",
    "required": ["pointer", "detail"],
    "properties": {
        "pointer": {
            "type": "string",
            "description": "A JSON pointer into the body, `?name` of a query parameter or `header:Name`",
            "examples": ["/company/name", "?limit", "header:If-Match"],
        },
        "detail": {"type": "string"},
    },
}
_SCHEMA: Final = {
    "type": "object",
    "title": "Problem",
    "description": "An error as RFC 9457 describes it. More members may be present, by `code`.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:lead-lifecycle:problem:not_found"]},
        "title": {"type": "string", "examples": ["Not found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string", "description": "Stable; what programs should look at", "examples": ["not_found"]},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": _ERROR},
    },
}
_RESPONSE: Final = {
    "description": "The request was refused, or could not be served; `code` says why.",
    "headers": {"X-Request-Id": {"schema": {"type": "string"}, "description": "Names this request in the logs"}},
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a repeated request safe for 24 hours: the first answer is given again, byte for byte",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def document(app: FastAPI) -> None:
    """Add the shared problem, and the shared header of every POST, to the OpenAPI document of ``app``."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = _SCHEMA
        components.setdefault("responses", {})["Problem"] = _RESPONSE
        components.setdefault("parameters", {})["IdempotencyKey"] = _PARAMETER
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


def document_webhooks(app: FastAPI, webhooks: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]]) -> None:
    """Add what ``app`` sends of its own accord, path items by name, and the components they refer to, to its OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        schema["webhooks"] = dict(webhooks)
        for kind, named in components.items():
            schema["components"].setdefault(kind, {}).update(named)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
