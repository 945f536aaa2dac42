"""What channels cost and brought, held against a plain count."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.stats import returning
from service.stats.definitions import quarter
from service.stats.fold import fold
from service.stats.returns import Spent, share_within
from service.stats.schemas.returns import ChannelsOut, ChannelsQuery
from tests.stats.recounting import NOW, listed
from tests.stats.worlds import Person

CASES: list[dict[str, Any]] = [
    {},
    {"from": "2025-01-01", "to": "2025-07-01"},
    {"from": "2025-01-01", "to": "2025-07-01", "mode": "period", "group_by": ["channel", "campaign"]},
    {"from": "2025-01-01T00:00:01Z", "to": "2026-01-01", "group_by": ["country"], "mode": "period"},
    {"group_by": ["entry_stage"], "unit": "lead"},
]


@pytest.mark.parametrize("case", CASES)
async def test_revenue_is_that_of_the_wins(engine: AsyncEngine, world: list[Person], case: dict[str, Any]) -> None:
    low, high = (
        datetime.fromisoformat(at if "T" in at else at + "T00:00:00Z")
        for at in (case.get("from", "0001-01-01"), case.get("to", "9000-01-01"))
    )
    async with transaction(engine) as connection:
        answer = await returning.channels(connection, ChannelsQuery.model_validate(case), now=NOW)
        ChannelsOut.model_validate(answer, strict=True)
        names = case.get("group_by", ["channel"])
        revenue: dict[Any, Counter[Any]] = defaultdict(Counter)
        wins, customers, leads = Counter[Any](), Counter[Any](), Counter[Any]()
        for person in world:
            for journey in [] if person.test else person.journeys:
                if case.get("unit") == "lead" and journey.number > 1:
                    continue
                key = tuple(getattr(person if name == "country" else journey, name) for name in names)
                leads[key] += low <= journey.started_at < high
                at = journey.won_at if case.get("mode") == "period" else journey.started_at
                if journey.won_at and low <= at < high:
                    wins[key] += 1
                    customers[key] += journey.entry_stage != "opportunity"
                    if journey.amount is not None:
                        revenue[key][journey.currency] += journey.amount
        found = {tuple(group["key"].values()): group for group in answer["groups"]}
        assert {key: group["wins"] for key, group in found.items() if group["wins"]} == {
            k: n for k, n in wins.items() if n
        }
        assert {key: group["leads"] for key, group in found.items() if group["leads"]} == {
            k: n for k, n in leads.items() if n
        }
        for key, group in found.items():
            assert group["customers"] == customers[key]
            told = {line["currency"]: Decimal(line["revenue"]) for line in group["money"]}
            assert told == dict(revenue[key])
            for name, address in group["links"].items():
                assert await listed(connection, address) == group[name], address
            assert ("customers" in group["links"]) == bool(group["customers"]) or "entry_stage" in names
        assert answer["totals"]["wins"] == sum(wins.values())
        assert answer["totals"]["customers"] == sum(customers.values())


async def _buy(client: AsyncClient, email: str, channel: str, amount: str | None, day: int) -> None:
    body = {"email": email, "channel": channel, "occurred_at": "2026-01-01T08:00:00Z"}
    lead = (await client.post("/v1/leads", json=body)).json()
    if amount is not None:
        step = {
            "event": "win",
            "allow_skip": True,
            "amount": amount,
            "currency": "EUR",
            "occurred_at": f"2026-01-{day:02}T08:00:00Z",
        }
        assert (await client.post(f"/v1/leads/{lead['id']}/transitions", json=step)).status_code == 201


async def _spend(client: AsyncClient, *rows: dict[str, Any]) -> None:
    for row in rows:
        answer = await client.put("/v1/spend", json=row)
        assert answer.status_code in (200, 201), answer.text


async def test_costs_are_worked_out_by_currency(client: AsyncClient) -> None:
    await _buy(client, "a@firma.de", "web", "900", 11)
    await _buy(client, "b@firma.de", "web", "300", 21)
    await _buy(client, "c@firma.de", "web", None, 1)
    await _buy(client, "d@firma.de", "fair", None, 1)
    await _spend(
        client,
        {
            "channel": "web",
            "period_start": "2026-01-01",
            "period_end": "2026-01-31",
            "amount": "620",
            "budget": "700",
            "currency": "EUR",
        },
        {
            "channel": "web",
            "campaign": "spring",
            "period_start": "2026-01-10",
            "period_end": "2026-01-10",
            "amount": "10",
            "currency": "EUR",
        },
        {
            "channel": "fair",
            "period_start": "2026-01-01",
            "period_end": "2026-01-31",
            "amount": "99",
            "currency": "CHF",
        },
    )
    answer = (await client.get("/v1/stats/channels?from=2026-01-01&to=2026-02-01")).json()
    web, fair = answer["groups"]
    assert (web["key"], web["leads"], web["wins"], web["mean_days_to_win"]) == ({"channel": "web"}, 3, 2, 15.0)
    (euro,) = web["money"]
    assert euro == {
        "currency": "EUR", "revenue": "1200.00", "revenue_per_win": "600.00", "spend": "630.00", "budget": "700.00",
        "cost_per_lead": "210.00", "cost_per_opportunity": "315.00", "cost_per_customer": "315.00",
        "roi": pytest.approx(570 / 630),
    }  # fmt: skip
    assert fair["money"] == [
        {"currency": "CHF", "revenue": "0.00", "revenue_per_win": None, "spend": "99.00", "budget": None,
         "cost_per_lead": "99.00", "cost_per_opportunity": None, "cost_per_customer": None, "roi": -1.0}
    ]  # fmt: skip
    assert [line["currency"] for line in answer["totals"]["money"]] == ["CHF", "EUR"]
    half = (
        await client.get(
            "/v1/stats/channels?from=2026-01-01&to=2026-01-16T12:00:00Z&channel=web&campaign=&missing=campaign"
        )
    ).json()
    assert half["totals"]["money"][0]["spend"] == "310.00"
    by_country = (await client.get("/v1/stats/channels?group_by=country")).json()
    assert by_country["groups"][0]["money"][0]["spend"] is None


def test_a_period_is_spread_over_its_days() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # The clocks go forward on the 29th: that day is 23 hours long, and still one day of three.
    spent = Spent("web", None, date(2026, 3, 28), date(2026, 3, 30), Decimal(90), None, "EUR")
    day = datetime.fromisoformat
    assert share_within(spent, None, day("2027-01-01T00:00:00Z"), berlin) == 1
    assert (
        share_within(spent, day("2026-03-29T00:00:00+01:00"), day("2026-03-30T00:00:00+02:00"), berlin)
        == Decimal(1) / 3
    )
    assert share_within(spent, day("2026-03-31T00:00:00+02:00"), day("2027-01-01T00:00:00Z"), berlin) == 0
    whole = sum(
        share_within(spent, day(low), day(high), berlin)
        for low, high in (
            ("2026-03-01T00:00:00Z", "2026-03-29T11:17:00Z"),
            ("2026-03-29T11:17:00Z", "2026-04-02T00:00:00Z"),
        )
    )
    assert abs(whole - 1) < Decimal("1e-20")


async def test_the_card_tells_noise_from_news(client: AsyncClient) -> None:
    for number in range(12):
        await _buy(client, f"a{number}@firma.de", "web", str(100 + number), 9 + number % 3)
    for number in range(3):
        body = {"email": f"old{number}@firma.de", "channel": "web", "occurred_at": "2025-12-29T08:00:00Z"}
        lead = (await client.post("/v1/leads", json=body)).json()
        step = {"event": "churn", "reason": "price", "occurred_at": "2026-01-03T08:00:00Z"}
        assert (await client.post(f"/v1/leads/{lead['id']}/transitions", json=step)).status_code == 201
    await _spend(
        client,
        {
            "channel": "web",
            "period_start": "2026-01-08",
            "period_end": "2026-01-14",
            "amount": "120",
            "currency": "EUR",
        },
    )
    answer = (await client.get("/v1/stats/kpis?from=2026-01-08&to=2026-01-15&group_by=channel")).json()
    assert answer["definition"]["previous"] == {"from": "2026-01-01T00:00:00Z", "to": "2026-01-08T00:00:00Z"}
    (web,) = answer["groups"]
    assert {**web, "key": {}} == {**answer["totals"], "key": {}} | {
        name: web[name] for name in ("new_leads", "conversion", "time_to_win")
    }
    assert (web["new_leads"]["value"], web["new_leads"]["previous"], web["new_leads"]["more_than_noise"]) == (
        0,
        12,
        True,
    )
    conversion = web["conversion"]
    assert (conversion["value"]["numerator"], conversion["value"]["denominator"]) == (12, 12)
    assert (conversion["previous"]["numerator"], conversion["previous"]["denominator"]) == (0, 3)
    assert conversion["more_than_noise"] is True
    assert (web["time_to_win"]["median_days"], web["time_to_win"]["previous_median_days"]) == (9, None)
    (euro,) = web["money"]
    assert euro["revenue"]["value"] == "1266.00"
    assert euro["cost_per_customer"]["value"] == "10.00"
    assert euro["lifetime_value"] == {
        "value": "105.50",
        "previous": None,
        "change": None,
        "p_value": None,
        "more_than_noise": None,
    }
    listed = (await client.get(conversion["leads"])).json()["data"]
    assert len(listed) == 12


async def test_the_card_is_of_the_week_before_today(client: AsyncClient) -> None:
    answer = (await client.get("/v1/stats/kpis?tz=Asia/Shanghai")).json()
    definition = answer["definition"]
    start, end = (datetime.fromisoformat(definition[name]) for name in ("from", "to"))
    assert (end - start).days == 7
    assert definition["previous"]["to"] == definition["from"]
    assert end.astimezone(ZoneInfo("Asia/Shanghai")).hour == 0
    assert answer["totals"]["new_leads"]["p_value"] is None
    for query in ("window=P3D", "known_at=2026-01-01", "to=2026-01-01"):
        assert (await client.get(f"/v1/stats/kpis?{query}")).status_code == 422


# Counters of a month or a year are taken as a whole, and what lies outside is taken away again: by days, and in Shanghai by quarter hours.
@pytest.mark.parametrize(
    "period",
    [
        "from=2025-03-11&to=2025-09-21",
        "from=2025-01-02&to=2025-12-30",
        "from=2025-03-05&to=2025-10-25&tz=Asia/Shanghai",
        "from=2025-06-01&to=2025-07-01",
        "from=2025-03-05T00:00:00Z&to={after_a_win}",
    ],
)
async def test_the_card_of_counters_is_that_of_journeys(
    client: AsyncClient, engine: AsyncEngine, world: list[Person], period: str
) -> None:
    # Everybody is in one of the bands, which no counter knows.
    everybody = "".join(f"&score_band={band}" for band in ("below-25", "25-49", "50-74", "from-75"))
    mornings = (
        journey.won_at
        for person in world
        for journey in person.journeys
        if not person.test and journey.won_at and journey.won_at.year == 2025 and journey.won_at.hour < 11
    )
    after_a_win = quarter(max(mornings)) + timedelta(minutes=15)
    period = period.format(after_a_win=f"{after_a_win:%Y-%m-%dT%H:%M:%SZ}")
    for _ in range(3):
        counted, read = [
            (await client.get(f"/v1/stats/kpis?{period}{chosen}&group_by=channel")).json() for chosen in ("", everybody)
        ]
        figures, others = (
            {_channel(group): _told(group) for group in [*one["groups"], one["totals"]]} for one in (counted, read)
        )
        assert figures == others
        assert counted["totals"]["time_to_win"]["previous_wins"] > 3
        for group in [*read["groups"], *counted["groups"], counted["totals"]]:
            conversion = group["conversion"]
            for which in ("", "previous_"):
                for leads, part in (("leads", "numerator"), ("decided_leads", "denominator")):
                    listed = (await client.get(conversion[which + leads] + "&count=true")).json()
                    assert listed["total"] == conversion[which[:-1] or "value"][part], (which, leads)
        async with transaction(engine) as connection:
            await fold(connection)


def _channel(group: dict[str, Any]) -> Any:
    return group["key"].get("channel", "all of them")


def _told(group: dict[str, Any]) -> Any:
    """Return what a card says of how long wins took and what they brought, without the addresses of its leads."""
    times = {name: value for name, value in group["time_to_win"].items() if not name.endswith("leads")}
    return times, [(line["currency"], line["revenue"], line["lifetime_value"]) for line in group["money"]]
