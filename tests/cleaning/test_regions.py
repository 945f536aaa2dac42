from __future__ import annotations

import pycountry
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cleaning import Submission, normalise
from service.cleaning.regions import clean_region


@pytest.mark.parametrize(
    ("country", "name", "spellings"),
    [
        ("US", "California", ["CA", "ca", "US-CA", "California", "CALIFORNIA", "State of California", "Kalifornien"]),
        ("US", "New York", ["NY", "N.Y.", "new york", "New York State"]),
        ("US", "District of Columbia", ["DC", "D.C.", "Washington, DC", "District of Columbia"]),
        ("CA", "Ontario", ["ON", "CA-ON", "Ontario"]),
        ("DE", "Bayern", ["BY", "DE-BY", "Bayern", "Bavaria", "bavière"]),
        ("DE", "Baden-Württemberg", ["Baden Württemberg", "Baden-Wurttemberg", "Baden-Wuerttemberg", "BW"]),
        ("DE", "Nordrhein-Westfalen", ["NRW", "North Rhine-Westphalia"]),
        ("AT", "Wien", ["Wien", "Vienna"]),
        ("CH", "Genève", ["Genf", "Geneva", "Genève", "GE", "Kanton Genf"]),
        ("CN", "广东", ["广东", "广东省", "Guangdong", "Guangdong Sheng", "guangdong province", "GD", "CN-GD"]),
        ("CN", "北京", ["北京", "北京市", "Beijing", "BJ"]),
        ("CN", "内蒙古", ["内蒙古自治区", "内蒙古", "Inner Mongolia"]),
        ("CN", "广西", ["广西壮族自治区", "广西"]),
        ("JP", "Tokyo", ["Tokyo", "東京", "東京都", "JP-13", "13"]),
        ("ES", "Catalunya", ["Cataluña", "Catalonia", "Catalunya"]),
        ("FR", "Île-de-France", ["Ile de France", "IDF"]),
        # In no list: kept.
        ("GB", "London", ["London"]),
        ("DE", "Rhein-Neckar", ["Rhein-Neckar"]),
        # Another country's code.
        ("DE", "US-CA", ["US-CA"]),
        (None, "Bayern", ["Bayern"]),
        (None, "BY", ["BY"]),
    ],
)
def test_a_region_has_one_name(country: str | None, name: str, spellings: list[str]) -> None:
    assert {clean_region(spelling, country) for spelling in spellings} == {(name, country)}


def test_a_region_s_code_tells_the_country() -> None:
    one = normalise(Submission(email="anna@firma.com", region="us-ca", phone="(415) 555-2671")).submission
    assert (one.region, one.country, one.phone) == ("California", "US", "+14155552671")
    one = normalise(Submission(email="anna@firma.com", region="US-CA", country="Germany")).submission
    assert (one.region, one.country) == ("US-CA", "DE")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(pycountry.subdivisions, key=lambda one: one.code)))
def test_every_region_is_known_by_code_and_name_and_stays(one: object) -> None:
    country = one.code[:2]
    known = clean_region(one.code, country)
    assert known.country == country
    assert clean_region(known.name, country) == known
    assert clean_region(known.name.upper(), country).country == country


@given(st.text(max_size=90), st.sampled_from([None, "DE", "US", "CN", "JP", "KR", "ZZ"]))
def test_any_text_is_a_region_or_stays(text: str, country: str | None) -> None:
    known = clean_region(text, country)
    assert clean_region(known.name, known.country) == known
