"""Quarter hours and days that come by the thousands are appended to the rollups and added up later; the views read them, too."""

from __future__ import annotations

from alembic import op

revision = "2026_11_22_loose"
down_revision = "2026_11_22_win_times"
branch_labels = None
depends_on = None

# Of each rollup: its key after the grain, what it sums, and what else its index has. Wins have their axis first.
_KEYS = {
    "cohort": "bucket, channel, campaign, entry_stage, cell",
    "flow": "bucket, channel, campaign, from_stage, to_stage",
    "win": "axis, bucket, channel, campaign, entry_stage, currency, days",
}
_SUMS = {
    "cohort": {"count": "bigint"},
    "flow": {"moved_in": "bigint", "moved_out": "bigint"},
    "win": {"count": "bigint", "amount": "numeric", "squares": "numeric", "seconds": "bigint"},
}
_STAGES = ("acquired", "cleaned", "nurtured", "opportunity", "won")
_CATEGORIES = ("disqualified", "lost", "lapsed", "customer")


def upgrade() -> None:
    _begin()
    for kind in _KEYS:
        _index(kind, "WHERE grain >= 0")
        op.execute(f"CREATE INDEX ix_{kind}_rollup_loose ON {kind}_rollup (grain, bucket) WHERE grain < 0")
    _views(loose=True)


def downgrade() -> None:
    _begin()
    for kind, keys in _KEYS.items():
        sums = _SUMS[kind]
        named = f"grain, {keys}, {', '.join(sums)}"
        op.execute(f"""
            WITH taken AS (DELETE FROM {kind}_rollup WHERE grain < 0 RETURNING {named})
            INSERT INTO {kind}_rollup AS held ({named})
            SELECT -1 - grain AS grain, {keys}, {", ".join(f"sum({name})::{type_}" for name, type_ in sums.items())}
            FROM taken GROUP BY grain, {keys}
            ON CONFLICT (grain, {keys}) WHERE grain >= 0
            DO UPDATE SET {", ".join(f"{name} = held.{name} + excluded.{name}" for name in sums)}
        """)
        nothing = " AND ".join(f"{name} = 0" for name in sums)
        op.execute(f"DELETE FROM {kind}_rollup WHERE grain <= 1 AND {nothing}")
    _views(loose=False)
    for kind in _KEYS:
        op.execute(f"DROP INDEX ix_{kind}_rollup_loose")
        _index(kind, "")


def _begin() -> None:
    # Workers of before fold by an index that is there no more: stop the service first (README, "Upgrading").
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '10min'")
    for kind in _KEYS:
        op.execute(f"LOCK TABLE {kind}_rollup IN SHARE ROW EXCLUSIVE MODE")


def _index(kind: str, where: str) -> None:
    keys = f"axis, grain, {_KEYS[kind].removeprefix('axis, ')}" if kind == "win" else f"grain, {_KEYS[kind]}"
    op.execute(f"DROP INDEX uq_{kind}_rollup")
    op.execute(f"""
        CREATE UNIQUE INDEX uq_{kind}_rollup ON {kind}_rollup ({keys}) INCLUDE ({", ".join(_SUMS[kind])}) NULLS NOT DISTINCT {where}
    """)


def _counted(kind: str, names: str, *, loose: bool, axis: int | None = None, day: int = 1) -> str:
    """Return the rows of a rollup that views add up: days in a session of UTC, else quarter hours, and what is not folded."""
    grain = f"CASE WHEN current_setting('TimeZone') IN ('UTC', 'Etc/UTC', 'GMT', 'Etc/GMT') THEN {day} ELSE 0 END"
    along = "" if axis is None else f"axis = {axis} AND "
    which = (
        [f"grain >= 0 AND grain = {grain}", f"grain < 0 AND grain = -1 - {grain}"] if loose else [f"grain = {grain}"]
    )
    parts = [f"SELECT {names} FROM public.{kind}_rollup WHERE {along}{condition}" for condition in which]
    unfolded = "" if axis is None else f" WHERE axis = {axis}"
    return " UNION ALL ".join([*parts, f"SELECT {names} FROM public.{kind}_deltas{unfolded}"])


def _sum(what: str, condition: str, name: str) -> str:
    return f"coalesce(sum({what}) FILTER (WHERE {condition}), 0)::bigint AS {name}"


