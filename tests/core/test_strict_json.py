"""What cannot be stored or read back exactly is refused, with a pointer to it."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

JSON = {"Content-Type": "application/json"}


async def send(api: AsyncClient, body: bytes, **headers: str):
    return await api.post("/v1/anything", content=body, headers=JSON | headers)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        (rb'{"a": "x\u0000y"}', "/a", "NUL"),
        (rb'{"a": {"b\u0000": 1}}', "/a", "NUL"),
        (b'{"a": "x\x00y"}', "", "not JSON"),
        (b'{"a": ["ok", "\xff"]}', "/a/1", "invalid UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "/a", "invalid UTF-8"),
        (b'{"a\xff": 1}', "", "invalid UTF-8"),
        (rb'{"a/b": {"c~d": "\ud800"}}', "/a~1b/c~0d", "lone surrogate"),
        (rb'["\udc00"]', "/0", "lone surrogate"),
        (b'{"n": 1e999}', "/n", "finite"),
        (b'{"n": [-1e999]}', "/n/0", "finite"),
        (b'{"n": NaN}', "/n", "finite"),
        (b'{"n": Infinity}', "/n", "finite"),
        (b'{"n": 9223372036854775808}', "/n", "64 bit"),
        (b'{"n": -9223372036854775809}', "/n", "64 bit"),
        (b'{"n": ' + b"9" * 5000 + b"}", "", "not JSON"),
        (b"[" * 33 + b"]" * 33, "/0" * 32, "nested"),
        (b"[" * 100_000, "", "nested"),
        (b'{"a":' * 100_000, "", "nested"),
        (b"\xef\xbb\xbf{}", "", "not JSON"),
        (b'{"a": 1,}', "", "not JSON"),
        (b"{'a': 1}", "", "not JSON"),
        (b'{"a": 1} x', "", "not JSON"),
        (b" ", "", "not JSON"),
        (b"\x00", "", "not JSON"),
    ],
)
async def test_unfit_bodies_are_refused(api: AsyncClient, body, pointer, detail):
    response = await send(api, body)

    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["code"] == "validation_failed"
    assert problem["errors"][0]["pointer"] == pointer
    assert detail in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "\xf0\x9f\x98\x80"}',
        rb'{"a": "\ud83d\ude00"}',
        b'{"n": [9223372036854775807, -9223372036854775808, 1.5e308, 0.1, true, null]}',
        b"[" * 32 + b"]" * 32,
        b'"text"',
    ],
)
async def test_fit_bodies_are_taken(api: AsyncClient, body):
    assert (await send(api, body)).status_code == 200


async def test_every_fault_is_named(api: AsyncClient):
    response = await send(api, rb'{"a": "\u0000", "b": [1e999, "\u0000"]}')

    assert [error["pointer"] for error in response.json()["errors"]] == ["/a", "/b/0", "/b/1"]


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; Charset=UTF-8", 200),
        ('application/json; charset="utf-8"', 200),
        ("application/merge-patch+json", 200),
        ("application/json; charset=latin-1", 415),
        ("text/json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
async def test_the_media_type_must_say_json(api: AsyncClient, media_type, status):
    response = await api.post("/v1/anything", content=b"{}", headers={"Content-Type": media_type})

    assert response.status_code == status
    if status == 415:
        assert response.json()["code"] == "unsupported_media_type"


async def test_a_body_without_a_media_type_is_refused(api: AsyncClient):
    assert (await api.post("/v1/anything", content=b"{}")).status_code == 415


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("q=%00", "?q"),
        ("colour=red", "?colour"),
        ("Q=x", "?Q"),
        ("lim%69t=2&&q+=1", "?q "),
        ("q=a%FF", "?q"),
        ("limit=5&q=%ED%A0%80", "?q"),
        ("%00=1", "?\x00"),
        ("q=k\xe4se", "?q"),
    ],
)
async def test_unfit_queries_are_refused(api: AsyncClient, notes, query, pointer):
    sent = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/notes",
        "raw_path": b"/v1/notes",
        "query_string": query.encode("latin-1"),
        "headers": [(name.encode(), value.encode()) for name, value in api.headers.items()],
        "scheme": "http",
        "server": ("notes.test", 80),
        "root_path": "",
    }

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    await notes(scope, receive, send)
    assert sent[0]["status"] == 422
    assert f'"pointer":"{pointer}"'.replace("\x00", "\\u0000").encode() in sent[1]["body"]


async def test_a_path_with_a_nul_is_refused(api: AsyncClient):
    assert (await api.get("/v1/notes/a%00b")).status_code in {404, 422}


async def test_text_beyond_ascii_in_a_query_is_fine(api: AsyncClient):
    assert (await api.get("/v1/notes", params={"q": "käse 😀"})).status_code == 200
