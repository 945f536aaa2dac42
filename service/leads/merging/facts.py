"""Facts: a lead's row as a flat mapping from paths to values, so that each fact can be compared, chosen and put back by itself.

A path is a column, or a column and a key within it: ``("email",)``, ``("attributes", "plan")``, ``("tags", "vip")``. What is unknown is
absent. Values are as JSON has them, because they are remembered with the merge.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import orjson

from service.core.database import dumps
from service.leads.filling import FILLED
from service.leads.present import COMPANY, money

Path = tuple[str, ...]
Facts = dict[Path, Any]

KEYED: Final = ("external_ids", "attributes", "consent", "raw")
"""The columns that are objects, each key of which is a fact."""
SINGLE: Final = (*FILLED, "utm", "score")

_COLUMN_OF: Final = {f"company.{name}": column for name, column in COMPANY.items()}
_NAME_OF: Final = {column: name for name, column in _COLUMN_OF.items()}
_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])


def facts_of(row: Mapping[str, Any]) -> Facts:
    """Return all facts of a lead's row that a merge may change, but not those the ledger gives."""
    facts: Facts = {(name,): plain(row[name]) for name in SINGLE}
    facts |= {(column, key): plain(value) for column in KEYED for key, value in row[column].items()}
    facts |= {("tags", tag): True for tag in row["tags"]}
    facts["verdict",] = [row["verdict"], list(row["verdict_reasons"])]
    facts["last_activity_at",] = plain(row["last_activity_at"])
    facts["amount",] = None if row["amount"] is None else [money(row["amount"]), row["currency"]]
    return {path: value for path, value in facts.items() if value not in _EMPTY}


def facts_told(lead: Mapping[str, Any]) -> Facts:
    """Return the facts of a lead as an event showed it; what events of that time did not show is absent."""
    facts: Facts = {(name,): lead.get(name) for name in SINGLE if name not in _NAME_OF}
    facts |= {(column,): (lead.get("company") or {}).get(name) for name, column in COMPANY.items()}
    facts |= {(column, key): value for column in KEYED for key, value in (lead.get(column) or {}).items()}
    facts |= {("tags", tag): True for tag in lead.get("tags") or ()}
    facts["amount",] = None if lead.get("amount") is None else [lead["amount"], lead.get("currency")]
    return {path: value for path, value in facts.items() if value not in _EMPTY}


def put(row: dict[str, Any], path: Path, value: Any) -> None:
    """Set a fact of a lead's row, or take it away with None."""
    match path:
        case ("tags", tag):
            row["tags"] = sorted({*row["tags"], tag} if value else {*row["tags"]} - {tag})
        case ("verdict",):
            row["verdict"], row["verdict_reasons"] = value
        case ("last_activity_at",):
            row["last_activity_at"] = None if value is None else datetime.fromisoformat(value)
        case ("amount",):
            amount, currency = value or (None, None)
            row |= {"amount": None if amount is None else Decimal(amount), "currency": currency}
        case ("utm",):
            row["utm"] = value or {}
        case ("score",):
            row["score"] = value or 0
        case (column,):
            row[column] = value
        case (column, key):
            others = {name: held for name, held in row[column].items() if name != key}
            row[column] = others if value is None else others | {key: value}


def plain(value: Any) -> Any:
    """Return a value as it comes back from JSON."""
    return orjson.loads(dumps(value))


def path_of(name: str) -> Path:
    """Return the path of a field as the API names it: ``email``, ``company.name``, ``attributes.plan``."""
    if name in _COLUMN_OF:
        return (_COLUMN_OF[name],)
    column, dot, key = name.partition(".")
    return (column, key) if dot and column in (*KEYED, "tags") else (name,)


def name_of(path: Path) -> str:
    """Return how the API names a fact."""
    return _NAME_OF.get(path[0], ".".join(path))
