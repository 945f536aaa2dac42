"""Files of leads: what becomes of every row, whatever the file looks like."""

import json
from typing import Any

import pytest
from httpx import AsyncClient

FILE = """Email;Vorname;Nachname;Firma;Telefon;Plan;Created
ada@example.com;Ada;Lovelace;"Engines; Ltd";;pro;2026-01-05 10:00
grace@example.com;Grace;Hopper;"Navy
Yard";+49 30 9018200;;14.01.2026

not an address;;Nobody;;;;
;;Anonymous;;;;
linus@example.com;Linus;T;;12;;never
"""


async def imported(client: AsyncClient, worker: Any, content: str | bytes, **options: Any) -> dict[str, Any]:
    """Import a file, let the worker do it, and return the import."""
    kind = options.pop("content_type", "text/csv")
    body = content.encode() if isinstance(content, str) else content
    answer = await client.post("/v1/imports", content=body, params=options, headers={"Content-Type": kind})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/imports/{answer.json()['id']}"
    assert answer.json()["status"] == "waiting"
    await worker()
    return (await client.get(answer.headers["Location"])).json()


async def leads(client: AsyncClient, **filters: Any) -> dict[str, dict[str, Any]]:
    found = (await client.get("/v1/leads", params={"limit": 500, **filters})).json()["data"]
    return {lead["email"] or lead["phone"] or lead["id"]: lead for lead in found}


async def test_it_works(client: AsyncClient, worker) -> None:
    done = await imported(client, worker, FILE, name="fair.csv", channel="fair")
    assert done["status"] == "done"
    assert {name: done[name] for name in ("rows_total", "rows_done", "created", "failed")} == {
        "rows_total": 5,
        "rows_done": 5,
        "created": 2,
        "failed": 3,
    }
    found = await leads(client)
    assert set(found) == {"ada@example.com", "grace@example.com"}
    ada, grace = found["ada@example.com"], found["grace@example.com"]
    assert (ada["stage"], ada["verdict"], ada["channel"]) == ("cleaned", "valid", "fair")
    assert (ada["company"]["name"], ada["acquired_at"]) == ("Engines; Ltd", "2026-01-05T10:00:00Z")
    assert ada["attributes"] == {"Plan": "pro"}
    assert (grace["phone"], grace["company"]["name"]) == ("+49309018200", "Navy Yard")
    assert done["columns"][0] == {"name": "Email", "field": "email", "why": "name"}
    faults = (await client.get(done["errors"])).json()["data"]
    assert [(one["row"], one["code"], one["field"], one["severity"]) for one in faults] == [
        (5, "no_identity", None, "error"),
        (5, "email_invalid", "Email", "warning"),
        (6, "no_identity", None, "error"),
        (7, "occurred_at_invalid", "Created", "error"),
    ]


async def test_the_funnel_counts_what_was_imported(client: AsyncClient, worker) -> None:
    await imported(client, worker, FILE, channel="fair")
    funnel = (await client.get("/v1/stats/funnel", params={"from": "2026-01-01", "to": "2026-02-01"})).json()
    assert funnel["groups"][0]["entered"] == 2


async def test_the_same_file_again_changes_nothing(client: AsyncClient, worker) -> None:
    await imported(client, worker, FILE)
    before = await leads(client)
    again = await imported(client, worker, FILE)
    assert (again["created"], again["updated"], again["unchanged"], again["failed"]) == (0, 0, 2, 3)
    assert await leads(client) == before


async def test_a_row_replaces_what_the_lead_has_and_leaves_what_it_does_not_say(client: AsyncClient, worker) -> None:
    await imported(client, worker, FILE)
    done = await imported(client, worker, "email,job title,owner,plan\nada@example.com,Countess,eve,\n")
    assert (done["updated"], done["created"]) == (1, 0)
    ada = (await leads(client))["ada@example.com"]
    assert (ada["job_title"], ada["owner"], ada["first_name"]) == ("Countess", "eve", "Ada")
    touchpoints = (await client.get(f"/v1/leads/{ada['id']}/touchpoints")).json()["data"]
    assert len(touchpoints) == 1


async def test_a_list_from_a_fair_is_a_contact_with_those_who_are_known(client: AsyncClient, worker) -> None:
    await imported(client, worker, FILE)
    rows = "email,first name\nada@example.com,Augusta\n"
    done = await imported(client, worker, rows, on_match="attach", channel="fair-2026")
    assert done["updated"] == 1
    ada = (await leads(client))["ada@example.com"]
    assert ada["first_name"] == "Ada"
    touchpoints = (await client.get(f"/v1/leads/{ada['id']}/touchpoints")).json()["data"]
    assert [(one["channel"], one["via"]) for one in touchpoints][1:] == [("fair-2026", "import")]


async def test_create_refuses_whom_it_knows_and_update_whom_it_does_not(client: AsyncClient, worker) -> None:
    await imported(client, worker, "email\nada@example.com\n")
    rows = "email,job_title\nada@example.com,Countess\ngrace@example.com,Admiral\ngrace@example.com,Again\n"
    created = await imported(client, worker, rows, mode="create")
    assert (created["created"], created["updated"], created["failed"]) == (1, 0, 2)
    faults = (await client.get(created["errors"])).json()["data"]
    assert [(one["row"], one["code"]) for one in faults] == [(2, "already_known"), (4, "already_known")]
    updated = await imported(
        client, worker, "email,job_title\nada@example.com,Lady\nnew@example.com,X\n", mode="update"
    )
    assert (updated["created"], updated["updated"], updated["failed"]) == (0, 1, 1)
    assert set(await leads(client)) == {"ada@example.com", "grace@example.com"}
    assert (await client.get(updated["errors"])).json()["data"][0]["code"] == "lead_not_found"


