from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cleaning import Fault, Submission, normalise
from service.cleaning.country import clean_country
from service.cleaning.domains import company_domain
from service.cleaning.rules import REASONS
from service.cleaning.submission import Unusable
from service.cleaning.texts import one_line

ANNA = Submission(
    email=" Anna@Firma.DE",
    phone="030 901820 ext. 12",
    full_name="Anna  Schmidt",
    country="germany",
    utm={"utm_source": "newsletter", "Medium": "email", "utm_term": " "},
    external_ids={" crm ": "C-1", "empty": ""},
    tags=("fair", " fair", "", "hot"),
    occurred_at=datetime(2026, 11, 1, 9, 0),  # noqa: DTZ001  as a form without a zone gives it
)


def test_it_works() -> None:
    cleaned = normalise(ANNA)
    one = cleaned.submission
    assert (one.email, one.phone) == ("anna@firma.de", "+4930901820")
    assert (one.full_name, one.first_name, one.last_name) == ("Anna Schmidt", "Anna", "Schmidt")
    assert (one.company_domain, one.country) == ("firma.de", "DE")
    assert one.utm == {"source": "newsletter", "medium": "email"}
    assert one.external_ids == {"crm": "C-1"}
    assert one.tags == ("fair", "hot")
    assert one.attributes == {"phone_extension": "12"}
    assert one.occurred_at == datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
    assert (cleaned.verdict, cleaned.reasons, cleaned.faults) == ("valid", (), ())
    assert cleaned.raw == {
        "email": " Anna@Firma.DE",
        "phone": "030 901820 ext. 12",
        "full_name": "Anna  Schmidt",
        "country": "germany",
    }


@pytest.mark.parametrize(
    ("submission", "verdict", "reasons"),
    [
        (Submission(email="anna@firma.de"), "valid", ()),
        (Submission(phone="+49 30 901820"), "valid", ()),
        (Submission(email="anna@firma.de", phone="+1 555 123 4567"), "valid", ("phone_unassigned",)),
        (Submission(phone="+1 555 123 4567"), "suspect", ("phone_unassigned",)),
        (Submission(email="anna@firma.de", phone="12"), "suspect", ("phone_invalid",)),
        (Submission(email="anna@firma.de", country="Atlantis"), "suspect", ("country_invalid",)),
        (Submission(email="anna@firma.de", company_domain="n/a"), "suspect", ("domain_invalid",)),
        (Submission(external_ids={"crm": "1"}), "suspect", ("no_contact_point",)),
        (Submission(email="anna", external_ids={"crm": "1"}), "suspect", ("email_invalid", "no_contact_point")),
        (Submission(email="anna"), "invalid", ("email_invalid", "nothing_usable")),
        (Submission(full_name="Anna Schmidt"), "invalid", ("nothing_usable",)),
        (Submission(email="anna@firma.de", test=True), "valid", ("test",)),
    ],
)
def test_the_verdict_has_reasons(submission: Submission, verdict: str, reasons: tuple[str, ...]) -> None:
    cleaned = normalise(submission)
    assert (cleaned.verdict, cleaned.reasons) == (verdict, reasons)
    assert set(reasons) <= set(REASONS)


def test_what_cannot_be_used_is_a_fault_and_its_raw_value_is_kept() -> None:
    cleaned = normalise(
        Submission(email="anna(at)firma.de", phone="12", country="Atlantis", company_domain="n/a", attributes={"a": 1})
    )
    assert [fault.pointer for fault in cleaned.faults] == ["/company/country", "/email", "/phone", "/company/domain"]
    assert all(fault.detail for fault in cleaned.faults)
    assert cleaned.submission.attributes == {"a": 1}
    assert cleaned.raw == {"email": "anna(at)firma.de", "phone": "12", "country": "Atlantis", "company_domain": "n/a"}
    assert cleaned.submission.email is None


def test_a_long_external_id_is_refused_and_not_cut() -> None:
    cleaned = normalise(Submission(email="anna@firma.de", external_ids={"a/b": "x" * 501}))
    assert cleaned.submission.external_ids == {}
    assert cleaned.faults == (Fault("/external_ids/a~1b", "is longer than 500 characters"),)


def test_the_region_of_the_channel_helps_when_the_lead_has_none() -> None:
    assert normalise(Submission(phone="13800138000"), "CN").submission.phone == "+8613800138000"
    assert normalise(Submission(phone="030 901820", country="DE"), "CN").submission.phone == "+4930901820"


def test_a_number_for_a_phone_is_understood() -> None:
    given_as_json: Any = 4915123456789
    assert normalise(Submission(phone=given_as_json)).submission.phone == "+4915123456789"


