"""Rules that are only tried: what would change, and whether high scores really won, against another's arithmetic."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest
from httpx import AsyncClient
from sklearn.metrics import roc_auc_score
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.nurture.scoring import trial_store
from service.nurture.scoring.trying import foresight
from service.stats.estimators.judging import area_bounds, area_under_curve, by_tenths

DAY = timedelta(days=1)
OPENS = {"key": "opens", "kind": "email.opened", "points": 10, "half_life_days": 10}
STEEL = {"key": "steel", "points": 15, "when": {"industry": "steel"}}


async def batch(client: AsyncClient, path: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = await client.post(path, json=items)
    assert answer.status_code == 200, answer.text
    assert all(one["status"] < 300 for one in answer.json()["data"]), answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def tried(client: AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/scoring-rules/dry-run", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def ago(days: float, now: datetime) -> str:
    return (now - days * DAY).isoformat()


async def business(client: AsyncClient, count: int = 80) -> list[tuple[int, bool, bool]]:
    """Make up leads that came 120 days ago: how often they had opened by day 100, whether they are of steel, and whether they won on day 50."""
    dice, now = Random(11), clock.now()
    fates = []
    for _ in range(count):
        opened, steel = dice.randint(0, 5), dice.random() < 0.3
        fates.append((opened, steel, dice.random() < 0.1 + 0.12 * opened))
    leads = [
        {
            "email": f"a{number}@example.com",
            "occurred_at": ago(120, now),
            "company": {"industry": "steel" if steel else "food"},
        }
        for number, (_, steel, _) in enumerate(fates)
    ]
    ids = [one["lead"]["id"] for one in await batch(client, "/v1/leads/batch", leads)]
    did, moves = [], []
    for lead_id, (opened, _, won) in zip(ids, fates, strict=True):
        # Whoever won opened a lot afterwards: that must not count.
        for days, times in ((100, opened), (40, 9 if won else 0)):
            did += [{"lead_id": lead_id, "kind": "email.opened", "occurred_at": ago(days, now)}] * times
        if won:
            won_at = ago(50, now)
            moves.append({"lead_id": lead_id, "event": "win", "occurred_at": won_at, "allow_skip": True})
    await batch(client, "/v1/activities", did)
    await batch(client, "/v1/transitions/batch", moves)
    await client.patch(f"/v1/leads/{ids[0]}", json={"company": {"industry": "steel"}})
    return fates


async def test_whether_high_scores_won_is_told_without_knowing_it_beforehand(client: AsyncClient) -> None:
    fates = await business(client)
    won = [won for _, _, won in fates]
    told = (await tried(client, rules={"fit": [STEEL], "engagement": [OPENS]}))["winners"]
    scores = [5 * opened + 15 * steel for opened, steel, _ in fates]
    assert (told["sample"], told["won"]) == ({"looked_at": 80, "of": 80}, sum(won))
    after = told["after"]
    assert after["auc"]["value"] == pytest.approx(roc_auc_score(won, scores))
    assert after["auc"]["low"] < after["auc"]["value"] < after["auc"]["high"]
    assert sum(one["journeys"] for one in after["tenths"]) == 80
    assert sum(one["won"] for one in after["tenths"]) == sum(won)
    for one in after["tenths"]:
        of = [won for won, score in zip(won, scores, strict=True) if one["lowest"] <= score <= one["highest"]]
        assert (one["journeys"], one["won"]) == (len(of), sum(of))
        assert one["low"] <= one["share"] <= one["high"]
    # No rules hold: everybody has the same score, which is chance.
    assert told["before"]["auc"]["value"] == 0.5
    assert len(told["before"]["tenths"]) == 1


async def test_what_would_change(client: AsyncClient) -> None:
    now = clock.now()
    held = {"fit": [STEEL], "engagement": [{**OPENS, "points": 30}]}
    assert (await client.put("/v1/scoring-rules", json=held)).status_code == 200
    leads = [
        {"email": f"a{number}@example.com", "company": {"industry": industry}}
        for number, industry in enumerate(["steel", "steel", "food", "food"])
    ]
    leads.append({"email": "old@example.com", "occurred_at": ago(200, now), "company": {"industry": "steel"}})
    leads.append({"email": "test@example.com", "test": True, "company": {"industry": "steel"}})
    ids = [one["lead"]["id"] for one in await batch(client, "/v1/leads/batch", leads)]
    await batch(client, "/v1/activities", [{"lead_id": ids[2], "kind": "email.opened"}])
    same = (await tried(client))["changes"]
    assert (same["changed"], same["sample"]["looked_at"]) == (0, 4)
    proposed = {"fit": [{**STEEL, "points": 20}], "engagement": [{**OPENS, "points": 20}], "thresholds": [16]}
    told = await tried(client, rules=proposed, days=30)
    changes = told["changes"]
    assert told["version"] == 1
    assert (changes["changed"], changes["raised"], changes["lowered"]) == (3, 2, 1)
    assert (changes["mean_before"], changes["mean_after"]) == (15, 15)
    assert {one["band"]: (one["before"], one["after"]) for one in changes["bands"]} == {
        "below-25": (3, 4),
        "25-49": (1, 0),
        "50-74": (0, 0),
        "from-75": (0, 0),
    }
    assert changes["thresholds"][0] == {"score": 16, "before": 1, "after": 3, "up": 2, "down": 0}
    assert changes["thresholds"][1] == {"score": 25, "before": 1, "after": 0, "up": 0, "down": 1}
    assert changes["movers"][0] == {"lead_id": ids[2], "before": 30, "after": 20}
    assert [(one["key"], one["leads"], one["entries"], one["now"]) for one in changes["rules"]] == [
        ("steel", 2, 2, 40),
        ("opens", 1, 1, 20),
    ]
    assert told["winners"]["after"] == {"auc": None, "insufficient_data": True, "tenths": []}
    assert (await client.get("/v1/scoring-rules")).json()["version"] == 1
    assert {(await client.get(f"/v1/leads/{one}")).json()["score"] for one in ids} == {0}


async def test_of_very_many_a_share_is_looked_at(
    client: AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await batch(client, "/v1/leads/batch", [{"email": f"a{number}@example.com"} for number in range(300)])
    monkeypatch.setattr(trial_store, "MOST", 60)
    monkeypatch.setattr(trial_store, "_PIECE", 10)
    first, again = [(await tried(client))["changes"]["sample"] for _ in range(2)]
    assert first == again
    assert first["of"] == 300
    assert 20 < first["looked_at"] < 120
    monkeypatch.setattr(trial_store, "MOST", 300)
    async with transaction(engine) as connection:
        since = clock.now() - DAY
        pieces = [piece async for piece in trial_store.leads(connection, 300, since=since)]
    assert len({row["id"] for piece in pieces for row in piece}) == 300


async def test_rules_that_cannot_be_are_not_tried(client: AsyncClient) -> None:
    wrong = {"fit": [{"key": "a", "points": 1, "when": {"score_band": "from-75"}}]}
    answer = await client.post("/v1/scoring-rules/dry-run", json={"rules": wrong})
    assert answer.status_code == 422


def test_the_area_and_its_bounds() -> None:
    dice = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        won = np.repeat([1.0, 0.0], [25, 60])
        scores = np.round(dice.normal(size=85) * 10 + won * 10 * 1.19)
        area = area_under_curve(won, scores)
        assert area == pytest.approx(roc_auc_score(won, scores))
        low, high = area_bounds(area, 25, 60) or (1, 0)
        assert 0 < low < area < high < 1
        # The true area of two normal distributions that far apart.
        covered += low <= 0.8 <= high
    assert 0.92 <= covered / 200 <= 0.99
    assert area_bounds(1.0, 5, 0) is None
    assert area_bounds(1.0, 10, 10) == (pytest.approx(0.79, abs=0.05), 1.0)
    assert area_bounds(0.0, 10, 10) == (0.0, pytest.approx(0.21, abs=0.05))


def test_tenths_never_part_equal_scores() -> None:
    won = np.array([0.0, 1.0] * 50)
    scores = np.array([float(number) for number in range(100)])
    assert [tier.count for tier in by_tenths(won, scores)] == [10] * 10
    tied = by_tenths(won, np.minimum(scores, 50))
    assert (tied[-1].low, tied[-1].count, sum(tier.count for tier in tied)) == (50, 50, 100)
    assert by_tenths(np.array([]), np.array([])) == []
    assert foresight(won, scores)["insufficient_data"] is False
