"""Stamping: new leads by the thousand, written as the book writes them, without the book writing each.

Of new people of whom there is nothing special to tell, the book writes the same rows, but for the values they came with. So it writes one
specimen of each kind whose every value is a mark, and where the marks turn up in its rows is where the values of the others go. What is
decided (the lifecycle, the events, what is counted) is decided in one place, and once. A test holds stamped rows against the book's own.
See docs/decisions/2026-11-22-stamped-leads.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy import JSON, Table

from service.cleaning.submission import Cleaned, Submission, Verdict
from service.core import context
from service.core.database import dumps
from service.core.ids import bucket_of, new_ids
from service.leads import store, wire
from service.leads.book import Book
from service.leads.carrying_out import TakenIn, carry_out
from service.leads.filling import FILLED
from service.leads.identities import Identity
from service.leads.lives import entered_as
from service.leads.privacy.telling import Words
from service.leads.settling import Plan
from service.leads.tables import journeys, leads, touchpoints, transitions
from service.leads.versions import Versions
from service.lifecycle.ledger import AHEAD
from service.outbound.tables import outbox
from service.stats.definitions import quarter
from service.stats.tables import cohort_deltas, flow_deltas

_Values = tuple[Any, ...]
_Pick = Callable[[_Values], _Values]

# What a lead's values are, in this order; then come the ids that are made for it, and the constants of its kind.
_TEXTS: Final = (*FILLED, "channel", "campaign")
_DOCUMENTS: Final = ("utm", "external_ids", "attributes", "raw")
_MADE: Final = ("bucket", "traceparent", "entered_as")
_NAMES: Final = ("lead_id", "at", "now", "actor", "tags", *_MADE, *_TEXTS, *_DOCUMENTS)
_PLACES: Final = {name: place for place, name in enumerate(_NAMES)}
_PLACED: Final = 3
"""How many fields of a delta say where it counts: bucket, channel and campaign."""
_DATA: Final = -1
"""The place of an event's text: after all others."""
_texts_of: Final = attrgetter(*_TEXTS)
_ENTERING: Final = ("industry", "company_size", "country", "region", "owner")
_entering_of: Final = attrgetter(*_ENTERING)

