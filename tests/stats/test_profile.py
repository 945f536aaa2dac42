"""Who is won more than the rest: recounted from a world, and held against estimators we did not write."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from service.core.database import transaction
from service.stats.estimators.judging import holm, share_difference, share_ratio, two_shares
from service.stats.portraying import profile
from service.stats.profile import Held, Share, most_frequent, profile_lines
from service.stats.question import Addresses
from service.stats.schemas.profile import ProfileOut, ProfileQuery
from tests.stats.recounting import NOW, listed, value
from tests.stats.worlds import Person

counts = st.tuples(st.integers(1, 200), st.integers(1, 200)).map(lambda pair: (min(pair), sum(pair)))


@given(counts, counts)
def test_the_estimators_are_those_of_statsmodels(one, other):
    names = ("count1", "nobs1", "count2", "nobs2")
    given = dict(zip(names, (*one, *other), strict=True))
    ratio = share_ratio(one, other)
    assert ratio is not None
    assert ratio[0] == pytest.approx((one[0] / one[1]) / (other[0] / other[1]))
    assert ratio[1:] == pytest.approx(confint_proportions_2indep(**given, method="log", compare="ratio"))
    difference = share_difference(one, other)
    assert difference is not None
    assert difference[1:] == pytest.approx(confint_proportions_2indep(**given, method="newcomb", compare="diff"))
    assert two_shares(one, other) == pytest.approx(
        proportions_ztest([one[0], other[0]], [one[1], other[1]])[1], abs=1e-12
    )


def test_a_published_ratio():
    """Physicians' health study: heart attacks with aspirin 104 of 11,037, with a placebo 189 of 11,034 (Agresti, 2.2.3: 1.82, 1.43..2.30)."""
    assert share_ratio((189, 11_034), (104, 11_037)) == pytest.approx((1.818, 1.433, 2.306), abs=1e-3)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((0, 10), (5, 10), (0.0, None, None)), ((5, 10), (0, 10), None), ((0, 0), (5, 10), None), ((5, 10), (0, 0), None)],
)
def test_a_ratio_of_nothing(one, other, expected):
    assert share_ratio(one, other) == expected


def test_judged_together():
    held = [
        Held("country", "DE", Share(100, 60)),
        Held("country", "CN", Share(100, 20)),
        Held("country", None, Share(200, 80)),
        Held("industry", "film", Share(29, 29)),
        Held("industry", "steel", Share(371, 131)),
        Held("region", "north", Share(400, 160)),
    ]
    lines = profile_lines(held, Share(400, 160), lambda dimension, value: Addresses(f"{dimension}={value}"))
    assert [(line["value"], line["wins_more"], line["insufficient_data"]) for line in lines] == [
        ("DE", True, False), (None, None, False), ("film", None, True), ("steel", None, True), ("north", None, True), ("CN", False, False)
    ]  # fmt: skip
    by_value = {line["value"]: line for line in lines}
    judged = ["DE", "CN", None]
    assert [by_value[name]["corrected_p_value"] for name in judged] == pytest.approx(
        multipletests([by_value[name]["p_value"] for name in judged], method="holm")[1]
    )
    assert by_value["DE"]["lift"]["value"] == pytest.approx(1.8)
    assert by_value["DE"]["rest"]["denominator"] == 300
    # Everybody has it: there is no rest to hold it against.
    assert by_value["north"]["lift"] == by_value["north"]["difference"] == {"value": None, "low": None, "high": None}
    assert by_value["film"]["p_value"] is by_value["film"]["corrected_p_value"] is None


def test_the_most_frequent_are_kept_however_they_did():
    held = [Held("country", str(number), Share(number, number % 2)) for number in range(1, 6)]
    kept, left_out = most_frequent([*held, Held("owner", "eve", Share(1, 1))], 2)
    assert [one.value for one in kept] == ["5", "4", "eve"]
    assert left_out == {"country": 3}


def _holds(person: Person, journey: Any, dimension: str, wanted: str | None, as_of: str) -> bool:
    entered = person.entered[journey.number - 1]
    if dimension == "tag":
        tags = entered.get("tags", ()) if as_of == "entry" else person.tags
        return wanted in tags if wanted is not None else not tags
    if dimension.startswith("attributes."):
        held = entered.get("attributes", {}).get("seats") if as_of == "entry" else None
        return wanted == (None if held is None else f"{held:g}" if not isinstance(held, str) else held)
    if as_of == "entry" and dimension not in ("channel", "campaign", "entry_stage", "score_band"):
        return bool(entered.get(dimension) == wanted)
    return bool(value(person, journey, dimension) == wanted)


