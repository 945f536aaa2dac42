"""The ledger of points against its definition: whatever came in whatever order, it is what one would write who saw everything at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.ids import new_id
from service.nurture.scoring.decay import Entry, bounded
from service.nurture.scoring.ledger import Live, aged, reconcile
from service.nurture.scoring.matching import Activity, Scoring
from service.nurture.scoring.rules import ScoringRules

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS = ("email.opened", "email.clicked", "demo.requested", "page.visited")
LEAD = {
    "tags": [],
    "attributes": {},
    "company": {"industry": "steel", "size": None, "country": "DE", "region": None},
    "channel": None,
    "campaign": None,
    "owner": None,
    "job_title": None,
    "verdict": "valid",
}

points = st.integers(-60, 60).filter(bool)
engagement = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from([*KINDS, "email.*", "*"]),
            "points": points,
            "half_life_days": st.floats(1, 60),
            "per_day": st.none() | st.integers(1, 2),
            "at_most": st.none() | st.integers(1, 4),
        }
    ),
    max_size=4,
)
fit = st.lists(
    st.fixed_dictionaries({"points": points, "when": st.sampled_from([{"country": "DE"}, {"industry": "food"}])}),
    max_size=2,
)


def keyed(found: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{**one, "key": f"{name}-{number}"} for number, one in enumerate(found)]


rules = st.builds(
    lambda fits, engages, low: ScoringRules.model_validate(
        {"fit": keyed(fits, "fit"), "engagement": keyed(engages, "did"), "floor": low}
    ),
    fit,
    engagement,
    st.sampled_from([0, None]),
)
# When it happened, and by how much later it was told.
happenings = st.lists(
    st.tuples(st.floats(0, 200), st.sampled_from(KINDS), st.one_of(st.just(0.0), st.floats(0, 100))), max_size=25
)


def score_at(some: list[Entry], at: datetime, *, low: int | None, high: int | None) -> int:
    return bounded(sum(one.worth(at) for one in some), low, high)


class Book:
    """A ledger as the reaction keeps it, without a database."""

    def __init__(self) -> None:
        self.live: list[Live] = []
        self.ended: list[tuple[Live, datetime]] = []

    def look(self, scoring: Scoring, activities: list[Activity], at: datetime) -> None:
        since = scoring.since(at)
        did = sorted(
            (one for one in activities if since is None or one.occurred_at >= since),
            key=lambda one: (one.occurred_at, one.id),
        )
        wanted = scoring.fit(LEAD, at) + scoring.engagement(did, at)
        self._keep(reconcile(self.live, wanted, scoring=scoring, activities={one.id for one in did}, at=at))

    def wait(self, at: datetime) -> None:
        self._keep(aged(self.live, at))

    def _keep(self, outcome: Any) -> None:
        self.ended += [(one.live, one.at) for one in outcome.ended]
        self.live = [*outcome.kept, *(Live(new_id(), one) for one in outcome.added)]

    def entries(self) -> list[Entry]:
        return [one.entry for one in self.live]


def facts(entries: list[Entry]) -> set[tuple[Any, ...]]:
    return {one.identity for one in entries}


@settings(max_examples=150)
@given(rules, happenings, st.lists(st.floats(0, 320), max_size=4))
def test_news_in_any_order_make_the_ledger_that_all_of_them_at_once_make(
    held: ScoringRules, told: list[tuple[float, str, float]], looks: list[float]
) -> None:
    scoring = Scoring(held, 1)
    book = Book()
    known: list[Activity] = []
    news = [
        (day + late, Activity(id=UUID(int=number), kind=kind, occurred_at=START + day * DAY))
        for number, (day, kind, late) in enumerate(told)
    ]
    last = START
    for when, activity in sorted([*news, *((look, None) for look in looks)], key=lambda one: one[0]):
        last = START + when * DAY
        if activity is None:
            book.wait(last)
        else:
            known.append(activity)
            book.look(scoring, known, last)
    book.look(scoring, known, last)
    anew = Book()
    anew.look(scoring, known, last)
    assert facts(book.entries()) == facts(anew.entries())
    for days in (0, 0.5, 3, 20, 90):
        at = last + days * DAY
        score = score_at(book.entries(), at, low=held.floor, high=held.ceiling)
        assert score == score_at(anew.entries(), at, low=held.floor, high=held.ceiling)
        total = sum(entry.worth(at) for entry in book.entries())
        assert score == (total if held.floor is None else max(total, held.floor))
    # Once more changes nothing.
    before = book.live
    book.look(scoring, known, last)
    assert book.live == before


@given(rules, rules, happenings)
def test_rules_that_change_leave_what_the_new_ones_would_write(
    old: ScoringRules, new: ScoringRules, told: list[tuple[float, str, float]]
) -> None:
    activities = [
        Activity(id=UUID(int=number), kind=kind, occurred_at=START + day * DAY)
        for number, (day, kind, _) in enumerate(told)
    ]
    at = START + 200 * DAY
    book, anew = Book(), Book()
    book.look(Scoring(old, 1), activities, at)
    book.look(Scoring(new, 2), activities, at)
    anew.look(Scoring(new, 2), activities, at)
    assert facts(book.entries()) == facts(anew.entries())
    # What both versions say stays as it was written under the first.
    stayed = facts(book.entries()) - facts([one.entry for one, _ in book.ended])
    for entry in book.entries():
        assert entry.version in {1, 2}
        assert entry.identity in stayed or entry.version == 2
