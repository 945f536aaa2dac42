"""Every format of deliveries there is: one line each."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, cast

from service.outbound.formats.contract import Format

# The modules of this room that are formats; a test holds each against the contract.
_MODULES: Final = ("standard", "cloudevents", "google_offline_conversions", "meta_capi", "feiyu")
_FORMATS: Final = tuple(cast("Format", import_module(f"service.outbound.formats.{module}")) for module in _MODULES)

FORMATS: Final[dict[str, Format]] = {one.name: one for one in _FORMATS}
"""The formats, by their name in the API."""


def described() -> list[dict[str, Any]]:
    """Return every format as the API lists it, its settings as a JSON Schema."""
    return [
        {
            "format": one.name,
            "title": one.title,
            "setup": one.setup,
            "signed": one.signed,
            "types": None if one.types is None else list(one.types),
            "settings": one.Settings.model_json_schema(),
        }
        for one in FORMATS.values()
    ]