@pytest.mark.parametrize("as_of", ["now", "entry"])
async def test_recounted(engine: AsyncEngine, world, as_of: str):
    by = ["industry", "country", "channel", "tag", "attributes.seats"]
    query = ProfileQuery.model_validate({"by": by, "as_of": as_of, "window": "P300D"})
    async with transaction(engine) as connection:
        answer = await profile(connection, query, now=NOW)
        ProfileOut.model_validate(answer, strict=True)
        for line in random.Random(1).sample(answer["groups"], 12):
            assert await listed(connection, line["leads"]) == line["journeys"]
            assert await listed(connection, line["won_leads"]) == line["wins"]
        assert await listed(connection, answer["totals"]["leads"]) == answer["totals"]["journeys"]
        assert await listed(connection, answer["totals"]["won_leads"]) == answer["totals"]["wins"]
    everybody = [(person, journey) for person in world if not person.test for journey in person.journeys]

    def share(journeys: list[Any]) -> tuple[int, int]:
        won = [one for one in journeys if one.won_at and (one.won_at - one.started_at).total_seconds() <= 300 * 86_400]
        return len(won), len(journeys)

    whole = share([journey for _, journey in everybody])
    assert (answer["totals"]["wins"], answer["totals"]["journeys"]) == whole
    assert {line["dimension"] for line in answer["groups"]} == set(by)
    for line in answer["groups"]:
        mine = share([one for who, one in everybody if _holds(who, one, line["dimension"], line["value"], as_of)])
        assert (line["wins"], line["journeys"]) == mine, (line["dimension"], line["value"])
        assert (line["rest"]["numerator"], line["rest"]["denominator"]) == (whole[0] - mine[0], whole[1] - mine[1])
    judged = [line for line in answer["groups"] if line["p_value"] is not None]
    assert len(judged) > 5
    assert [line["corrected_p_value"] for line in judged] == pytest.approx(holm([line["p_value"] for line in judged]))


async def test_over_http(client: AsyncClient):
    definition = {"key": "plan", "type": "choice", "choices": ["pro", "free"]}
    assert (await client.post("/v1/attributes", json=definition)).status_code == 201
    batch = [
        {"email": f"p{number}@example.com", "attributes": {"plan": "pro" if number % 2 else "free"}}
        for number in range(80)
    ]
    made = (await client.post("/v1/leads/batch", json=batch)).json()["data"]
    for number, one in enumerate(made):
        if number % 2 and number % 8 != 1:
            moved = await client.post(
                f"/v1/leads/{one['lead']['id']}/transitions",
                json={"event": "win", "allow_skip": True, "amount": "10", "currency": "EUR"},
            )
            assert moved.status_code == 201, moved.text
    answer = await client.get("/v1/stats/profile")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["definition"]["by"] == ["industry", "company_size", "country", "region", "channel", "attributes.plan"]
    first, last = body["groups"][0], body["groups"][-1]
    assert (first["dimension"], first["value"], first["wins_more"], first["wins"]) == (
        "attributes.plan",
        "pro",
        True,
        30,
    )
    # Nobody of the others was won: the rest's rate is nothing to divide by.
    assert first["lift"] == {"value": None, "low": None, "high": None}
    assert first["difference"]["value"] == pytest.approx(0.75)
    assert (last["value"], last["wins_more"], last["lift"]["value"]) == ("free", False, 0.0)
    for line in body["groups"]:
        for name, figure in (("leads", "journeys"), ("won_leads", "wins")):
            assert (await client.get(f"{line[name]}&count=true&limit=1")).json()["total"] == line[figure]
    table = await client.get("/v1/stats/profile?by=attributes.plan", headers={"Accept": "text/csv"})
    assert table.text.count("\n") == 3
    assert math.isclose(first["corrected_p_value"], min(1, 2 * first["p_value"]))


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("by=colour", "?by"), ("by=country,country", "?by"), ("values=0", "?values"), ("as_of=then", "?as_of"),
     ("as_of=entry&known_at=2026-01-01", "?as_of"), ("segment=none", "?segment")],
)  # fmt: skip
async def test_a_wrong_parameter_is_named(client: AsyncClient, query: str, pointer: str):
    answer = await client.get(f"/v1/stats/profile?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
