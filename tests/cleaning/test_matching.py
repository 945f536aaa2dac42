"""Who may be the same: how right, and how complete, on labelled worlds of our own making; and each rule by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cleaning import Submission, normalise
from service.cleaning.matching import Comparison, Population, Profile, compare, keys_of, profile_of
from tests.cleaning.worlds import WORLDS, Record, strangers

COLUMNS = (
    *("email", "phone", "full_name", "first_name", "last_name", "job_title"),
    *("company_name", "company_domain", "country", "region", "attributes"),
)
NOTHING = dict.fromkeys(COLUMNS) | {"attributes": {}}
FEW = Population(size=100)


def profile(body: dict[str, Any]) -> Profile:
    """The profile of a lead as it is after cleaning."""
    company = {{"name": "company_name", "domain": "company_domain"}.get(name, name): value for name, value in body.get("company", {}).items()}  # fmt: skip
    submission = normalise(
        Submission(**{name: value for name, value in body.items() if name != "company"}, **company), "DE"
    ).submission
    return profile_of({name: getattr(submission, name) for name in COLUMNS})


def found(records: Iterable[Record], threshold: float = 0.8) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The pairs that are found, and those that are true."""
    records = list(records)
    profiles = [profile(body) for _, body in records]
    blocks, people = defaultdict(list), defaultdict(list)
    for number, one in enumerate(profiles):
        people[records[number][0]].append(number)
        for key in keys_of(one):
            blocks[key].append(number)
    population = Population.of(profiles, size=len(profiles))
    near = {pair for block in blocks.values() for pair in combinations(block, 2)}
    pairs = {(a, b) for a, b in near if compare(profiles[a], profiles[b], population).score >= threshold}
    return pairs, {pair for person in people.values() for pair in combinations(person, 2)}


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("world", sorted(WORLDS))
def test_finds_nearly_all_and_hardly_anything_else(world: str, seed: int) -> None:
    pairs, true = found(WORLDS[world](seed, 400))
    assert len(pairs & true) / len(pairs) >= 0.98
    assert len(pairs & true) / len(true) >= 0.94


def test_finds_next_to_nothing_among_strangers() -> None:
    pairs, _ = found(strangers(5, 2000))
    assert len(pairs) <= 4


def together(one: dict[str, Any], other: dict[str, Any]) -> Comparison:
    return compare(profile(one), profile(other), FEW)


ANNA = {
    "first_name": "Anna",
    "last_name": "Feldkamp",
    "email": "a.feldkamp@nordwerk.de",
    "phone": "+49 421 5551234",
    "company": {"name": "Nordwerk GmbH"},
}


@pytest.mark.parametrize(
    "other",
    [
        {"first_name": "Anna", "last_name": "Feldkamp", "company": {"name": "NORDWERK"}},
        {"first_name": "Feldkamp", "last_name": "Anna", "company": {"name": "Nordwerk GmbH & Co. KG"}},
        {"first_name": "Ana", "last_name": "Feldkmap", "company": {"domain": "nordwerk.de"}},
        {"email": "a.feldkamp+fair@nordwerk.de"},
        {"first_name": "Anna", "last_name": "Feldkamp-Meyer", "email": "a.feldkamp@nordwrek.de"},
    ],
)
def test_one_person(other: dict[str, Any]) -> None:
    assert together(ANNA, other).score >= 0.8
    assert set(keys_of(profile(ANNA))) & set(keys_of(profile(other)))


@pytest.mark.parametrize(
    "other",
    [
        {"first_name": "Bernd", "last_name": "Feldkamp", "email": "b.feldkamp@nordwerk.de", "company": {"name": "Nordwerk"}},
        {"first_name": "Anna", "last_name": "Schulte", "email": "a.schulte@nordwerk.de", "company": {"name": "Nordwerk"}},
        {"first_name": "Anna", "email": "info@suedwerk.de", "company": {"name": "Südwerk"}},
        {"company": {"name": "Nordwerk GmbH"}},
        {"phone": "+49 421 5551235", "company": {"name": "Nordwerk GmbH"}},
        {"email": "a.feldkamp2@nordwerk.de", "company": {"name": "Nordwerk GmbH"}},
    ],
)  # fmt: skip
def test_somebody_else(other: dict[str, Any]) -> None:
    assert together(ANNA, other).score < 0.6


