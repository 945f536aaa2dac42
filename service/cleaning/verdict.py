"""The verdict: how far a cleaned submission can be trusted, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.cleaning.submission import Submission, Verdict

# Every reason there is, with what it says about the submission.
REASONS: Final = {
    "test": "it was marked as a test",
    "no_contact_point": "it has neither a usable e-mail nor a usable phone number",
    "nothing_usable": "it has no usable e-mail, phone number or external id",
    "email_invalid": "an e-mail was given that cannot be used",
    "phone_invalid": "a phone number was given that cannot be used",
    "phone_unassigned": "the phone number is possible, but lies in no known range of its country",
    "country_invalid": "a country was given that does not exist",
    "domain_invalid": "a company domain was given that cannot be used",
    "external_id_invalid": "an external id was given that cannot be used",
}


def judge(submission: Submission, found: Sequence[str], *, faulty: bool) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on a normalised submission and the coded reasons for it, what was found in its fields among them."""
    if not (submission.email or submission.phone):
        missing = "no_contact_point" if submission.external_ids else "nothing_usable"
        return "invalid" if submission.test or not submission.external_ids else "suspect", _with_test(submission, (*found, missing))
    if submission.test:
        return "invalid", _with_test(submission, found)
    doubtful = submission.email is None and "phone_unassigned" in found
    return "suspect" if faulty or doubtful else "valid", tuple(found)


def _with_test(submission: Submission, reasons: Sequence[str]) -> tuple[str, ...]:
    return ("test", *reasons) if submission.test else tuple(reasons)


def churn_reason(reasons: Sequence[str]) -> str:
    """Return the reason code, of the category ``disqualified``, with which a lead of verdict ``invalid`` is churned."""
    return "test" if "test" in reasons else "invalid_contact"
