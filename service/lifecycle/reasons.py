"""Why leads churn or go back: reason codes, each in one category that statistics keep apart."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CATEGORIES: Final = ("disqualified", "lost", "lapsed", "customer")

_CODES: Final = {
    "disqualified": ("invalid_contact", "spam", "test", "duplicate", "competitor", "out_of_market"),
    "lost": ("price", "competitor_chosen", "no_budget", "no_decision", "bad_timing", "missing_feature"),
    "lapsed": ("unresponsive", "inactive"),
    "customer": ("contract_ended", "dissatisfied", "closed_down"),
}

CATALOGUE: Final = MappingProxyType({code: category for category, codes in _CODES.items() for code in codes})
"""The codes every installation has, and their categories; users add their own beside them."""

NO_WAY_BACK: Final = frozenset({"spam", "test"})
"""A new submission does not reactivate a lead that was disqualified for one of these."""
