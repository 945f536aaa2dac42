"""History, activities and spending in files; and what can be done about an import: suggestions, cancel, revert."""

from typing import Any

from httpx import AsyncClient

from service.cli.verify import faults_in
from tests.intake.imports.test_leads_file import FILE, imported, leads

HISTORY = """crm id;Ereignis;Datum;Grund;Betrag;Währung
7;clean;2026-01-10;;;
7;qualify;2026-01-12 09:30;;;
7;Gewonnen;01.02.2026;;1.500,50;eur
8;churn;2026-01-20;price;;
9;clean;2026-01-20;;;
8;recycle;2026-01-25;no_budget;;
"""


async def people(client: AsyncClient, worker: Any) -> dict[str, str]:
    """Two leads that another system knows as 7 and 8, acquired in January."""
    rows = "external id,email,created,channel\n7,ada@example.com,2026-01-05,fair\n8,bob@example.com,2026-01-06,fair\n"
    await imported(client, worker, rows, system="crm", clean=False)
    return {email: lead["id"] for email, lead in (await leads(client)).items()}


async def history(client: AsyncClient, worker: Any) -> dict[str, Any]:
    mapping = '{"crm id": "external_ids.crm", "Ereignis": "event", "Währung": "currency", "Grund": "reason"}'
    options = '{"events": {"Gewonnen": "win"}, "kind": "transitions"}'
    return await imported(client, worker, HISTORY, mapping=mapping, options=options)


async def test_history_comes_in_with_its_dates(client: AsyncClient, worker, database_url: str) -> None:
    ids = await people(client, worker)
    done = await history(client, worker)
    assert (done["rows_done"], done["updated"], done["failed"]) == (6, 4, 2), done
    ada = (await client.get(f"/v1/leads/{ids['ada@example.com']}")).json()
    assert (ada["stage"], ada["amount"], ada["currency"]) == ("won", "1500.50", "EUR")
    ledger = (await client.get(f"/v1/leads/{ada['id']}/transitions")).json()["data"]
    assert [(one["event"], one["occurred_at"][:10]) for one in ledger] == [
        ("acquire", "2026-01-05"),
        ("clean", "2026-01-10"),
        ("qualify", "2026-01-12"),
        ("win", "2026-02-01"),
    ]
    faults = (await client.get(done["errors"])).json()["data"]
    assert [(one["row"], one["code"]) for one in faults] == [(6, "lead_not_found"), (7, "transition_refused")]
    funnel = (await client.get("/v1/stats/funnel", params={"from": "2026-01-01", "to": "2026-02-01"})).json()
    assert funnel["groups"][0]["stages"][-1]["reached"] == 1
    again = await history(client, worker)
    assert (again["unchanged"], again["failed"]) == (4, 2)
    assert await faults_in(database_url) == []


async def test_a_stage_stands_for_the_event_that_leads_to_it(client: AsyncClient, worker) -> None:
    await people(client, worker)
    rows = "email,status,date\nada@example.com,opportunity,2026-01-08\nada@example.com,Lost,2026-01-09\n"
    options = '{"events": {"Lost": "churned"}}'
    done = await imported(client, worker, rows, kind="transitions", options=options)
    assert (done["updated"], done["failed"]) == (1, 1)
    ada = (await leads(client))["ada@example.com"]
    assert ada["stage"] == "opportunity"
    fault = (await client.get(done["errors"])).json()["data"][0]
    assert (fault["row"], fault["code"]) == (3, "transition_refused")
    assert "reason" in fault["detail"]


async def test_activities_come_in(client: AsyncClient, worker) -> None:
    ids = await people(client, worker)
    rows = "email,type,when,subject\nada@example.com,email.opened,2026-01-09 08:00,Hello\nnobody@example.com,x,,\nada@example.com,,,\n"
    done = await imported(client, worker, rows, kind="activities")
    assert (done["updated"], done["failed"]) == (1, 2)
    found = (await client.get(f"/v1/leads/{ids['ada@example.com']}/activities")).json()["data"]
    assert [(one["kind"], one["data"], one["occurred_at"]) for one in found] == [
        ("email.opened", {"subject": "Hello"}, "2026-01-09T08:00:00Z")
    ]


