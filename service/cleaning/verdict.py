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
    reasons = ("test", *found) if submission.test else tuple(found)
    if submission.email or submission.phone:
        doubtful = submission.email is None and "phone_unassigned" in found
        return "suspect" if faulty or doubtful else "valid", reasons
    if submission.external_ids:
        return "suspect", (*reasons, "no_contact_point")
    return "invalid", (*reasons, "nothing_usable")
