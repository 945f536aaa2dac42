"""Sending to real servers of this machine, good ones and bad ones."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from service.outbound.sending.answers import Outgoing
from service.outbound.sending.sender import Sender
from tests.outbound.receivers import OK, Receive, post


def answering(head: bytes, body: bytes = b"") -> bytes:
    return head + f"\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def test_it_works(sender: Sender, receive: Receive) -> None:
    receiver = await receive(OK)
    answer = await post(
        sender,
        receiver.url("/a/b?c=d%20e"),
        b'{"type":"x"}',
        **{"webhook-id": "e1", "content-type": "application/json"},
    )
    assert (answer.status, answer.error, answer.body, answer.ok) == (200, None, b"{}", True)
    assert 0 <= answer.latency_ms < 5000
    assert receiver.bodies == [b'{"type":"x"}']
    lines = receiver.heads[0].lower().split("\r\n")
    assert lines[0] == "post /a/b?c=d%20e http/1.1"
    assert set(lines[1:-2]) == {
        f"host: 127.0.0.1:{receiver.port}", "webhook-id: e1", "content-type: application/json", "content-length: 12",
        "accept: */*", "accept-encoding: identity", "user-agent: lead-lifecycle/1",
    }  # fmt: skip


async def test_a_connection_is_used_again(sender: Sender, receive: Receive) -> None:
    receiver = await receive(OK)
    for _ in range(5):
        assert (await post(sender, receiver.url())).ok
    assert (receiver.connections, len(receiver.bodies)) == (1, 5)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_success(status: int, sender: Sender, receive: Receive) -> None:
    receiver = await receive(
        f"HTTP/1.1 {status} Fine\r\n\r\n".encode() if status == 204 else answering(b"HTTP/1.1 %d Fine" % status)
    )
    assert (await post(sender, receiver.url())).ok


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422, 429, 500, 502, 503, 504, 599])
async def test_refusals_are_told_with_their_words(status: int, sender: Sender, receive: Receive) -> None:
    receiver = await receive(answering(b"HTTP/1.1 %d No" % status, b"not today"))
    answer = await post(sender, receiver.url())
    assert (answer.status, answer.error, answer.body, answer.ok) == (status, None, b"not today", False)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirects_lead_nowhere(status: int, sender: Sender, receive: Receive) -> None:
    elsewhere = await receive(OK)
    receiver = await receive(answering(b"HTTP/1.1 %d There\r\nlocation: %s" % (status, elsewhere.url().encode())))
    answer = await post(sender, receiver.url())
    assert (answer.status, answer.error, answer.ok) == (status, "redirect", False)
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
    ],
)
async def test_retry_after(given: str, seconds: float | None, sender: Sender, receive: Receive) -> None:
    receiver = await receive(answering(f"HTTP/1.1 503 Busy\r\nRetry-After: {given}".encode()))
    assert (await post(sender, receiver.url())).retry_after == seconds


async def test_of_a_long_answer_the_beginning_is_kept(sender: Sender, receive: Receive) -> None:
    receiver = await receive(answering(b"HTTP/1.1 200 OK", b"a" * 2048))
    assert (await post(sender, receiver.url())).body == b"a" * 2048
    assert (await post(sender, receiver.url())).ok
    assert receiver.connections == 1


async def test_the_rest_of_a_huge_answer_is_not_read(sender: Sender, receive: Receive) -> None:
    sent = 0

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(1000):
            writer.write(b"10000\r\n" + b"a" * 65536 + b"\r\n")
            await writer.drain()
            sent += 65536

    receiver = await receive(pour)
    answer = await post(sender, receiver.url())
    assert (answer.ok, answer.body) == (True, b"a" * 2048)
    assert sent < 20_000_000
    assert (await post(sender, receiver.url())).ok
    assert receiver.connections == 2


async def test_a_compressed_answer_is_not_unpacked(sender: Sender, receive: Receive) -> None:
    bomb = gzip.compress(b"\0" * 1_000_000)
    receiver = await receive(answering(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip", bomb))
    assert (await post(sender, receiver.url())).body == bomb[:2048]


async def test_who_hangs_up_in_the_middle_of_its_body_has_answered(sender: Sender, receive: Receive) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")
        await writer.drain()

    answer = await post(sender, (await receive(hang_up)).url())
    assert (answer.status, answer.error, answer.body) == (200, None, b"hello")


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


def trickling(start: bytes, drop: bytes) -> Callable:
    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(500):
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    return trickle


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (silent, None),
        (trickling(b"", b"H"[:0]), None),
        (trickling(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"[:1]), None),
        (trickling(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b"a"), 200),
        (trickling(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n"), 200),
        (trickling(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), None),
    ],
    ids=["silent", "connected", "headers", "body", "chunks", "interim answers"],
)
async def test_nobody_takes_longer_than_the_timeout(behaviour: Callable, status: int | None, receive: Receive) -> None:
    # Whoever has a status to tell has the time to tell it.
    timeout = 0.1 if status is None else 0.5
    started = time.perf_counter()
    async with Sender(allow=["127.0.0.1"], timeout=timeout) as sender:
        answer = await post(sender, (await receive(behaviour)).url())
    assert (answer.error, answer.status, answer.ok) == ("timeout", status, False)
    assert timeout * 0.9 < time.perf_counter() - started < timeout + 2


async def test_names_that_nobody_answers_for_take_no_longer() -> None:
    async def resolve(_host: str) -> list:
        await asyncio.sleep(5)
        return []

    async with Sender(timeout=0.05, resolve=resolve) as sender:
        assert (await post(sender, "https://silent.example/")).error == "timeout"


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nx y\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http_or_too_long(answer: bytes, sender: Sender, receive: Receive) -> None:
    assert (await post(sender, (await receive(answer)).url())).error == "protocol_error"


async def test_who_hangs_up_is_asked_once(sender: Sender, receive: Receive) -> None:
    async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    receiver = await receive(hang_up)
    answer = await post(sender, receiver.url())
    assert (answer.error, answer.status, receiver.connections) == ("disconnected", None, 1)


async def test_a_kept_connection_that_was_closed_is_opened_anew(sender: Sender, receive: Receive) -> None:
    async def answer_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        # Read what comes next, and go without a word: what a server does that closes idle connections at that very moment.
        await _reader.read(10)

    receiver = await receive(answer_once)
    assert (await post(sender, receiver.url())).ok
    assert (await post(sender, receiver.url())).ok
    assert receiver.connections == 2


async def test_nobody_listens(sender: Sender, unused_tcp_port: int) -> None:
    assert (await post(sender, f"http://127.0.0.1:{unused_tcp_port}/")).error == "connect_failed"


async def test_nobody_knows_the_name() -> None:
    async def resolve(host: str) -> list:
        raise OSError(host)

    async with Sender(resolve=resolve) as sender:
        assert (await post(sender, "https://nowhere.example/")).error == "dns_failed"


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\0b", "é", "\x7f"])
async def test_headers_that_cannot_be_written(value: str, sender: Sender, receive: Receive) -> None:
    receiver = await receive(OK)
    assert (await post(sender, receiver.url(), x=value)).error == "request_invalid"
    assert (await sender.send(Outgoing(receiver.url(), {value: "x"}, b""))).error == "request_invalid"
    assert receiver.connections == 0


async def test_proxies_of_the_environment_are_passed_by(receive: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, receiver = await receive(OK), await receive(OK)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url("/"))
    async with Sender(allow=["127.0.0.1"]) as sender:
        assert (await post(sender, receiver.url())).ok
    assert (proxy.connections, receiver.connections) == (0, 1)


async def test_cookies_are_forgotten(sender: Sender, receive: Receive) -> None:
    receiver = await receive(answering(b"HTTP/1.1 200 OK\r\nset-cookie: a=b; path=/"))
    for _ in range(2):
        await post(sender, receiver.url())
    assert "cookie" not in "".join(receiver.heads).lower()


async def test_a_name_that_changes_its_mind_is_refused(receive: Receive) -> None:
    """DNS rebinding: every connection is judged by the very addresses it is made to, and no name is looked up twice for one."""
    receiver, asked = await receive(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), []

    async def resolve(host: str) -> list:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.2")]

    async with Sender(allow=["127.0.0.1"], resolve=resolve) as sender:
        url = f"http://rebinding.example:{receiver.port}/"
        first, second = await post(sender, url), await post(sender, url)
    assert (first.status, second.status, second.error) == (200, None, "address_refused")
    assert (len(asked), receiver.connections) == (2, 1)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2606:4700::1", "::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
    ],
)
async def test_one_bad_address_taints_a_name(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(_host: str) -> list:
        return [ip_address(address) for address in addresses]

    monkeypatch.setattr("service.outbound.sending.sender.socket.socket", lambda *_: pytest.fail("a socket was made"))
    async with Sender(resolve=resolve) as sender:
        assert (await post(sender, "https://mixed.example/")).error == "address_refused"


async def test_the_last_gate_is_at_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a name's addresses ever slip through, the address that is connected to is judged once more."""

    async def resolve(_host: str) -> list:
        return [ip_address("127.0.0.1")]

    monkeypatch.setattr("service.outbound.sending.guard.Guard.check_all", lambda *_: None)
    monkeypatch.setattr("service.outbound.sending.sender.socket.socket", lambda *_: pytest.fail("a socket was made"))
    async with Sender(resolve=resolve) as sender:
        assert (await post(sender, "https://slipped.example/")).error == "address_refused"


async def test_the_operator_names_a_host(receive: Receive) -> None:
    receiver = await receive(OK)
    async with Sender(allow=["localhost"]) as sender:
        named = await post(sender, f"http://localhost:{receiver.port}/")
        other = await post(sender, receiver.url())
    assert (named.ok, other.error) == (True, "address_refused")


async def test_thousands_of_hosts_do_not_pile_up(receive: Receive) -> None:
    receiver = await receive(OK)

    async def resolve(_host: str) -> list:
        return [ip_address("127.0.0.1")]

    async with Sender(allow=["127.0.0.1"], resolve=resolve) as sender:
        for number in range(400):
            assert (await post(sender, f"http://h{number}.example:{receiver.port}/")).ok
        kept = sum(len(idle) for session in sender._sessions.values() for idle in session.connector._conns.values())
        assert kept == len(sender._kept) == 256


async def test_after_the_end_nothing_is_sent(receive: Receive) -> None:
    receiver = await receive(OK)
    async with Sender(allow=["127.0.0.1"]) as sender:
        assert (await post(sender, receiver.url())).ok
    assert (await post(sender, receiver.url())).error == "disconnected"
    assert receiver.connections == 1
