"""Attribution (PURE): six ways to share wins and revenue among the touches that came before them; every way gives away exactly the whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final, NamedTuple

from service.stats.estimators.credit import MODELS, RULES, Model, Path, removal_credits
from service.stats.returns import amount_out, places_of
from service.stats.touches import Name, Paths

Shares = Mapping[Name, float]
"""What each touched channel is credited with, in wins or in money."""


_DIGITS: Final = 7
"""To so many places shares of money are told apart: far below a cent, far above what sums of floats miss."""


class Credits(NamedTuple):
    """What a model credits the channels with: wins, and revenue by currency."""

    wins: dict[Name, float]
    revenue: dict[str, dict[Name, float]]


def attribute(paths: Paths) -> dict[Model, Credits]:
    """Return what every model credits each touched channel with."""
    found: dict[Model, Credits] = {model: Credits({}, {}) for model in MODELS}
    # Only here it matters when the touches were; all other rules see their order alone.
    for (name, currency), (wins, amount) in paths.decayed.items():
        _add(found["time_decay"], (name,), (1.0,), wins, currency, amount)
    for (path, currency), (wins, amount) in paths.won.items():
        for model, rule in RULES.items():
            if model != "time_decay" or len(path) == 1:
                _add(found[model], path, rule([0.0] * len(path)), wins, currency, amount)
    _remove(found["markov"], paths)
    return found


def _add(given: Credits, path: Path, shares: Sequence[float], wins: float, currency: str | None, amount: float) -> None:
    for name, share in zip(path, shares, strict=True):
        given.wins[name] = given.wins.get(name, 0.0) + share * wins
        if currency is not None:
            of_currency = given.revenue.setdefault(currency, {})
            of_currency[name] = of_currency.get(name, 0.0) + share * amount


def _remove(given: Credits, paths: Paths) -> None:
    both: dict[Path, list[float]] = defaultdict(lambda: [0.0, 0.0])
    revenue: Counter[str | None] = Counter()
    for (path, currency), (wins, amount) in paths.won.items():
        both[path][0] += wins
        revenue[currency] += amount  # type: ignore[assignment]  # a counter of money
    for path, count in paths.not_won.items():
        both[path][1] += count
    for name, share in removal_credits({path: (yes, no) for path, (yes, no) in both.items()}).items():
        given.wins[name] = share * paths.wins
        for currency, amount in revenue.items():
            if currency is not None:
                given.revenue.setdefault(currency, {})[name] = share * amount


def in_cents(shares: Shares, currency: str) -> dict[Name, Decimal]:
    """Return amounts of money in whole cents (or what the currency has) that add up to what they came from: the largest remainders are rounded up."""
    unit = Decimal(1).scaleb(-places_of(currency))
    # Shares are sums of floats, and what comes to a whole cent may miss it by less than anybody can see.
    exact = {name: Decimal(repr(round(share, _DIGITS))) for name, share in shares.items()}
    cents = {name: amount.quantize(unit, rounding=ROUND_DOWN) for name, amount in exact.items()}
    whole = sum((Decimal(repr(share)) for share in shares.values()), Decimal(0)).quantize(unit)
    missing = int((whole - sum(cents.values(), Decimal(0))) / unit)
    for name in sorted(exact, key=lambda name: (cents[name] - exact[name], name is None, name or ""))[:missing]:
        cents[name] += unit
    return cents


def credit_lines(paths: Paths, addresses: Mapping[Name, str]) -> list[dict[str, Any]]:
    """Return one line for each touched channel, the most credited by the last touch first, in the form of `CreditOut`."""
    credits_of = attribute(paths)
    whole, touched = paths.wins, paths.touched
    revenue = {
        model: {currency: in_cents(shares, currency) for currency, shares in sorted(found.revenue.items())}
        for model, found in credits_of.items()
    }
    last = credits_of["last"].wins
    names = {name for found in credits_of.values() for name in found.wins}
    return [
        {
            "value": name,
            "touched_wins": touched[name],
            "models": {
                model: {
                    "wins": found.wins.get(name, 0.0),
                    "share": found.wins.get(name, 0.0) / whole if whole else None,
                    "revenue": {
                        currency: amount_out(cents.get(name, Decimal(0)), currency)
                        for currency, cents in revenue[model].items()
                    },
                }
                for model, found in credits_of.items()
            },
            "leads": addresses.get(name),
        }
        for name in sorted(names, key=lambda name: (-last.get(name, 0.0), -touched[name], name is None, name or ""))
    ]
