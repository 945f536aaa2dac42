"""Bodies that are one item or many."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from service.core.http.strict_json import parse, refuse_media_type
from service.leads import batches
from service.nurture.activities.schemas import ActivityCreate


async def one_or_many(request: Request) -> tuple[list[Any], bool]:
    """Return the items of a body, and whether it is a batch: anything but a single JSON object is, and ``{"data": […]}`` too."""
    body = (await request.body()).lstrip()
    if not body.startswith(b"{") or "ndjson" in request.headers.get("content-type", "").lower():
        return await batches.items_of(request), True
    refuse_media_type(request.scope["headers"])
    item = parse(body)
    if isinstance(item, dict) and set(item) == {"data"}:
        return await batches.items_of(request), True
    return [item], False


def body_schema() -> dict[str, Any]:
    """Return the OpenAPI description of the body: an activity, or an array of them, or one a line."""
    described = batches.body_schema(ActivityCreate)
    content = described["requestBody"]["content"]["application/json"]
    array = content["schema"]
    content["schema"] = {"anyOf": [array["items"], array]}
    return described
