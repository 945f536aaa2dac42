"""A stand-in for a vendor's API: answers as it is told to, on this machine, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes = b"{}"
    status: int = 200
    headers: Headers = field(default_factory=dict)
    hangs: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    query: Mapping[str, str]
    headers: Headers


class StandIn:
    """``answers[path]`` are given one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.address = ""
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []

    def tell(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def next_answer(self, path: str) -> Answer:
        waiting = self.answers.get(path, [Answer(b'{"error":{"message":"not found"}}', 404)])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            target = urlsplit(head[0].split(" ")[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            self.asked.append(Asked(target.path, dict(parse_qsl(target.query)), headers))
            answer = self.next_answer(target.path)
            if answer.hangs:
                await asyncio.sleep(60)
            length = answer.size or len(answer.body)
            lines = {"content-type": "application/json", "content-length": str(length), "connection": "close"}
            told = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **answer.headers}.items())
            writer.write(f"HTTP/1.1 {answer.status} Told\r\n{told}\r\n".encode() + answer.body)
            for _ in range(answer.size // 65536):
                writer.write(b" " * 65536)
                await writer.drain()
            await writer.drain()
        writer.close()


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    vendor = StandIn()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    vendor.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
