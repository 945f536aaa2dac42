"""A receiver of webhooks: over real sockets, answering whatever the test wants, remembering everything."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Heard:
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def sequence(self) -> int:
        return self.event["data"]["sequence"]


@dataclass
class Listener:
    """Answers with a status; a status and headers; or what a function of what was heard returns, which may wait."""

    answer: Any = 200
    heard: list[Heard] = field(default_factory=list)
    now: int = 0
    most: int = 0
    port: int = 0
    server: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [heard.id for heard in self.heard]

    @property
    def sequences(self) -> list[int]:
        return [heard.sequence for heard in self.heard]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self._one(reader, writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) if not line.startswith(("webhook-", "trace")) else line.split(": ", 1)
                       for line in head[1:] if line)  # fmt: skip
        heard = Heard(headers, await reader.readexactly(int(headers.get("content-length", 0))))
        self.heard.append(heard)
        self.now += 1
        self.most = max(self.most, self.now)
        answer = self.answer(heard) if callable(self.answer) else self.answer
        if inspect.isawaitable(answer):
            answer = await answer
        self.now -= 1
        status, given = answer if isinstance(answer, tuple) else (answer, {})
        lines = [f"HTTP/1.1 {status} Said", "content-length: 4", *(f"{name}: {value}" for name, value in given.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\nsaid").encode())
        await writer.drain()

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def listening(answer: Any = 200) -> Listener:
    """Return a receiver that listens."""
    listener = Listener(answer)
    listener.server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    listener.port = listener.server.sockets[0].getsockname()[1]
    return listener
