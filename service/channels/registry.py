"""Every vendor there is: one line each."""

from __future__ import annotations

from typing import Final

from service.channels import (
    activecampaign,
    calendly,
    generic,
    gravity_forms,
    intercom,
    jotform,
    mailchimp,
    mautic,
    standard_webhooks,
    tally,
    typeform,
)
from service.channels.contract import Adapter

_ALL: Final[tuple[Adapter, ...]] = (
    activecampaign,
    calendly,
    generic,
    gravity_forms,
    intercom,
    jotform,
    mailchimp,
    mautic,
    standard_webhooks,
    tally,
    typeform,
)
ADAPTERS: Final[dict[str, Adapter]] = {adapter.vendor: adapter for adapter in _ALL}
