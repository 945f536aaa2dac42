"""GET /v1/leads."""

from __future__ import annotations

import csv
import io

import pytest
from httpx import AsyncClient

PEOPLE = [
    {"email": "ada@example.com", "full_name": "Ada Lovelace", "phone": "+4930901820", "channel": "web", "campaign": "spring", "owner": "ben", "company": {"name": "Analytical Engines", "country": "GB", "industry": "machines", "size": "1-10", "region": "London"}, "tags": ["vip", "beta"], "external_ids": {"crm": "a:1/2"}, "occurred_at": "2026-01-01T00:00:00Z"},
    {"email": "bob@example.com", "full_name": "Bob Müller-Lüdenscheidt", "channel": "fair", "owner": "eve", "company": {"name": "Kämmer & Söhne", "country": "DE"}, "tags": ["vip"], "occurred_at": "2026-02-01T00:00:00Z"},
    {"email": "zhang.wei@example.cn", "full_name": "张伟", "channel": "web", "company": {"name": "上海某某科技有限公司", "country": "CN"}, "occurred_at": "2026-03-01T00:00:00Z"},
    {"external_ids": {"crm": "4"}, "occurred_at": "2026-04-01T00:00:00Z"},
]  # fmt: skip


@pytest.fixture
async def people(create):
    return [await create(**person) for person in PEOPLE]


@pytest.fixture
def listed(client: AsyncClient):
    """Ask for a list; the leads come back as their places in the cast."""

    async def ask(people, **query):
        answer = await client.get("/v1/leads", params=query)
        assert answer.status_code == 200, answer.text
        ids = [person["id"] for person in people]
        return [ids.index(lead["id"]) for lead in answer.json()["data"]]

    return ask


async def test_it_works(client: AsyncClient, people):
    answer = await client.get("/v1/leads")
    body = answer.json()
    assert [lead["id"] for lead in body["data"]] == [person["id"] for person in reversed(people)]
    assert body["next_cursor"] is None
    assert "Link" not in answer.headers
    assert body["data"][-1] == (await client.get(f"/v1/leads/{people[0]['id']}")).json()


async def test_filters(people, walk, listed):
    await walk(people[0], "clean")
    for query, found in [
        ({"stage": "cleaned"}, [0]),
        ({"stage": ["cleaned", "acquired"]}, [3, 2, 1, 0]),
        ({"channel": "web"}, [2, 0]),
        ({"channel": "web", "stage": "acquired"}, [2]),
        ({"channel": "fair", "missing": "channel"}, [3, 1]),
        ({"missing": "owner"}, [3, 2]),
        ({"missing": ["owner", "channel"]}, [3]),
        ({"campaign": "spring"}, [0]),
        ({"owner": ["ben", "eve"]}, [1, 0]),
        ({"country": "DE"}, [1]),
        ({"industry": "machines"}, [0]),
        ({"region": "London", "company_size": "1-10"}, [0]),
        ({"tag": "vip"}, [1, 0]),
        ({"tag": ["beta", "x"]}, [0]),
        ({"email": " ADA@Example.com"}, [0]),
        ({"phone": "0049 30 901820"}, [0]),
        ({"external_id": "crm:a:1/2"}, [0]),
        ({"external_id": "shop:4"}, []),
        ({"score_gte": 0}, [3, 2, 1, 0]),
        ({"score_gte": 1}, []),
        ({"acquired_from": "2026-02-01T00:00:00Z"}, [3, 2, 1]),
        ({"acquired_to": "2026-02-01T00:00:00Z"}, [0]),
        ({"acquired_from": "0001-01-01T00:00:00Z", "acquired_to": "9999-12-31T23:59:59Z"}, [3, 2, 1, 0]),
        ({"stage_since_before": "2026-03-01T00:00:00Z"}, [1]),
        ({"owner": "nobody"}, []),
        ({"owner": "' OR 1=1 --"}, []),
        ({"tag": "{vip}"}, []),
    ]:
        assert await listed(people, **query) == found, query