@pytest.mark.parametrize("email", ["anna@gmail.com", "zhang@qq.com", "anna@gmx.de", "anna@btinternet.com"])
def test_a_free_mailbox_tells_nothing_about_the_company(email: str) -> None:
    assert normalise(Submission(email=email)).submission.company_domain is None


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("firma.de", "firma.de"),
        ("https://www.Firma.de/impressum?x=1", "firma.de"),
        ("http://firma.de:8080", "firma.de"),
        ("//user@firma.de#top", "firma.de"),
        ("anna@firma.de", "firma.de"),
        ("müller.de", "xn--mller-kva.de"),
        ("www.de", "www.de"),
    ],
)
def test_a_domain_is_found_in_an_address(raw: str, domain: str) -> None:
    assert company_domain(raw) == domain
    assert company_domain(domain) == domain


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("de", "DE"), ("DEU", "DE"), ("Germany", "DE"), ("Deutschland", "DE"), ("德国", "DE"), ("UK", "GB"),
        ("United Kingdom", "GB"), ("USA", "US"), ("United  States", "US"), ("中国", "CN"), ("South Korea", "KR"),
        ("Viet Nam", "VN"), ("Taiwan", "TW"), ("The Netherlands", "NL"), ("Côte d'Ivoire", "CI"),
    ],
)  # fmt: skip
def test_a_country_is_known_by_code_and_name(raw: str, code: str) -> None:
    assert clean_country(raw) == code


@pytest.mark.parametrize("raw", ["XX", "Atlantis", "D", "??"])
def test_an_unknown_country_is_refused(raw: str) -> None:
    with pytest.raises(Unusable, match="ISO 3166-1"):
        clean_country(raw)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("  a \t b\n", "a b"),
        ("a\x00b\x1b", "ab"),
        ("a\u200bb\ufeff", "ab"),
        ("Mu\u0308ller", "Müller"),
        ("\ud800x", "x"),
        ("\u3000张\u3000三", "张 三"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 600, "x" * 500),
        (" \n", None),
        (None, None),
        (7, "7"),
        (7.0, "7"),
        (7.5, None),
        (True, None),
        ({}, None),
    ],
)
def test_text_becomes_one_clean_line(raw: object, line: str | None) -> None:
    assert one_line(raw) == line


def _nested(depth: int) -> list:
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": "b\n\tc", "n": 1.5, "x": None, "t": True}, {"a": "b\n\tc", "n": 1.5, "x": None, "t": True}),
        ({"a\x00": "b\x00c"}, {"a": "bc"}),
        ({"a": "\ud83d\ude00 \udcff"}, {"a": " "}),
        ({"a": float("nan"), "b": float("inf")}, {"a": None, "b": None}),
        ({"a": 2**63, "b": 2**63 - 1}, {"a": "9223372036854775808", "b": 9223372036854775807}),
        ({"a": 10**5000}, {"a": None}),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": datetime(2026, 11, 1, tzinfo=UTC)}, {"a": "2026-11-01 00:00:00+00:00"}),
    ],
)
def test_attributes_become_storable(value: dict, kept: dict) -> None:
    assert normalise(Submission(attributes=value)).submission.attributes == kept


def test_attributes_nested_without_end_are_cut_off() -> None:
    attributes = normalise(Submission(attributes={"a": _nested(5000)})).submission.attributes
    assert orjson.loads(orjson.dumps(attributes)) == attributes


_texts = (
    st.none()
    | st.text(max_size=40)
    | st.from_regex(r"[\w.+ -]{1,12}@[\w.-]{1,20}")
    | st.from_regex(r"\+?[\d ()/.,;x-]{3,25}")
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_submissions = st.builds(
    Submission,
    email=_texts,
    phone=_texts,
    full_name=_texts,
    first_name=_texts,
    last_name=_texts,
    company_name=_texts,
    company_domain=_texts,
    country=_texts | st.sampled_from(["DE", "cn", "USA", "Germany", "GB"]),
    utm=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    external_ids=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    tags=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    attributes=st.dictionaries(st.text(max_size=8), _json, max_size=3),
)


@settings(max_examples=400, deadline=None)
@given(_submissions, st.sampled_from([None, "DE", "CN", "US", "GB", "nonsense"]))
def test_whatever_comes_in_is_normalised_once_and_for_all(submission: Submission, region: str | None) -> None:
    cleaned = normalise(submission, region)
    again = normalise(cleaned.submission, region)
    assert again.submission == cleaned.submission
    assert again.raw == {}
    assert set(cleaned.reasons) <= set(REASONS)
    assert b"\\u0000" not in orjson.dumps(cleaned.submission.attributes)
    for text in (cleaned.submission.email, cleaned.submission.full_name, cleaned.submission.company_name):
        assert text is None or (text == text.strip() and "\x00" not in text)
