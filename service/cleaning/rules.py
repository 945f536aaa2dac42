"""What makes a submission invalid or suspect: every reason there is, and which verdict each one leads to, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

REASONS: Final = {
    "test": "it was marked as a test",
    "honeypot": "a field was filled in that people do not see",
    "no_contact_point": "it has neither a usable e-mail nor a usable phone number",
    "nothing_usable": "it has no usable e-mail, phone number or external id",
    "email_invalid": "an e-mail was given that cannot be used",
    "disposable": "the mailbox is one to be thrown away",
    "role_account": "the mailbox is that of a role, not of a person",
    "free_mail": "the mailbox is of a provider that serves anybody",
    "blocked_domain": "the domain is one that the channel does not want",
    "no_mail_server": "the domain takes no mail",
    "phone_invalid": "a phone number was given that cannot be used",
    "phone_unassigned": "the phone number is possible, but lies in no known range of its country",
    "country_invalid": "a country was given that does not exist",
    "domain_invalid": "a company domain was given that cannot be used",
    "external_id_invalid": "an external id was given that cannot be used",
    "attribute_invalid": "a custom attribute was given that is not of its type",
    "erased_before": "a person of this identity was erased before",
}
"""Each reason with what it says about the submission; one that leads to no verdict is only told."""

ALWAYS_REJECTED: Final = "nothing_usable"
TOLD_LATER: Final = frozenset({"no_mail_server", "attribute_invalid", "erased_before"})
"""What a submission alone does not show: found out later, by those who know more than the rules."""
RULED: Final = tuple(sorted(REASONS.keys() - TOLD_LATER - {ALWAYS_REJECTED}))
"""The reasons that a channel's rules may be about."""
# Nobody who means it fills these in, whatever a form calls its other fields.
_HONEYPOTS: Final = ("_gotcha", "_honey", "_honeypot", "honeypot", "bot-field", "bot_field", "hp_field")
_REJECTED: Final = ("honeypot", "blocked_domain")
_DOUBTED: Final = (
    "no_contact_point",
    "email_invalid",
    "disposable",
    "phone_invalid",
    "country_invalid",
    "domain_invalid",
    "external_id_invalid",
    "no_mail_server",
    "erased_before",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """Which reasons reject a submission, and which leave it for a person to decide.

    ``blocked_domains`` and those below them are not wanted, of mailboxes and of companies; ``honeypots`` are names of attributes that only
    a program fills in.
    """

    reject: frozenset[str] = frozenset(_REJECTED)
    suspect: frozenset[str] = frozenset(_DOUBTED)
    blocked_domains: frozenset[str] = frozenset()
    honeypots: frozenset[str] = frozenset(_HONEYPOTS)


DEFAULT_RULES: Final = Rules()


def rules_of(given: Mapping[str, Any]) -> Rules:
    """Return the rules that ``{reject, suspect, accept, blocked_domains, honeypots}`` (lists) make of the default ones.

    A reason goes where it is named, and stays where it is by default if it is named nowhere; the other lists add to the default ones.
    """
    if not given:
        return DEFAULT_RULES
    moved = {reason for name in ("reject", "suspect", "accept") for reason in given.get(name, ())}
    return Rules(
        reject=DEFAULT_RULES.reject - moved | _set(given, "reject"),
        suspect=DEFAULT_RULES.suspect - moved | _set(given, "suspect"),
        blocked_domains=_set(given, "blocked_domains"),
        honeypots=DEFAULT_RULES.honeypots | _set(given, "honeypots"),
    )


def _set(given: Mapping[str, Any], name: str) -> frozenset[str]:
    values: Iterable[str] = given.get(name) or ()
    return frozenset(values)
