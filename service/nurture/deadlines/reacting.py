"""The reaction that keeps deadlines: it works them out again for every lead that something happened to, and tells of those that pass."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from service.leads.book import Entry
from service.leads.present import lead_out
from service.nurture.activities.kinds import KINDS, is_outbound
from service.nurture.deadlines import store
from service.nurture.deadlines.clocks import WITHDRAWN, Clocks, Subject, stays_of
from service.nurture.deadlines.present import deadline_told
from service.nurture.deadlines.rules import SLA_RULES, Held
from service.nurture.rounds import Reaction, Round
from service.stats.question import Segment
from service.stats.segments.matching import belongs
from service.stats.segments.operations import find_segments

_NAME: Final = "deadlines"
_TIMER: Final = "due"
_RESPONSES: Final = frozenset(kind.kind for kind in KINDS if is_outbound(kind.kind))
_ENTERED: Final = frozenset({"lead.created", "lead.stage_changed", "lead.merged", "lead.unmerged"})


async def react(this: Round) -> None:
    """Bring the deadlines of the leads of a round up to date."""
    held = Held(this.rules.of(SLA_RULES), this.rules.version(SLA_RULES), this.rules.since(SLA_RULES) or this.now)
    concerned = list(this.concerned(DEADLINES))
    if not concerned:
        return
    ids = [entry.id for entry, _ in concerned]
    ledgers = _by_lead(await store.read_ledgers(this.connection, ids))
    responses = _by_lead(await store.read_done(this.connection, ids, kinds=_RESPONSES))
    merged = await store.read_merged(this.connection, ids)
    known = _by_lead(await store.read_deadlines(this.connection, {*ids, *(row["id"] for row in merged)}))
    brought: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in merged:
        brought[row["merged_into"]] += [one for one in known[row["id"]] if one["ended_how"] != WITHDRAWN]
    segments = await find_segments(this.connection, held.rules.segments)
    written, away = list[dict[str, Any]](), set[UUID]()
    for entry, change in concerned:
        ledger = ledgers[entry.id]
        if not ledger or ledger[-1]["sequence"] != entry.row["sequence"]:
            # It was moved in this very round: what it looks like then is in the next one.
            continue
        subject = Subject(
            row=entry.row,
            stays=stays_of(ledger),
            responses=[row["occurred_at"] for row in responses[entry.id]],
            entered=_NAME in change.swept or any(event["type"] in _ENTERED for event in change.events),
            swept=_NAME in change.swept,
            is_of=_matcher(entry.row, segments),
        )
        clocks = Clocks(subject, held, this.now, known[entry.id])
        clocks.settle(brought[entry.id])
        _tell(this, entry, clocks)
        written += clocks.written.values()
        away |= {row["lead_id"] for row in brought[entry.id]}
    if written:
        await store.write_deadlines(this.connection, written)
    if away:
        await store.withdraw(this.connection, away, ended=True, now=this.now)


def _tell(this: Round, entry: Entry, clocks: Clocks) -> None:
    """Write into the lead when it is due, announce what has passed, and wake up when the next one does."""
    passed = clocks.pass_due()
    due = min((row["due_at"] for row in clocks.running), default=None)
    if entry.row["due_at"] != due:
        entry.row["due_at"] = due
        this.book.announce(entry, "lead.updated", {"changed": ["due_at"]}, at=this.now)
    for row in sorted(passed, key=lambda row: row["due_at"]):
        this.book.announce(entry, "lead.overdue", {"deadline": deadline_told(row)}, at=row["due_at"])
    ahead = [row["due_at"] for row in clocks.running if row["overdue_at"] is None]
    this.wake(entry.id, _NAME, _TIMER, min(ahead, default=None))


def _by_lead(rows: Iterable[dict[str, Any]]) -> defaultdict[UUID, list[dict[str, Any]]]:
    found: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["lead_id"]].append(row)
    return found


def _matcher(row: Mapping[str, Any], segments: Mapping[str, Segment]) -> Callable[[str], bool]:
    shown = lead_out(row) if segments else {}

    def is_of(key: str) -> bool:
        return key in segments and belongs(segments[key], shown)

    return is_of


DEADLINES: Final = Reaction(
    name=_NAME,
    rule_sets=(SLA_RULES,),
    types=_ENTERED | {"lead.assigned", "lead.score_changed"},
    # What rules look at, and what ends a clock.
    fields=frozenset(
        {
            *("stage", "activities", "owner", "score", "channel", "campaign", "tags", "attributes"),
            *("industry", "company_size", "country", "region"),
        }
    ),
    # Rules that were all taken away have clocks to stop.
    applies=lambda rules: rules.version(SLA_RULES) > 0,
    react=react,
)
