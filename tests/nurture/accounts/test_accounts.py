"""Accounts: the leads of one company, listed and read."""

from __future__ import annotations

from typing import Any

from httpx import AsyncClient

PEOPLE = (
    ("ann@acme.com", {"full_name": "Ann Lee", "job_title": "CEO", "company": {"name": "Acme GmbH", "country": "DE"}}),
    ("bob@acme.com", {"full_name": "Bob Ray", "job_title": "Buyer", "company": {"name": "Acme GmbH", "country": "AT"}}),
    (
        "cem@acme.com",
        {"job_title": "Software Engineer", "company": {"name": "ACME", "country": "DE", "industry": "steel"}},
    ),
    ("dora@globex.de", {"job_title": "销售总监", "company": {"name": "Globex", "country": "DE"}}),
    ("eve@gmail.com", {"company": {"name": "Acme GmbH"}}),
)


async def lead(client: AsyncClient, email: str, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/leads", json={"email": email, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def move(client: AsyncClient, lead_id: str, event: str, **more: Any) -> None:
    answer = await client.post(f"/v1/leads/{lead_id}/transitions", json={"event": event, "allow_skip": True, **more})
    assert answer.status_code == 201, answer.text


async def company(client: AsyncClient) -> dict[str, dict[str, Any]]:
    return {email: await lead(client, email, **more) for email, more in PEOPLE}


async def get(client: AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_account_is_the_leads_of_a_domain(client: AsyncClient) -> None:
    await company(client)
    listed = (await get(client, "/v1/accounts"))["data"]
    assert [(one["domain"], one["name"], one["country"], one["people"]) for one in listed] == [
        ("acme.com", "Acme GmbH", "DE", 3),
        ("globex.de", "Globex", "DE", 1),
    ]


async def test_facts_say_how_they_were_chosen(client: AsyncClient) -> None:
    await company(client)
    account = await get(client, "/v1/accounts/acme.com")
    assert account["facts"]["country"] == {"value": "DE", "people": 2, "told": 3}
    assert account["facts"]["industry"] == {"value": "steel", "people": 1, "told": 1}
    assert account["facts"]["size"] is None
    assert account["industry"] == "steel"


async def test_any_way_of_writing_the_domain_finds_it(client: AsyncClient) -> None:
    await company(client)
    for way in ("ACME.com", "www.acme.com", "shop.acme.com"):
        assert (await get(client, f"/v1/accounts/{way}"))["id"] == "acme.com"
    for way in ("nobody.com", "com", "a b"):
        answer = await client.get(f"/v1/accounts/{way}")
        assert (answer.status_code, answer.json()["code"]) == (404, "account_not_found")


async def test_money_is_summed_by_currency_and_never_converted(client: AsyncClient) -> None:
    people = await company(client)
    ann, bob, cem = (people[email]["id"] for email in ("ann@acme.com", "bob@acme.com", "cem@acme.com"))
    await move(client, ann, "win", amount="1000.50", currency="EUR")
    await move(client, ann, "repurchase")
    await move(client, bob, "qualify", amount="70", currency="USD")
    await move(client, cem, "qualify", amount="30", currency="EUR")
    account = await get(client, "/v1/accounts/acme.com")
    assert account["won"] == {"deals": 1, "without_amount": 0, "amounts": {"EUR": "1000.50"}}
    assert account["open"] == {"deals": 3, "without_amount": 1, "amounts": {"EUR": "30.00", "USD": "70.00"}}
    assert account["furthest_stage"] == "won"
    assert account["stages"]["opportunity"] == 3
    await client.patch(f"/v1/leads/{ann}", json={"amount": "5", "currency": "EUR"})
    account = await get(client, "/v1/accounts/acme.com")
    assert account["open"] == {"deals": 3, "without_amount": 0, "amounts": {"EUR": "35.00", "USD": "70.00"}}


async def test_test_leads_are_left_out_and_that_is_said(client: AsyncClient) -> None:
    await company(client)
    await lead(client, "tina@acme.com", test=True)
    account = await get(client, "/v1/accounts/acme.com")
    assert (account["people"], account["left_out"]) == (3, {"test": 1})


async def test_leads_that_only_name_the_company_are_possible_people(client: AsyncClient) -> None:
    await company(client)
    await lead(client, "fay@gmail.com", company={"name": "ACME Ltd."})
    await lead(client, "gus@gmail.com", company={"name": "Acme Tools"})
    await lead(client, "hu@shanghai-jixie.cn", company={"name": "上海机械有限公司"})
    await lead(client, "li@qq.com", company={"name": "上海机械股份有限公司"})
    await lead(client, "jo@mueller-shop.de", company={"name": "Müller & Söhne GmbH"})
    await lead(client, "kim@gmx.de", company={"name": "MÜLLER SÖHNE"})
    for domain, names in {
        "acme.com": ["ACME Ltd.", "Acme GmbH"],
        "shanghai-jixie.cn": ["上海机械股份有限公司"],
        "mueller-shop.de": ["MÜLLER SÖHNE"],
    }.items():
        account = await get(client, f"/v1/accounts/{domain}")
        assert [one["company_name"] for one in account["possible_people"]] == names


async def test_people_come_in_pages(client: AsyncClient) -> None:
    for number in range(7):
        await lead(client, f"p{number}@acme.com")
    for sort in ("-score", "created_at", "-last_activity_at"):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await get(client, "/v1/accounts/acme.com/people", limit=3, sort=sort, **cursor)
            seen += [one["lead_id"] for one in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert len(seen) == len(set(seen)) == 7


async def test_the_list_in_pages_and_as_csv(client: AsyncClient) -> None:
    await company(client)
    await lead(client, "x@initech.com")
    for sort in ("domain", "-people", "score", "-last_activity_at"):
        first = await client.get("/v1/accounts", params={"limit": 2, "sort": sort, "count": True})
        assert first.json()["total"] == 3
        assert 'rel="next"' in first.headers["Link"]
        cursor = first.json()["next_cursor"]
        rest = await get(client, "/v1/accounts", limit=2, sort=sort, cursor=cursor)
        domains = [one["domain"] for one in first.json()["data"] + rest["data"]]
        assert sorted(domains) == ["acme.com", "globex.de", "initech.com"]
        assert rest["next_cursor"] is None
        other = await client.get("/v1/accounts", params={"sort": sort, "cursor": cursor, "country": "DE"})
        assert other.status_code == 422
    table = await client.get("/v1/accounts", headers={"Accept": "text/csv"})
    lines = table.text.splitlines()
    assert lines[0].startswith("id,domain,name,industry")
    assert len(lines) == 4


async def test_filters_ask_what_the_account_shows(client: AsyncClient) -> None:
    people = await company(client)
    await client.patch(f"/v1/leads/{people['bob@acme.com']['id']}", json={"owner": "Eve"})

    async def found(**query: Any) -> list[str]:
        return [one["domain"] for one in (await get(client, "/v1/accounts", **query))["data"]]

    assert await found(country="AT") == []
    assert await found(country="DE") == ["acme.com", "globex.de"]
    assert await found(industry="steel") == ["acme.com"]
    assert await found(owner="Eve") == ["acme.com"]
    assert await found(q="glob") == ["globex.de"]
    assert await found(q="acme gm") == ["acme.com"]
    assert await found(q="Ann") == []
    assert await found(q=".de") == ["globex.de"]
    assert await found(q="&") == []
    assert await found(people_gte=2) == ["acme.com"]
    assert await found(stage="won") == []
    assert await found(missing="tier") == ["acme.com", "globex.de"]
    assert await found(tier="A") == []


async def test_amounts_are_sorted_by_in_one_currency(client: AsyncClient) -> None:
    people = await company(client)
    await move(client, people["dora@globex.de"]["id"], "qualify", amount="9", currency="EUR")
    await move(client, people["ann@acme.com"]["id"], "qualify", amount="90", currency="USD")
    listed = await get(client, "/v1/accounts", sort="-open_amount", currency="EUR", limit=1)
    assert [one["domain"] for one in listed["data"]] == ["globex.de"]
    rest = await get(client, "/v1/accounts", sort="-open_amount", currency="EUR", cursor=listed["next_cursor"])
    assert [one["domain"] for one in rest["data"]] == ["acme.com"]
    assert (await client.get("/v1/accounts", params={"sort": "-won_amount"})).status_code == 422
    assert (await client.get("/v1/accounts", params={"currency": "EUR"})).status_code == 422


async def test_engagement_is_cut_by_the_days_of_a_zone(client: AsyncClient) -> None:
    await lead(client, "ann@acme.com", occurred_at="2026-03-01T23:30:00Z")
    await lead(client, "bob@acme.com", occurred_at="2026-03-02T12:00:00Z")
    told = {"kind": "webinar.attended", "email": "ann@acme.com", "occurred_at": "2026-03-03T10:00:00Z"}
    assert (await client.post("/v1/activities", json=told)).status_code == 201
    call = told | {"kind": "call.made", "email": "bob@acme.com"}
    assert (await client.post("/v1/activities", json=call)).status_code == 201
    query = {"interval": "day", "from": "2026-03-01", "to": "2026-03-04"}
    found = await get(client, "/v1/accounts/acme.com/engagement", **query)
    assert [(one["touchpoints"], one["inbound"], one["outbound"], one["engaged_people"]) for one in found["data"]] == [
        (1, 0, 0, 1),
        (1, 0, 0, 1),
        (0, 1, 1, 1),
    ]
    assert (found["all"]["touchpoints"], found["all"]["engaged_people"]) == (2, 2)
    found = await get(client, "/v1/accounts/acme.com/engagement", **query, tz="Europe/Berlin")
    assert [one["touchpoints"] for one in found["data"]] == [0, 2, 0]
    for wrong in ({"tz": "Moon"}, {"from": "2026-05-01"}, {"from": "1990-01-01"}, {"interval": "year"}):
        answer = await client.get("/v1/accounts/acme.com/engagement", params=query | wrong)
        assert answer.status_code == 422, wrong


async def test_accounts_are_counted_by_tier_and_how_far_they_came(client: AsyncClient) -> None:
    people = await company(client)
    await move(client, people["ann@acme.com"]["id"], "win")
    counted = (await get(client, "/v1/stats/accounts"))["data"]
    assert [(one["tier"], one["furthest_stage"], one["accounts"], one["people"]) for one in counted] == [
        (None, "won", 1, 3),
        (None, "acquired", 1, 1),
    ]
