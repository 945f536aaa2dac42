from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cleaning.domains import ascii_domain, company_domain, is_among, mail_domain
from service.cleaning.roles import is_role
from service.cleaning.submission import Unusable


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("firma.de", "firma.de"),
        ("https://www.Firma.de/impressum?x=1", "firma.de"),
        ("http://firma.de:8080", "firma.de"),
        ("//user@firma.de#top", "firma.de"),
        ("anna@firma.de", "firma.de"),
        ("shop.eu.firma.co.uk", "firma.co.uk"),
        ("acme.myshopify.com", "acme.myshopify.com"),
        ("www.acme.github.io", "acme.github.io"),
        # A provider's own name, whose customers have theirs below it.
        ("www.blogspot.com", "www.blogspot.com"),
        ("blogspot.com", "blogspot.com"),
        ("müller.de", "xn--mller-kva.de"),
        ("www.公司.中国", "xn--55qx5d.xn--fiqs8s"),
        ("www.de", "www.de"),
        ("sub.nordwind.example", "nordwind.example"),
    ],
)
def test_a_company_s_domain_is_the_one_it_registered(raw: str, domain: str) -> None:
    assert company_domain(raw) == domain
    assert company_domain(domain) == domain


@pytest.mark.parametrize("raw", ["co.uk", "com.cn", "https://www.com.au".replace("www.", ""), "n/a", "localhost", ""])
def test_a_suffix_is_nobody_s_domain(raw: str) -> None:
    with pytest.raises(Unusable):
        company_domain(raw)


@pytest.mark.parametrize(
    ("domain", "company", "is_free", "is_disposable"),
    [
        ("firma.de", "firma.de", False, False),
        ("mail.firma.co.uk", "firma.co.uk", False, False),
        ("gmail.com", None, True, False),
        ("msg.qq.com", None, True, False),
        ("mailinator.com", None, False, True),
        ("anything.mailinator.com", None, False, True),
        ("yopmail.com", None, False, True),
        # Others count it among the disposable; it is a provider.
        ("21cn.com", None, True, False),
        ("co.uk", None, False, False),
    ],
)
def test_who_may_have_a_mailbox_there(domain: str, company: str | None, is_free: bool, is_disposable: bool) -> None:
    assert mail_domain(domain) == (company, is_free, is_disposable)


def test_a_domain_lies_below_others() -> None:
    assert is_among("a.b.firma.de", frozenset({"firma.de"}))
    assert not is_among("notfirma.de", frozenset({"firma.de"}))
    assert not is_among("firma.de", frozenset())


@pytest.mark.parametrize(
    "local", ["info", "sales", "support+x", "no-reply", "kontakt", "info2", "sales-de", "vertrieb.at"]
)
def test_a_role_is_no_person(local: str) -> None:
    assert is_role(f"{local}@firma.de")


@pytest.mark.parametrize(
    "local", ["anna", "infante", "salesman", "teamo", "hilda", "mailer", "anna-de", "it.schmidt", "12345"]
)
def test_a_person_is_no_role(local: str) -> None:
    assert not is_role(f"{local}@firma.de")


_label = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,6}){0,2}|[a-z-]{1,5}|[a-z]{60,66}|xn--[a-z0-9]{1,9}", fullmatch=True)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(_label, min_size=1, max_size=5),
    st.sampled_from(["", ".de", ".com", ".test", ".local", ".arpa", ".c", ".1a", ".onion"]),
)
def test_the_quick_way_agrees_with_the_library(labels: list[str], end: str) -> None:
    domain = ".".join(labels) + end
    try:
        expected = validate_email("a@" + domain, check_deliverability=False, test_environment=True).ascii_domain
    except (EmailNotValidError, ValueError):
        expected = None
    try:
        found: str | None = ascii_domain(domain)
    except Unusable:
        found = None
    assert found == expected or (found is None and expected is not None and expected == "test")
