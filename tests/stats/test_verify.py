"""The recount from the ledger finds nothing when all is well, and finds whatever is not; folding and rebuilding change no figure."""

from __future__ import annotations

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import migrations
from service.core.database import fetch, transaction
from service.stats.fold import fold, rebuild
from service.stats.store import folding
from service.stats.verify import Discrepancy, snapshot, verify
from tests.stats.worlds import keep, people


async def verified(engine: AsyncEngine) -> list[Discrepancy]:
    async with snapshot(engine) as connection:
        return await verify(connection)


async def _fold_all(engine: AsyncEngine, limit: int = 50_000) -> int:
    folded = 0
    while True:
        async with transaction(engine) as connection:
            if not (count := await fold(connection, limit)):
                return folded
            folded += count


async def test_nothing_is_wrong_before_between_and_after_folding(engine: AsyncEngine, populate) -> None:
    await populate(2, 200)
    assert await verified(engine) == []
    async with transaction(engine) as connection:
        assert await fold(connection, 100) == 100
    assert await verified(engine) == []
    assert await _fold_all(engine, 77) > 500
    assert await verified(engine) == []


async def test_an_empty_database_is_right(engine: AsyncEngine) -> None:
    assert await verified(engine) == []
    assert await _fold_all(engine) == 0


async def test_rebuilding_gives_what_folding_gives_and_takes_the_deltas_away(engine: AsyncEngine, populate) -> None:
    await populate(3, 200)
    await _fold_all(engine)
    rollups = [text(f"SELECT * FROM {name} ORDER BY {name}") for name in ("cohort_rollup", "flow_rollup", "win_rollup")]
    async with transaction(engine) as connection:
        folded = [await fetch(connection, rollup) for rollup in rollups]
    await populate(4, 50)
    async with transaction(engine) as connection:
        await connection.execute(text("DELETE FROM cohort_rollup WHERE grain = 1"))
        await connection.execute(text("UPDATE flow_rollup SET moved_in = moved_in + 1 WHERE grain = 3"))
    assert {fault.check for fault in await verified(engine)} == {"cohorts", "flows"}
    async with transaction(engine) as connection:
        await rebuild(connection)
        assert (
            await fetch(
                connection,
                text(
                    "SELECT 1 FROM cohort_deltas UNION ALL SELECT 1 FROM flow_deltas UNION ALL SELECT 1 FROM win_deltas"
                ),
            )
            == []
        )
    assert await verified(engine) == []
    async with transaction(engine) as connection:
        rebuilt = [await fetch(connection, rollup) for rollup in rollups]
    assert all(len(after) > len(before) for before, after in zip(folded, rebuilt, strict=True))


async def test_rebuilding_writes_what_is_wrong_and_leaves_the_rest_where_it_is(engine: AsyncEngine, populate) -> None:
    await populate(12, 80)
    await _fold_all(engine)
    places = [
        text(f"SELECT ctid::text, r.* FROM {name}_rollup r ORDER BY r, ctid::text")
        for name in ("cohort", "flow", "win")
    ]
    async with transaction(engine) as connection:
        before = [await fetch(connection, place) for place in places]
    async with transaction(engine) as connection:
        await rebuild(connection)
        assert [await fetch(connection, place) for place in places] == before
        # One that is too high, times that are too few, one that nothing speaks for, without a channel or a campaign, and one that is not there.
        await connection.execute(text("UPDATE win_rollup SET amount = amount + 1 WHERE grain = 33"))
        await connection.execute(text("UPDATE win_rollup SET times = times[2:] WHERE grain = 22"))
        await connection.execute(
            text("INSERT INTO flow_rollup VALUES (2, '1999-05-01 00:00+00', NULL, NULL, NULL, 'acquired', 7, 0)")
        )
        await connection.execute(text("DELETE FROM cohort_rollup WHERE campaign IS NULL AND grain = 0"))
    assert {fault.check for fault in await verified(engine)} == {"cohorts", "flows", "wins"}
    async with transaction(engine) as connection:
        await rebuild(connection)
        after = [await fetch(connection, place) for place in places]
    assert await verified(engine) == []
    for held, kept in zip(before, after, strict=True):
        assert len({str(row) for row in held} & {str(row) for row in kept}) > len(held) // 2


async def test_times_that_are_wrong_are_found(engine: AsyncEngine, populate) -> None:
    await populate(12, 80)
    await _fold_all(engine)
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE win_rollup SET times[1] = times[1] + 1 WHERE grain = 21"))
    faults = await verified(engine)
    assert {(fault.check, fault.where["grain"]) for fault in faults} == {("wins", 21)}
    assert all(fault.found == fault.expected + 1 for fault in faults)