async def test_search(people, listed):
    for words, found in [
        ("ada", [0]),
        ("LOVE", [0]),
        ("love ada", [0]),
        ("ada bob", []),
        ("engin", [0]),
        ("ada@example.com", [0]),
        ("ada@exa", [0]),
        ("ADA@exa love", [0]),
        ("bob@exa love", []),
        ("zhang.w", [2]),
        ("müller", [1]),
        ("Lüden", [1]),
        ("müller-lü", [1]),
        ("张", [2]),
        ("张伟", [2]),
        ("上海", [2]),
        ("上海某某", [2]),
        ("söhne", [1]),
        ("kämmer & sö", [1]),
        ("ada !", [0]),
        ("ada | bob", []),
        ("🦄", []),
        ("محمد", []),
    ]:
        assert await listed(people, q=words) == found, words


async def test_no_operator_breaks_a_search(client: AsyncClient):
    for words in [
        "&",
        "|",
        "!",
        "(",
        ")",
        ":",
        "*",
        "'",
        "\\",
        "''",
        "\\'",
        "a:*",
        "a & !b",
        "<->",
        "a <2> b",
        "!!",
        "()",
        "'a' & 'b",
        ":*",
        ":ABCD",
        "%",
        "a\tb",
        '"',
        "--",
        "x" * 200,
        "张" * 200,
        "a " * 99 + "a",
    ]:
        answer = await client.get("/v1/leads", params={"q": words})
        assert answer.status_code == 200, answer.text


async def test_sorts(people, walk, listed):
    await walk(people[1], "clean")
    for sort, found in [
        ("created_at", [0, 1, 2, 3]),
        ("-created_at", [3, 2, 1, 0]),
        ("acquired_at", [0, 1, 2, 3]),
        ("-acquired_at", [3, 2, 1, 0]),
        ("stage_entered_at", [0, 2, 3, 1]),
        ("-stage_entered_at", [1, 3, 2, 0]),
        ("score", [0, 1, 2, 3]),
        ("-score", [3, 2, 1, 0]),
    ]:
        assert await listed(people, sort=sort) == found, sort


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "acquired_at", "-score", "-stage_entered_at"])
async def test_pages_neither_skip_nor_repeat_while_rows_are_inserted(client: AsyncClient, sort: str):
    async def add(number: int) -> str:
        # Many leads share the value they are sorted by: the id makes the order total.
        body = {"email": f"p{number}@example.com", "occurred_at": f"2026-01-0{number % 3 + 1}T00:00:00Z"}
        return (await client.post("/v1/leads", json=body)).json()["id"]

    first = [await add(number) for number in range(11)]
    seen: list[str] = []
    address: str | None = f"/v1/leads?limit=3&sort={sort}"
    while address:
        answer = await client.get(address)
        seen += [lead["id"] for lead in answer.json()["data"]]
        address = answer.links["next"]["url"] if "next" in answer.links else None
        assert (address is None) == (answer.json()["next_cursor"] is None)
        if len(seen) < 13:
            await add(100 + len(seen))
    assert len(seen) == len(set(seen))
    assert set(first) <= set(seen)


