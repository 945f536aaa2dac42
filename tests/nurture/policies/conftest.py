"""Policies alone, in a worker that runs when it is told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.nurture.engine import Nurture
from service.nurture.policies.reacting import REACTION
from service.nurture.scoring.reacting import REACTION as SCORING
from tests.nurture.policies.acting import Clock

Run = Callable[[], Awaitable[None]]


@pytest.fixture
def time(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still; the application is loaded, so that all of it reads this clock."""
    return Clock(monkeypatch)


@pytest.fixture
def nurture(engine: AsyncEngine, time: Clock) -> Run:
    """Let policies react until there is nothing more to do."""
    return _until_quiet(Nurture(engine, [REACTION]))


@pytest.fixture
def scored(engine: AsyncEngine, time: Clock) -> Run:
    """Let leads be scored, and policies react to that, until there is nothing more to do."""
    return _until_quiet(Nurture(engine, [SCORING, REACTION]))


def _until_quiet(worker: Nurture) -> Run:
    async def run() -> None:
        while await worker.run():
            pass

    return run
