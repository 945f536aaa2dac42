"""Returns (PURE): what channels and campaigns cost and what they brought, in each currency by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from service.lifecycle.machine import STARTING
from service.lifecycle.stages import Stage
from service.stats.calendars import day_start
from service.stats.estimators.histograms import Ints
from service.stats.funnel import rate
from service.stats.question import Addresses, Key, Question

REPURCHASED: Final = str(Stage.OPPORTUNITY)
"""The entry stage of a journey that a customer began: its win is no new customer."""

COSTED: Final = frozenset({"channel", "campaign"})
"""What money is spent on: a question by anything else has no costs."""

_OF_NEW_CUSTOMERS: Final = "".join(
    f"&entry_stage={stage}" for stage in sorted({str(target) for _, target in STARTING} - {REPURCHASED})
)
_THOUSANDTHS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})

_DAY: Final = timedelta(days=1)


class WinCount(NamedTuple):
    """So many wins alike: in a bucket and a group, by entry stage and currency; with sums of amounts, of their squares, and of seconds."""

    bucket: int
    key: Key
    entry_stage: str
    currency: str | None
    wins: int
    amount: Decimal
    squares: Decimal
    seconds: int


class WinTimes(NamedTuple):
    """Histograms, one after the other: how many wins took how many whole days.

    Of each: its bucket, its group, and how many of ``days`` and ``wins`` are its own. A number of days may occur in it more than once.
    """

    buckets: list[int]
    keys: list[Key]
    sizes: list[int]
    days: Ints
    wins: Ints


class Spent(NamedTuple):
    """What was spent, and budgeted, on a channel or campaign from one day to another, both included."""

    channel: str | None
    campaign: str | None
    first: date
    last: date
    amount: Decimal
    budget: Decimal | None
    currency: str


@dataclass(slots=True)
class Money:
    """Sums in one currency."""

    revenue: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)
    spend: Decimal = Decimal(0)
    budget: Decimal | None = None
    paid_wins: int = 0
    is_spent: bool = False

    def add(self, other: Money) -> None:
        """Add other sums in the same currency."""
        self.revenue += other.revenue
        self.squares += other.squares
        self.spend += other.spend
        if other.budget is not None:
            self.budget = (self.budget or Decimal(0)) + other.budget
        self.paid_wins += other.paid_wins
        self.is_spent = self.is_spent or other.is_spent


@dataclass(slots=True)
class Yield:
    """What a group brought: counts, and money by currency."""

    leads: int = 0
    opportunities: int = 0
    wins: int = 0
    customers: int = 0
    without_amount: int = 0
    seconds: int = 0
    money: defaultdict[str, Money] = field(default_factory=lambda: defaultdict(Money))

    def add_win(self, count: WinCount) -> None:
        """Add wins."""
        self.wins += count.wins
        self.customers += 0 if count.entry_stage == REPURCHASED else count.wins
        self.seconds += count.seconds
        if count.currency is None:
            self.without_amount += count.wins
        else:
            self.money[count.currency].revenue += count.amount
            self.money[count.currency].squares += count.squares
            self.money[count.currency].paid_wins += count.wins

    def add(self, other: Yield) -> None:
        """Add what another group brought."""
        self.leads += other.leads
        self.opportunities += other.opportunities
        self.wins += other.wins
        self.customers += other.customers
        self.without_amount += other.without_amount
        self.seconds += other.seconds
        for currency, money in other.money.items():
            self.money[currency].add(money)

    @property
    def mean_days(self) -> float | None:
        """Return the mean time from start to win, in days."""
        return self.seconds / self.wins / 86_400 if self.wins else None


def added(yields: Iterable[Yield]) -> Yield:
    """Return what groups brought together."""
    whole = Yield()
    for one in yields:
        whole.add(one)
    return whole


def share_within(spent: Spent, low: datetime | None, high: datetime, zone: ZoneInfo) -> Decimal:
    """Return the share of a period's days that lie in an interval, by the zone's calendar; a day that is cut counts for the part inside.

    Spending is spread evenly over the days of its period.
    """
    length = (spent.last - spent.first).days + 1
    start, end = day_start(spent.first, zone), day_start(spent.last + _DAY, zone)
    inside_from, inside_to = max(start, low) if low else start, min(end, high)
    if inside_from >= inside_to:
        return Decimal(0)
    if (inside_from, inside_to) == (start, end):
        return Decimal(1)
    return (_days_before(inside_to, zone) - _days_before(inside_from, zone)) / length


def _days_before(at: datetime, zone: ZoneInfo) -> Decimal:
    """Return how many days of the zone's calendar there are before an instant: a whole number at the start of a day."""
    day = at.astimezone(zone).date()
    start, end = day_start(day, zone), day_start(day + _DAY, zone)
    passed = Decimal((at - start) // timedelta(microseconds=1)) / Decimal((end - start) // timedelta(microseconds=1))
    return day.toordinal() + passed


def add_spending(
    yields: MutableMapping[Key, Yield], question: Question, spending: Iterable[Spent], zone: ZoneInfo
) -> None:
    """Add what was spent in a question's interval to its groups; a campaign's spending is its channel's, too."""
    for spent in spending:
        share = share_within(spent, question.start, question.end, zone)
        if share and _is_asked_for(question, spent):
            held = {"channel": spent.channel, "campaign": spent.campaign}
            key = tuple(held[name] for name in question.group_by)
            money = yields.setdefault(key, Yield()).money[spent.currency]
            money.spend += spent.amount * share
            if spent.budget is not None:
                money.budget = (money.budget or Decimal(0)) + spent.budget * share
            money.is_spent = True


def has_costs(question: Question) -> bool:
    """Say whether the question's groups are ones that money is spent on, and it is asked as it is now: what was known of spending is not kept."""
    return question.dimensions <= COSTED and question.known_at is None


def _is_asked_for(question: Question, spent: Spent) -> bool:
    held = {"channel": spent.channel, "campaign": spent.campaign}
    return all(
        (held[chosen.dimension] is None and chosen.missing) or held[chosen.dimension] in chosen.values
        for chosen in question.conditions
    )


def channel_group(question: Question, key: Key, found: Yield, addresses: Mapping[str, Addresses]) -> dict[str, Any]:
    """Return one group of the channels' answer, in the form of `ChannelGroupOut`."""
    cohort = addresses["funnel"]
    period = addresses["period"]
    by_stage = (
        {stage: cohort.at(stage, "reached") for stage in ("opportunity", "won")}
        if question.mode == "cohort"
        else {stage: period.at(stage, "in") for stage in ("opportunity", "won")}
    )
    links = {
        "leads": cohort.at("acquired", "reached"),
        "opportunities": by_stage["opportunity"],
        "wins": by_stage["won"],
    }
    if found.customers == found.wins:
        links["customers"] = by_stage["won"]
    elif "entry_stage" not in question.dimensions:
        links["customers"] = by_stage["won"] + _OF_NEW_CUSTOMERS
    counts = {
        "leads": found.leads,
        "opportunities": found.opportunities,
        "wins": found.wins,
        "customers": found.customers,
    }
    return {
        "key": question.key_of(key),
        **counts,
        "conversion": rate(found.wins, found.leads) if question.mode == "cohort" else None,
        "mean_days_to_win": found.mean_days,
        "wins_without_amount": found.without_amount,
        "money": [
            money_line(currency, found.money[currency], found, costed=has_costs(question))
            for currency in sorted(found.money)
        ],
        "links": {name: address for name, address in links.items() if counts[name]},
    }


def money_line(currency: str, money: Money, found: Yield, *, costed: bool) -> dict[str, Any]:
    """Return the figures of one currency; costs are null where nothing is known to have been spent in it."""
    spent = money.spend if costed and money.is_spent else None
    return {
        "currency": currency,
        "revenue": amount_out(money.revenue, currency),
        "revenue_per_win": amount_out(money.revenue / money.paid_wins, currency) if money.paid_wins else None,
        "spend": amount_out(spent, currency),
        "budget": amount_out(money.budget, currency) if spent is not None else None,
        "cost_per_lead": _per(spent, found.leads, currency),
        "cost_per_opportunity": _per(spent, found.opportunities, currency),
        "cost_per_customer": _per(spent, found.customers, currency),
        "roi": float((money.revenue - spent) / spent) if spent else None,
    }


def _per(spent: Decimal | None, count: int, currency: str) -> str | None:
    return amount_out(spent / count, currency) if spent is not None and count else None


def places_of(currency: str | None) -> int:
    """Return how many decimal places amounts of a currency are told with: two, or three where it has a thousandth (ISO 4217)."""
    return 3 if currency in _THOUSANDTHS else 2


def amount_out(amount: Decimal | None, currency: str | None) -> str | None:
    """Return an amount as a decimal string with the places of its currency, or None."""
    return None if amount is None else f"{amount:.{places_of(currency)}f}"


def in_order(yields: Mapping[Key, Yield]) -> Sequence[Key]:
    """Return the groups, the one with the most leads first."""
    return sorted(yields, key=lambda key: (-yields[key].leads, -yields[key].wins, [(v is None, v or "") for v in key]))