async def test_a_cursor_is_bound_to_its_filter_and_sort(client: AsyncClient, people):
    cursor = (await client.get("/v1/leads?limit=1&stage=acquired")).json()["next_cursor"]
    assert (
        await client.get("/v1/leads", params={"limit": 2, "stage": "acquired", "cursor": cursor})
    ).status_code == 200
    for query in (
        {"stage": "won", "cursor": cursor},
        {"cursor": cursor},
        {"stage": "acquired", "sort": "score", "cursor": cursor},
        {"stage": "acquired", "cursor": cursor[:-2] + "xx"},
        {"stage": "acquired", "cursor": "garbage"},
        {"stage": "acquired", "cursor": ""},
        {"stage": "acquired", "cursor": "é"},
    ):
        answer = await client.get("/v1/leads", params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor"), query


async def test_count(client: AsyncClient, people):
    body = (await client.get("/v1/leads?limit=1&count=true&tag=vip")).json()
    assert (body["total"], len(body["data"])) == (2, 1)
    assert "total" not in (await client.get("/v1/leads")).json()


async def test_csv(client: AsyncClient, people, create):
    await create(email="x@example.com", full_name="=cmd|' /C calc'!A1", owner="+1")
    answer = await client.get("/v1/leads?limit=500&sort=created_at", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["email"] for row in table][:2] == ["ada@example.com", "bob@example.com"]
    assert (table[0]["company.name"], table[0]["tags"], table[2]["full_name"]) == (
        "Analytical Engines",
        "beta;vip",
        "张伟",
    )
    assert table[0]["phone"].endswith("+4930901820")
    assert all(not value.startswith(("=", "+", "-", "@")) for row in table for value in row.values() if value)


async def test_the_list_behind_a_figure_has_as_many_entries(client: AsyncClient, people, walk):
    await walk(people[0], "clean", "qualify", "win", "repurchase")
    await walk(people[1], "churn")
    checked = 0
    for query in ("group_by=channel", "mode=period", "unit=lead"):
        for group in (await client.get(f"/v1/stats/funnel?{query}")).json()["groups"]:
            for stage in group["stages"]:
                expected = stage.get("reached", stage.get("in"))
                body = (await client.get(f"{stage['leads']}&count=true&limit=1")).json()
                assert body["total"] == expected, stage["leads"]
                checked += expected or 0
    assert checked > 5
    for figure in ("nothing", "funnel", "funnel&stage=churned", "period&stage=won&part=odd", "funnel&stage=won&from=x"):
        answer = await client.get(f"/v1/leads?behind={figure}")
        assert answer.status_code == 422, figure


FAULTS = [
    ("stage=sold", "?stage"),
    ("stage=", "?stage"),
    ("sort=email", "?sort"),
    ("sort=-", "?sort"),
    ("limit=0", "?limit"),
    ("limit=501", "?limit"),
    ("limit=-1", "?limit"),
    ("limit=1e3", "?limit"),
    ("limit=99999999999999999999", "?limit"),
    ("score_gte=2147483648", "?score_gte"),
    ("score_gte=x", "?score_gte"),
    ("acquired_from=2026-01-01", "?acquired_from"),
    ("acquired_from=0001-01-01T00:00:00%2B14:00", "?acquired_from"),
    ("stage_since_before=2016-12-31T23:59:60Z", "?stage_since_before"),
    ("email=ada", "?email"),
    ("phone=12", "?phone"),
    ("external_id=crm", "?external_id"),
    ("external_id=:1", "?external_id"),
    ("missing=email", "?missing"),
    ("q=", "?q"),
    ("q=" + "x" * 201, "?q"),
    ("q=%00", "?q"),
    ("q=%ff", "?q"),
    ("count=perhaps", "?count"),
    ("colour=red", "?colour"),
    ("Stage=won", "?Stage"),
    ("stage[]=won", "?stage[]"),
    ("&".join(["owner=x"] * 101), "?owner"),
]


async def test_a_wrong_parameter_is_named(client: AsyncClient):
    for query, pointer in FAULTS:
        answer = await client.get(f"/v1/leads?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"] == pointer, query


async def test_repeated_single_parameters_do_no_harm(client: AsyncClient, people):
    for query in (
        "limit=1&limit=2",
        "q=ada&q=bob",
        "sort=score&sort=-score",
        "count=true&count=false",
        "cursor=&cursor=",
    ):
        assert (await client.get(f"/v1/leads?{query}")).status_code in {200, 422}, query


async def test_other_methods_and_spellings_of_the_address(client: AsyncClient, people):
    for method, path, statuses in [
        ("HEAD", "/v1/leads", {200, 405}),
        ("OPTIONS", "/v1/leads", {204, 405}),
        ("DELETE", "/v1/leads", {405}),
        ("PUT", f"/v1/leads/{people[0]['id']}", {405}),
        ("DELETE", f"/v1/leads/{people[0]['id']}", {405}),
        ("GET", "/v1/leads/", {404}),
        ("GET", "/v1//leads", {404}),
        ("GET", "/v1/leads/%2e%2e", {404}),
        ("GET", "/v1/Leads", {404}),
        ("GET", f"/v1/leads/{people[0]['id'].upper()}", {200}),
        ("GET", f"/v1/leads/{people[0]['id']}/", {404}),
        ("TRACE", "/v1/leads", {405}),
    ]:
        answer = await client.request(method, path)
        assert answer.status_code in statuses, (method, path, answer.status_code)