@pytest.mark.parametrize("field", ["first_name", "last_name", "full_name"])
def test_what_is_numbered_is_not_a_slip_of_the_pen(field: str) -> None:
    one, other = ({field: f"Person {number}", "email": f"person.{number}@firm.com", "company": {"name": f"Firm {number}"}} for number in (1001, 1002))  # fmt: skip
    assert together(one, other).score < 0.1


def test_a_rare_name_proves_more_than_a_common_one() -> None:
    crowd = [profile({"first_name": "Jan", "last_name": name}) for name in ["Smith"] * 300 + ["Featherstone"]]
    population = Population.of(crowd, size=10_000)
    common, rare = (
        compare(*[profile({"first_name": "Jan", "last_name": name})] * 2, population).bits
        for name in ("Smith", "Featherstone")
    )
    assert rare > common + 3


def test_says_why_field_by_field() -> None:
    comparison = together(ANNA, {"first_name": "Anna", "last_name": "Feldkmap", "company": {"name": "Ostwerk AG"}})
    why = {one.field: one for one in comparison.why}
    assert why["first_name"].similarity == 1
    assert 0.5 < why["last_name"].similarity < 1
    assert why["company.name"].weight < 0


def test_a_field_can_be_made_to_count_for_nothing() -> None:
    other = {"first_name": "Anna", "last_name": "Feldkamp", "company": {"name": "Nordwerk"}}
    one, two = profile(ANNA), profile(other)
    bits = compare(one, two, FEW).bits
    assert compare(one, two, FEW, {"company.name": 0.0}).bits < bits


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("birthday", "1971-03-04", "04.03.1971"),
        ("date_of_birth", "19710304", 19710304),
        ("Phone Number", "310/246-1501", "310-246-1501"),
        ("homeStreet", "Lange Strasse 5", "lange str. 5"),
        ("zip", "LS1 4AP", "ls14ap"),
        ("second_email", "X@Example.com", "x@example.com"),
    ],
)
def test_attributes_are_compared_by_what_they_are(name: str, one: Any, other: Any) -> None:
    left, right = profile({"attributes": {name: one}}), profile({"attributes": {name: other}})
    assert left.values == right.values


def test_names_are_found_among_the_attributes_too() -> None:
    one = {"attributes": {"given_name": "Anna", "surname": "Feldkamp", "dob": "1971-03-04"}}
    other = {"first_name": "Ana", "last_name": "Feldkamp", "attributes": {"dob": "1971-03-04"}}
    assert together(one, other).score >= 0.8
    shop = {"name": "Chez Marcel", "address": "5 rue Haute", "city": "Lyon"}
    assert together({"attributes": shop}, {"attributes": shop | {"name": "chez marcel"}}).score >= 0.8


VALUES = st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.floats(allow_nan=False), st.none())
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "first_name": st.text(max_size=15),
        "last_name": st.text(max_size=15),
        "full_name": st.text(max_size=25),
        "job_title": st.text(max_size=15),
        "attributes": st.dictionaries(st.sampled_from(["city", "birthday", "tax id", "x", "phone"]), VALUES),
    },
)


@given(BODIES, BODIES)
def test_whatever_comes_the_order_does_not_count(one: dict[str, Any], other: dict[str, Any]) -> None:
    left, right = profile(one), profile(other)
    there, back = compare(left, right, FEW), compare(right, left, FEW)
    assert there.bits == pytest.approx(back.bits)
    assert 0 <= there.score <= 1
    assert keys_of(left) == keys_of(profile(one))


def test_keys_are_few() -> None:
    for world in WORLDS.values():
        assert all(len(keys_of(profile(body))) <= 24 for _, body in islice(world(3, 200), 200))