async def test_the_migration_of_octads_writes_what_folding_writes(
    engine: AsyncEngine, database_url: str, populate
) -> None:
    await populate(13, 80)
    await _fold_all(engine)
    await populate(14, 80)
    await _fold_loosely(engine)
    await populate(15, 10)
    kept = [text(f"SELECT * FROM {kind}_rollup AS held ORDER BY held") for kind in ("cohort", "flow", "win")]
    async with transaction(engine) as connection:
        before = [await fetch(connection, rows) for rows in kept]
    grains = {row["grain"] for rows in before for row in rows}
    assert {-2, -1, 4, 14, 24, 34} < grains
    await engine.dispose()
    await migrations.downgrade(database_url, "2026_11_22_untold_budgets")
    async with transaction(engine) as connection:
        found = [await fetch(connection, rows) for rows in kept]
    assert {row["grain"] for rows in found for row in rows} == grains - {4, 14, 24, 34}
    await engine.dispose()
    await migrations.upgrade(database_url)
    async with transaction(engine) as connection:
        assert [await fetch(connection, rows) for rows in kept] == before
    await engine.dispose()


async def test_the_migration_of_wins_writes_what_folding_writes(
    engine: AsyncEngine, database_url: str, populate
) -> None:
    await populate(12, 80)
    await _fold_all(engine)
    kept = text("SELECT * FROM win_rollup ORDER BY win_rollup")
    views = text("SELECT * FROM reporting.wins_daily d ORDER BY d")
    async with transaction(engine) as connection:
        before = [await fetch(connection, rows) for rows in (kept, views)]
    await engine.dispose()
    await migrations.downgrade(database_url, "2026_11_22_bare_deltas")
    async with transaction(engine) as connection:
        assert await fetch(connection, views) == before[1]
        found = await fetch(connection, text("SELECT DISTINCT grain FROM win_rollup"))
        assert {row["grain"] for row in found} == {0, 1, 2, 3, 12, 13, 21, 22, 23, 32, 33}
    await engine.dispose()
    await migrations.upgrade(database_url)
    async with transaction(engine) as connection:
        assert [await fetch(connection, rows) for rows in (kept, views)] == before
    assert before[0]
    assert await verified(engine) == []


async def _rows(engine: AsyncEngine, where: str) -> list[list[tuple[object, ...]]]:
    tables = [
        text(f"SELECT * FROM {name}_rollup r WHERE {where} ORDER BY r, r::text") for name in ("cohort", "flow", "win")
    ]
    async with transaction(engine) as connection:
        return [[tuple(row) for row in await connection.execute(table)] for table in tables]


