"""What the world sees: rows as the API and the events show them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from service.core.clock import now
from service.leads.privacy.contacting import can_contact
from service.lifecycle.ledger import Transition

Row = Mapping[str, Any]

_PLAIN = (
    "id",
    "stage",
    "furthest_stage",
    "stage_entered_at",
    "journey",
    "version",
    "email",
    "phone",
    "full_name",
    "first_name",
    "last_name",
    "job_title",
)
_REST = (
    "channel",
    "campaign",
    "utm",
    "external_ids",
    "score",
    "owner",
    "currency",
    "tags",
    "attributes",
    "consent",
    "referred_by",
    "verdict",
    "verdict_reasons",
    "raw",
    "test",
    "created_at",
    "updated_at",
    "acquired_at",
    "last_activity_at",
    "due_at",
    "erased_at",
    "merged_into",
)
COMPANY = {
    "name": "company_name",
    "domain": "company_domain",
    "industry": "industry",
    "size": "company_size",
    "country": "country",
    "region": "region",
}
"""The fields of ``company`` on the wire, and their columns."""


def money(amount: Decimal | None) -> str | None:
    """Return an amount as a decimal string with at least two places, or None."""
    if amount is None:
        return None
    exact = Decimal(amount).quantize(Decimal("0.0001"))
    text = f"{exact:f}"
    return text[:-2] if text.endswith("00") else text.removesuffix("0")


def lead_out(row: Row) -> dict[str, Any]:
    """Return a lead as the API shows it."""
    out = {name: row[name] for name in _PLAIN}
    out["company"] = {name: row[column] for name, column in COMPANY.items()}
    for name in _REST:
        out[name] = row[name]
    out["amount"] = money(row["amount"])
    out["can_contact"] = can_contact(row, now())
    return out


def transition_out(row: Row) -> dict[str, Any]:
    """Return a row of the ledger as the API shows it."""
    return {
        "id": row["id"],
        "lead_id": row["lead_id"],
        "sequence": row["sequence"],
        "journey": row["journey"],
        "event": row["event"],
        "from_stage": row["from_stage"],
        "to_stage": row["to_stage"],
        "skipped": row["skipped"],
        "reason": row["reason"],
        "category": row["category"],
        "note": row["note"],
        "amount": money(row["amount"]),
        "currency": row["currency"],
        "actor": row["actor"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "correction_id": row["correction_id"],
        "superseded_at": row["superseded_at"],
        "origin": row.get("origin"),
    }


def trial_out(transition: Transition) -> dict[str, Any]:
    """Return a transition that was only tried (dry run)."""
    return {
        "sequence": transition.sequence,
        "journey": transition.journey,
        "event": transition.event,
        "from_stage": transition.from_stage,
        "to_stage": transition.to_stage,
        "skipped": list(transition.skipped),
        "occurred_at": transition.occurred_at,
    }


def journey_out(row: Row) -> dict[str, Any]:
    """Return a journey as the API shows it."""
    return {
        "number": row["number"],
        "entry_stage": row["entry_stage"],
        "channel": row["channel"],
        "campaign": row["campaign"],
        "stage": row["stage"],
        "furthest_stage": row["furthest_stage"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "started_at": row["started_at"],
        "cleaned_at": row["cleaned_at"],
        "nurtured_at": row["nurtured_at"],
        "opportunity_at": row["opportunity_at"],
        "won_at": row["won_at"],
        "churned_at": row["churned_at"],
        "amount": money(row["amount"]),
        "currency": row["currency"],
        "entered_as": row["entered_as"],
    }


def touchpoint_out(row: Row) -> dict[str, Any]:
    """Return a touchpoint as the API shows it."""
    names = (
        "id",
        "journey",
        "channel",
        "campaign",
        "utm",
        "via",
        "matched_by",
        "delivery_id",
        "occurred_at",
        "recorded_at",
    )
    return {name: row[name] for name in names}


def activity_out(row: Row) -> dict[str, Any]:
    """Return an activity as the API shows it."""
    names = ("id", "journey", "kind", "channel", "data", "delivery_id", "actor", "occurred_at", "recorded_at")
    return {name: row[name] for name in names} | {"key": row.get("key"), "rating": _rating(row)}


def _rating(row: Row) -> dict[str, float] | None:
    if row.get("rating") is None:
        return None
    return {"value": float(row["rating"]), "worst": float(row["rating_worst"]), "best": float(row["rating_best"])}


def consent_out(row: Row) -> dict[str, Any]:
    """Return a word on a consent as the API shows it."""
    names = (
        "id",
        "lead_id",
        "purpose",
        "granted",
        "basis",
        "media",
        "source",
        "wording",
        "evidence",
        "actor",
        "delivery_id",
        "occurred_at",
        "recorded_at",
        "expires_at",
    )
    return {name: row[name] for name in names}
