"""Accounts and their people as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from service.leads.present import money
from service.lifecycle.stages import FUNNEL, Stage
from service.nurture.accounts.roles import Role, suggested

Row = Mapping[str, Any]

FACTS: Final = ("name", "industry", "size", "country", "region")
_PERSON: Final = (
    *("full_name", "email", "job_title", "stage", "furthest_stage", "score", "owner"),
    *("acquired_at", "last_activity_at"),
)


def amounts_of(deals: Iterable[Row] | None) -> dict[str, Decimal]:
    """Return what deals bring, by currency."""
    return {one["currency"]: Decimal(one["amount"]) for one in deals or () if one["currency"] is not None}


def deals_out(deals: Sequence[Row] | None) -> dict[str, Any]:
    """Return deals as a number and their amounts; currencies stay apart."""
    shown = {currency: money(amount) for currency, amount in sorted(amounts_of(deals).items())}
    untold = sum(one["deals"] for one in deals or () if one["currency"] is None)
    return {"deals": sum(one["deals"] for one in deals or ()), "without_amount": untold, "amounts": shown}


def account_out(row: Row) -> dict[str, Any]:
    """Return an account as the list shows it."""
    facts = row["facts"] or {}
    return {
        "id": row["domain"],
        "domain": row["domain"],
        **{name: facts[name]["value"] if name in facts else None for name in FACTS},
        "tier": row["tier"],
        "people": row["people"],
        "stages": {str(stage): row["stages"].get(stage, 0) for stage in Stage},
        "furthest_stage": FUNNEL[row["rank"]],
        "score": row["score"] or 0,
        "open": deals_out(row["open"]),
        "won": deals_out(row["won"]),
        "owners": [one["owner"] for one in row["owners"] or ()],
        "first_touch_at": row["first_touch_at"],
        "last_activity_at": row["last_activity_at"],
    }


def explained(row: Row) -> dict[str, Any]:
    """Return what an account has more to say of itself: how its facts were chosen, what its score is made of, why it has its tier."""
    facts = row["facts"] or {}
    return {
        "facts": {name: facts.get(name) for name in FACTS},
        "score_parts": [_part(part) for part in row["parts"] or ()],
        "tier_reason": None
        if row["version"] is None
        else {"tier": row["tier"], "version": row["version"], "why": row["why"], "since": row["since"]},
        "people_by_owner": row["owners"] or [],
    }


def _part(part: Row) -> dict[str, Any]:
    halved = Decimal(part["score"]) / 2 ** (part["place"] - 1)
    return {"lead_id": part["lead_id"], "score": part["score"], "counts": float(round(halved, 4))}


def person_out(row: Row, said: Row | None) -> dict[str, Any]:
    """Return one of an account's people: what was said of their role always wins over what the title speaks for."""
    guess = suggested(row["job_title"]) if row["job_title"] else None
    spoken = said if said and said["role"] is not None else None
    return {
        "lead_id": row["id"],
        **{name: row[name] for name in _PERSON},
        "role": spoken["role"] if spoken else None,
        "role_note": spoken["note"] if spoken else None,
        "role_said_by": spoken["actor"] if spoken else None,
        "role_said_at": spoken["at"] if spoken else None,
        "suggested_role": guess.role if guess else None,
        "suggested_because": guess.because if guess else None,
    }


def coverage_out(
    held: Mapping[Role, Sequence[UUID]], supposed: Mapping[Role, int], expected: Sequence[Role]
) -> dict[str, Any]:
    """Return who has which role, and which of those expected nobody has: nobody was said to, and no title speaks for it."""
    roles = [
        {
            "role": role,
            "expected": role in expected,
            "lead_ids": list(held.get(role, ())),
            "suggested": supposed.get(role, 0),
            "coverage": "said" if held.get(role) else "suggested" if supposed.get(role) else "missing",
        }
        for role in Role
    ]
    return {
        "roles": roles,
        "missing": [one["role"] for one in roles if one["expected"] and one["coverage"] == "missing"],
    }
