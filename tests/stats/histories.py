"""Random histories made over HTTP, and a plain recount of their ledgers: no cells, no counters, no SQL."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from httpx import AsyncClient

RUNGS = ("acquired", "cleaned", "nurtured", "opportunity", "won")
FIRST = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass
class Journey:
    """One pass, as its transitions tell it."""

    lead: str
    number: int
    channel: str | None
    country: str | None
    moves: list[dict[str, Any]] = field(default_factory=list)

    @property
    def started(self) -> datetime:
        return at(self.moves[0])

    @property
    def entry(self) -> str:
        return self.moves[0]["to_stage"]

    def first(self, stage: str) -> datetime | None:
        return next((at(move) for move in self.moves if move["to_stage"] == stage), None)

    def reached(self, stage: str, *, strict: bool = False) -> datetime | None:
        """When it came to a stage or beyond (or to the stage itself)."""
        if stage == "acquired":
            return self.started
        wanted = (stage,) if strict else RUNGS[RUNGS.index(stage) :]
        return min((time for name in wanted if (time := self.first(name))), default=None)

    @property
    def churned(self) -> datetime | None:
        return self.first("churned")

    @property
    def category(self) -> str | None:
        return next((move["category"] for move in self.moves if move["to_stage"] == "churned"), None)

    @property
    def furthest(self) -> str:
        return max(
            (move["to_stage"] for move in self.moves if move["to_stage"] in RUNGS), key=RUNGS.index, default="acquired"
        )

    @property
    def amount(self) -> tuple[Decimal, str] | None:
        told = [move for move in self.moves if move["amount"] is not None]
        return (Decimal(told[-1]["amount"]), told[-1]["currency"]) if told else None


def at(move: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(move["occurred_at"])


class History:
    """What a random user does, and what the ledgers say in the end."""

    def __init__(self, client: AsyncClient, seed: int) -> None:
        self.client = client
        self.chance = random.Random(seed)
        self.now = FIRST
        self.leads: list[str] = []
        self.merges: list[str] = []
        self.erased: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = {}
        self.refused = 0
        self.done: set[str] = set()

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            self.now += timedelta(minutes=self.chance.choice((7, 45, 600, 2000, 2880)))
            kind = self.chance.choices(
                ("create", "move", "correct", "merge", "undo", "erase", "touch"), weights=(12, 50, 8, 7, 4, 2, 8)
            )[0]
            if kind == "create" or not self.leads:
                await self.create()
            else:
                await getattr(self, kind)()

    def stamp(self) -> str:
        return self.now.isoformat().replace("+00:00", "Z")

    async def post(self, kind: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        answer = await self.client.post(path, json=body)
        assert answer.status_code < 500, answer.text
        if answer.is_success:
            self.done.add(kind)
            return answer.json() if answer.content else {}
        self.refused += 1
        return None

    async def create(self) -> None:
        body = {"email": f"p{len(self.leads)}.{self.chance.randrange(10**6)}@firma.de", "occurred_at": self.stamp(),
                "test": self.chance.random() < 0.06}  # fmt: skip
        if channel := self.chance.choice(("web", "fair", "unknown", None)):
            body["channel"] = channel
        if country := self.chance.choice(("DE", "CN", None)):
            body["company"] = {"country": country}
        lead = await self.post("create", "/v1/leads", body)
        assert lead
        self.leads.append(lead["id"])

    async def touch(self) -> None:
        lead = (await self.client.get(f"/v1/leads/{self.chance.choice(self.leads)}", follow_redirects=True)).json()
        if lead.get("email"):
            await self.post(
                "touch", "/v1/leads", {"email": lead["email"], "channel": "mail", "occurred_at": self.stamp()}
            )

    async def move(self) -> None:
        event = self.chance.choice(
            ("clean", "nurture", "qualify", "win", "churn", "reactivate", "repurchase", "recycle", "qualify", "win")
        )
        body: dict[str, Any] = {"event": event, "allow_skip": True, "occurred_at": self.stamp()}
        if event in ("churn", "recycle"):
            body["reason"] = self.chance.choice(("price", "spam", "inactive", "closed_down"))
        if event in ("win", "qualify") and self.chance.random() < 0.7:
            body |= {"amount": str(self.chance.randrange(1, 99) * 10), "currency": self.chance.choice(("EUR", "CNY"))}
        if event in ("reactivate", "repurchase") and self.chance.random() < 0.5:
            body["channel"] = "again"
        await self.post(event, f"/v1/leads/{self.chance.choice(self.leads)}/transitions", body)

    async def correct(self) -> None:
        lead = self.chance.choice(self.leads)
        answer = await self.client.get(f"/v1/leads/{lead}/transitions")
        ledger = answer.json()["data"] if answer.status_code == 200 else []
        if len(ledger) < 2:
            return
        since = self.chance.randrange(2, len(ledger) + 1)
        told = [
            {"event": row["event"], "occurred_at": (at(row) - timedelta(minutes=1)).isoformat(), "allow_skip": True}
            | ({"reason": row["reason"]} if row["reason"] else {})
            for row in ledger[since - 1 :]
        ]
        if self.chance.random() < 0.5:
            told = told[:-1]
        await self.post(
            "correct",
            f"/v1/leads/{lead}/corrections",
            {"from_sequence": since, "transitions": told, "reason": "late news"},
        )

    async def merge(self) -> None:
        one, other = self.chance.choice(self.leads), self.chance.choice(self.leads)
        if merged := await self.post("merge", f"/v1/leads/{one}/merge", {"duplicate_id": other}):
            self.merges.append(merged["id"])

    async def undo(self) -> None:
        if self.merges:
            await self.post("undo", f"/v1/merges/{self.chance.choice(self.merges)}/undo")

    async def erase(self) -> None:
        lead = self.chance.choice(self.leads)
        held = await self._held(lead)
        if held and await self.post("erase", f"/v1/leads/{lead}/erasure") is not None:
            # What identified the person goes, and the numbers stay: the ledger as it was is what they are held against.
            self.erased[lead] = held

    async def _held(self, lead: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]] | None:
        row = await self.client.get(f"/v1/leads/{lead}")
        if row.status_code != 200:
            return None
        ledger = (await self.client.get(f"/v1/leads/{lead}/transitions")).json()["data"]
        journeys = (await self.client.get(f"/v1/leads/{lead}/journeys")).json()["data"]
        return row.json(), ledger, journeys

    async def journeys(self) -> list[Journey]:
        """Every journey that counts, from the ledgers as they can be read."""
        found = []
        for lead in self.leads:
            held = self.erased.get(lead) or await self._held(lead)
            if held is None or held[0]["test"]:
                continue
            row, ledger, told = held
            channels = {journey["number"]: journey["channel"] for journey in told}
            of_lead: dict[int, Journey] = {}
            for move in ledger:
                number = move["journey"]
                country = row["company"]["country"]
                of_lead.setdefault(number, Journey(lead, number, channels[number], country)).moves.append(move)
            found += of_lead.values()
        return found


def moves(journeys: list[Journey]) -> Iterator[tuple[Journey, dict[str, Any]]]:
    """Every move, with the journey it came into."""
    return ((journey, move) for journey in journeys for move in journey.moves)
