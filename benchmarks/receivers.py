"""Receivers of webhooks, good and bad, in a process of their own: what the good ones heard, and when, is written to a file in the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
import time
from pathlib import Path

import uvloop

KINDS = ("hang", "refuse", "error", "redirect", "trickle")
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_ERROR = b"HTTP/1.1 500 Broken\r\ncontent-length: 6\r\n\r\nbroken"
_REDIRECT = b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"


class Good(asyncio.Protocol):
    """Answers at once, and remembers which endpoint was sent which event at what time."""

    heard: list[tuple[str, str, float]] = []  # noqa: RUF012 - one list for all connections is what is wanted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) > 0:
            head = self.buffer[:end].lower()
            length = int(_header(head, b"content-length"))
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            path = head[: head.index(b" http/")].rpartition(b"/")[2]
            self.answer(path.decode(), _header(head, b"webhook-id").decode())

    def answer(self, path: str, event_id: str) -> None:
        self.heard.append((path, event_id, time.time()))
        self.transport.write(_OK)


class Failing(Good):
    """Answers with what the path says."""

    def answer(self, path: str, event_id: str) -> None:
        del event_id
        if path == "error":
            self.transport.write(_ERROR)
        elif path == "redirect":
            self.transport.write(_REDIRECT)
        elif path == "trickle":
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n")
            self._drip()

    def _drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b".")
            asyncio.get_running_loop().call_later(1, self._drip)


def _header(head: bytes, name: bytes) -> bytes:
    begin = head.index(b"\r\n" + name + b":") + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end > 0 else len(head)].strip()


async def main(port: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    good = await loop.create_server(Good, "127.0.0.1", port, backlog=1024)
    bad = await loop.create_server(Failing, "127.0.0.1", port + 1, backlog=1024)
    with contextlib.closing(socket.create_server(("127.0.0.1", port + 2), backlog=1)):
        await stop.wait()
    good.close()
    bad.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
    Path(sys.argv[2]).write_text(json.dumps(Good.heard))