# The marks: nobody is given such an id, acquired then, or called that.
_LEAD: Final = UUID("00000000-0000-7000-8000-00005eed5eed")
_AT: Final = datetime(1971, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
_NOW: Final = _AT + timedelta(days=400, microseconds=1)

_WRITTEN: Final[Mapping[str, Table]] = {
    leads.name: leads,
    transitions.name: transitions,
    store.NEW_JOURNEYS: journeys,
    touchpoints.name: touchpoints,
    outbox.name: outbox,
}
# What is counted of a journey but for when, from where and by which campaign: of one that is not won.
_COHORT: Final = itemgetter("entry_stage", "cell", "count")
_FLOW: Final = itemgetter("from_stage", "to_stage", "moved_in", "moved_out")


class _Kind(NamedTuple):
    """What the book's decisions depend on."""

    verdict: Verdict
    reasons: tuple[str, ...]
    auto_clean: bool
    has_email: bool
    has_phone: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Stamp:
    """The rows of one kind: of each the table and what to pick from a lead's fields; of an event, the text and what to pick for it, too."""

    constants: tuple[bytes, ...]
    ids: int
    rows: tuple[tuple[str, _Pick], ...]
    events: tuple[tuple[_Pick, str, _Pick], ...]
    cohorts: tuple[tuple[str, int, int], ...]
    flows: tuple[tuple[str | None, str, int, int], ...]
    version: int


def is_ordinary(plan: Plan, *, now: datetime) -> bool:
    """Return whether a plan makes a new lead of whom nothing else is to be told than what it is: only that can be stamped."""
    one = plan.cleaned.submission
    return (
        plan.is_new
        and not (plan.conflicts or plan.contested or plan.suppressed or plan.version_of)
        and not (one.test or one.consent or one.delivery_id)
        and (one.occurred_at is None or one.occurred_at <= now + AHEAD)
    )


class Press:
    """Stamps leads into a book, for one transaction."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._traceparent = context.traceparent()
        self._now_and_actor = (_text(book.now), _text(book.actor))
        self._now_and_actor_wired = (wire.instant(book.now), wire.text(book.actor))
        self._traceparent_wired = wire.text(self._traceparent)
        self._counted: Counter[tuple[_Stamp, datetime, str | None, str | None]] = Counter()

    def stamp(self, plan: Plan) -> TakenIn:
        """Add the rows of an ordinary plan's lead to the book's."""
        book, one, lead_id = self._book, plan.cleaned.submission, cast("UUID", plan.lead_id)
        stamp = _stamp(_kind_of(plan.cleaned))
        at, tags, texts = one.occurred_at or book.now, sorted(set(one.tags)), _texts_of(one)
        documents = [dumps(some) if some else "{}" for some in _documents_of(plan.cleaned)]
        ids = new_ids(stamp.ids)
        made = (bucket_of(lead_id), self._traceparent, _entered(one, tags))
        fields = (
            wire.identifier(lead_id),
            wire.instant(at),
            *self._now_and_actor_wired,
            wire.texts(tags),
            wire.small(made[0]),
            self._traceparent_wired,
            wire.document(made[2]),
            *map(wire.text, texts),
            *map(wire.document, documents),
            *map(wire.identifier, ids),
            *stamp.constants,
        )
        for table, pick in stamp.rows:
            book.wired[table].append(b"".join(pick(fields)))
        # The same values, as they are said in JSON; what is made of them is not told of.
        said = (
            f'"{lead_id}"',
            _text(at),
            *self._now_and_actor,
            _text(tags),
            *made,
            *map(_text, texts),
            *documents,
            *[f'"{identifier}"' for identifier in ids],
        )
        for pick, wording, words in stamp.events:
            book.wired[outbox.name].append(b"".join(pick((*fields, wire.text(wording % words(said))))))
        self._counted[stamp, quarter(at), one.channel, one.campaign] += 1
        book.stamped[lead_id] = stamp.version
        return TakenIn("created", lead_id)

    def count(self) -> None:
        """Add what all that was stamped counts for to the book's rows; nothing is stamped after it."""
        for (stamp, at, *origin), times in self._counted.items():
            place = b"".join((wire.instant(at), *map(wire.text, origin)))
            for entry, cell, count in stamp.cohorts:
                self._add(cohort_deltas, place, _ends(cohort_deltas, entry, cell, times * count))
            for left, entered, moved_in, moved_out in stamp.flows:
                self._add(flow_deltas, place, _ends(flow_deltas, left, entered, times * moved_in, times * moved_out))

    def _add(self, table: Table, place: bytes, counts: bytes) -> None:
        fields = (wire.count(len(table.columns)), place, counts)
        self._book.wired[table.name].append(b"".join(fields))


@lru_cache(maxsize=4096)
def _ends(table: Table, *values: Any) -> bytes:
    """Return a delta's last fields: what it counts, and how many. Before them stands the place."""
    assert len(table.columns) == _PLACED + len(values), f"the columns of {table.name} have changed"
    ends = zip(list(table.columns)[-len(values) :], values, strict=True)
    return b"".join(wire.encoder(column.type)(value) for column, value in ends)


def _entered(one: Submission, tags: Sequence[str]) -> str:
    if tags or one.attributes:
        return dumps(
            entered_as(
                {**dict(zip(_ENTERING, _entering_of(one), strict=True)), "tags": tags, "attributes": one.attributes}
            )
        )
    return _entered_plainly(_entering_of(one))


@lru_cache(maxsize=4096)
def _entered_plainly(values: _Values) -> str:
    return dumps(entered_as(dict(zip(_ENTERING, values, strict=True))))


def _documents_of(cleaned: Cleaned) -> tuple[Mapping[str, Any], ...]:
    one = cleaned.submission
    return one.utm, one.external_ids, one.attributes, cleaned.raw


def _text(value: Any) -> str:
    return "null" if value is None else dumps(value)


def _kind_of(cleaned: Cleaned) -> _Kind:
    one = cleaned.submission
    return _Kind(cleaned.verdict, cleaned.reasons, one.auto_clean, one.email is not None, one.phone is not None)


@lru_cache(maxsize=1024)
def _stamp(kind: _Kind) -> _Stamp:
    """Let the book write the specimen of a kind, and find the marks in what it wrote."""
    book = Book(cast("Any", None), now=_NOW, actor=_mark("actor"))
    cleaned = _specimen(kind)
    plan = Plan(cleaned, [Identity("email", "")], lead_id=_LEAD, is_new=True)
    taken = carry_out(book, plan, Versions({}), Words({}), via="import")
    gathered = {name: rows for name, rows in book.gathered().items() if rows}
    if taken.error is not None or not gathered.keys() <= _WRITTEN.keys() | {cohort_deltas.name, flow_deltas.name}:
        raise AssertionError(f"a {kind} is no ordinary lead") from taken.error
    rows = [(name, row) for name in _WRITTEN for row in gathered.get(name, ())]
    made = dict.fromkeys(
        value for _, row in rows for value in row.values() if isinstance(value, UUID) and value != _LEAD
    )
    marks = _marks(cleaned) | {identifier: len(_NAMES) + number for number, identifier in enumerate(made)}
    constants: list[bytes] = []
    picks = [_pick(_WRITTEN[name], row, marks, constants, first=len(_NAMES) + len(made)) for name, row in rows]
    told = [
        (pick, *_wording(row["data"], marks))
        for pick, (name, row) in zip(picks, rows, strict=True)
        if name == outbox.name
    ]
    return _Stamp(
        constants=tuple(constants),
        ids=len(made),
        rows=tuple((name, pick) for pick, (name, _) in zip(picks, rows, strict=True) if name != outbox.name),
        events=tuple(told),
        cohorts=tuple(map(_COHORT, gathered.get(cohort_deltas.name, ()))),
        flows=tuple(map(_FLOW, gathered.get(flow_deltas.name, ()))),
        version=book.entries[_LEAD].row["version"],
    )


def _mark(name: str) -> str:
    return f"\ue000{name}"


def _specimen(kind: _Kind) -> Cleaned:
    texts: dict[str, Any] = {name: _mark(name) for name in _TEXTS}
    texts |= {name: None for name, there in (("email", kind.has_email), ("phone", kind.has_phone)) if not there}
    documents: dict[str, Any] = {name: {_mark(name): ""} for name in _DOCUMENTS}
    raw = documents.pop("raw")
    submission = Submission(**texts, **documents, tags=(_mark("tags"),), occurred_at=_AT, auto_clean=kind.auto_clean)
    return Cleaned(submission, kind.verdict, kind.reasons, (), raw)


def _marks(cleaned: Cleaned) -> dict[Any, int]:
    """Return the places of the marks: by the mark itself, or by its JSON where it is a document or a list."""
    one = cleaned.submission
    marks = {_LEAD: "lead_id", _AT: "at", _NOW: "now", _mark("actor"): "actor", dumps(one.tags): "tags"}
    marks |= {dumps(document): name for name, document in zip(_DOCUMENTS, _documents_of(cleaned), strict=True)}
    marks |= {value: name for name, value in zip(_TEXTS, _texts_of(one), strict=True) if value is not None}
    return {mark: _PLACES[name] for mark, name in marks.items()}


def _pick(
    table: Table, row: Mapping[str, Any], marks: Mapping[Any, int], constants: list[bytes], *, first: int
) -> _Pick:
    """Return what takes a row out of a lead's fields, adding what is neither a mark nor made to the constants, which begin at ``first``.

    Constants that follow each other are one, and the first of them has the count of the row's fields.
    """
    places: list[int] = []
    constant = wire.count(len(table.columns))
    for column in table.columns:
        if column.name == store.POSITION_COLUMN:
            continue
        value = row.get(column.name)
        is_document = isinstance(column.type, JSON) and value is not None
        key = dumps(value) if is_document or isinstance(value, list) else value
        if table is outbox and column.name == "data":
            place = _DATA
        elif column.name in _MADE:
            place = _PLACES[column.name]
        elif key in marks:
            place = marks[key]
        else:
            constant += wire.encoder(column.type)(key if is_document else value)
            continue
        if constant:
            places.append(first + len(constants))
            constants.append(constant)
            constant = b""
        places.append(place)
    if constant:
        places.append(first + len(constants))
        constants.append(constant)
    return itemgetter(*places)


def _wording(data: Mapping[str, Any], marks: Mapping[Any, int]) -> tuple[str, _Pick]:
    """Return an event's text with a place for each mark, and what takes these out of what is said of a lead."""
    said = {mark if isinstance(mark, str) and mark[0] in "{[" else dumps(mark): place for mark, place in marks.items()}
    parts: Sequence[str] = re.split(f"({'|'.join(map(re.escape, said))})", dumps(data))
    wording = "".join("%s" if part in said else part.replace("%", "%%") for part in parts)
    return wording, itemgetter(*(said[part] for part in parts if part in said))
