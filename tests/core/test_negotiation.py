"""Lists as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest
from httpx import AsyncClient

from service.core.http.negotiation import prefers_csv, to_csv


def table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


async def test_it_works(api: AsyncClient):
    for text in ("plain", "=1+1", 'with "quotes", and\nlines'):
        await api.post("/v1/notes", json={"text": text})
    response = await api.get("/v1/notes", params={"limit": 2}, headers={"Accept": "text/csv"})

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["vary"] == "Accept"
    head, *rows = table(response.content)
    assert head == ["id", "text", "version"]
    assert [row[1] for row in rows] == ["plain", "'=1+1"]
    rest = await api.get(response.links["next"]["url"], headers={"Accept": "text/csv"})
    assert table(rest.content)[1][1] == 'with "quotes", and\nlines'


async def test_json_stays_the_default(api: AsyncClient):
    for accept in ("*/*", "application/json", "application/json, text/csv", "text/html", ""):
        response = await api.get("/v1/notes", headers={"Accept": accept})
        assert response.headers["content-type"] == "application/json"


async def test_one_thing_is_no_table(api: AsyncClient):
    address = (await api.post("/v1/notes", json={"text": "x"})).headers["location"]

    assert (await api.get(address, headers={"Accept": "text/csv"})).headers["content-type"] == "application/json"


async def test_errors_stay_problems(api: AsyncClient):
    response = await api.get("/v1/notes?limit=0", headers={"Accept": "text/csv"})

    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/csv", True),
        ("TEXT/CSV", True),
        ("text/csv;q=0.9, */*;q=0.1", True),
        ("text/csv, */*", True),
        ("text/csv, application/json", True),
        ("application/json, text/csv", False),
        ("application/json;q=0.2, text/csv;q=0.3", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0", False),
        ("text/csv;q=many", False),
        ("text/csvx", False),
        ("*/*", False),
        (None, False),
    ],
)
def test_preference(accept, wanted):
    assert prefers_csv(accept) is wanted


def test_nested_rows_become_columns_and_lines():
    rows = [
        {
            "key": {"channel": "web"},
            "tags": ["a", "b"],
            "stages": [{"stage": "won", "step": {"rate": 0.5}}, {"stage": "lost"}],
        },
        {"key": {"channel": None}, "tags": [], "stages": []},
        {"key": {"channel": ""}, "tags": [], "stages": [{"stage": "open", "ages": [{"age": 1}, {"age": 2}]}]},
    ]

    assert table(to_csv(rows)) == [
        ["key.channel", "tags", "stages.stage", "stages.step.rate", "stages.ages.age"],
        ["web", "a;b", "won", "0.5", ""],
        ["web", "a;b", "lost", "", ""],
        ["", "", "", "", ""],
        ["", "", "open", "", "1"],
        ["", "", "open", "", "2"],
    ]
    # What has no value is an empty cell, an empty text one of quotation marks.
    *_, missing, empty, _ = to_csv(rows).decode().splitlines()
    assert (missing[:2], empty[:4]) == (",,", '"",,')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start):
    ((header,), (cell,)) = table(to_csv([{start + "name": start + "cmd|x"}]))

    assert (header[0], cell[0]) == ("'", "'")


def test_numbers_keep_their_sign():
    assert table(to_csv([{"a": -5, "b": True, "c": None, "d": ["=x", 1]}]))[1] == ["-5", "true", "", "'=x;1"]


def test_no_rows_no_columns():
    assert to_csv([]) == b"\r\n"


def test_what_is_nothing_and_what_is_zero_are_apart():
    head, zero, false, nothing, none = table(
        to_csv(
            [
                {"a": {"crm": 0, "crm.id": 5}},
                {"a": {"crm": False}},
                {"a": {}, "b": [{}]},
                {"a": {"crm.id": 6}, "b": [None]},
            ]
        )
    )
    assert head[:2] == ["a.crm", "a.crm.id"]
    assert [row[0] for row in (zero, false, nothing, none)] == ["0", "false", "", ""]
