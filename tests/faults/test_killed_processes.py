"""Whatever dies whenever: a delivery that was answered 2xx becomes exactly one result, everywhere alike."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from service.intake.tables import deliveries
from service.leads.tables import leads, transitions
from service.outbound.tables import outbox
from tests.faults.conftest import SECRET, Service, signed, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

ROUNDS = 20
CLIENTS = 4


@dataclass
class Sender:
    """A vendor: sends each delivery again, with the same id, until it is answered 2xx."""

    service: Service
    name: str
    stop: threading.Event
    answered: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)

    def run(self) -> None:
        number = 0
        with httpx.Client(base_url=self.service.url, timeout=10) as client:
            while not self.stop.is_set():
                number += 1
                self.deliver(client, f"{self.name}.{number}")

    def deliver(self, client: httpx.Client, name: str) -> None:
        raw, headers = signed(f"msg_{name}", {"email": f"{name}@example.com", "full_name": "Ada Lovelace"})
        while True:
            try:
                answer = client.post("/v1/intake/hook", content=raw, headers=headers)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.is_success:
                self.answered.append(f"{name}@example.com")
                return
            self.refused[answer.status_code] += 1
            time.sleep(0.05)


def kill_something(service: Service, chance: random.Random) -> None:
    victims = chance.choice([["api"], ["worker"], ["api", "worker"]])
    for command in victims:
        for process in service.children(command):
            process.kill()


async def test_what_was_acknowledged_happens_exactly_once(
    database_url: str, engine: AsyncEngine, serve: Callable[..., Service]
) -> None:
    service = serve(DATABASE_URL=database_url)
    until(lambda: service.get("/readyz").status_code == 200, what="the service is ready")
    channel = {"key": "hook", "vendor": "standard-webhooks", "secret": f"whsec_{SECRET}"}
    assert service.post("/v1/channels", channel).status_code == 201

    chance, stop = random.Random(20), threading.Event()
    senders = [Sender(service, f"client{number}", stop) for number in range(CLIENTS)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()
    for _ in range(ROUNDS):
        until(lambda: bool(service.children("worker")) and service.get("/healthz").is_success, what="both run")
        await asyncio.sleep(chance.uniform(0.0, 0.8))
        kill_something(service, chance)
    until(lambda: service.get("/healthz").status_code == 200, what="the API is back")
    await asyncio.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    until(lambda: service.get("/readyz").status_code == 200, what="the service is ready again")
    until(lambda: not service.get("/v1/deliveries?status=received&limit=1").json()["data"], what="nothing waits")

    answered = [email for sender in senders for email in sender.answered]
    assert len(answered) > 5 * ROUNDS
    assert set().union(*(sender.refused for sender in senders)) <= {503}
    await check_the_books(engine, answered)
    entered = service.get("/v1/stats/funnel").json()["groups"][0]["entered"]
    assert entered == len(answered)
    assert service.stop() == 0
    assert await faults_in(database_url) == []


async def check_the_books(engine: AsyncEngine, answered: list[str]) -> None:
    async with engine.connect() as connection:
        emails = list(await connection.scalars(select(leads.c.email)))
        assert Counter(emails) == Counter(answered)
        lead_count = len(emails)

        moves = select(transitions.c.lead_id, func.array_agg(transitions.c.event)).group_by(transitions.c.lead_id)
        assert Counter(tuple(sorted(row[1])) for row in await connection.execute(moves)) == {
            ("acquire", "clean"): lead_count
        }
        created = select(func.count(), func.count(outbox.c.lead_id.distinct())).where(outbox.c.type == "lead.created")
        assert tuple((await connection.execute(created)).one()) == (lead_count, lead_count)

        states = dict((await connection.execute(select(deliveries.c.status, func.count()).group_by("status"))).all())
        assert states["processed"] == lead_count
        # A vendor that did not hear our answer sends again; that is recognised.
        assert set(states) <= {"processed", "duplicate"}
