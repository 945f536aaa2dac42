"""Who is credited with the wins: every model gives away exactly what there was."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st

from service.stats.attribution import attribute, in_cents
from service.stats.estimators.credit import MODELS, RULES, collapse, removal_credits
from service.stats.touches import Paths

JOURNEYS: list[tuple[list[tuple[str | None, int]], int | None, str | None]] = [
    ([("web", 1), ("fair", 8), ("mail", 15)], 15, "100"),
    ([("web", 2), ("mail", 4)], 20, "50.01"),
    ([("fair", 3)], 9, "33.33"),
    ([(None, 3), ("web", 5)], 30, None),
    # At once: the order is that in which they were told of.
    ([("mail", 4), ("web", 4), ("fair", 4)], 12, "7"),
    ([("fair", 4), ("web", 4), ("mail", 4)], 12, "8"),
    ([("web", 6)], None, None),
    ([("web", 6), ("mail", 7)], None, None),
]


async def _live(
    client: AsyncClient, number: int, touches: list[tuple[str | None, int]], won: int | None, amount: str | None
) -> None:
    email = f"lead{number}@firma.de"
    for channel, day in touches:
        body = {"email": email, "occurred_at": f"2026-01-{day:02}T08:00:00Z"} | (
            {"channel": channel} if channel else {}
        )
        body |= {"campaign": f"of {channel}"} if day % 2 else {}
        lead = (await client.post("/v1/leads", json=body)).json()
    if won is not None:
        step = {"event": "win", "allow_skip": True, "occurred_at": f"2026-01-{won:02}T08:00:00Z"}
        step |= {"amount": amount, "currency": "EUR"} if amount else {}
        assert (await client.post(f"/v1/leads/{lead['id']}/transitions", json=step)).status_code == 201


def _expected(model: str, lookback: int | None = None) -> dict[str | None, float]:
    wins: dict[str | None, float] = {}
    for touches, won, _ in JOURNEYS:
        if won is None:
            continue
        near = [(name, won - day) for name, day in touches if lookback is None or won - day <= lookback]
        near = near or [(touches[0][0], 0)]
        for (name, _), share in zip(near, RULES[model]([float(age) for _, age in near]), strict=True):
            wins[name] = wins.get(name, 0.0) + share
    return wins


@pytest.mark.parametrize("lookback", [None, 7])
async def test_every_model_shares_what_there_was(client: AsyncClient, lookback: int | None) -> None:
    for number, (touches, won, amount) in enumerate(JOURNEYS):
        await _live(client, number, touches, won, amount)
    query = f"?lookback=P{lookback}D" if lookback else ""
    answer = (await client.get(f"/v1/stats/attribution{query}")).json()
    totals = answer["totals"]
    assert (totals["journeys"], totals["wins"], totals["revenue"]) == (8, 6, {"EUR": "198.34"})
    for model in MODELS:
        credited = {line["value"]: line["models"][model] for line in answer["credits"]}
        assert sum(one["wins"] for one in credited.values()) == pytest.approx(6)
        assert sum(Decimal(one["revenue"].get("EUR", "0")) for one in credited.values()) == Decimal("198.34")
        if model != "markov":
            wins = {name: one["wins"] for name, one in credited.items() if one["wins"]}
            assert wins == pytest.approx({name: share for name, share in _expected(model, lookback).items() if share})
    if lookback is None:
        paths = [(tuple(name for name, _ in touches), won is not None) for touches, won, _ in JOURNEYS]
        shares = removal_credits(collapse(paths))
        assert {line["value"]: line["models"]["markov"]["share"] for line in answer["credits"]} == pytest.approx(shares)
    for line in answer["credits"]:
        if line["touched_wins"]:
            listed = (await client.get(line["leads"] + "&count=true")).json()
            assert listed.get("total") == line["touched_wins"], listed
    assert (await client.get(totals["leads"] + "&count=true")).json()["total"] == 6


@pytest.mark.parametrize(
    ("by", "asked"),
    [
        ("country", "lookback=P20D"),
        ("tag", "lookback=P20D"),
        ("channel", "by=campaign"),
        ("entry_stage,country", "unit=lead"),
        ("score_band,campaign", "as_of=entry&from=2026-01-02&to=2026-01-05"),
    ],
)
async def test_each_group_is_credited_by_itself(client: AsyncClient, by: str, asked: str) -> None:
    for number, (touches, won, amount) in enumerate(JOURNEYS):
        await _live(client, number, touches, won, amount)
        lead = (await client.get(f"/v1/leads?email=lead{number}@firma.de")).json()["data"][0]
        company = {"company": {"country": ("DE", "FR")[number % 2]}} if number % 3 else {}
        changed = await client.patch(f"/v1/leads/{lead['id']}", json={"tags": ["a", "b"][: number % 3], **company})
        assert changed.status_code == 200
    alone = (await client.get(f"/v1/stats/attribution?{asked}")).json()
    answer = (await client.get(f"/v1/stats/attribution?{asked}&group_by={by}")).json()
    assert [group["key"] for group in alone["groups"]] == [{}]
    assert len(answer["groups"]) > 1
    assert _credited(alone["groups"][0]) == _credited(alone) == _credited(answer)
    for group in answer["groups"]:
        filters = "&".join(
            f"missing={name}" if value is None else f"{name}={value}" for name, value in group["key"].items()
        )
        filtered = (await client.get(f"/v1/stats/attribution?{asked}&{filters}")).json()
        assert _credited(group) == _credited(filtered)
        for line in group["credits"]:
            if line["touched_wins"]:
                assert (await client.get(line["leads"] + "&count=true")).json()["total"] == line["touched_wins"]
        assert (await client.get(group["totals"]["leads"] + "&count=true")).json()["total"] == group["totals"]["wins"]
    table = await client.get(f"/v1/stats/attribution?{asked}&group_by={by}", headers={"Accept": "text/csv"})
    lines = list(csv.DictReader(table.text.splitlines()))
    assert len(lines) == sum(len(group["credits"]) or 1 for group in answer["groups"])
    assert {f"key.{name}" for name in by.split(",")} < set(lines[0])


def _credited(answer: dict[str, Any]) -> Any:
    totals = {name: answer["totals"][name] for name in ("journeys", "wins", "revenue")}
    shares = {
        f"{line['value']}/{model}": one["wins"] for line in answer["credits"] for model, one in line["models"].items()
    }
    revenue = {f"{line['value']}": line["models"]["linear"]["revenue"] for line in answer["credits"]}
    return totals, revenue, {name: round(share, 9) for name, share in shares.items()}


async def test_a_repurchase_without_a_touch_is_its_own_start(client: AsyncClient) -> None:
    await _live(client, 1, [("web", 1)], 3, "10")
    lead = (await client.get("/v1/leads?email=lead1@firma.de")).json()["data"][0]
    for step in ({"event": "repurchase"}, {"event": "win", "amount": "20", "currency": "EUR"}):
        assert (await client.post(f"/v1/leads/{lead['id']}/transitions", json=step)).status_code == 201
    answer = (await client.get("/v1/stats/attribution")).json()
    last: dict[str | None, Any] = {line["value"]: line["models"]["last"]["revenue"] for line in answer["credits"]}
    # The second journey has the channel of the first, and no touch of its own.
    assert last == {"web": {"EUR": "30.00"}}
    assert [line["touched_wins"] for line in answer["credits"]] == [2]
    assert (await client.get(answer["credits"][0]["leads"] + "&count=true")).json()["total"] == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("by=channel", {"fair": 2, "mail": 1, None: 1}),
        ("by=channel&channel=web", {"fair": 2, "mail": 1, None: 1}),
        ("by=channel&unit=lead", {"fair": 1, None: 1}),
        ("by=campaign", {"spring": 1, "autumn": 1, None: 2}),
    ],
)
async def test_touches_at_once_stand_in_the_order_they_were_told_of(
    client: AsyncClient, query: str, expected: dict[str | None, int]
) -> None:
    web, nameless, fair = {"channel": "web"}, {"campaign": "spring"}, {"channel": "fair", "campaign": "autumn"}
    one, other = {"channel": "mail"}, {"channel": "fair"}
    for number, first, second in (
        (1, (web, nameless, fair), (one, other)),
        (2, (web, fair, nameless), (other, one)),
    ):
        at = {"email": f"lead{number}@firma.de", "occurred_at": "2026-01-04T08:00:00Z"}
        for touch in first:
            lead = (await client.post("/v1/leads", json=at | touch)).json()
        address = f"/v1/leads/{lead['id']}/transitions"
        for step, day in (("win", "2026-01-09"), ("repurchase", "2026-02-01")):
            body = {"event": step, "allow_skip": True, "occurred_at": f"{day}T08:00:00Z"}
            assert (await client.post(address, json=body)).status_code == 201
        for touch in second:
            await client.post("/v1/leads", json=at | {"occurred_at": "2026-02-04T08:00:00Z"} | touch)
        body = {"event": "win", "occurred_at": "2026-02-09T08:00:00Z"}
        assert (await client.post(address, json=body)).status_code == 201
    answer = (await client.get(f"/v1/stats/attribution?{query}")).json()
    last = {line["value"]: line["models"]["last"]["wins"] for line in answer["credits"]}
    assert {name: wins for name, wins in last.items() if wins} == expected


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefg"), st.floats(0, 1e6), min_size=1))
def test_cents_add_up(shares: dict[str, float]) -> None:
    total = sum((Decimal(repr(share)) for share in shares.values()), Decimal(0)).quantize(Decimal("0.01"))
    cents = in_cents(shares, "EUR")
    assert sum(cents.values()) == total
    assert all(abs(cents[name] - Decimal(repr(share))) < Decimal("0.01") for name, share in shares.items())
    thousandths = in_cents(shares, "KWD")
    assert all(abs(thousandths[name] - Decimal(repr(share))) < Decimal("0.001") for name, share in shares.items())


paths = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=4),
        st.sampled_from([None, "EUR", "CNY"]),
        st.integers(1, 9999),
    ),
    max_size=15,
)


@settings(deadline=None)
@given(paths)
def test_nothing_is_lost_and_nothing_invented(told: list[tuple[list[str | None], str | None, int]]) -> None:
    paths = Paths(not_won=Counter({("a", "b"): 3}))
    for path, currency, amount in told:
        key = tuple(path), currency
        wins, brought = paths.won.get(key, (0, 0.0))
        paths.won[key] = wins + 1, brought + (amount if currency else 0)
        if len(path) > 1:
            for name, share in zip(path, RULES["time_decay"](range(len(path), 0, -1)), strict=True):
                wins, brought = paths.decayed.get((name, currency), (0.0, 0.0))
                paths.decayed[name, currency] = wins + share, brought + share * (amount if currency else 0)
    for found in attribute(paths).values():
        assert sum(found.wins.values()) == pytest.approx(len(told))
        for currency in ("EUR", "CNY"):
            total = float(sum(amount for _, held, amount in told if held == currency))
            assert sum(found.revenue.get(currency, {}).values()) == pytest.approx(total)


def test_what_misses_a_whole_cent_by_nothing_is_one() -> None:
    # Sums of the same shares in another order.
    one = {"a": 916.67, "b": 2666.67, "c": 416.66}
    other = {"a": 916.6699999999998, "b": 2666.6700000000005, "c": 416.66000000000003}
    assert in_cents(one, "EUR") == in_cents(other, "EUR") == {name: Decimal(str(share)) for name, share in one.items()}


async def test_too_many_names_are_too_many_in_groups_too(client: AsyncClient) -> None:
    for channel in ("web", "fair", "mail"):
        leads = [
            {"email": f"{channel}{n}@firma.de", "channel": channel, "campaign": f"{channel} {n}"} for n in range(700)
        ]
        assert (await client.post("/v1/leads/batch", json=leads)).is_success
    for asked, status in (
        ("by=campaign&channel=web", 200),
        ("by=campaign&group_by=channel", 422),
        ("group_by=channel", 200),
    ):
        answer = await client.get(f"/v1/stats/attribution?{asked}")
        assert answer.status_code == status, asked


async def test_a_long_name_has_its_list(client: AsyncClient) -> None:
    name = "Frühjahr ∞ " * 9
    lead = (await client.post("/v1/leads", json={"email": "a@firma.de", "campaign": name})).json()
    step = {"event": "win", "allow_skip": True}
    assert (await client.post(f"/v1/leads/{lead['id']}/transitions", json=step)).is_success
    (line,) = (await client.get("/v1/stats/attribution?by=campaign")).json()["credits"]
    assert (await client.get(line["leads"] + "&count=true")).json().get("total") == line["touched_wins"] == 1


async def test_wrong_parameters_are_named(client: AsyncClient) -> None:
    for query, pointer in (
        ("by=owner", "?by"),
        ("lookback=long", "?lookback"),
        ("window=P3D", "?window"),
        ("known_at=2026-01-01", "?known_at"),
    ):
        answer = await client.get(f"/v1/stats/attribution?{query}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
    for query in ("stage=churned&part=channel", "stage=won&part=owner:me"):
        assert (await client.get(f"/v1/leads?behind=attribution&{query}")).status_code == 422
