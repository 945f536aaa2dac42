from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cleaning import Submission, normalise


def cleaned(utm: dict[str, str]) -> dict[str, str]:
    return normalise(Submission(email="anna@firma.de", utm=utm)).submission.utm


@pytest.mark.parametrize(
    "name", ["utm_source", "UTM_Source", "source", "utmSource", "utm-source", "utm.source", " utm source "]
)
def test_one_parameter_has_many_spellings(name: str) -> None:
    assert cleaned({name: "newsletter"}) == {"source": "newsletter"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"utm_source": "LinkedIn", "utm_medium": "CPC"}, {"source": "linkedin", "medium": "cpc"}),
        ({"utm_campaign": "Spring Sale"}, {"campaign": "Spring Sale"}),
        ({"utm_campaign": "spring%20sale"}, {"campaign": "spring sale"}),
        ({"utm_campaign": "%25E6%2598%25A5"}, {"campaign": "春"}),
        ({"utm_campaign": "100%"}, {"campaign": "100%"}),
        ({"gclid": "Cj0KCQ-AbC_123"}, {"gclid": "Cj0KCQ-AbC_123"}),
        ({"utm_term": " "}, {}),
        # Templates that nobody filled in.
        ({"utm_campaign": "{{campaign.name}}", "utm_term": "{keyword}"}, {}),
        ({"utm_campaign": "__CAMPAIGN_NAME__", "utm_source": "(not set)", "utm_medium": "undefined"}, {}),
        ({"utm_source": "{{site}}", "source": "google"}, {"source": "google"}),
    ],
)
def test_it_works(given: dict[str, str], kept: dict[str, str]) -> None:
    assert cleaned(given) == kept


def test_what_was_given_is_kept_where_it_differs() -> None:
    found = normalise(
        Submission(email="anna@firma.de", utm={"utm_source": "LinkedIn", "utm_term": "{kw}", "utm_medium": "cpc"})
    )
    assert found.raw == {"utm.source": "LinkedIn", "utm.term": "{kw}"}


@given(st.dictionaries(st.text(max_size=12) | st.from_regex(r"(utm[_.-]?){0,3}\w{0,4}", fullmatch=True),
                       st.text(max_size=12) | st.from_regex(r"[%{}\w ]{0,12}", fullmatch=True), max_size=4))  # fmt: skip
def test_once_is_enough(utm: dict[str, str]) -> None:
    once = cleaned(utm)
    assert cleaned(once) == once
