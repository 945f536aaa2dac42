"""What the README says of the code is what the code says."""

from __future__ import annotations

from pathlib import Path

from service.lifecycle.machine import diagram
from service.settings import Settings

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_its_diagram_is_the_machine():
    assert f"```mermaid\n{diagram()}```" in README


def test_it_lists_every_setting():
    for name, setting in Settings.model_fields.items():
        assert f"| `LEADS_{name.upper()}` |" in README
        assert str(setting.description) in README
