"""What is measured of a lead (PURE): from its ledger, what was done, and the rules, to its deadlines and what became of them.

A lead's deadlines are a projection: they are worked out anew from its whole ledger whenever anything changed, and only what differs is
written. So corrections, merges and what is told late come out right. A deadline is known by what is to be done, the stage, and when that
was entered. It ends

- ``met``: what was to be done was done;
- ``left``: the lead left the stage before anybody got in touch with it;
- ``superseded``: another rule, or another version of it, is for the lead now (the next deadline), or none is any more;
- ``withdrawn``: the stage turned out never to have been entered then, or the lead was erased;
- ``unmeasured``, from the start: when we were told of it, or made the rule, it was too late to do anything about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from service.core.ids import new_id
from service.nurture.deadlines.rules import WHATS, Held, SlaRule, What, band_of

Row = dict[str, Any]
Known = tuple[str, str, datetime]
"""What is to be done, the stage, and when that was entered."""

MET: Final = "met"
LEFT: Final = "left"
SUPERSEDED: Final = "superseded"
WITHDRAWN: Final = "withdrawn"
UNMEASURED: Final = "unmeasured"


class Stay(NamedTuple):
    """A time in a stage; ``left_at`` None: still there."""

    stage: str
    journey: int
    channel: str | None
    started_at: datetime
    recorded_at: datetime
    left_at: datetime | None


class End(NamedTuple):
    """When a deadline ended, and how; None and None if it has not."""

    at: datetime | None
    how: str | None


@dataclass(frozen=True)
class Subject:
    """A lead as its deadlines see it. ``responses`` are when one of us got in touch with it, in order.

    ``entered``: a move, a merge or new rules are why we look; otherwise rules that fit only now count from now. ``swept``: new rules are.
    """

    row: Mapping[str, Any]
    stays: Sequence[Stay]
    responses: Sequence[datetime]
    entered: bool
    swept: bool
    is_of: Callable[[str], bool]


def stays_of(ledger: Iterable[Mapping[str, Any]]) -> list[Stay]:
    """Return the times in stages that a ledger tells of; a stage that was left in the instant in which it was entered had none."""
    rows = list(ledger)
    channel: str | None = None
    journey = 0
    stays = []
    for row, following in zip_longest(rows, rows[1:]):
        if row["journey"] != journey:
            journey, channel = row["journey"], row["channel"]
        left_at = following["occurred_at"] if following else None
        if left_at is None or left_at > row["occurred_at"]:
            stays.append(Stay(row["to_stage"], journey, channel, row["occurred_at"], row["recorded_at"], left_at))
    return stays


def end_of(what: str, stay: Stay, responses: Sequence[datetime]) -> End:
    """Return how a deadline of a stay ended."""
    if what == "first_response":
        for at in responses:
            if at > stay.started_at and (stay.left_at is None or at <= stay.left_at):
                return End(at, MET)
        return End(stay.left_at, LEFT if stay.left_at else None)
    return End(stay.left_at, MET if stay.left_at else None)


@dataclass
class Clocks:
    """One lead's deadlines being worked out: ``rows`` are all that it has, ``written`` those that differ from what is stored."""

    subject: Subject
    held: Held
    now: datetime
    rows: list[Row]
    written: dict[Any, Row] = field(default_factory=dict)

    def settle(self, borrowed: Iterable[Row] = ()) -> None:
        """Bring the deadlines in line with the ledger; ``borrowed`` are those of leads that were merged into this one."""
        standing = {known_as(row): row for row in self.rows if row["ended_how"] != SUPERSEDED}
        others = {known_as(row): row for row in borrowed if row["ended_how"] != SUPERSEDED}
        for stay in self.subject.stays:
            for what in WHATS:
                known = (what, stay.stage, stay.started_at)
                row = standing.pop(known, None)
                if row is None and (other := others.get(known)):
                    row = self._add(other | {"lead_id": self.subject.row["id"], "created_at": self.now})
                end = end_of(what, stay, self.subject.responses)
                if row is None:
                    self._begin(what, stay, end)
                else:
                    self._go_on(row, stay, end)
        for row in standing.values():
            if row["ended_how"] not in {WITHDRAWN, UNMEASURED}:
                self._write(row, ended_how=WITHDRAWN, ended_at=self.now, worked_seconds=None)

    @property
    def running(self) -> list[Row]:
        """The deadlines that have not ended."""
        return [row for row in self.rows if row["ended_how"] is None]

    def pass_due(self) -> list[Row]:
        """Mark the deadlines that have passed since somebody looked, and return them."""
        passed = [row for row in self.running if row["due_at"] <= self.now and row["overdue_at"] is None]
        for row in passed:
            self._write(row, overdue_at=self.now)
        return passed

    def _begin(self, what: What, stay: Stay, end: End) -> None:
        rule = self._rule(what, stay)
        if rule is None:
            return
        since = stay.started_at if self.subject.entered or end.at else self.now
        due = self.held.due(rule, since)
        told_late = stay.recorded_at - stay.started_at > self.held.known_within
        too_late = since == stay.started_at and told_late
        too_late = too_late or due <= (self.now if self.subject.swept else self.held.since)
        if end.at is None:
            self._start(what, stay, rule, since=since, due=due, unmeasured=too_late)
        elif not too_late and end.at > self.held.since:
            row = self._start(what, stay, rule, since=since, due=due)
            self._end(row, end)

    def _go_on(self, row: Row, stay: Stay, end: End) -> None:
        if row["ended_how"] == UNMEASURED:
            self._reconsider(row, stay, end)
            return
        if end.at is not None:
            if (row["ended_at"], row["ended_how"]) != end:
                self._end(row, end)
            return
        if row["ended_how"] is not None:
            self._write(row, ended_at=None, ended_how=None, worked_seconds=None)
        if row["owner"] != self.subject.row["owner"]:
            self._write(row, owner=self.subject.row["owner"])
        self._choose_again(row, stay)

    def _reconsider(self, row: Row, stay: Stay, end: End) -> None:
        """Look again at what was not measured: another rule that is for the lead now measures from now on; a new version alone does not."""
        rule = None if end.at else self._rule(row["what"], stay)
        if rule is None or rule.key == row["rule"]:
            return
        if row["version"] != self.held.version:
            self._write(row, rule=rule.key, version=self.held.version, due_at=self.held.due(rule, row["started_at"]))
            return
        self._write(row, ended_how=SUPERSEDED)
        self._start(row["what"], stay, rule, since=self.now, due=self.held.due(rule, self.now))

    def _choose_again(self, row: Row, stay: Stay) -> None:
        """Let another rule, or another version, have what is under way: less time counts from now on, more from the start."""
        rule = self._rule(row["what"], stay)
        if rule is None:
            self._write(row, ended_how=SUPERSEDED, ended_at=self.now)
            return
        if (rule.key, self.held.version) == (row["rule"], row["version"]):
            return
        same = rule.key == row["rule"]
        since = row["counted_from"] if same else row["started_at"]
        due = self.held.due(rule, since)
        if same and due == row["due_at"]:
            self._write(row, version=self.held.version)
            return
        if due < row["due_at"]:
            since, due = self.now, self.held.due(rule, self.now)
            if due >= row["due_at"]:
                # It was to be done sooner than that already.
                return
        self._write(row, ended_how=SUPERSEDED, ended_at=self.now)
        told = row["overdue_at"] if due <= self.now else None
        self._start(row["what"], stay, rule, since=since, due=due, overdue_at=told)

    def _rule(self, what: str, stay: Stay) -> SlaRule | None:
        for rule in self.held.rules.rules:
            if rule.what == what and rule.fits(
                stage=stay.stage, channel=stay.channel, score=self.subject.row["score"], is_of=self.subject.is_of
            ):
                return rule
        return None

    def _start(
        self,
        what: str,
        stay: Stay,
        rule: SlaRule,
        *,
        since: datetime,
        due: datetime,
        unmeasured: bool = False,
        overdue_at: datetime | None = None,
    ) -> Row:
        lead = self.subject.row
        return self._add(
            {
                "lead_id": lead["id"],
                "rule": rule.key,
                "version": self.held.version,
                "calendar": rule.calendar,
                "what": what,
                "stage": stay.stage,
                "journey": stay.journey,
                "channel": stay.channel,
                "score_band": band_of(lead["score"]),
                "owner_at_start": lead["owner"],
                "owner": lead["owner"],
                "started_at": stay.started_at,
                "counted_from": since,
                "due_at": due,
                "created_at": self.now,
                "overdue_at": overdue_at,
                "ended_at": self.now if unmeasured else None,
                "ended_how": UNMEASURED if unmeasured else None,
                "worked_seconds": None,
            }
        )

    def _end(self, row: Row, end: End) -> None:
        assert end.at is not None
        worked = self.held.rules.calendar_of(row["calendar"]).between(row["started_at"], end.at)
        owner = self.subject.row["owner"] if row["ended_how"] is None else row["owner"]
        self._write(row, ended_at=end.at, ended_how=end.how, worked_seconds=worked.total_seconds(), owner=owner)

    def _add(self, row: Row) -> Row:
        added = row | {"id": new_id(), "updated_at": self.now}
        self.rows.append(added)
        self.written[added["id"]] = added
        return added

    def _write(self, row: Row, **values: Any) -> None:
        row.update(values, updated_at=self.now)
        self.written[row["id"]] = row


def known_as(row: Mapping[str, Any]) -> Known:
    """Return by what a deadline is known."""
    return row["what"], row["stage"], row["started_at"]
