"""The card of five figures (PURE): this period, the one before it, and whether the difference is more than noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np

from service.stats.estimators.histograms import Pairs
from service.stats.estimators.judging import (
    counts_differ,
    means_differ,
    rate_ratio,
    share_difference,
    shares_differ,
    split_differs,
    sums_differ,
)
from service.stats.funnel import LAST, PERIOD_DECIDED, rate
from service.stats.question import Addresses, Key, Question
from service.stats.returns import Money, WinTimes, Yield, amount_out

NOISE: Final = 0.05
"""A difference with a p-value below this is called more than noise."""

_ENOUGH: Final = 8
"""Wins of either period from which on ranks and sums are as good as normal: below it there is too little to judge their difference by."""

_NOW: Final = 2


class Moved(NamedTuple):
    """So many moves in a bucket (1: the period before, 2: the period) and a group.

    Those that started a journey, those into won, and those into churned of who was not a customer.
    """

    bucket: int
    key: Key
    started: int
    won: int
    lost: int


class Pace(NamedTuple):
    """How long a group's wins took: the medians of the period and of the one before, in whole days, and whether they differ."""

    median: int | None = None
    previous: int | None = None
    p_value: float = 1.0


@dataclass(frozen=True, slots=True)
class Worth:
    """All that was won until a time: how many customers, and the revenue in each currency."""

    customers: int = 0
    revenue: Mapping[str, Decimal] = field(default_factory=dict)

    def and_also(self, found: Yield) -> Worth:
        """Return the same with what was found later."""
        revenue = dict(self.revenue)
        for currency, money in found.money.items():
            revenue[currency] = revenue.get(currency, Decimal(0)) + money.revenue
        return Worth(self.customers + found.customers, revenue)

    @classmethod
    def together(cls, worths: Iterable[Worth]) -> Worth:
        """Return what groups are worth together."""
        customers, revenue = 0, defaultdict[str, Decimal](Decimal)
        for worth in worths:
            customers += worth.customers
            for currency, amount in worth.revenue.items():
                revenue[currency] += amount
        return cls(customers, revenue)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two periods: what its group brought, how many were decided in it, and all that was won until its end."""

    found: Yield = field(default_factory=Yield)
    won: int = 0
    lost: int = 0
    so_far: Worth = field(default_factory=Worth)


class Places(NamedTuple):
    """The addresses of a group's leads, of the period and of the one before, by kind: of what started, and of what happened."""

    now: Mapping[str, Addresses]
    before: Mapping[str, Addresses]

    def of(self, kind: str, stage: str, part: str) -> dict[str, str]:
        """Return the addresses behind a figure and behind what it is held against."""
        return {
            "leads": self.now[kind].at(stage, part),
            "previous_leads": self.before[kind].at(stage, part),
        }

    @property
    def decided(self) -> dict[str, str]:
        """Return the addresses of all that was decided in the period, and in the one before."""
        now, before = (held["period"].at(LAST, PERIOD_DECIDED) for held in (self.now, self.before))
        return {"decided_leads": now, "previous_decided_leads": before}


