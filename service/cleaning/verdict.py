"""The verdict: how far a cleaned submission can be trusted, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.cleaning.domains import is_among, mail_domain
from service.cleaning.roles import is_role
from service.cleaning.rules import ALWAYS_REJECTED

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from service.cleaning.rules import Rules
    from service.cleaning.submission import Submission, Verdict


def judge(submission: Submission, found: Sequence[str], rules: Rules) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on a normalised submission and the coded reasons for it, what was found in its fields among them."""
    reasons = ["test"] if submission.test else []
    if not rules.honeypots.isdisjoint(submission.attributes) and _is_caught(submission, rules):
        reasons.append("honeypot")
    reasons += found
    if submission.email:
        _add_mailbox_reasons(submission.email, reasons)
    if rules.blocked_domains and _is_blocked(submission, rules):
        reasons.append("blocked_domain")
    if not (submission.email or submission.phone):
        reasons.append("no_contact_point" if submission.external_ids else ALWAYS_REJECTED)
    return verdict_of(reasons, rules, has_email=submission.email is not None), tuple(reasons)


def verdict_of(reasons: Collection[str], rules: Rules, *, has_email: bool) -> Verdict:
    """Return what the rules make of reasons; an unassigned phone number is doubtful where there is no e-mail besides it."""
    if ALWAYS_REJECTED in reasons or not rules.reject.isdisjoint(reasons):
        return "invalid"
    if not rules.suspect.isdisjoint(reasons) or (not has_email and "phone_unassigned" in reasons):
        return "suspect"
    return "valid"


def _add_mailbox_reasons(email: str, reasons: list[str]) -> None:
    domain = mail_domain(email.rpartition("@")[2])
    if domain.is_disposable:
        reasons.append("disposable")
    elif domain.is_free:
        reasons.append("free_mail")
    if is_role(email):
        reasons.append("role_account")


def _is_caught(submission: Submission, rules: Rules) -> bool:
    return any(_says_something(submission.attributes.get(name)) for name in rules.honeypots)


def _says_something(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_says_something, value))
    return bool(value.strip() if isinstance(value, str) else value)


def _is_blocked(submission: Submission, rules: Rules) -> bool:
    domains = [submission.company_domain, submission.email.rpartition("@")[2] if submission.email else None]
    return any(is_among(domain, rules.blocked_domains) for domain in domains if domain)
