"""The vendors there are, as data: what a form for making channels has to ask."""

from __future__ import annotations

from typing import Any

from service.channels.contract import Adapter
from service.channels.registry import ADAPTERS


def channel_types() -> list[dict[str, Any]]:
    """Return every vendor with the JSON Schema of its settings."""
    return [_type_out(adapter) for adapter in ADAPTERS.values()]


def _type_out(adapter: Adapter) -> dict[str, Any]:
    return {
        "vendor": adapter.vendor,
        "title": adapter.title,
        "setup": adapter.setup,
        "settings": adapter.Settings.model_json_schema(),
        "makes_secret": adapter.new_secret() is not None,
        "proofs": list(adapter.proofs),
        "handshake": adapter.asks_first,
        # Who is asked for more has an address to be asked at.
        "fetches": "base_url" in adapter.Settings.model_fields,
    }