def paces(times: WinTimes) -> dict[Key, Pace]:
    """Return how long the wins of each group took, from the histograms of both periods; under the empty key, those of all groups."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(times.keys))}
    group, bucket = (
        np.repeat(np.array(told, dtype=np.int64), times.sizes)
        for told in ([numbers[key] for key in times.keys], times.buckets)
    )
    days, wins = times.days, times.wins
    if () not in numbers:
        group = np.concatenate((group, np.full_like(group, len(numbers))))
        numbers[()] = len(numbers)
        bucket, days, wins = (np.concatenate((held, held)) for held in (bucket, days, wins))
    pairs = Pairs(len(numbers), group, days, wins * (bucket == _NOW), wins * (bucket != _NOW))
    return dict(zip(numbers, map(Pace, *pairs.medians(), pairs.p_values()), strict=True))


def card(question: Question, key: Key, now: Side, before: Side, pace: Pace, places: Places) -> dict[str, Any]:
    """Return the figures of one group, in the form of `KpiGroupOut`."""
    won = places.of("period", LAST, "in")
    currencies = sorted({*now.found.money, *before.found.money, *now.so_far.revenue})
    return {
        "key": question.key_of(key),
        "new_leads": _new_leads(now, before) | places.of("funnel", "acquired", "reached"),
        "conversion": _conversion(now, before) | won | places.decided,
        "time_to_win": _time_to_win(now, before, pace) | won,
        "money": [_money(currency, now, before) for currency in currencies],
    }


def _is_more_than_noise(p_value: float | None) -> bool | None:
    return None if p_value is None else p_value < NOISE


def _new_leads(now: Side, before: Side) -> dict[str, Any]:
    value, previous = now.found.leads, before.found.leads
    low, high = rate_ratio(value, previous) or (None, None)
    p_value = counts_differ(value, previous) if value + previous else None
    return {
        "value": value,
        "previous": previous,
        "change": value / previous - 1 if previous else None,
        "low": None if low is None else low - 1,
        "high": None if high is None else high - 1,
        "p_value": p_value,
        "more_than_noise": _is_more_than_noise(p_value),
    }


def _conversion(now: Side, before: Side) -> dict[str, Any]:
    one, other = (now.won, now.won + now.lost), (before.won, before.won + before.lost)
    difference, low, high = share_difference(one, other) or (None, None, None)
    p_value = shares_differ(one, other) if difference is not None else None
    return {
        "value": rate(*one),
        "previous": rate(*other),
        "difference": difference,
        "low": low,
        "high": high,
        "p_value": p_value,
        "more_than_noise": _is_more_than_noise(p_value),
    }


def _time_to_win(now: Side, before: Side, pace: Pace) -> dict[str, Any]:
    one, other = now.found, before.found
    p_value = pace.p_value if min(one.wins, other.wins) >= _ENOUGH else None
    return {
        "median_days": pace.median,
        "mean_days": one.mean_days,
        "previous_median_days": pace.previous,
        "previous_mean_days": other.mean_days,
        "wins": one.wins,
        "previous_wins": other.wins,
        "p_value": p_value,
        "more_than_noise": _is_more_than_noise(p_value),
    }


def _money(currency: str, now: Side, before: Side) -> dict[str, Any]:
    one, other = (side.found.money.get(currency) or Money() for side in (now, before))
    here, there = _moments(one), _moments(other)
    is_enough = min(one.paid_wins, other.paid_wins) >= _ENOUGH
    customers, others = now.found.customers, before.found.customers
    return {
        "currency": currency,
        "revenue": _changed(currency, one.revenue, other.revenue, sums_differ(here, there) if is_enough else None),
        "revenue_per_customer": _changed(
            currency,
            _per(one.revenue, customers),
            _per(other.revenue, others),
            # Squares are of wins: where a customer had several, they do not tell how much customers differ.
            means_differ((customers, *here), (others, *there))
            if is_enough and (one.paid_wins, other.paid_wins) == (customers, others)
            else None,
        ),
        "cost_per_customer": _changed(
            currency,
            _cost(one, customers),
            _cost(other, others),
            _cost_noise(one, other, customers, others),
        ),
        "lifetime_value": _changed(currency, _lifetime(currency, now), _lifetime(currency, before), None),
    }


def _changed(currency: str, value: Decimal | None, previous: Decimal | None, p_value: float | None) -> dict[str, Any]:
    change = float(value / previous - 1) if value is not None and previous else None
    told = p_value if change is not None else None
    return {
        "value": amount_out(value, currency),
        "previous": amount_out(previous, currency),
        "change": change,
        "p_value": told,
        "more_than_noise": _is_more_than_noise(told),
    }


def _moments(money: Money) -> tuple[float, float]:
    return float(money.revenue), float(money.squares)


def _per(amount: Decimal, count: int) -> Decimal | None:
    return amount / count if count else None


def _cost(money: Money, customers: int) -> Decimal | None:
    return money.spend / customers if money.is_spent and customers else None


def _cost_noise(one: Money, other: Money, customers: int, others: int) -> float | None:
    """Return the p-value of a difference in what a customer costs: of the customers of both periods, is one's share its spending's?"""
    spent = one.spend + other.spend
    if not spent or not customers + others:
        return None
    share = float(one.spend / spent)
    return split_differs(customers, others, share) if 0 < share < 1 else None


def _lifetime(currency: str, side: Side) -> Decimal | None:
    revenue = side.so_far.revenue.get(currency)
    return None if revenue is None else _per(revenue, side.so_far.customers)
