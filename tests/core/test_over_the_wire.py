"""The same promises through a real server and a real socket, where clients hang up, dawdle and lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from httpx import AsyncClient

from service.settings import Settings
from tests.core.conftest import Knobs

LIMIT = 4096


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, max_body_bytes=LIMIT)


@pytest.fixture
async def port(notes) -> AsyncIterator[int]:
    config = uvicorn.Config(
        notes, host="127.0.0.1", port=0, log_config=None, lifespan="off", http="httptools", access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110  the server has no event to wait for
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def talk(port: int, *parts: bytes, hang_up: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        if hang_up:
            return b""
        return await asyncio.wait_for(reader.read(65536), 5)
    finally:
        writer.close()


def head(api: AsyncClient, *lines: str, method: str = "POST", path: str = "/v1/notes") -> bytes:
    fixed = [
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Authorization: {api.headers['authorization']}",
        "Connection: close",
    ]
    return "\r\n".join([*fixed, *lines, "", ""]).encode("latin-1")


JSON = "Content-Type: application/json"


async def test_it_works(api: AsyncClient, port, count):
    body = b'{"text": "x"}'
    answer = await talk(port, head(api, JSON, f"Content-Length: {len(body)}"), body)

    assert answer.startswith(b"HTTP/1.1 201")
    assert await count() == 1


async def test_chunks_over_the_limit_are_413(api: AsyncClient, port, count):
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    answer = await talk(port, head(api, JSON, "Transfer-Encoding: chunked"), *[chunk] * 5, b"0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413"), answer
    assert b"payload_too_large" in answer
    assert await count() == 0


async def test_a_length_over_the_limit_is_413_before_the_body(api: AsyncClient, port):
    answer = await talk(port, head(api, JSON, f"Content-Length: {LIMIT + 1}"))

    assert answer.startswith(b"HTTP/1.1 413")


async def test_who_hangs_up_in_the_middle_leaves_nothing(api: AsyncClient, port, engine, count):
    await talk(port, head(api, JSON, "Content-Length: 100"), b'{"text": "x', hang_up=True)
    await asyncio.sleep(0.1)

    assert (await count(), engine.pool.checkedout()) == (0, 0)
    assert (await talk(port, head(api, method="GET"))).startswith(b"HTTP/1.1 200")


async def test_who_hangs_up_while_it_is_done_has_it_done_once(api: AsyncClient, port, knobs: Knobs, engine, count):
    knobs.gate = asyncio.Event()
    body = b'{"text": "x"}'
    request = head(api, JSON, f"Content-Length: {len(body)}", "Idempotency-Key: k")
    await talk(port, request, body, hang_up=True)
    await knobs.started.wait()
    knobs.gate.set()
    await asyncio.sleep(0.2)

    assert b"idempotency-replayed: true" in await talk(port, request, body)
    assert (await count(), engine.pool.checkedout()) == (1, 0)


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer x",
        "X-Big: " + "x" * 70_000,
        "Idempotency-Key: " + "k" * 300,
        "Content-Length: -5",
        "Content-Length: 1e3",
    ],
)
async def test_odd_headers_are_4xx(api: AsyncClient, port, line):
    answer = await talk(port, head(api, JSON, line))

    assert answer.startswith(b"HTTP/1.1 4"), answer


async def test_invalid_utf8_in_a_path_is_4xx(api: AsyncClient, port):
    for path in ("/v1/notes/%FF", "/v1/notes/%00", "/v1/notes/%ED%A0%80", "/%2e%2e/etc/passwd", "/v1/notes?q=%FF"):
        assert (await talk(port, head(api, method="GET", path=path))).startswith(b"HTTP/1.1 4"), path
