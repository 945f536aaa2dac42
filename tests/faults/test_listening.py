"""Readers that wait for the feed and are streamed to, over several processes, until the service is stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.faults.conftest import Service, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

READERS = 12


def listeners(service: Service) -> float:
    lines = service.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("feed_listeners{"))


def test_every_process_tells_all_who_listen_and_lets_them_go(serve: Callable[..., Service], database_url: str) -> None:
    service = serve(DATABASE_URL=database_url, WORKERS="2")
    until(lambda: service.get("/readyz").status_code == 200, what="the service is ready")
    cursor = service.get("/v1/events").json()["next_cursor"]

    def wait(after: str) -> dict[str, Any]:
        answer = httpx.get(f"{service.url}/v1/events?wait=30&after={after}", headers=service.headers, timeout=40)
        assert answer.status_code == 200
        return answer.json()

    def listen(_number: int) -> str:
        with httpx.stream("GET", f"{service.url}/v1/events/stream", headers=service.headers, timeout=40) as answer:
            assert answer.status_code == 200
            return "".join(answer.iter_text())

    with ThreadPoolExecutor(2 * READERS) as threads:
        waiting = [threads.submit(wait, cursor) for _ in range(READERS)]
        streams = [threads.submit(listen, number) for number in range(READERS)]
        until(lambda: listeners(service) == 2 * READERS, what="everybody listens")
        lead = service.post("/v1/leads", {"email": "ada@example.com"}).json()
        pages = [reader.result(10) for reader in waiting]
        assert {page["data"][0]["lead_id"] for page in pages} == {lead["id"]}

        again = [threads.submit(wait, pages[0]["next_cursor"]) for _ in range(READERS)]
        until(lambda: listeners(service) == 2 * READERS, what="everybody listens again")
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        empty = {"data": [], "next_cursor": pages[0]["next_cursor"]}
        assert all(reader.result(10) == empty for reader in again)
        told = [stream.result(10) for stream in streams]
        assert service.process.wait(40) == 0
        assert time.monotonic() - began < 10
    # They ended as they should: nothing was cut off, and each was told once.
    assert {text.count("event: lead.created") for text in told} == {1}
