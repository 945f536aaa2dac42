"""Counters that make the standard questions cost the same at any size: deltas, written with each change, and their rollups."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Numeric, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from service.core.tables import Instant, metadata

# Buckets of deltas are the quarter hour (UTC) of the journey's start: every time zone in use is a multiple of it. Deltas have no key and no index:
# whoever reads them reads them all, and each is written, read for some seconds, and gone.
cohort_deltas = Table(
    "cohort_deltas",
    metadata,
    Column("bucket", Instant, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("entry_stage", Text, nullable=False),
    Column("cell", SmallInteger, nullable=False),
    Column("count", Integer, nullable=False),
)

cohort_rollup = Table(
    "cohort_rollup",
    metadata,
    # 0 quarter hour, 1 day, 4 octad, 2 month, 3 year (UTC); 14, 12 and 13: octad, month and year of all campaigns. See
    # definitions.KEPT_GRAINS. -1 and -2: quarter hours and days that are not added up yet. See definitions.LOOSE
    Column("grain", SmallInteger, nullable=False),
    Column("bucket", Instant, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("entry_stage", Text, nullable=False),
    Column("cell", SmallInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Index(
        "uq_cohort_rollup",
        "grain",
        "bucket",
        "channel",
        "campaign",
        "entry_stage",
        "cell",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("grain >= 0"),
        postgresql_include=["count"],
    ),
    Index("ix_cohort_rollup_loose", "grain", "bucket", postgresql_where=text("grain < 0")),
)

# Buckets here are the quarter hour of the transition itself; channel and campaign are its journey's.
flow_deltas = Table(
    "flow_deltas",
    metadata,
    Column("bucket", Instant, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("from_stage", Text),
    Column("to_stage", Text, nullable=False),
    Column("moved_in", Integer, nullable=False),
    Column("moved_out", Integer, nullable=False),
)

flow_rollup = Table(
    "flow_rollup",
    metadata,
    Column("grain", SmallInteger, nullable=False),
    Column("bucket", Instant, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("from_stage", Text),
    Column("to_stage", Text, nullable=False),
    Column("moved_in", BigInteger, nullable=False),
    Column("moved_out", BigInteger, nullable=False),
    Index(
        "uq_flow_rollup",
        "grain",
        "bucket",
        "channel",
        "campaign",
        "from_stage",
        "to_stage",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("grain >= 0"),
        postgresql_include=["moved_in", "moved_out"],
    ),
    Index("ix_flow_rollup_loose", "grain", "bucket", postgresql_where=text("grain < 0")),
)

# Journeys that were won, each twice: by when it started (axis 0) and by when it was won (axis 1). `days` it took, rounded down.
win_deltas = Table(
    "win_deltas",
    metadata,
    Column("axis", SmallInteger, nullable=False),
    Column("bucket", Instant, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("entry_stage", Text, nullable=False),
    # Null where no amount was told.
    Column("currency", Text),
    Column("days", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("amount", Numeric(24, 4), nullable=False),
    # The sum of the squares of the amounts: how much they differ.
    Column("squares", Numeric, nullable=False),
    Column("seconds", BigInteger, nullable=False),
)

win_rollup = Table(
    "win_rollup",
    metadata,
    Column("axis", SmallInteger, nullable=False),
    # As the others, and from a day on 20 more: all numbers of days in one, which is 0. See definitions.WIN_GRAINS
    Column("grain", SmallInteger, nullable=False),
    Column("bucket", Instant, nullable=False),
    Column("channel", Text),
    Column("campaign", Text),
    Column("entry_stage", Text, nullable=False),
    Column("currency", Text),
    Column("days", Integer, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("amount", Numeric(24, 4), nullable=False),
    # The sum of the squares of the amounts: how much they differ.
    Column("squares", Numeric, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    # Where all days are in one: how many wins took how many days, in ascending order, as days x 2^40 + wins.
    Column("times", ARRAY(BigInteger)),
    Index(
        "uq_win_rollup",
        "axis",
        "grain",
        "bucket",
        "channel",
        "campaign",
        "entry_stage",
        "currency",
        "days",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("grain >= 0"),
        postgresql_include=["count", "amount", "squares", "seconds"],
    ),
    Index("ix_win_rollup_loose", "grain", "bucket", postgresql_where=text("grain < 0")),
)
