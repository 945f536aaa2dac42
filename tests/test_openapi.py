"""The OpenAPI document: what is committed is what the code says, valid, and complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.cli.openapi import rendered

COMMITTED = Path(__file__).parent.parent / "openapi" / "openapi.json"
METHODS = {"get", "post", "put", "patch", "delete", "head"}


@pytest.fixture(scope="module")
def text() -> str:
    return rendered()


@pytest.fixture(scope="module")
def document(text: str) -> dict[str, Any]:
    return json.loads(text)  # type: ignore[no-any-return]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in METHODS & methods.keys():
            yield f"{method.upper()} {path}", methods[method]


def test_the_committed_document_is_current(text: str):
    assert COMMITTED.read_text(encoding="utf-8") == text, "run `make openapi` and commit the result"


def test_it_is_valid_openapi(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_operation_is_named_and_described(document: dict[str, Any]):
    wrong = [
        name
        for name, operation in operations(document)
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", operation.get("operationId", ""))
        or not operation.get("summary")
        or operation["summary"].endswith(".")
        or not operation.get("tags")
    ]
    assert wrong == []


def test_operation_ids_are_unique(document: dict[str, Any]):
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_refusal_is_a_documented_problem(document: dict[str, Any]):
    for name, operation in operations(document):
        if not name.split()[1].startswith("/v1/") or "/v1/intake/" in name:
            continue
        answer = operation["responses"]["default"]
        assert answer["$ref"] == "#/components/responses/Problem", name
        assert "422" not in operation["responses"], name


def test_every_operation_but_webhooks_and_probes_names_its_key(document: dict[str, Any]):
    open_ones = {
        name for name, operation in operations(document) if not operation.get("security", document.get("security"))
    }
    assert {name for name in open_ones if name.split()[1].startswith("/v1/") and "/v1/intake/" not in name} == set()


def test_every_input_refuses_unknown_fields(document: dict[str, Any]):
    schemas = document["components"]["schemas"]
    sent = {
        media["schema"]["$ref"].rpartition("/")[2]
        for _, operation in operations(document)
        for media in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in media.get("schema", {})
    }
    assert sent
    assert [name for name in sorted(sent) if schemas[name].get("additionalProperties") is not False] == []
