"""Olist's marketing funnel, brought in through the API, gives the figures that were published of it."""

from __future__ import annotations

from httpx import AsyncClient

from tests.real_data.loading import create_all, everything_holds, move_all, read_csv, real_data

# won / leads by origin; None is a lead without one, which is not the origin "unknown".
BY_ORIGIN = {
    "organic_search": (271, 2296),
    "paid_search": (195, 1586),
    "social": (75, 1350),
    "unknown": (179, 1099),
    "direct_traffic": (56, 499),
    "email": (15, 493),
    "referral": (24, 284),
    "other": (4, 150),
    "display": (6, 118),
    "other_publicities": (3, 65),
    None: (14, 60),
}
BY_MONTH = {
    "2017-06": (0, 4),
    "2017-07": (2, 239),
    "2017-08": (9, 386),
    "2017-09": (7, 312),
    "2017-10": (14, 416),
    "2017-11": (18, 445),
    "2017-12": (11, 200),
    "2018-01": (152, 1141),
    "2018-02": (149, 1028),
    "2018-03": (167, 1174),
    "2018-04": (183, 1352),
    "2018-05": (130, 1303),
}
IMPOSSIBLE = "b91cf8812365f50ff4bda4bcd6206b05"


async def test_the_published_figures_come_out_exactly(client: AsyncClient, database_url: str):
    folder = real_data() / "olist"
    leads = read_csv(folder / "olist_marketing_qualified_leads_dataset.csv")
    deals = read_csv(folder / "olist_closed_deals_dataset.csv")
    created = await create_all(client, [_lead(row) for row in leads])
    assert {item["status"] for item in created} == {201}
    moved = await move_all(client, [_win(row) for row in deals])

    refused = [(deals[index], item["problem"]) for index, item in enumerate(moved) if item["status"] != 201]
    assert [deal["mql_id"] for deal, _ in refused] == [IMPOSSIBLE]
    problem = refused[0][1]
    assert problem["status"] == 409
    assert problem["code"] == "occurred_out_of_order"
    assert "before" in problem["detail"]
    acquired = next(row for row in leads if row["mql_id"] == IMPOSSIBLE)
    lost_origin, lost_month = acquired["origin"], acquired["first_contact_date"][:7]

    await _check_total(client)
    await _check_by_origin(client, lost_origin)
    await _check_by_month(client, lost_month)
    await everything_holds(database_url)


def _lead(row: dict[str, str]) -> dict[str, object]:
    lead: dict[str, object] = {
        "external_ids": {"olist": row["mql_id"]},
        "campaign": row["landing_page_id"],
        "occurred_at": f"{row['first_contact_date']}T00:00:00Z",
    }
    return lead | ({"channel": row["origin"]} if row["origin"] else {})


def _win(row: dict[str, str]) -> dict[str, object]:
    at = row["won_date"].replace(" ", "T") + "Z"
    return {"external_id": f"olist:{row['mql_id']}", "event": "win", "occurred_at": at, "allow_skip": True}


async def _check_total(client: AsyncClient) -> None:
    total = (await client.get("/v1/stats/funnel")).json()["totals"]
    won = total["stages"][-1]
    assert (won["stage"], won["reached"], won["skipped"], total["entered"]) == ("won", 841, 841, 8000)
    assert won["step"]["numerator"] == won["step"]["denominator"] == 841
    strict = (await client.get("/v1/stats/funnel?skips=strict")).json()["totals"]["stages"]
    assert [stage["reached"] for stage in strict] == [8000, 0, 0, 0, 841]


async def _check_by_origin(client: AsyncClient, lost_origin: str) -> None:
    groups = (await client.get("/v1/stats/funnel?group_by=channel")).json()["groups"]
    found = {group["key"]["channel"]: (group["stages"][-1]["reached"], group["entered"]) for group in groups}
    assert found == BY_ORIGIN | {lost_origin: (BY_ORIGIN[lost_origin][0] - 1, BY_ORIGIN[lost_origin][1])}
    for group in groups:
        won = group["stages"][-1]
        listed = (await client.get(won["leads"] + "&count=true&limit=1")).json()
        assert listed["total"] == won["reached"]


async def _check_by_month(client: AsyncClient, lost_month: str) -> None:
    trend = (await client.get("/v1/stats/trend?mode=cohort&interval=month&from=2017-06-01&to=2018-06-01")).json()
    buckets = trend["totals"]["buckets"]
    found = {bucket["from"][:7]: (bucket["counts"]["won"], bucket["counts"]["acquired"]) for bucket in buckets}
    assert found == BY_MONTH | {lost_month: (BY_MONTH[lost_month][0] - 1, BY_MONTH[lost_month][1])}


def test_this_table_adds_up_to_what_was_published():
    for table in (BY_ORIGIN, BY_MONTH):
        assert tuple(map(sum, zip(*table.values(), strict=True))) == (842, 8000)
