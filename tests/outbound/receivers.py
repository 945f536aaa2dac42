from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from service.outbound.sending.answers import Answer, Outgoing
from service.outbound.sending.sender import Sender

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Receiver:
    """A server that counts who connects, and keeps what it is sent."""

    port: int = 0
    connections: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Take in one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(length))


Receive = Callable[..., Awaitable[Receiver]]


@pytest.fixture
async def receive() -> AsyncIterator[Receive]:
    """Start a server: ``await receive(answer)`` with what it says to each request, bytes or a function of reader and writer."""
    servers: list[asyncio.Server] = []
    serving: dict[asyncio.Task, asyncio.StreamWriter] = {}

    async def start(answer: bytes | Handler = OK, *, tls: ssl.SSLContext | None = None) -> Receiver:
        receiver = Receiver()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while isinstance(answer, bytes):
                await receiver.read(reader)
                writer.write(answer)
                await writer.drain()
            await receiver.read(reader)
            await answer(reader, writer)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            receiver.connections += 1
            serving[asyncio.current_task()] = writer
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await converse(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        servers.append(server)
        receiver.port = server.sockets[0].getsockname()[1]
        return receiver

    yield start
    for server in servers:
        server.close()
    for task, writer in serving.items():
        task.cancel()
        writer.transport.abort()
    await asyncio.gather(*serving, return_exceptions=True)


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    """What sends to this machine because it is allowed to."""
    made = Sender(allow=["127.0.0.1"], timeout=5)
    yield made
    await made.close()


async def post(sender: Sender, url: str, body: bytes = b"{}", **headers: str) -> Answer:
    return await sender.send(Outgoing(url, headers, body))
