"""Every vendor there is: one line each."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from service.channels.contract import Adapter

# The modules of this room that are adapters; a test holds each against the contract.
_MODULES: Final = (
    "activecampaign",
    "baidu",
    "calendly",
    "feiyu",
    "generic",
    "google_ads",
    "gravity_forms",
    "hubspot",
    "intercom",
    "jiandaoyun",
    "jinshuju",
    "jotform",
    "linkedin",
    "mailchimp",
    "mautic",
    "meta",
    "salesforce",
    "shopify",
    "slack",
    "standard_webhooks",
    "stripe",
    "tally",
    "tencent_ads",
    "tencent_wenjuan",
    "tiktok",
    "typeform",
    "webflow",
    "wechat",
    "wecom",
    "wenjuanxing",
)
_ADAPTERS: Final = tuple(cast("Adapter", import_module(f"service.channels.{module}")) for module in _MODULES)

ADAPTERS: Final[dict[str, Adapter]] = {adapter.vendor: adapter for adapter in _ADAPTERS}
"""The adapters, by the vendor's name in the API."""
