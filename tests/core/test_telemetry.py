"""What is told about a request, and what must never be."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import structlog
from fastapi import APIRouter
from httpx import AsyncClient
from starlette.requests import ClientDisconnect
from structlog.testing import LogCapture

from service.core import context, logs, telemetry
from service.core.http.routing import ServiceRoute
from service.core.telemetry import Telemetry
from tests.core.conftest import caller

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"access_log": True, "log_level": "info"})


@pytest.fixture
def lines(monkeypatch) -> list[dict[str, Any]]:
    """What telemetry logs; its own logger may have been set up for good by an earlier test."""
    capture = LogCapture()
    monkeypatch.setattr(telemetry, "_log", structlog.wrap_logger(None, processors=[capture]))
    return capture.entries


async def test_every_answer_has_a_request_id(api: AsyncClient):
    first, second = await api.get("/v1/notes"), await api.get("/nowhere")

    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert second.json()["request_id"] == second.headers["x-request-id"]


async def test_only_who_has_a_key_is_told_how_long_it_took(client: AsyncClient):
    known = await client.get("/v1/channels")
    stranger = await client.get("/v1/channels", headers={"Authorization": "Bearer nobody's"})

    assert re.fullmatch(r"app;dur=\d+\.\d\d", known.headers["server-timing"])
    assert stranger.status_code == 401
    assert "server-timing" not in stranger.headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-123", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("a b", False),
        ("<script>", False),
        ("k\xe4se", False),
        ("", False),
    ],
)
async def test_a_sane_request_id_is_kept(api: AsyncClient, given, kept):
    response = await api.get("/v1/notes", headers={b"x-request-id": given.encode("latin-1")})

    assert (response.headers["x-request-id"] == given) is kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (TRACE, True),
        (TRACE.upper(), False),
        (TRACE + "-extra", False),
        (TRACE.replace("b7ad6b7169203331", "0" * 16), False),
        ("x", False),
    ],
)
async def test_traceparent_is_passed_on(notes, given, kept):
    router = APIRouter(route_class=ServiceRoute)

    @router.get("/trace")
    async def trace() -> dict[str, str | None]:
        return {"traceparent": context.traceparent()}

    notes.include_router(router)
    async with caller(notes, {"traceparent": given}) as client:
        assert (await client.get("/trace")).json()["traceparent"] == (given if kept else None)
    assert context.current() is None or context.request_id()


async def test_one_line_per_request_without_the_address_itself(api: AsyncClient, lines):
    address = (await api.post("/v1/notes", json={"text": "x"})).headers["location"]
    lines.clear()
    await api.get(address, headers={"X-Secret": "hunter2"})
    await api.get(address, params={"hunter2": "hunter2"})
    await api.get("/v1/secret-in-the-path")
    await api.request("BREW", "/v1/notes")

    assert [(line["event"], line["method"], line["route"], line["status"]) for line in lines] == [
        ("http_request", "GET", "/v1/notes/{note_id}", 200),
        ("http_request", "GET", "/v1/notes/{note_id}", 422),
        ("http_request", "GET", "(unmatched)", 404),
        ("http_request", "OTHER", "/v1/notes", 405),
    ]
    assert lines[0]["key_id"]
    assert "hunter2" not in str(lines)
    assert address.rsplit("/", 1)[1] not in str(lines)


async def test_an_unknown_fault_is_logged_once(api: AsyncClient, lines):
    await api.get("/v1/bug")

    assert [line["event"] for line in lines] == ["request_failed", "http_request"]
    assert lines[0]["exc_info"]


async def test_metrics_count_by_template(api: AsyncClient):
    await api.get("/v1/taken")
    page = (await api.get("/metrics")).text

    assert 'http_requests_total{method="GET",route="/v1/taken",status="409"}' in page
    assert 'http_request_duration_seconds_bucket{le="0.001",method="GET",route="/v1/taken"}' in page


async def test_a_client_that_hangs_up_is_no_fault(settings, lines):
    async def leave(scope, receive, send):
        raise ClientDisconnect

    await Telemetry(leave, settings)({"type": "http", "method": "POST", "headers": []}, None, None)
    assert [(line["event"], line.get("status")) for line in lines] == [
        ("client_disconnected", None),
        ("http_request", 499),
    ]


def test_log_lines_are_json_with_the_request_id_and_without_variables(settings, capfdbinary):
    logs.set_up(settings.model_copy(update={"log_format": "json", "log_level": "info"}))
    context.begin(context.Exchange("r-1"))
    try:
        secret = "not a number"
        try:
            int(secret)
        except ValueError:
            structlog.get_logger().exception("it_broke", lead_id=7)
        logging.getLogger("library").warning("from a %s", "library")
        structlog.get_logger().debug("not_shown")
    finally:
        context._current.set(None)
        logging.basicConfig(handlers=[], force=True)
    lines = [json.loads(line) for line in capfdbinary.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["it_broke", "from a library"]
    assert lines[0]["request_id"] == lines[1]["request_id"] == "r-1"
    assert "ValueError" in lines[0]["exception"]


def test_processes_share_a_metrics_folder(tmp_path):
    script = (
        "from service.core import telemetry as t;"
        "t._REQUESTS.labels('GET', '/shared', '200').inc();"
        "print(t.metrics_page().body.decode())"
    )
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", script]
    pages = [
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout for _ in range(2)
    ]

    line = 'http_requests_total{method="GET",route="/shared",status="200"}'
    assert [float(page.split(line)[1].split()[0]) for page in pages] == [1.0, 2.0]
