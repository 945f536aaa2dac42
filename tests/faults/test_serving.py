"""`leads serve` as an operator knows it: start, stop, and what happens when parts of it go away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from service.core.embedded import embedded_postgres, running_address
from tests.faults.conftest import SECRET, Service, signed, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]


def ready(service: Service) -> None:
    until(lambda: service.get("/readyz").status_code == 200, what="the service is ready")


def test_it_starts_with_nothing_and_stops_without_a_trace(serve: Callable[..., Service], folder: Path) -> None:
    service = serve()
    ready(service)
    assert service.post("/v1/leads", {"email": "ada@example.com"}).status_code == 201
    everyone = psutil.Process(service.process.pid).children(recursive=True)
    assert service.stop() == 0
    assert running_address(folder / "data") is None
    assert not any(process.is_running() for process in everyone)

    # What was there is there after the next start.
    service = serve()
    ready(service)
    assert len(service.get("/v1/leads").json()["data"]) == 1
    # A second interrupt while it stops changes nothing.
    service.process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(40) == 0
    assert running_address(folder / "data") is None


def test_the_first_key_is_printed_once(serve: Callable[..., Service], folder: Path, database_url: str) -> None:
    def run() -> str:
        (folder / "serve.log").unlink(missing_ok=True)
        service = serve(DATABASE_URL=database_url, BOOTSTRAP_KEY="")
        until(lambda: httpx.get(service.url + "/healthz").status_code == 200, what="it answers")
        service.stop()
        return (folder / "serve.log").read_text()

    first = run()
    assert "admin key  leads_" in first
    assert "/docs" in first
    assert "admin key" not in run()


def test_children_end_when_the_supervisor_is_killed(serve: Callable[..., Service], database_url: str) -> None:
    service = serve(DATABASE_URL=database_url)
    ready(service)
    children = psutil.Process(service.process.pid).children()
    assert len(children) == 2
    service.process.kill()
    service.process.wait(5)
    until(
        lambda: not any(c.is_running() and c.status() != psutil.STATUS_ZOMBIE for c in children),
        what="the children are gone",
    )


def test_several_api_processes_share_the_port(serve: Callable[..., Service], database_url: str) -> None:
    service = serve(DATABASE_URL=database_url, WORKERS="2")
    ready(service)
    assert len(service.children("api")) == 2
    service.children("api")[0].kill()
    until(lambda: len(service.children("api")) == 2, what="the second process is back")
    ready(service)
    assert service.stop() == 0


def test_requests_under_way_are_finished(serve: Callable[..., Service], database_url: str) -> None:
    service = serve(DATABASE_URL=database_url)
    ready(service)
    service.post("/v1/channels", {"key": "hook", "vendor": "standard-webhooks", "secret": f"whsec_{SECRET}"})
    answers: list[int] = []
    with httpx.Client(base_url=service.url, timeout=20) as client:
        for number in range(10_000):
            raw, headers = signed(f"msg_{number}", {"email": f"p{number}@example.com"})
            try:
                answers.append(client.post("/v1/intake/hook", content=raw, headers=headers).status_code)
            except httpx.TransportError:
                break
            if number == 50:
                service.process.send_signal(signal.SIGTERM)
    # Refused connections are fine; an answer that is not a success would not be.
    assert len(answers) > 50
    assert {status // 100 for status in answers} <= {2, 5}
    assert {status for status in answers if status >= 500} <= {503}
    assert service.process.wait(40) == 0


def test_while_the_database_is_away(serve: Callable[..., Service], folder: Path) -> None:
    with embedded_postgres(folder / "server") as url:
        service = serve(DATABASE_URL=url)
        ready(service)
        service.post("/v1/channels", {"key": "hook", "vendor": "standard-webhooks", "secret": f"whsec_{SECRET}"})
        assert deliver(service, 1).is_success
        pids = [child.pid for child in service.children("api") + service.children("worker")]

    assert service.get("/healthz").status_code == 200
    for number, ask in enumerate(
        (
            lambda: service.get("/readyz"),
            lambda: service.get("/v1/leads"),
            lambda: service.post("/v1/leads", {"email": "ada@example.com"}),
            lambda: deliver(service, 2),
        )
    ):
        answer = ask()
        assert answer.status_code == 503, (number, answer.text)
        assert int(answer.headers["retry-after"]) > 0

    with embedded_postgres(folder / "server"):
        ready(service)
        until(lambda: deliver(service, 2).is_success, what="deliveries are accepted again")
        until(lambda: len(service.get("/v1/leads").json()["data"]) == 2, what="both became leads")
        assert [child.pid for child in service.children("api") + service.children("worker")] == pids
        assert service.stop() == 0


def test_the_embedded_database_comes_back(serve: Callable[..., Service], folder: Path) -> None:
    service = serve()
    ready(service)
    postmaster = int((folder / "data/postgres/postmaster.pid").read_text().split()[0])
    psutil.Process(postmaster).kill()
    until(lambda: service.get("/readyz").status_code == 503, what="the database is missed")
    ready(service)
    assert service.post("/v1/leads", {"email": "ada@example.com"}).status_code == 201
    assert service.stop() == 0


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("LEADS_PORT", "eighty", "LEADS_PORT"),
        ("LEADS_DATABASE_URL", "mysql://localhost/leads", "LEADS_DATABASE_URL"),
        ("LEADS_WORKERS", "0", "LEADS_WORKERS"),
        ("LEADS_LOG_FORMAT", "xml", "LEADS_LOG_FORMAT"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(setting: str, value: str, line: str) -> None:
    result = run_leads("serve", **{setting: value})
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert line in result.stderr


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run_leads("serve", LEADS_PORT=str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "in use" in result.stderr


def deliver(service: Service, number: int) -> httpx.Response:
    raw, headers = signed(f"msg_{number}", {"email": f"person{number}@example.com"})
    return httpx.post(f"{service.url}/v1/intake/hook", content=raw, headers=headers, timeout=20)


def run_leads(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
