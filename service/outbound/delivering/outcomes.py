"""What an answer means for a message (PURE): delivered, tried again and when, or given up; and how that is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.core.ids import new_id_text
from service.outbound.delivering.endpoint import Endpoint
from service.outbound.delivering.health import Health
from service.outbound.delivering.line import Entry, Line, Replay
from service.outbound.delivering.schedule import heeded, wait_after
from service.outbound.formats.contract import Outcome
from service.outbound.sending.answers import Answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message: ``next_at`` is None when it is delivered or given up."""

    delivered: bool
    step: int
    next_at: datetime | None


def judged(entry: Entry, outcome: Outcome, *, now: datetime) -> Verdict:
    """Return what becomes of a message. A probe that came before its time uses up nothing of the schedule."""
    if outcome.verdict == "delivered":
        return Verdict(delivered=True, step=entry.step, next_at=None)
    if outcome.verdict == "failed":
        return Verdict(delivered=False, step=entry.step + 1, next_at=None)
    if entry.probe and entry.next_at is not None and entry.next_at > now:
        return Verdict(delivered=False, step=entry.step, next_at=max(entry.next_at, now + heeded(outcome.wait)))
    wait = wait_after(entry.step + 1, outcome.wait)
    return Verdict(delivered=False, step=entry.step + 1, next_at=None if wait is None else now + wait)


def attempt_values(
    endpoint: Endpoint, entry: Entry, answer: Answer, outcome: Outcome, verdict: Verdict, *, at: datetime
) -> tuple[Any, ...]:
    """Return a try as it is logged: the values of `journal_store.ATTEMPT`."""
    event = entry.event
    return (
        event.lead_id,
        new_id_text(),
        endpoint.id,
        event.id,
        event.type,
        entry.attempts + 1,
        at,
        answer.status,
        None if verdict.delivered else outcome.code,
        answer.latency_ms,
        readable(answer.body),
        verdict.next_at,
    )


def queue_row(
    entry: Entry, outcome: Outcome, verdict: Verdict, answer: Answer | None, *, now: datetime
) -> dict[str, Any]:
    """Return a message that failed as the queue keeps it."""
    return {
        "state": "failed" if verdict.next_at is None else "pending",
        "ordered": entry.ordered,
        "attempts": entry.attempts + 1,
        "step": verdict.step,
        "next_at": verdict.next_at,
        "status": None if answer is None else answer.status,
        "error": outcome.code,
        "created_at": now,
        "updated_at": now,
    }


def lane_row(endpoint: Endpoint, token: int, live: Line, health: Health) -> dict[str, Any]:
    """Return how far the deliveries to an endpoint have come, and how it is."""
    position, sequence, event_id = live.cursor
    return {
        "id": endpoint.id,
        "token": token,
        "revision": endpoint.revision,
        "position": position,
        "sequence": sequence,
        "event_id": event_id,
        "failing_since": health.failing_since,
        "failures": health.failures,
        "probes": health.probes,
        "resume_at": health.resume_at,
        "last_success_at": health.last_success_at,
    }


def replay_row(endpoint: Endpoint, replay: Replay, *, now: datetime) -> dict[str, Any]:
    """Return how far a replay has come."""
    position, sequence, event_id = replay.cursor
    return {
        "id": replay.id,
        "endpoint_id": endpoint.id,
        "position": position,
        "sequence": sequence,
        "event_id": event_id,
        "finished_at": now if replay.has_ended else None,
    }


def readable(body: bytes) -> str:
    """Return the beginning of an answer as text that the database takes."""
    return body.decode(errors="replace").replace("\0", "\ufffd") if body else ""
