"""What a submission changes about a lead that exists: it fills what is blank, or it revises what it said before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from service.cleaning.submission import Cleaned, Submission
from service.leads.attributes.checking import raw_names
from service.leads.identities import Identity
from service.leads.present import COMPANY

FILLED: Final = (
    "email",
    "phone",
    "full_name",
    "first_name",
    "last_name",
    "job_title",
    *COMPANY.values(),
    "referred_by",
    "owner",
)
# Who owns a lead is for us to say.
_REVISED: Final = tuple(name for name in FILLED if name != "owner")
_NAMES: Final = ("full_name", "first_name", "last_name")
_BEST_FIRST: Final = ("valid", "suspect", "invalid")


def fill_blanks(row: dict[str, Any], cleaned: Cleaned, conflicts: Mapping[Identity, Any]) -> list[str]:
    """Take from a submission what the lead does not have yet, and return which columns changed.

    Anybody can fill a form in: what is known is never overwritten. An identity of another lead (``conflicts``) stays there.
    """
    one = without(cleaned.submission, conflicts)
    values = {name: getattr(one, name) for name in FILLED if row[name] is None}
    values |= {name: {**getattr(one, name), **row[name]} for name in ("external_ids", "attributes")}
    values["tags"] = sorted({*row["tags"], *one.tags})
    filled = {name for name in FILLED if row[name] is None and values[name] is not None}
    filled |= raw_names(one.attributes.keys() - row["attributes"].keys())
    values["raw"] = _raw_of(row, cleaned, replaced=filled)
    if _BEST_FIRST.index(cleaned.verdict) < _BEST_FIRST.index(row["verdict"]):
        values |= {"verdict": cleaned.verdict, "verdict_reasons": list(cleaned.reasons)}
    return _put(row, values)


def revise(row: dict[str, Any], cleaned: Cleaned, conflicts: Mapping[Identity, Any]) -> list[str]:
    """Let what a later version of a submission says replace what the lead has, and return which columns changed.

    What it does not say stays; so do identities of other leads, and where the lead came from. A verdict only gets better: of the earlier
    version, more may be known.
    """
    one = without(cleaned.submission, conflicts)
    values = {name: value for name in _REVISED if (value := getattr(one, name)) is not None}
    if one.full_name is not None:
        values |= {name: getattr(one, name) for name in _NAMES}
    values["raw"] = _raw_of(row, cleaned, replaced=values.keys() | raw_names(one.attributes))
    values["attributes"] = {**row["attributes"], **one.attributes}
    values["external_ids"] = {**row["external_ids"], **one.external_ids}
    values["tags"] = sorted({*row["tags"], *one.tags})
    if _BEST_FIRST.index(cleaned.verdict) < _BEST_FIRST.index(row["verdict"]):
        values |= {"verdict": cleaned.verdict, "verdict_reasons": list(cleaned.reasons)}
    return _put(row, values)


def _raw_of(row: Mapping[str, Any], cleaned: Cleaned, *, replaced: Collection[str]) -> dict[str, Any]:
    """Return what was given for the lead's fields: for those that are replaced, what the submission gave, and what nothing could be made of."""
    known = {name: value for name, value in row["raw"].items() if name not in replaced}
    told = {name: value for name, value in cleaned.raw.items() if name in replaced or row.get(name) is None}
    return {**told, **known}


def _put(row: dict[str, Any], values: Mapping[str, Any]) -> list[str]:
    changed = [name for name, value in values.items() if row[name] != value]
    for name in changed:
        row[name] = values[name]
    return [name for name in changed if name != "verdict_reasons" or "verdict" not in changed]


def without(one: Submission, conflicts: Mapping[Identity, Any]) -> Submission:
    """Return a submission without the identities of other leads."""
    if not conflicts:
        return one
    systems = {identity.system for identity in conflicts}
    plain: dict[str, Any] = {identity.kind: None for identity in conflicts if identity.system is None}
    external_ids = {system: value for system, value in one.external_ids.items() if system not in systems}
    return replace(one, external_ids=external_ids, **plain)
