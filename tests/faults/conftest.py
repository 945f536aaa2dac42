"""Real processes, as an operator starts them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

KEY = "a-key-for-the-fault-tests"
SECRET = base64.b64encode(b"thirty-two bytes of test secret!").decode()


class Service:
    """A running `leads serve`, and what a client and an operator can do to it."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url = url
        self.process = process
        self.headers = {"Authorization": f"Bearer {KEY}"}

    def children(self, command: str) -> list[psutil.Process]:
        """The API's or the worker's processes, by the name of their command."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            try:
                if command in child.cmdline():
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=self.headers, timeout=10)

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return httpx.post(self.url + path, headers=self.headers, json=body, timeout=20)

    def stop(self, seconds: float = 40) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


def signed(message_id: str, body: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Return the raw body and the headers of a Standard Webhooks delivery made now."""
    raw, timestamp = json.dumps(body).encode(), str(int(time.time()))
    digest = hmac.digest(base64.b64decode(SECRET), f"{message_id}.{timestamp}.".encode() + raw, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    return raw, headers


def until(condition: Callable[[], bool], *, seconds: float = 30, what: str) -> None:
    """Wait for something that must become true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"after {seconds} seconds still not: {what}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for databases. Not pytest's own: other runs of pytest lock that away from the user the database runs as."""
    with tempfile.TemporaryDirectory(prefix="leads-faults-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., Service]]:
    """Start `leads serve` with the given settings (``LEADS_`` left out); whatever still runs is killed in the end."""
    started: list[subprocess.Popen[str]] = []

    def start(**settings: str) -> Service:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        values = {"PORT": str(port), "BOOTSTRAP_KEY": KEY, "LOG_LEVEL": "error", "DATA_DIR": str(folder / "data")}
        environment = os.environ | {f"LEADS_{name}": value for name, value in (values | settings).items()}
        with (folder / "serve.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "serve"], env=environment, stdout=log, stderr=log, text=True
            )
        started.append(process)
        return Service(f"http://127.0.0.1:{port}", process)

    yield start
    for process in started:
        descendants = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for victim in descendants:
            victim.kill()
        process.kill()
        process.wait(10)
