"""Names that are looked up at a name server: a small one of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from service.outbound.sending import resolving
from service.outbound.sending.resolving import ask_the_dns, ask_the_system, asking
from service.outbound.sending.sender import Sender
from tests.outbound.receivers import Receive, post


class NameServer(asyncio.DatagramProtocol):
    """Answers with what ``names`` holds for (name, type): a list of TTL and address for each question, the last one for ever after."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        asked = question.question[0]
        key = (asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype))
        self.asked.append(key)
        if key[0] == "silent.example":
            return
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if not any(name == key[0] for name, _ in self.names):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif told := self.names.get(key):
            ttl, address = told.pop(0) if len(told) > 1 else told[0]
            answer.answer.append(dns.rrset.from_text(asked.name, ttl, "IN", key[1], address))
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    yield made
    transport.close()


@pytest.fixture
def ask(server: NameServer) -> Callable:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = server.transport.get_extra_info("sockname")[1]
    return asking(resolver)


async def test_it_asks_for_both_kinds_of_addresses_and_remembers(server: NameServer, ask: Callable) -> None:
    server.names = {("a.example", "A"): [(300, "192.0.2.1")], ("a.example", "AAAA"): [(300, "2001:db8::1")]}
    assert set(await ask("a.example")) == {ip_address("192.0.2.1"), ip_address("2001:db8::1")}
    assert set(await ask("a.example")) == {ip_address("192.0.2.1"), ip_address("2001:db8::1")}
    assert len(server.asked) == 2


async def test_one_kind_is_enough(server: NameServer, ask: Callable) -> None:
    server.names = {("a.example", "A"): [(300, "192.0.2.1")]}
    assert await ask("a.example") == [ip_address("192.0.2.1")]


async def test_search_domains_are_not_tried(server: NameServer, ask: Callable) -> None:
    with pytest.raises(OSError, match="NXDOMAIN"):
        await ask("nowhere.example")
    assert {name for name, _ in server.asked} == {"nowhere.example"}


async def test_a_name_server_that_is_silent(ask: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "_PATIENCE_SECONDS", 0.05)
    with pytest.raises(OSError, match="LifetimeTimeout"):
        await ask("silent.example")


async def test_rebinding(server: NameServer, ask: Callable, receive: Receive) -> None:
    """A name that may be reached now leads inside a moment later, and asks not to be remembered."""
    receiver = await receive(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    server.names = {("rebinding.example", "A"): [(0, "127.0.0.1"), (0, "127.0.0.2")]}
    async with Sender(allow=["127.0.0.1"], resolve=ask) as sender:
        url = f"http://rebinding.example:{receiver.port}/"
        first, second = await post(sender, url), await post(sender, url)
    assert (first.status, second.error, receiver.connections) == (200, "address_refused", 1)


async def test_without_name_servers_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(resolving.dns.asyncresolver, "Resolver", nothing)
    assert ask_the_dns() is ask_the_system
    assert ip_address("127.0.0.1") in await ask_the_system("localhost")
