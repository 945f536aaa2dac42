"""What is written down must be what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.cli import leads
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
