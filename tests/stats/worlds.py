"""Small worlds: leads with random lives, in memory to recount from, and written as the service would write them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps
from service.core.ids import new_id
from service.leads.counting import Deltas, journey_cell, share_of
from service.lifecycle.ledger import Journey, Life, Step, Transition, advance
from service.lifecycle.machine import events_from
from service.lifecycle.reasons import CATALOGUE
from service.lifecycle.stages import Stage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = datetime(2024, 2, 1, tzinfo=UTC)


@dataclass
class Person:
    """A lead of the world, with all its journeys and transitions."""

    id: UUID
    industry: str | None
    country: str | None
    tags: tuple[str, ...]
    score: int
    test: bool
    journeys: list[Journey] = field(default_factory=list)
    moves: list[Transition] = field(default_factory=list)
    # As what it entered each journey: not what it is now.
    entered: list[dict[str, Any]] = field(default_factory=list)

    def journey(self, number: int) -> Journey:
        return self.journeys[number - 1]


def _live(chance: random.Random, person: Person) -> None:
    life, at = Life(), FIRST + timedelta(minutes=chance.randrange(60 * 24 * 900), seconds=chance.randrange(60))
    for _ in range(chance.choice((1, 2, 3, 4, 5, 8, 12))):
        if at >= NOW:
            break
        move = chance.choice(events_from(Stage(life.stage) if life.stage else None))
        step = Step(
            event=move.event,
            occurred_at=at,
            reason=(reason := chance.choice(sorted(CATALOGUE))),
            category=CATALOGUE[reason],
            allow_skip=True,
            channel=chance.choice((None, "unknown", "web", "fair")),
            campaign=chance.choice((None, "spring", "autumn")),
            **chance.choice(
                ({}, {"amount": Decimal(chance.randrange(1, 9)) * 100, "currency": chance.choice(("EUR", "CNY"))})
            ),
        )
        person.moves.append(advance(life, step, now=NOW))
        assert life.journey
        if not person.journeys or person.journeys[-1] is not life.journey:
            person.journeys.append(life.journey)
        at += chance.choice(
            (
                timedelta(0),
                timedelta(minutes=7),
                timedelta(days=30),
                timedelta(days=30, microseconds=1),
                timedelta(hours=chance.randrange(900)),
            )
        )


def people(seed: int, size: int) -> list[Person]:
    chance = random.Random(seed)
    world = []
    for _ in range(size):
        person = Person(
            id=new_id(),
            industry=chance.choice((None, "steel", "unknown", "film")),
            country=chance.choice((None, "DE", "CN")),
            tags=tuple(chance.sample(("vip", "fair", "old"), chance.randrange(3))),
            score=chance.randrange(-10, 110),
            test=chance.random() < 0.05,
        )
        _live(chance, person)
        world.append(person)
    chance = random.Random(f"{seed} as they entered")
    for person in world:
        person.entered = [_entered(chance) for _ in person.journeys]
    return world


def _entered(chance: random.Random) -> dict[str, Any]:
    """Return a lead's dimensions when it entered a journey, as the service keeps them: without what it had nothing of."""
    kept = {
        "industry": chance.choice((None, "steel", "unknown", "paper")),
        "country": chance.choice((None, "DE", "FR")),
        "owner": chance.choice((None, "eve")),
        "tags": chance.sample(("vip", "fair", "old"), chance.randrange(3)),
        "score": chance.randrange(0, 110),
        "attributes": {} if chance.random() < 0.3 else {"seats": chance.choice((1, 5, 5.5, 100, "many"))},
    }
    return {name: value for name, value in kept.items() if value}


_INSERT = {
    name: text(f"INSERT INTO {name} SELECT * FROM json_populate_recordset(NULL::{name}, CAST(:rows AS json))")
    for name in ("leads", "transitions", "journeys", "cohort_deltas", "flow_deltas", "win_deltas")
}


def _lead_row(person: Person) -> dict[str, Any]:
    last, journey = person.moves[-1], person.journeys[-1]
    return {
        "id": person.id, "stage": last.to_stage, "furthest_stage": journey.furthest_stage, "stage_entered_at": last.occurred_at,
        "journey": journey.number, "sequence": last.sequence, "version": 1, "industry": person.industry, "country": person.country,
        "channel": person.journeys[0].channel, "utm": {}, "external_ids": {}, "consent": {}, "score": person.score, "tags": list(person.tags),
        "attributes": {}, "raw": {}, "verdict": "valid", "verdict_reasons": [], "test": person.test, "created_at": NOW, "updated_at": NOW,
        "acquired_at": person.moves[0].occurred_at,
    }  # fmt: skip


def _move_row(person: Person, move: Transition) -> dict[str, Any]:
    starts = move.event in ("acquire", "reactivate", "repurchase")
    return {
        "lead_id": person.id, "id": new_id(), "sequence": move.sequence, "journey": move.journey, "event": move.event,
        "from_stage": move.from_stage, "to_stage": move.to_stage, "skipped": list(move.skipped), "reason": move.step.reason,
        "category": move.step.category, "channel": move.step.channel if starts else None,
        "campaign": move.step.campaign if starts else None, "amount": move.step.amount, "currency": move.step.currency, "actor": "test", "occurred_at": move.occurred_at,
        "recorded_at": move.occurred_at, "previous_at": move.previous_at,
    }  # fmt: skip


def _journey_row(person: Person, journey: Journey) -> dict[str, Any]:
    names = ("number", "entry_stage", "channel", "campaign", "started_at", "stage", "stage_entered_at", "furthest_stage", "outcome", "cleaned_at",
             "nurtured_at", "opportunity_at", "won_at", "churned_at", "reason", "amount", "currency")  # fmt: skip
    return {name: getattr(journey, name) for name in names} | {
        "lead_id": person.id,
        "cell": journey_cell(journey),
        "counted": not person.test,
        "entered_as": person.entered[journey.number - 1] if person.entered else {},
    }


async def keep(connection: AsyncConnection, world: Sequence[Person]) -> None:
    """Write a world as the service would: leads, ledger, journeys and deltas."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _INSERT}
    for person in world:
        deltas = Deltas()
        rows["leads"].append(_lead_row(person))
        rows["transitions"] += [_move_row(person, move) for move in person.moves]
        rows["journeys"] += [_journey_row(person, journey) for journey in person.journeys]
        if person.test:
            continue
        for journey in person.journeys:
            deltas.count_journey(share_of(journey), 1)
        for before, move in zip([None, *person.moves], person.moves, strict=False):
            left = person.journey(before.journey) if before else None
            columns = {name: getattr(move, name) for name in ("occurred_at", "from_stage", "to_stage")}
            deltas.count_move(columns, left=left, entered=person.journey(move.journey))
        for name, of_person in deltas.rows().items():
            rows[name] += of_person
    for name, of_table in rows.items():
        await connection.execute(_INSERT[name], {"rows": dumps(of_table)})
