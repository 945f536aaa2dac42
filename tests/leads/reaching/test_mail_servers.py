from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.leads.reaching.checking import MailboxCheck
from service.leads.reaching.servers import Ask, MailServers, asking
from service.settings import Settings
from service.worker import tasks

ZONE = {
    ("firma.de.", "MX"): ["10 mail.firma.de."],
    ("addressonly.de.", "A"): ["192.0.2.1"],
    ("six.de.", "AAAA"): ["2001:db8::1"],
    ("webonly.de.", "TXT"): ['"x"'],
    ("nullmx.de.", "MX"): ["0 ."],
    ("nullmx.de.", "A"): ["192.0.2.1"],
}


class NameServer(asyncio.DatagramProtocol):
    """A DNS server for our own zone; ``broken.de`` it cannot look up, of ``silent.de`` it says nothing."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.asked: list[str] = []

    def datagram_received(self, data: bytes, address: Any) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name == "silent.de.":
            return
        if name == "broken.de.":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in ZONE:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *ZONE[name, kind]))
        elif not any(known == name for known, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), address)


@pytest.fixture
async def name_server() -> AsyncIterator[NameServer]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        transport, server = await asyncio.get_running_loop().create_datagram_endpoint(NameServer, sock=own)
        yield server
        transport.close()
        await asyncio.sleep(0)


@pytest.fixture
def ask(name_server: NameServer) -> Ask:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = name_server.transport.get_extra_info("sockname")[1]
    return asking(resolver)


@pytest.mark.parametrize(
    ("domain", "takes_mail"),
    [
        ("firma.de", True),
        ("addressonly.de", True),
        ("six.de", True),
        ("webonly.de", False),
        ("nullmx.de", False),
        ("nowhere.de", False),
        ("broken.de", None),
    ],
)
async def test_a_domain_takes_mail_or_not(ask: Ask, domain: str, takes_mail: bool | None) -> None:
    assert await ask(domain) is takes_mail


async def test_a_domain_is_asked_for_once(ask: Ask, name_server: NameServer) -> None:
    servers = MailServers(ask)
    assert await servers.take_mail(["firma.de", "firma.de", "nowhere.de"]) == {"firma.de": True, "nowhere.de": False}
    asked = len(name_server.asked)
    assert await servers.take_mail(["firma.de", "nowhere.de"]) == {"firma.de": True, "nowhere.de": False}
    assert len(name_server.asked) == asked


async def create(client: AsyncClient, email: str, **more: Any) -> str:
    answer = await client.post("/v1/leads", json={"email": email, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def read(client: AsyncClient, lead_id: str) -> tuple[str, list[str], str, int]:
    lead = (await client.get(f"/v1/leads/{lead_id}")).json()
    return lead["verdict"], lead["verdict_reasons"], lead["stage"], lead["version"]


@pytest.fixture
def check(engine: AsyncEngine, ask: Ask) -> MailboxCheck:
    return MailboxCheck(engine, MailServers(ask))


async def test_a_mailbox_that_nobody_can_write_to_makes_a_lead_suspect(
    client: AsyncClient, check: MailboxCheck
) -> None:
    good, bad = await create(client, "anna@firma.de"), await create(client, "anna@nowhere.de")
    unknown = await create(client, "anna@broken.de")
    assert await check.run() == 3
    assert await read(client, good) == ("valid", [], "acquired", 1)
    assert await read(client, bad) == ("suspect", ["no_mail_server"], "acquired", 2)
    assert await read(client, unknown) == ("valid", [], "acquired", 1)
    last = (await client.get("/v1/events")).json()["data"][-1]
    assert last["data"]["changed"] == ["verdict", "verdict_reasons"]
    # What it wrote itself is no news to it.
    assert await check.run() == 0


async def test_it_never_moves_a_lead(client: AsyncClient, check: MailboxCheck) -> None:
    lead = await create(client, "anna@nowhere.de")
    assert (await client.post(f"/v1/leads/{lead}/transitions", json={"event": "clean"})).status_code == 201
    await check.run()
    assert await read(client, lead) == ("suspect", ["no_mail_server"], "cleaned", 3)


async def test_another_mailbox_is_checked_anew(client: AsyncClient, check: MailboxCheck) -> None:
    lead = await create(client, "anna@nowhere.de")
    await check.run()
    await client.patch(f"/v1/leads/{lead}", json={"email": "anna@firma.de"})
    assert (await read(client, lead))[:2] == ("valid", [])
    await check.run()
    assert (await read(client, lead))[:2] == ("valid", [])
    await client.patch(f"/v1/leads/{lead}", json={"email": "anna@nullmx.de"})
    await check.run()
    assert (await read(client, lead))[:2] == ("suspect", ["no_mail_server"])


async def test_the_reason_outlives_a_patch_of_something_else(client: AsyncClient, check: MailboxCheck) -> None:
    lead = await create(client, "anna@nowhere.de")
    await check.run()
    await client.patch(f"/v1/leads/{lead}", json={"phone": "+4930901820"})
    assert (await read(client, lead))[:2] == ("suspect", ["no_mail_server"])


async def test_while_the_dns_is_away_nothing_is_passed_over(client: AsyncClient, engine: AsyncEngine, ask: Ask) -> None:
    is_away = True

    async def sometimes(domain: str) -> bool | None:
        return None if is_away else await ask(domain)

    check = MailboxCheck(engine, MailServers(sometimes))
    lead = await create(client, "anna@nowhere.de")
    assert await check.run() == 0
    assert await check.run() == 0
    is_away = False
    assert await check.run() == 1
    assert (await read(client, lead))[:2] == ("suspect", ["no_mail_server"])


async def test_a_domain_that_is_never_answered_does_not_hold_the_others_up(
    client: AsyncClient, engine: AsyncEngine
) -> None:
    async def never(_domain: str) -> bool | None:
        return None

    check = MailboxCheck(engine, MailServers(never))
    await create(client, "anna@nowhere.de")
    assert [await check.run() for _ in range(4)] == [0, 0, 1, 0]


async def test_two_workers_tell_once(client: AsyncClient, engine: AsyncEngine, ask: Ask) -> None:
    lead = await create(client, "anna@nowhere.de")
    await asyncio.gather(*(MailboxCheck(engine, MailServers(ask)).run() for _ in range(4)))
    assert await read(client, lead) == ("suspect", ["no_mail_server"], "acquired", 2)


async def test_it_is_off_unless_switched_on(engine: AsyncEngine) -> None:
    assert not Settings().mx_check
    assert "check_mailboxes" not in {task.name for task in tasks(engine)}
    assert "check_mailboxes" in {task.name for task in tasks(engine, mx_check=True)}
