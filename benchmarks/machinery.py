"""What a measurement is made with: processes, databases and the load generator."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from service.cli.preparing import prepare
from service.core.database import create_engine, transaction
from service.settings import Settings

HERE = Path(__file__).parent
PYTHON = (sys.executable, "-m", "service.cli")
KEY = "a-key-for-benchmarks-only"
T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """What one run of the load generator found; latencies in milliseconds."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def load(url: str, requests: Path, *, seconds: float, connections: int = 32, skip: int = 0) -> Load:
    """Send the prepared requests with wrk and return what it saw."""
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "10s",
        "-s",
        str(HERE / "replay.lua"),
        url,
    ]
    environment = os.environ | {"REQUESTS": str(requests), "SKIP": str(skip)}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    found = json.loads(output.split("RESULT ", 1)[1])
    return Load(
        found["requests"],
        found["microseconds"] / 1e6,
        found["refused"],
        found["broken"],
        found["p50"] / 1e3,
        found["p99"] / 1e3,
    )


@contextmanager
def running(
    command: list[str], url: str, environment: dict[str, str] | None = None, pass_fds: tuple[int, ...] = ()
) -> Iterator[str]:
    """Run a server while the block runs; wait until it answers."""
    process = subprocess.Popen(command, env=os.environ | (environment or {}), pass_fds=pass_fds)
    try:
        await_answer(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=2)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{url} does not answer")


@contextmanager
def yardstick() -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running([sys.executable, str(HERE / "yardstick.py"), str(port)], address, {"PYTHONPATH": str(HERE.parent)}):
        yield address


@contextmanager
def api(database: str, *, public_url: str | None = None) -> Iterator[str]:
    """Run one API process, as `leads serve` does, without a worker."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [*PYTHON, "api", "--socket", str(listener.fileno())]
        settings = environment(database) | ({"LEADS_PUBLIC_URL": public_url} if public_url else {})
        with running(command, f"{address}/healthz", settings, (listener.fileno(),)):
            yield address


@contextmanager
def worker(database: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*PYTHON, "worker"], env=os.environ | environment(database))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def environment(database: str) -> dict[str, str]:
    return {
        "LEADS_DATABASE_URL": database,
        "LEADS_RATE_LIMIT": "0",
        "LEADS_ACCESS_LOG": "false",
        "LEADS_LOG_LEVEL": "warning",
    }


def new_database(server: str, name: str) -> str:
    """Create and migrate a database with an admin key (`KEY`); return its address."""

    async def create() -> None:
        engine = create_async_engine(
            make_url(server).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT"
        )
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        await engine.dispose()

    address = make_url(server).set(database=name).render_as_string(hide_password=False)
    asyncio.run(create())
    asyncio.run(prepare(address, Settings(database_url=address, bootstrap_key=KEY)))
    return address


def in_database(address: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run ``work`` in a transaction of its own, however long it takes."""

    async def run() -> T:
        engine = create_engine(address, pool_size=1, statement_seconds=None)
        try:
            async with transaction(engine) as connection:
                return await work(connection)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def call(url: str, body: Any = None) -> Any:
    """Send one request with the admin key and return its JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.load(answer)
