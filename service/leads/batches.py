"""Batches: many items in one request, each with its own outcome, in the order sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.responses import Response

from service.core.errors import Invalid, ServiceError
from service.core.http.answers import json_answer
from service.core.http.problems import invalid, problem_of
from service.core.http.strict_json import fault_of, parse, refuse_media_type

MOST: Final = 1000
_NDJSON: Final = ("application/x-ndjson", "application/ndjson")

Model = TypeVar("Model", bound=BaseModel)
Outcome = Mapping[str, Any] | Exception


async def items_of(request: Request) -> list[Any]:
    """Return the items of a batch: a JSON array, ``{"data": […]}`` or NDJSON; an item that cannot be used is an `Invalid` in its place."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _NDJSON:
        return _checked([_line(line) for line in (await request.body()).splitlines() if line.strip()])
    refuse_media_type(request.scope["headers"])
    body = await request.body()
    try:
        items = from_json(body, allow_inf_nan=False)
    except ValueError:
        items = parse(body)
    if isinstance(items, dict) and set(items) == {"data"}:
        items = items["data"]
    if not isinstance(items, list):
        raise Invalid("", "a batch is a JSON array of items, or one item a line as application/x-ndjson")
    return _checked([fault_of(item) or item for item in items])


def _checked(items: list[Any]) -> list[Any]:
    if not 1 <= len(items) <= MOST:
        raise Invalid("", f"a batch has 1 to {MOST} items, not {len(items)}")
    return items


def _line(line: bytes) -> Any:
    try:
        return parse(line)
    except ServiceError as fault:
        return fault


def validated(model: type[Model], items: Sequence[Any]) -> list[Model | Exception]:
    """Return each item as the model, or its own fault."""
    return [_validated(model, item) for item in items]


def _validated(model: type[Model], item: Any) -> Model | Exception:
    if isinstance(item, Exception):
        return item
    try:
        return model.model_validate(item)
    except ValidationError as fault:
        return invalid(fault.errors(include_url=False, include_input=False), within=("body",))


def merge(checked: Sequence[Model | Exception], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Put the outcomes of the valid items and the faults of the others back into the order sent."""
    done = iter(outcomes)
    return [item if isinstance(item, Exception) else next(done) for item in checked]


def batch_answer(request: Request, outcomes: Sequence[Outcome], *, name: str, fresh: int | None = None) -> Response:
    """Return the answer of a batch: ``{"data": [{"index", "status", name | "problem"}]}``.

    An item's status is ``fresh`` where given, else 201 for what was created and 200 for what was there.
    """
    data = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Exception):
            problem = problem_of(outcome, request.scope["path"])
            data.append({"index": index, "status": problem["status"], "problem": problem})
        else:
            created = outcome.get("created", False)
            shown = {key: value for key, value in outcome.items() if key != "created"}
            data.append({"index": index, "status": fresh or (201 if created else 200), name: shown})
    return json_answer({"data": data})


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a batch's body: an array of the model, or one a line.

    The models that the items are made of must be in the document by way of another route.
    """
    item = model.model_json_schema(ref_template="#/components/schemas/{model}")
    item.pop("$defs", None)
    array = {"type": "array", "items": item, "minItems": 1, "maxItems": MOST}
    content = {"application/json": {"schema": array}, "application/x-ndjson": {"schema": item}}
    return {"requestBody": {"required": True, "content": content}}
