"""Whatever attributes leads have: definitions read it or refuse it, and every format of an export writes it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from service.cleaning.texts import storable
from service.leads.attributes.definitions import Definition, Type, Unfit, exact, understood
from service.leads.exports.columns import Column, columns_of
from service.leads.exports.formats import Format, writer_of

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
    | st.sampled_from(["2026-01-31", "0001-01-01", "31.12.2026", "=1+1", "1e308", "１２", "pro", "PRO", "yes", "9" * 40])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab,", max_size=2), inner, max_size=3)
)
DEFINITIONS = {
    kind: Definition(kind, kind, ("pro", "free") if kind == "choice" else ()) for kind in get_args(Type)
}  # fmt: skip


@given(kind=st.sampled_from(get_args(Type)), value=VALUES)
@settings(deadline=None, max_examples=300)
def test_what_is_understood_is_of_its_type_and_stays_what_it_is(kind: Type, value: Any):
    definition = DEFINITIONS[kind]
    try:
        # Cleaning has been over it before.
        meant = understood(definition, storable(value))
    except Unfit:
        meant = None
    if meant is not None:
        assert storable(meant) == meant
        assert exact(definition, meant) == meant
        assert understood(definition, meant) == meant


@given(rows=st.lists(st.dictionaries(st.sampled_from([*get_args(Type), "free"]), VALUES), max_size=4))
@settings(deadline=None, max_examples=100)
def test_every_format_writes_it_and_loses_nothing(rows: list[dict[str, Any]]):
    every = columns_of("leads", DEFINITIONS, [])
    columns = [column for column in every if column.field == "attributes"]
    found = [{"attributes": row} for row in rows]
    assert [json.loads(line) for line in written("ndjson", columns, found).splitlines()] == found
    table = parquet.read_table(io.BytesIO(written("parquet", columns, found)))
    assert [json.loads(text) for text in table["attributes"].to_pylist()] == rows
    lines = list(csv.DictReader(io.StringIO(written("csv", columns, found).decode(), newline="")))
    assert [json.loads(line["attributes"] or "{}") for line in lines] == rows
    assert all(not cell.startswith(("=", "+", "@")) for line in lines for cell in line.values())


def written(form: Format, columns: list[Column], rows: list[dict[str, Any]]) -> bytes:
    writer = writer_of(form, columns)
    return writer.begin() + (writer.rows(rows) if rows else b"") + writer.end()
