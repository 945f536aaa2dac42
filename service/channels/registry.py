"""Every vendor there is: one line each."""

from __future__ import annotations

from typing import Final

from service.channels import generic, standard_webhooks
from service.channels.contract import Adapter

_ALL: Final[tuple[Adapter, ...]] = (
    standard_webhooks,
    generic,
)
ADAPTERS: Final[dict[str, Adapter]] = {adapter.vendor: adapter for adapter in _ALL}
