"""What cannot be answered is refused by its name: never a wrong figure, never a silent nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from httpx import AsyncClient

from service.stats import answering, crediting


@pytest.fixture
async def attributes(client: AsyncClient) -> None:
    for key, kind in (("seats", "number"), ("trial", "boolean"), ("signed", "date")):
        body = {"key": key, "type": kind, "label": key}
        assert (await client.post("/v1/attributes", json=body)).is_success
    choice = {"key": "plan", "type": "choice", "label": "plan", "choices": ["free", "team"]}
    assert (await client.post("/v1/attributes", json=choice)).is_success
    lead = {"email": "a@firma.de", "attributes": {"seats": 10, "trial": True, "signed": "2026-01-31", "plan": "team"}}
    assert (await client.post("/v1/leads", json=lead)).is_success


@pytest.mark.parametrize(
    ("filters", "parameter"),
    [
        ("country=Germany", "?country"),
        ("country=de", "?country"),
        ("score_band=1-2", "?score_band"),
        ("entry_stage=won", "?entry_stage"),
        ("attributes.seats=1e9999999", "?attributes.seats"),
        ("attributes.seats=1_0", "?attributes.seats"),
        ("attributes.seats=many", "?attributes.seats"),
        ("attributes.seats_gte=2026-01-01", "?attributes.seats_gte"),
        ("attributes.signed_gte=2026-02-30", "?attributes.signed_gte"),
        ("attributes.trial_gte=1", "?attributes.trial_gte"),
        ("from=2026-01-01&from=2026-02-01", "?from"),
        ("tz=UTC&tz=Europe/Berlin", "?tz"),
        ("tz=localtime", "?tz"),
        ("tz=right/UTC", "?tz"),
    ],
)
@pytest.mark.usefixtures("attributes")
async def test_a_value_that_no_lead_can_have_is_refused(client: AsyncClient, filters: str, parameter: str) -> None:
    answer = await client.get(f"/v1/stats/funnel?{filters}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == parameter


@pytest.mark.parametrize(
    "filters",
    [
        "attributes.seats=10.0",
        "attributes.seats=1e1",
        "attributes.seats=010",
        "attributes.trial=yes",
        "attributes.trial=True",
        "attributes.signed=20260131",
    ],
)
@pytest.mark.usefixtures("attributes")
async def test_attributes_mean_what_they_mean_in_the_list(client: AsyncClient, filters: str) -> None:
    answer = (await client.get(f"/v1/stats/funnel?{filters}")).json()
    assert answer["totals"]["entered"] == len((await client.get(f"/v1/leads?{filters}")).json()["data"]) == 1
    behind = (await client.get(answer["totals"]["stages"][0]["leads"])).json()["data"]
    assert len(behind) == 1


@pytest.mark.parametrize(
    "question",
    [
        "/v1/stats/funnel?group_by=channel",
        "/v1/stats/funnel?group_by=channel&mode=period",
        "/v1/stats/trend?group_by=channel&interval=day&from=2026-01-01&to=2026-02-01",
        "/v1/stats/trend?group_by=channel&interval=day&from=2026-01-01&to=2026-02-01&mode=cohort",
        "/v1/stats/flow?group_by=channel&interval=day&from=2026-01-01&to=2026-02-01",
        "/v1/stats/occupancy?group_by=channel&interval=day&from=2026-01-01&to=2026-02-01",
        "/v1/stats/cohorts?group_by=channel&interval=day&from=2026-01-01&to=2026-02-01",
        "/v1/stats/velocity?group_by=channel",
        "/v1/stats/channels?group_by=channel",
        "/v1/stats/kpis?group_by=channel&from=2026-01-01&to=2026-02-01",
    ],
)
async def test_an_answer_too_large_to_be_read_is_refused(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    for number in range(9):
        lead = {"email": f"a{number}@firma.de", "channel": f"c{number}", "occurred_at": "2026-01-05T00:00:00Z"}
        assert (await client.post("/v1/leads", json=lead)).is_success
    assert (await client.get(question)).status_code == 200
    monkeypatch.setattr(answering, "MAX_PARTS", 8)
    refused = await client.get(question)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "?group_by"


async def test_too_many_campaigns_are_no_markov_chain(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crediting, "_MOST_NAMES", 1)
    for number in range(2):
        lead = {"email": f"a{number}@firma.de", "campaign": f"c{number}"}
        assert (await client.post("/v1/leads", json=lead)).is_success
    assert (await client.get("/v1/stats/attribution?by=campaign")).json()["errors"][0]["pointer"] == "?by"


async def test_what_has_not_come_yet_is_null(client: AsyncClient) -> None:
    now = datetime.now(UTC)
    assert (await client.post("/v1/leads", json={"email": "a@firma.de"})).is_success
    days = f"from={now.date() - timedelta(days=1)}&to={now.date() + timedelta(days=5)}&interval=day"
    for mode in ("period", "cohort"):
        buckets = (await client.get(f"/v1/stats/trend?{days}&mode={mode}")).json()["totals"]["buckets"]
        begun = [datetime.fromisoformat(bucket["from"]) <= now + timedelta(minutes=20) for bucket in buckets]
        assert [bucket["counts"]["acquired"] is not None for bucket in buckets] == begun
        assert False in begun
    points = (await client.get(f"/v1/stats/occupancy?{days}")).json()["totals"]["points"]
    come = [datetime.fromisoformat(point["at"]) <= now + timedelta(minutes=20) for point in points]
    assert [point["total"] is not None for point in points] == come
    assert points[-1]["stages"] == dict.fromkeys(points[0]["stages"])


@pytest.mark.usefixtures("attributes")
async def test_a_choice_that_was_taken_away_can_be_asked_for(client: AsyncClient) -> None:
    changed = await client.patch("/v1/attributes/plan", json={"choices": ["free"]})
    assert changed.is_success, changed.text
    (group,) = (await client.get("/v1/stats/funnel?group_by=attributes.plan")).json()["groups"]
    assert group["key"] == {"attributes.plan": "team"}
    assert (await client.get("/v1/stats/funnel?attributes.plan=team")).json()["totals"]["entered"] == 1


async def test_one_group_may_have_as_many_parts_as_its_parameters_allow(client: AsyncClient) -> None:
    days = "interval=day&from=2023-01-01&to=2025-12-31&age=P7D&ages=60"
    assert (
        await client.post("/v1/leads", json={"email": "a@firma.de", "occurred_at": "2023-05-05T00:00:00Z"})
    ).is_success
    assert (await client.get(f"/v1/stats/cohorts?{days}")).status_code == 200


async def test_buckets_begin_with_what_is_asked_for(client: AsyncClient) -> None:
    for channel, day in (("old", "2018-01-05"), ("new", "2026-01-05")):
        lead = {"email": f"{channel}@firma.de", "channel": channel, "occurred_at": f"{day}T00:00:00Z"}
        assert (await client.post("/v1/leads", json=lead)).is_success
    for mode in ("period", "cohort"):
        asked = f"/v1/stats/trend?interval=year&mode={mode}&channel="
        first = [
            (await client.get(asked + channel)).json()["totals"]["buckets"][0]["from"][:4] for channel in ("old", "new")
        ]
        assert first == ["2018", "2026"]
        assert (await client.get(asked + "none")).json()["totals"]["buckets"] == []


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("behind=period&part=in", "must be given, but"),
        ("behind=period", "must be given, but"),
        ("behind=funnel&part=open", "must be given, but"),
        ("behind=attribution&part=channel:web", "must be given, but"),
        ("behind=period&stage=nurtured&part=decided", "must be won"),
        ("behind=trend&stage=won&part=decided", "must be one of in"),
    ],
)
async def test_what_is_behind_no_figure_is_no_list(client: AsyncClient, address: str, why: str) -> None:
    answer = await client.get(f"/v1/leads?{address}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"].startswith(why)


@pytest.mark.parametrize("question", ["forecast", "attribution", "velocity", "funnel"])
@pytest.mark.parametrize(
    "asked", ["group_by=channel", "group_by=country,attributes.x&tag=x", "group_by=tag&from=2030-01-01"]
)
async def test_of_nobody_there_are_no_groups(client: AsyncClient, question: str, asked: str) -> None:
    answer = await client.get(f"/v1/stats/{question}?{asked}&to=2031-01-01")
    assert (answer.status_code, answer.json()["groups"]) == (200, [])


async def test_what_was_known_of_spending_is_not_told(client: AsyncClient) -> None:
    spent = {"channel": "web", "period": "2026-01", "amount": "70", "currency": "EUR"}
    assert (await client.put("/v1/spend", json=spent)).is_success
    assert (await client.get("/v1/stats/channels")).json()["totals"]["money"][0]["spend"] == "70.00"
    assert (await client.get("/v1/stats/channels?known_at=2026-11-01")).json()["totals"]["money"] == []


@pytest.mark.parametrize(
    ("question", "columns"),
    [
        ("attribution", {"credits.value", "credits.models.linear.wins"}),
        ("forecast", {"expected.days", "expected.wins.expected", "expected.wins.high"}),
        ("flow?group_by=channel", {"key.channel", "buckets.links.source", "buckets.links.moves"}),
        ("cohorts?interval=month", {"cohorts.from", "cohorts.cells.age"}),
    ],
)
async def test_every_question_is_a_table(client: AsyncClient, question: str, columns: set[str]) -> None:
    first = {
        "email": "a@firma.de",
        "channel": "web",
        "occurred_at": (datetime.now(UTC) - timedelta(days=70)).isoformat(),
    }
    lead = (await client.post("/v1/leads", json=first)).json()
    assert (
        await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": "win", "allow_skip": True})
    ).is_success
    answer = await client.get(f"/v1/stats/{question}", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    head = answer.text.splitlines()[0].split(",")
    assert columns <= set(head), head
    assert "{" not in answer.text
