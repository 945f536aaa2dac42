"""Files that are to come in, and the pieces they are worked through in."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from service.core.tables import Instant, metadata

_NONE = text("0")

imports = Table(
    "imports",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("name", Text),
    Column("status", Text, nullable=False),
    # Why it failed, for people.
    Column("detail", Text),
    Column("format", Text, nullable=False),
    Column("encoding", Text),
    Column("delimiter", Text),
    # The columns of the file, in order; NULL for lines of JSON, whose fields have names of their own.
    Column("header", JSONB),
    Column("options", JSONB, nullable=False),
    Column("bytes", BigInteger, nullable=False, server_default=_NONE),
    Column("chunks", Integer, nullable=False, server_default=_NONE),
    Column("chunks_done", Integer, nullable=False, server_default=_NONE),
    Column("rows_total", BigInteger, nullable=False, server_default=_NONE),
    Column("rows_done", BigInteger, nullable=False, server_default=_NONE),
    Column("created", BigInteger, nullable=False, server_default=_NONE),
    Column("updated", BigInteger, nullable=False, server_default=_NONE),
    Column("unchanged", BigInteger, nullable=False, server_default=_NONE),
    Column("failed", BigInteger, nullable=False, server_default=_NONE),
    Column("warnings", BigInteger, nullable=False, server_default=_NONE),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    CheckConstraint("kind IN ('leads', 'transitions', 'activities', 'spend')", name="kind"),
    CheckConstraint("mode IN ('create', 'update', 'upsert')", name="mode"),
    CheckConstraint(
        "status IN ('uploading', 'waiting', 'running', 'done', 'failed', 'canceled', 'reverting', 'reverted')",
        name="status",
    ),
    Index(
        "ix_imports_open",
        "id",
        postgresql_where=text("status IN ('uploading', 'waiting', 'running', 'reverting')"),
    ),
)

# A piece is one transaction's work. What became of its rows is kept beside it: arrays, because a row of its own for each would cost
# an import a tenth of its time.
import_chunks = Table(
    "import_chunks",
    metadata,
    Column("import_id", UUID, primary_key=True),
    Column("number", Integer, primary_key=True),
    # The row of the file that its first record is, the header being row 1.
    Column("first_row", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    # Whole records in UTF-8; emptied when they are done, because the leads have what was in them.
    Column("data", LargeBinary, nullable=False),
    Column("done_at", Instant),
    # Of each row that was taken: its number in the file, what became of it (outcomes.RESULTS), the lead, and the lead's version
    # before and after.
    Column("row_numbers", ARRAY(BigInteger), nullable=False, server_default=text("'{}'::bigint[]")),
    Column("results", ARRAY(SmallInteger), nullable=False, server_default=text("'{}'::smallint[]")),
    Column("lead_ids", ARRAY(UUID), nullable=False, server_default=text("'{}'::uuid[]")),
    Column("versions_before", ARRAY(Integer), nullable=False, server_default=text("'{}'::integer[]")),
    Column("versions_after", ARRAY(Integer), nullable=False, server_default=text("'{}'::integer[]")),
    # What was refused or set aside: {row, field, code, detail, severity}. Never the value itself, which may be a person's.
    Column("faults", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("reverted_at", Instant),
    ForeignKeyConstraint(["import_id"], ["imports.id"], ondelete="CASCADE"),
    Index("ix_import_chunks_waiting", "import_id", "number", postgresql_where=text("done_at IS NULL")),
)
