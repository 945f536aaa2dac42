from __future__ import annotations

import pytest

from service.cleaning import Submission, normalise
from service.cleaning.rules import DEFAULT_RULES, REASONS, RULED, rules_of

ANNA = Submission(email="anna@firma.de", phone="+4930901820")


@pytest.mark.parametrize(
    ("submission", "verdict", "reasons"),
    [
        (Submission(email="anna@mailinator.com"), "suspect", ("disposable",)),
        (Submission(email="anna@x.mailinator.com", phone="+4930901820"), "suspect", ("disposable",)),
        (Submission(email="info@firma.de"), "valid", ("role_account",)),
        (Submission(email="anna@gmail.com"), "valid", ("free_mail",)),
        (Submission(email="info@gmail.com"), "valid", ("free_mail", "role_account")),
        (Submission(email="anna@firma.de", attributes={"_gotcha": "x"}), "invalid", ("honeypot",)),
        (
            Submission(email="anna@firma.de", attributes={"_gotcha": " ", "bot-field": None, "honeypot": [""]}),
            "valid",
            (),
        ),
    ],
)
def test_by_default(submission: Submission, verdict: str, reasons: tuple[str, ...]) -> None:
    cleaned = normalise(submission)
    assert (cleaned.verdict, cleaned.reasons) == (verdict, reasons)
    assert set(reasons) <= set(REASONS)


@pytest.mark.parametrize(
    ("rules", "submission", "verdict"),
    [
        ({"reject": ["disposable"]}, Submission(email="anna@mailinator.com"), "invalid"),
        ({"accept": ["disposable"]}, Submission(email="anna@mailinator.com"), "valid"),
        ({"suspect": ["free_mail", "role_account"]}, Submission(email="anna@gmail.com"), "suspect"),
        ({"suspect": ["free_mail", "role_account"]}, Submission(email="info@firma.de"), "suspect"),
        ({"reject": ["test"]}, Submission(email="anna@firma.de", test=True), "invalid"),
        ({"reject": ["no_contact_point"]}, Submission(external_ids={"crm": "1"}), "invalid"),
        ({"reject": ["phone_unassigned"]}, Submission(email="anna@firma.de", phone="+1 555 123 4567"), "invalid"),
        ({"accept": ["phone_invalid"]}, Submission(email="anna@firma.de", phone="12"), "valid"),
        ({"suspect": ["honeypot"]}, Submission(email="anna@firma.de", attributes={"_gotcha": "x"}), "suspect"),
        ({"honeypots": ["fax"]}, Submission(email="anna@firma.de", attributes={"fax": "x"}), "invalid"),
        ({"blocked_domains": ["firma.de"]}, ANNA, "invalid"),
        ({"blocked_domains": ["firma.de"]}, Submission(email="anna@eu.firma.de"), "invalid"),
        ({"blocked_domains": ["firma.de"]}, Submission(email="a@gmail.com", company_domain="firma.de"), "invalid"),
        ({"blocked_domains": ["firma.de"], "suspect": ["blocked_domain"]}, ANNA, "suspect"),
        ({"blocked_domains": ["irma.de"]}, ANNA, "valid"),
        # Nobody at all is no lead, whatever the rules say.
        ({"accept": ["no_contact_point"]}, Submission(full_name="Anna"), "invalid"),
    ],
)
def test_a_channel_has_its_own(rules: dict, submission: Submission, verdict: str) -> None:
    assert normalise(submission, rules=rules_of(rules)).verdict == verdict


def test_what_is_not_named_stays_as_it_is_by_default() -> None:
    rules = rules_of({"reject": ["disposable"], "suspect": ["blocked_domain"]})
    assert rules.reject == (DEFAULT_RULES.reject | {"disposable"}) - {"blocked_domain"}
    assert rules.suspect == (DEFAULT_RULES.suspect | {"blocked_domain"}) - {"disposable"}
    assert rules_of({}) is DEFAULT_RULES
    assert set(RULED) < set(REASONS)