async def _fold_loosely(engine: AsyncEngine) -> None:
    """Fold all deltas, in two batches, as if they were many: what can be appended is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "MANY", 1)
        for limit in (170, 50_000):
            async with transaction(engine) as connection:
                assert await fold(connection, limit) > 0


async def test_what_is_appended_counts_and_is_added_up_later(engine: AsyncEngine, populate) -> None:
    await populate(3, 150)
    await _fold_all(engine)
    await populate(4, 150)
    await _fold_loosely(engine)
    loose = await _rows(engine, "grain < 0")
    # Quarter hours and days; of wins, only quarter hours: their days have histograms.
    assert [{row[1 if len(row) > 10 else 0] for row in rows} for rows in loose] == [{-1, -2}, {-1, -2}, {-1}]
    assert await verified(engine) == []
    async with transaction(engine) as connection:
        # A batch as small as it becomes where a larger one takes too long.
        await fold(connection, 10)
    assert len((await _rows(engine, "grain < 0"))[0]) == len(loose[0]) - 10
    assert await verified(engine) == []
    async with transaction(engine) as connection:
        await fold(connection)
    assert await _rows(engine, "grain < 0") == [[], [], []]
    assert await verified(engine) == []
    tidied = await _rows(engine, "true")
    async with transaction(engine) as connection:
        await rebuild(connection)
    assert await _rows(engine, "true") == tidied


async def test_what_is_appended_is_bounded(engine: AsyncEngine, populate, monkeypatch: pytest.MonkeyPatch) -> None:
    await populate(3, 50)
    monkeypatch.setattr(folding, "MOST_LOOSE", 0)
    await _fold_loosely(engine)
    assert await _rows(engine, "grain < 0") == [[], [], []]
    assert await verified(engine) == []


async def test_what_was_taken_back_is_not_the_beginning(client: AsyncClient, engine: AsyncEngine, populate) -> None:
    await populate(3, 50)
    await _fold_all(engine)
    asked = "/v1/stats/trend?interval=day&mode=cohort"
    before = (await client.get(asked)).json()
    # A file with wrong dates, which was withdrawn before anything was added up.
    for count in (1, -1):
        async with transaction(engine) as connection:
            await connection.execute(
                text("INSERT INTO cohort_deltas VALUES ('1970-01-01 00:00Z', 'mail', NULL, 'acquired', 0, :count)"),
                {"count": count},
            )
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(folding, "MANY", 1)
                await fold(connection)
    assert len((await _rows(engine, "bucket < '1971-01-01Z'"))[0]) == 4
    after = (await client.get(asked)).json()
    assert (after["groups"], after["totals"]) == (before["groups"], before["totals"])


async def test_a_loose_row_that_is_wrong_is_found_and_put_right(engine: AsyncEngine, populate) -> None:
    await populate(3, 150)
    await _fold_loosely(engine)
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE cohort_rollup SET count = count + 1 WHERE grain = -2"))
        await connection.execute(text("DELETE FROM flow_rollup WHERE grain = -1"))
    faults = {(fault.check, fault.where.get("grain")) for fault in await verified(engine)}
    assert faults == {("cohorts", 1), ("flows", 0), ("standings", None)}
    async with transaction(engine) as connection:
        await rebuild(connection)
    assert await verified(engine) == []
    assert await _rows(engine, "grain < 0") == [[], [], []]


async def test_the_migration_adds_up_what_is_loose_when_it_is_taken_back(
    engine: AsyncEngine, database_url: str, populate
) -> None:
    await populate(3, 100)
    await _fold_all(engine)
    await populate(4, 100)
    await _fold_loosely(engine)
    days = text("SELECT * FROM reporting.funnel_daily d ORDER BY d")
    moves = text("SELECT * FROM reporting.flow_daily d ORDER BY d")
    async with transaction(engine) as connection:
        shown = [await fetch(connection, view) for view in (days, moves)]
        await connection.execute(text("SET LOCAL TimeZone = 'Asia/Shanghai'"))
        shown += [await fetch(connection, view) for view in (days, moves)]
    await engine.dispose()
    await migrations.downgrade(database_url, "2026_11_22_win_times")
    async with transaction(engine) as connection:
        assert [await fetch(connection, view) for view in (days, moves)] == shown[:2]
        await connection.execute(text("SET LOCAL TimeZone = 'Asia/Shanghai'"))
        assert [await fetch(connection, view) for view in (days, moves)] == shown[2:]
    taken_back = await _rows(engine, "true")
    await engine.dispose()
    await migrations.upgrade(database_url)
    async with transaction(engine) as connection:
        await rebuild(connection)
    # Of what there was then.
    assert await _rows(engine, "grain NOT IN (4, 14, 24, 34)") == taken_back
    assert await verified(engine) == []


async def test_zeros_are_not_kept(engine: AsyncEngine, populate) -> None:
    await populate(5, 60)
    await _fold_all(engine)
    async with transaction(engine) as connection:
        for name, counted in (
            ("cohort", "count = -count"),
            ("flow", "moved_in = -moved_in, moved_out = -moved_out"),
            ("win", "count = -count, amount = -amount, squares = -squares, seconds = -seconds"),
        ):
            await connection.execute(text(f"INSERT INTO {name}_deltas SELECT r.* FROM {_columns(name)} r"))
            await connection.execute(text(f"UPDATE {name}_deltas SET {counted}"))
    await _fold_all(engine, 41)
    async with transaction(engine) as connection:
        for name in ("cohort_rollup", "flow_rollup", "win_rollup", "cohort_deltas", "flow_deltas", "win_deltas"):
            assert await fetch(connection, text(f"SELECT * FROM {name}")) == []


def _columns(name: str) -> str:
    axis = "axis, " if name == "win" else ""
    keys = {
        "cohort": "entry_stage, cell, count",
        "flow": "from_stage, to_stage, moved_in, moved_out",
        "win": "entry_stage, currency, days, count, amount, squares, seconds",
    }[name]
    return f"(SELECT {axis}bucket, channel, campaign, {keys} FROM {name}_rollup WHERE grain = 0)"


async def test_one_folds_at_a_time(engine: AsyncEngine, populate) -> None:
    await populate(6, 20)
    async with transaction(engine) as one, transaction(engine) as other:
        assert await fold(one) > 0
        assert await fold(other) == 0


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE journeys SET cell = cell + 8 WHERE cell < 190 AND number = 1", "journeys"),
        ("UPDATE journeys SET channel = 'elsewhere' WHERE number = 1", "journeys"),
        ("UPDATE journeys SET started_at = started_at + interval '1 microsecond'", "journeys"),
        ("DELETE FROM journeys WHERE number = 1", "journeys"),
        ("UPDATE cohort_deltas SET count = count + 1", "cohorts"),
        ("DELETE FROM flow_deltas WHERE to_stage = 'churned'", "flows"),
        ("UPDATE flow_deltas SET bucket = bucket + interval '15 minutes'", "flows"),
        ("UPDATE win_deltas SET amount = amount + 1 WHERE axis = 1", "wins"),
        ("DELETE FROM win_deltas WHERE axis = 0 AND days > 30", "wins"),
        ("UPDATE leads SET stage = 'won' WHERE stage = 'churned'", "standings"),
        ("UPDATE transitions SET superseded_at = now() WHERE sequence = 1", "flows"),
    ],
)
async def test_damage_is_found(engine: AsyncEngine, populate, damage: str, check: str) -> None:
    await populate(7, 60)
    async with transaction(engine) as connection:
        await connection.execute(text(damage))
    assert check in {fault.check for fault in await verified(engine)}


@pytest.mark.parametrize("work", [fold, rebuild])
async def test_a_writer_in_between_is_counted_once(engine: AsyncEngine, populate, work) -> None:
    await populate(8, 40)
    async with transaction(engine) as writer:
        await keep(writer, people(9, 40))
        async with transaction(engine) as connection:
            await work(connection)
        assert await verified(engine) == []
    assert await verified(engine) == []
    await _fold_all(engine)
    assert await verified(engine) == []
