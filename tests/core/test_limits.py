"""Bodies and headers that are too long are refused before anyone reads them whole."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from service.settings import Settings

LIMIT = 4096


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, max_body_bytes=LIMIT, max_batch_bytes=4 * LIMIT)


async def chunked(size: int):
    for _ in range(size // 512):
        yield b" " * 512
    yield b"{}"


def refused(response):
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "payload_too_large"
    assert response.headers["x-request-id"]
    return True


async def test_a_body_up_to_the_limit_is_read(api: AsyncClient):
    body = b'{"text": "x"}'.ljust(LIMIT)
    assert (await api.post("/v1/notes", content=body, headers={"Content-Type": "application/json"})).status_code == 201


async def test_a_body_over_the_limit_is_refused_at_once(api: AsyncClient, stranger: AsyncClient):
    assert refused(await api.post("/v1/notes", content=b" " * (LIMIT + 1)))
    assert refused(await stranger.post("/v1/notes", content=b" " * (LIMIT + 1)))


async def test_a_chunked_body_is_counted(api: AsyncClient, count):
    headers = {"Content-Type": "application/json"}
    assert refused(await api.post("/v1/notes", content=chunked(LIMIT), headers=headers))
    assert (await api.post("/v1/anything", content=chunked(LIMIT - 512), headers=headers)).status_code == 200
    assert refused(await api.post("/v1/read/batch", content=chunked(4 * LIMIT)))
    assert await count() == 0


async def test_batches_may_be_longer(api: AsyncClient):
    response = await api.post("/v1/read/batch", content=b"x" * 4 * LIMIT)
    assert response.json() == {"bytes": 4 * LIMIT}
    assert refused(await api.post("/v1/read/batch", content=b"x" * (4 * LIMIT + 1)))


@pytest.mark.parametrize(
    ("length", "status"), [("9" * 30, 413), ("-1", 400), ("1e3", 400), ("0x10", 400), ("\xb2", 400)]
)
async def test_an_odd_length_is_refused(api: AsyncClient, length, status):
    response = await api.post("/v1/notes", content=b"{}", headers={b"content-length": length.encode("latin-1")})

    assert response.status_code == status


async def test_huge_headers_are_refused(api: AsyncClient):
    response = await api.get("/v1/notes", headers={f"X-{number}": "x" * 1000 for number in range(70)})

    assert (response.status_code, response.json()["code"]) == (431, "headers_too_large")