async def test_a_dry_run_tells_all_and_changes_nothing(client: AsyncClient, worker) -> None:
    done = await imported(client, worker, FILE, dry_run=True)
    assert (done["status"], done["created"], done["failed"], done["dry_run"]) == ("done", 2, 3, True)
    assert await leads(client) == {}
    assert (await client.get("/v1/events")).json()["data"] == []
    assert (await imported(client, worker, FILE))["created"] == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_encodings_and_delimiters_are_found(client: AsyncClient, worker, encoding: str, delimiter: str) -> None:
    rows = [
        ["姓名", "邮箱", "公司名称", "备注"],
        ["王小明", "wang@example.cn", "北京科技有限公司", 'er sagte "ja"\r\n好'],
    ]
    text = "\r\n".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    done = await imported(client, worker, text.encode(encoding))
    assert (done["created"], done["delimiter"]) == (1, delimiter)
    lead = (await leads(client))["wang@example.cn"]
    assert (lead["full_name"], lead["company"]["name"]) == ("王小明", "北京科技有限公司")
    assert lead["attributes"]["备注"] == 'er sagte "ja"\r\n好'


async def test_western_letters_of_an_old_file_are_read(client: AsyncClient, worker) -> None:
    filler = "".join(f"person{number}@example.com,Plain {number}\n" for number in range(3000))
    text = "email,name\n" + filler + "jose@example.com,José Müller €\n"
    done = await imported(client, worker, text.encode("cp1252"))
    assert (done["encoding"], done["created"]) == ("cp1252", 3001)
    lead = (await client.get("/v1/leads", params={"email": "jose@example.com"})).json()["data"][0]
    assert lead["full_name"] == "José Müller €"


async def test_lines_of_json(client: AsyncClient, worker) -> None:
    lines = [
        {"email": "ada@example.com", "company": {"name": "Engines"}, "utm": {"source": "x"}, "tags": ["a", "b"]},
        {"email": "bob@example.com", "external_ids": {"crm": 7}, "attributes": {"seats": 5}, "occurred_at": 1767225600},
    ]
    text = "\n".join([json.dumps(lines[0]), "", "{broken", "[1]", json.dumps(lines[1])])
    done = await imported(client, worker, text, content_type="application/x-ndjson")
    assert (done["format"], done["created"], done["failed"]) == ("ndjson", 2, 2)
    found = await leads(client)
    assert found["ada@example.com"]["company"]["name"] == "Engines"
    assert (found["ada@example.com"]["utm"], found["ada@example.com"]["tags"]) == ({"source": "x"}, ["a", "b"])
    bob = found["bob@example.com"]
    assert (bob["external_ids"], bob["attributes"]) == ({"crm": "7"}, {"seats": 5})
    assert bob["acquired_at"] == "2026-01-01T00:00:00Z"
    faults = (await client.get(done["errors"])).json()["data"]
    assert [one["row"] for one in faults] == [3, 4]


async def test_a_mapping_comes_before_the_names(client: AsyncClient, worker) -> None:
    text = "Mail 1,Mail 2,ID,Note\nold@example.com,new@example.com,77,secret\n"
    mapping = json.dumps({"Mail 2": "email", "Mail 1": "ignore", "Note": "ignore", "ID": "external_ids.crm"})
    done = await imported(client, worker, text, mapping=mapping)
    assert done["created"] == 1
    lead = (await leads(client))["new@example.com"]
    assert (lead["external_ids"], lead["attributes"]) == ({"crm": "77"}, {})


async def test_a_form_brings_a_file_and_its_options(client: AsyncClient, worker) -> None:
    options = json.dumps({"channel": "fair", "tags": ["vip"], "mapping": {"who": "email"}})
    files = {"file": ("list.csv", b"who\nada@example.com\n", "text/csv"), "options": (None, options)}
    answer = await client.post("/v1/imports", files=files)
    assert answer.status_code == 202, answer.text
    assert answer.json()["name"] == "list.csv"
    await worker()
    lead = (await leads(client))["ada@example.com"]
    assert (lead["channel"], lead["tags"]) == ("fair", ["vip"])


async def test_a_file_of_many_pieces_is_in_order_and_each_person_is_one_lead(client: AsyncClient, worker) -> None:
    rows = "".join(f"p{number % 2500}@example.com,Title {number}\n" for number in range(6000))
    done = await imported(client, worker, "email,job_title\n" + rows)
    assert (done["rows_done"], done["created"], done["updated"]) == (6000, 2500, 3500)
    lead = (await client.get("/v1/leads", params={"email": "p10@example.com"})).json()["data"][0]
    assert lead["job_title"] == "Title 5010"
    report = (await client.get(done["rows"], headers={"Accept": "text/csv"})).text.splitlines()
    assert report[0] == "row,result,lead_id"
    assert len(report) == 6001
    assert report[11] == f"12,created,{lead['id']}"
    assert report[2511] == f"2512,updated,{lead['id']}"