async def test_activities_with_a_key_come_in_once_and_ratings_with_their_scale(client: AsyncClient, worker) -> None:
    ids = await people(client, worker)
    rows = (
        "email,type,activity_id,rating,rating_worst,rating_best\nada@example.com,survey.answered,s1,4,1,5\n"
        "ada@example.com,survey.answered,s1,4,1,5\nada@example.com,nps.answered,s1,4,0,10\nada@example.com,nps.answered,s2,11,0,10\n"
        "ada@example.com,nps.answered,s3,7,,\n"
    )
    done = await imported(client, worker, rows, kind="activities")
    assert (done["updated"], done["unchanged"], done["failed"]) == (1, 1, 3)
    faults = (await client.get(done["errors"])).json()["data"]
    assert [fault["code"] for fault in faults] == ["activity_key_taken", "rating_invalid", "rating_invalid"]
    (one,) = (await client.get(f"/v1/leads/{ids['ada@example.com']}/activities")).json()["data"]
    assert (one["key"], one["rating"]) == ("s1", {"value": 4, "worst": 1, "best": 5})
    again = await imported(client, worker, rows, kind="activities")
    assert (again["updated"], again["unchanged"]) == (0, 2)


async def test_spending_comes_in_and_the_same_again_changes_nothing(client: AsyncClient, worker) -> None:
    rows = 'channel,campaign,month,cost,budget,currency\nads,spring,2026-01,"1,200.50",2000,EUR\nads,,2026-02,80,,eur\nads,,,1,,EUR\n'
    done = await imported(client, worker, rows, kind="spend")
    assert (done["created"], done["failed"]) == (2, 1)
    spend = (await client.get("/v1/spend")).json()["data"]
    assert [(one["period_start"], one["period_end"], one["amount"], one["budget"]) for one in spend] == [
        ("2026-01-01", "2026-01-31", "1200.50", "2000.00"),
        ("2026-02-01", "2026-02-28", "80.00", None),
    ]
    again = await imported(client, worker, rows, kind="spend")
    assert (again["unchanged"], again["created"]) == (2, 0)
    changed = await imported(client, worker, "channel,month,cost,currency\nads,2026-02,90,EUR\n", kind="spend")
    assert changed["updated"] == 1
    assert (await client.post(f"/v1/imports/{changed['id']}/revert")).status_code == 409


async def test_one_amount_over_http(client: AsyncClient) -> None:
    body = {
        "channel": "ads",
        "period_start": "2026-03-01",
        "period_end": "2026-03-15",
        "amount": "10",
        "currency": "EUR",
    }
    created = await client.put("/v1/spend", json=body)
    assert (created.status_code, created.json()["amount"]) == (201, "10.00")
    assert (await client.put("/v1/spend", json=body)).status_code == 200
    changed = await client.put("/v1/spend", json=body | {"amount": "12.5"})
    assert (changed.json()["id"], changed.json()["amount"]) == (created.json()["id"], "12.50")
    assert len((await client.get("/v1/spend", params={"from": "2026-03-15", "to": "2026-04-01"})).json()["data"]) == 1
    assert (await client.get("/v1/spend", params={"from": "2026-03-16"})).json()["data"] == []
    wrong = await client.put("/v1/spend", json=body | {"period": "2026-03"})
    assert wrong.status_code == 422
    assert (await client.delete(f"/v1/spend/{created.json()['id']}")).status_code == 204
    assert (await client.delete(f"/v1/spend/{created.json()['id']}")).status_code == 404


async def test_a_suggestion_says_how_a_file_would_be_read(client: AsyncClient) -> None:
    headers = {"Content-Type": "text/csv"}
    found = (await client.post("/v1/imports/suggest", content=FILE.encode(), headers=headers)).json()
    assert [(one["name"], one["field"], one["why"]) for one in found["columns"]] == [
        ("Email", "email", "name"),
        ("Vorname", "first_name", "spelling"),
        ("Nachname", "last_name", "spelling"),
        ("Firma", "company_name", "spelling"),
        ("Telefon", "phone", "spelling"),
        ("Plan", "attributes.Plan", "rest"),
        ("Created", "occurred_at", "spelling"),
    ]
    assert (found["delimiter"], found["encoding"], found["missing"]) == (";", "utf-8", [])
    assert found["columns"][0]["samples"][0] == "ada@example.com"
    lacking = await client.post("/v1/imports/suggest?kind=spend", content=b"channel,cost\nads,1\n", headers=headers)
    assert lacking.json()["missing"] == ["currency", "period or period_start"]


