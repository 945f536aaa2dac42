"""What is written down must be what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from service.cli import leads
from service.cli.openapi import document, rendered
from service.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")


def test_the_compose_file_sets_settings_that_exist() -> None:
    known = {f"LEADS_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"LEADS_[A-Z_]+", COMPOSE + (ROOT / "Dockerfile").read_text())) <= known


@pytest.mark.parametrize("command", re.findall(r"`leads ([a-z]+)", README))
def test_commands_of_the_readme_exist(command: str) -> None:
    assert command in leads.commands


def test_openapi_is_up_to_date() -> None:
    committed = (ROOT / "openapi/openapi.json").read_text(encoding="utf-8")
    assert json.loads(committed) == json.loads(rendered()), "run `make openapi` and commit openapi/openapi.json"
    assert committed == rendered()


def test_openapi_is_valid() -> None:
    validate(document())


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete", "head"}
    ]


def test_every_operation_says_what_it_is() -> None:
    named = operations()
    ids = [operation["operationId"] for _, operation in named]
    assert len(ids) == len(set(ids))
    assert [name for name, operation in named if not operation.get("summary") or not operation.get("tags")] == []
