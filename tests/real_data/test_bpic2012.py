"""The loan applications of the BPI Challenge 2012, brought in through the API, are counted as they are known to be."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from statistics import median

from httpx import AsyncClient

from tests.real_data.loading import create_all, everything_holds, move_all, real_data

EVENTS: dict[str, dict[str, object]] = {
    "A_PREACCEPTED": {"event": "clean"},
    "A_ACCEPTED": {"event": "nurture"},
    "A_FINALIZED": {"event": "qualify"},
    "A_APPROVED": {"event": "win"},
    "A_DECLINED": {"event": "churn", "reason": "no_budget"},
    "A_CANCELLED": {"event": "churn", "reason": "unresponsive"},
}
REACHED = {"acquired": 13_087, "cleaned": 7_367, "nurtured": 5_113, "opportunity": 5_015, "won": 2_246}
CHURNED_AND_OPEN = {"acquired": (5_720, 0), "cleaned": (2_185, 69), "nurtured": (95, 3), "opportunity": (2_442, 327)}


async def test_the_known_figures_come_out_exactly(client: AsyncClient, database_url: str):
    with gzip.open(real_data() / "bpic2012" / "events.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    submitted = [row for row in rows if row["activity"] == "A_SUBMITTED"]
    created = await create_all(
        client, [{"external_ids": {"bpic": row["case_id"]}, "occurred_at": row["timestamp"]} for row in submitted]
    )
    assert {item["status"] for item in created} == {201}
    moved = await move_all(client, [_transition(row) for row in rows if row["activity"] in EVENTS])
    assert {item["status"] for item in moved} == {201}

    total = (await client.get("/v1/stats/funnel")).json()["totals"]
    stages = {stage["stage"]: stage for stage in total["stages"]}
    assert {name: stage["reached"] for name, stage in stages.items()} == REACHED
    ends = {name: (sum(stage["churned"].values()), stage["open"]) for name, stage in stages.items() if name != "won"}
    assert ends == CHURNED_AND_OPEN
    assert sum(stage["churned"]["lost"] for stage in stages.values()) == 7_635
    assert sum(stage["churned"]["lapsed"] for stage in stages.values()) == 2_807
    assert sum(stage["open"] for stage in stages.values()) == 399

    period = (await client.get("/v1/stats/funnel?mode=period")).json()["totals"]["stages"]
    assert {stage["stage"]: stage["in"] for stage in period if stage["stage"] in REACHED} == REACHED
    assert next(stage for stage in period if stage["stage"] == "churned")["closing"] == 10_442

    assert round(median(await _days_to_won(client, stages["won"]["leads"])), 4) == 14.4366
    await everything_holds(database_url)


def _transition(row: dict[str, str]) -> dict[str, object]:
    return {"external_id": f"bpic:{row['case_id']}", "occurred_at": row["timestamp"], **EVENTS[row["activity"]]}


async def _days_to_won(client: AsyncClient, address: str) -> list[float]:
    """Walk the list behind the figure to its end; every lead in it is won."""
    days, cursor = [], ""
    while True:
        page = (await client.get(f"{address}&limit=500{cursor}")).json()
        for lead in page["data"]:
            took = datetime.fromisoformat(lead["stage_entered_at"]) - datetime.fromisoformat(lead["acquired_at"])
            days.append(took.total_seconds() / 86_400)
        if page["next_cursor"] is None:
            assert len(days) == REACHED["won"]
            return days
        cursor = f"&cursor={page['next_cursor']}"
