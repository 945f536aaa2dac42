"""Attribution (PURE): six ways to share wins and revenue among the touches that came before them; every way gives away exactly the whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final, NamedTuple

from service.stats.estimators.credit import MODELS, RULES, Model, Path, removal_credits
from service.stats.returns import amount_out

_CENT: Final = Decimal("0.01")

Name = str | None
Shares = Mapping[Name, float]
"""What each touched channel is credited with, in wins or in money."""


class Won(NamedTuple):
    """A journey that was won: its touches by time, how many days before the win each was, and what it brought."""

    path: Path
    ages: tuple[float, ...]
    currency: str | None
    amount: Decimal | None


class Credits(NamedTuple):
    """What a model credits the channels with: wins, and revenue by currency."""

    wins: dict[Name, float]
    revenue: dict[str, dict[Name, float]]


def attribute(won: Sequence[Won], not_won: Mapping[Path, int]) -> dict[Model, Credits]:
    """Return what every model credits each touched channel with."""
    found: dict[Model, Credits] = {model: Credits({}, {}) for model in MODELS}
    alike: dict[tuple[Path, str | None], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in won:
        same = alike[one.path, one.currency]
        same[0] += 1
        same[1] += float(one.amount or 0)
        # Only here it matters when the touches were; all other rules see their order alone.
        if len(one.path) > 1:
            shares = RULES["time_decay"](one.ages)
            _add(found["time_decay"], one.path, shares, 1.0, one.currency, float(one.amount or 0))
    for (path, currency), (wins, amount) in alike.items():
        for model, rule in RULES.items():
            if model != "time_decay" or len(path) == 1:
                _add(found[model], path, rule([0.0] * len(path)), wins, currency, amount)
    _remove(found["markov"], alike, not_won)
    return found


def _add(given: Credits, path: Path, shares: Sequence[float], wins: float, currency: str | None, amount: float) -> None:
    for name, share in zip(path, shares, strict=True):
        given.wins[name] = given.wins.get(name, 0.0) + share * wins
        if currency is not None:
            of_currency = given.revenue.setdefault(currency, {})
            of_currency[name] = of_currency.get(name, 0.0) + share * amount


def _remove(
    given: Credits, alike: Mapping[tuple[Path, str | None], Sequence[float]], not_won: Mapping[Path, int]
) -> None:
    paths: dict[Path, list[float]] = defaultdict(lambda: [0.0, 0.0])
    revenue: Counter[str | None] = Counter()
    for (path, currency), (wins, amount) in alike.items():
        paths[path][0] += wins
        revenue[currency] += amount  # type: ignore[assignment]  # a counter of money
    for path, count in not_won.items():
        paths[path][1] += count
    total = sum(wins for wins, _ in alike.values())
    for name, share in removal_credits({path: (yes, no) for path, (yes, no) in paths.items()}).items():
        given.wins[name] = share * total
        for currency, amount in revenue.items():
            if currency is not None:
                given.revenue.setdefault(currency, {})[name] = share * amount


def in_cents(shares: Shares) -> dict[Name, Decimal]:
    """Return amounts of money in whole cents that add up to what they came from: the largest remainders are rounded up."""
    exact = {name: Decimal(repr(share)) for name, share in shares.items()}
    cents = {name: amount.quantize(_CENT, rounding=ROUND_DOWN) for name, amount in exact.items()}
    missing = int((sum(exact.values(), Decimal(0)).quantize(_CENT) - sum(cents.values(), Decimal(0))) / _CENT)
    for name in sorted(exact, key=lambda name: (cents[name] - exact[name], name is None, name or ""))[:missing]:
        cents[name] += _CENT
    return cents


def credit_lines(
    won: Sequence[Won], not_won: Mapping[Path, int], addresses: Mapping[Name, str]
) -> list[dict[str, Any]]:
    """Return one line for each touched channel, the most credited by the last touch first, in the form of `CreditOut`."""
    credits_of = attribute(won, not_won)
    revenue = {
        model: {currency: in_cents(shares) for currency, shares in sorted(found.revenue.items())}
        for model, found in credits_of.items()
    }
    touched = Counter(name for one in won for name in set(one.path))
    last = credits_of["last"].wins
    names = {name for found in credits_of.values() for name in found.wins}
    return [
        {
            "value": name,
            "touched_wins": touched[name],
            "models": {
                model: {
                    "wins": found.wins.get(name, 0.0),
                    "share": found.wins.get(name, 0.0) / len(won) if won else None,
                    "revenue": {
                        currency: amount_out(cents.get(name, Decimal(0))) for currency, cents in revenue[model].items()
                    },
                }
                for model, found in credits_of.items()
            },
            "leads": addresses.get(name),
        }
        for name in sorted(names, key=lambda name: (-last.get(name, 0.0), -touched[name], name is None, name or ""))
    ]