async def test_what_cannot_be_an_import_is_refused_and_leaves_a_note(client: AsyncClient) -> None:
    headers = {"Content-Type": "text/csv"}
    for content, query, pointer in (
        (b"", "", ""),
        (b"email\n", "", ""),
        (b"email\na@example.com\n", "?mapping=%7B%22mail%22%3A%22email%22%7D", "/mapping"),
        (b"email\na@example.com\n", "?mapping=%7B%22email%22%3A%22stage%22%7D", "/mapping"),
        (b"email\na@example.com\n", "?encoding=klingon", "?encoding"),
        (b"\xff\xfee\x00\x00\xd8", "", "?encoding"),
    ):
        answer = await client.post("/v1/imports" + query, content=content, headers=headers)
        assert answer.status_code == 422, (content, answer.text)
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.post("/v1/imports?kind=cars", content=b"x", headers=headers)).status_code == 422
    assert (await client.post("/v1/imports?knd=leads", content=b"x", headers=headers)).status_code == 422
    kept = (await client.get("/v1/imports", params={"status": "failed"})).json()["data"]
    assert len(kept) >= 4
    assert kept[0]["detail"]


async def test_an_import_is_sent_once_for_each_key(client: AsyncClient, worker) -> None:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "abc"}
    first = await client.post("/v1/imports", content=b"email\nada@example.com\n", headers=headers)
    again = await client.post("/v1/imports", content=b"email\nada@example.com\n", headers=headers)
    assert (first.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len((await client.get("/v1/imports")).json()["data"]) == 1


async def test_a_canceled_import_does_nothing_more(client: AsyncClient, worker) -> None:
    answer = await client.post("/v1/imports", content=b"email\nada@example.com\n", headers={"Content-Type": "text/csv"})
    address = answer.headers["Location"]
    assert (await client.post(f"{address}/cancel")).json()["status"] == "canceled"
    await worker()
    assert await leads(client) == {}
    assert (await client.post(f"{address}/cancel")).status_code == 409
    assert (await client.post("/v1/imports/01a20000-0000-7000-8000-000000000000/cancel")).status_code == 404


async def test_a_reverted_import_leaves_tombstones_and_no_figures(
    client: AsyncClient, worker, database_url: str
) -> None:
    await imported(client, worker, "email,job title\nada@example.com,Countess\n", channel="web")
    before = (await leads(client))["ada@example.com"]
    rows = "email,job title,phone,created\nada@example.com,Lady,+49309018200,\ngrace@example.com,Admiral,,2026-01-05\n"
    done = await imported(client, worker, rows, channel="fair")
    grace = (await leads(client))["grace@example.com"]
    answer = await client.post(f"/v1/imports/{done['id']}/revert")
    assert (answer.status_code, answer.json()["status"]) == (202, "reverting")
    await worker()
    assert (await client.get(f"/v1/imports/{done['id']}")).json()["status"] == "reverted"
    assert (await client.get(f"/v1/leads/{grace['id']}")).status_code == 410
    after = (await leads(client))["ada@example.com"]
    moving = {"version", "updated_at"}
    assert {k: v for k, v in after.items() if k not in moving} == {k: v for k, v in before.items() if k not in moving}
    funnel = (await client.get("/v1/stats/funnel", params={"from": "2026-01-01", "to": "2026-01-31"})).json()
    assert [group["entered"] for group in funnel["groups"]] in ([], [0])
    assert await faults_in(database_url) == []
    assert (await client.post(f"/v1/imports/{done['id']}/revert")).status_code == 409
    # The corrected file may bring the same people again.
    again = await imported(client, worker, rows, channel="fair")
    assert (again["created"], again["updated"]) == (1, 1)


async def test_what_was_built_on_is_not_taken_back(client: AsyncClient, worker) -> None:
    done = await imported(client, worker, "email\nada@example.com\ngrace@example.com\n")
    ada = (await leads(client))["ada@example.com"]
    assert (await client.post(f"/v1/leads/{ada['id']}/transitions", json={"event": "nurture"})).status_code == 201
    answer = await client.post(f"/v1/imports/{done['id']}/revert")
    assert (answer.status_code, answer.json()["code"], answer.json()["leads"]) == (409, "built_on", [ada["id"]])


async def test_reverted_history_is_taken_off_the_ledgers(client: AsyncClient, worker, database_url: str) -> None:
    ids = await people(client, worker)
    done = await history(client, worker)
    assert (await client.post(f"/v1/imports/{done['id']}/revert")).status_code == 202
    await worker()
    ada = (await client.get(f"/v1/leads/{ids['ada@example.com']}")).json()
    assert (ada["stage"], ada["amount"]) == ("acquired", None)
    assert len((await client.get(f"/v1/leads/{ada['id']}/transitions")).json()["data"]) == 1
    assert await faults_in(database_url) == []