def _churned(condition: str) -> str:
    return ", ".join(
        _sum("journeys", f"{condition}outcome = {number}", f"churned_{name}")
        for number, name in enumerate(_CATEGORIES, 1)
    )


def _views(*, loose: bool) -> None:
    cells = f"""
        SELECT bucket::date AS day, channel, campaign, entry_stage, cell / 40 AS furthest, cell % 40 / 8 AS outcome, cell % 8 AS mask,
            sum(count) AS journeys
        FROM ({_counted("cohort", "bucket, channel, campaign, entry_stage, cell, count", loose=loose)}) AS counted
        GROUP BY bucket::date, channel, campaign, entry_stage, cell
    """
    moved = _counted("flow", "bucket, channel, campaign, from_stage, to_stage, moved_in, moved_out", loose=loose)
    _replace(
        "funnel_daily",
        f"""
        SELECT day, channel, campaign, entry_stage, sum(journeys)::bigint AS entered,
            {", ".join(_sum("journeys", f"furthest >= {rank}", f"reached_{_STAGES[rank]}") for rank in range(1, 5))},
            {_sum("journeys", "outcome = 0 AND furthest < 4", "open")}, {_churned("")},
            {_sum("journeys", "furthest = 4 OR outcome > 0", "decided")}
        FROM ({cells}) AS counted
        GROUP BY day, channel, campaign, entry_stage HAVING sum(journeys) <> 0
        """,
    )
    _replace(
        "funnel_stages_daily",
        f"""
        SELECT day, channel, campaign, entry_stage, number AS stage_number, stage, {_sum("journeys", "furthest >= number", "reached")},
            {_sum("journeys", "number = 0 OR number = 4 AND furthest = 4 OR number < 4 AND mask >> (number - 1) & 1 = 1", "entered")},
            {_sum("journeys", "furthest = number AND outcome = 0 AND number < 4", "open")}, {_churned("furthest = number AND ")}
        FROM ({cells}) AS counted
        CROSS JOIN (VALUES {", ".join(f"({rank}, '{stage}')" for rank, stage in enumerate(_STAGES))}) AS stages (number, stage)
        GROUP BY day, channel, campaign, entry_stage, number, stage HAVING sum(journeys) <> 0
        """,
    )
    _replace(
        "flow_daily",
        f"""
        SELECT bucket::date AS day, channel, campaign, from_stage, to_stage, sum(moved_in)::bigint AS moves, sum(moved_out)::bigint AS exits
        FROM ({moved}) AS moved
        GROUP BY bucket::date, channel, campaign, from_stage, to_stage HAVING sum(moved_in) <> 0 OR sum(moved_out) <> 0
        """,
    )
    _replace(
        "occupancy_daily",
        f"""
        WITH grown AS (
            SELECT bucket::date AS day, channel, campaign, stage, sum(leads) AS leads
            FROM ({moved}) AS moved CROSS JOIN LATERAL (VALUES (to_stage, moved_in), (from_stage, -moved_out)) AS side (stage, leads)
            WHERE stage IS NOT NULL
            GROUP BY bucket::date, channel, campaign, stage
        ), standing AS (
            SELECT day, channel, campaign, stage, sum(leads) OVER until AS leads, lead(day) OVER until AS changed
            FROM grown WINDOW until AS (PARTITION BY channel, campaign, stage ORDER BY day)
        )
        SELECT day + after AS day, channel, campaign, stage, leads::bigint AS leads
        FROM standing CROSS JOIN LATERAL generate_series(0, coalesce(changed, greatest(current_date, day) + 1) - day - 1) AS after
        WHERE leads <> 0
        """,
    )
    names = "bucket, channel, campaign, entry_stage, currency, count, amount, seconds"
    for view, axis in (("wins_daily", 1), ("cohort_wins_daily", 0)):
        _replace(
            view,
            f"""
            SELECT bucket::date AS day, channel, campaign, entry_stage, currency, sum(count)::bigint AS wins,
                CASE WHEN entry_stage = 'opportunity' THEN 0 ELSE sum(count) END::bigint AS customers, sum(amount) AS amount,
                (sum(seconds) / 86400)::double precision AS days_to_win
            FROM ({_counted("win", names, loose=loose, axis=axis, day=21)}) AS won
            GROUP BY bucket::date, channel, campaign, entry_stage, currency HAVING sum(count) <> 0
            """,
        )


def _replace(view: str, query: str) -> None:
    op.execute(f"CREATE OR REPLACE VIEW reporting.{view} AS {query}")
