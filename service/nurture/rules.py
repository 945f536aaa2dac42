"""Rules that are data, with their versions: every version is kept, the newest holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict
from service.core.http.etags import Precondition
from service.nurture import store

_ALL: Final = 2**31 - 1

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class RuleSet(Generic[Model]):
    """A set of rules by its name, and the model it is made of; without any arguments the model is what holds before anybody wrote one."""

    name: str
    model: type[Model]


class Rules:
    """The newest version of every set, as one transaction sees them."""

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = rows

    def of(self, rule_set: RuleSet[Model]) -> Model:
        """Return the rules of a set; the same object as long as the version is the same."""
        row = self._rows.get(rule_set.name)
        return parsed(rule_set, row["version"], row["rules"]) if row else rule_set.model()

    def version(self, rule_set: RuleSet[Any]) -> int:
        """Return the version that holds; 0 if nobody wrote one."""
        row = self._rows.get(rule_set.name)
        return row["version"] if row else 0

    def since(self, rule_set: RuleSet[Any]) -> datetime | None:
        """Return since when the version holds; None if nobody wrote one."""
        row = self._rows.get(rule_set.name)
        return row["created_at"] if row else None


# By name: version, what was stored, and what was read from it. Another database in the same process has other rules of that version.
_PARSED: Final[dict[str, tuple[int, Any, BaseModel]]] = {}


def parsed(rule_set: RuleSet[Model], version: int, stored: Any) -> Model:
    """Return stored rules as their model."""
    known = _PARSED.get(rule_set.name)
    if known is None or known[0] != version or known[1] != stored:
        known = _PARSED[rule_set.name] = (version, stored, rule_set.model.model_validate(stored))
    return known[2]  # type: ignore[return-value]  # a set has one model


async def read_rules(connection: AsyncConnection) -> Rules:
    """Return the newest version of every set."""
    return Rules({row["name"]: row for row in await store.read_rules(connection)})


async def show_rules(connection: AsyncConnection, rule_set: RuleSet[Model]) -> dict[str, Any]:
    """Return the version of a set that holds, as the API shows it."""
    rows = [row for row in await store.read_rules(connection) if row["name"] == rule_set.name]
    nothing = {"version": 0, "rules": {}, "actor": None, "created_at": None}
    return rules_out(rule_set, rows[0] if rows else nothing)


async def replace_rules(
    connection: AsyncConnection,
    rule_set: RuleSet[Model],
    rules: Model,
    *,
    precondition: Precondition,
    actor: str,
    now: datetime,
) -> dict[str, Any]:
    """Write the next version of a set and return it; raises `PreconditionFailed`, or `Conflict` if somebody wrote one meanwhile."""
    held = await read_rules(connection)
    precondition.check(held.version(rule_set))
    derived = set(type(rules).model_computed_fields)
    stored = rules.model_dump(mode="json", exclude_unset=True, exclude=derived)
    row = await store.add_version(connection, rule_set.name, stored, actor=actor, now=now, after=held.version(rule_set))
    if row is None:
        raise Conflict("somebody else wrote these rules at this very moment; read them again", code="rules_changed")
    return rules_out(rule_set, row)


async def list_versions(
    connection: AsyncConnection, rule_set: RuleSet[Model], *, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return the versions of a set below ``before``, the newest first."""
    rows = await store.read_versions(connection, rule_set.name, before=before or _ALL, limit=limit)
    return [rules_out(rule_set, row) for row in rows]


def rules_out(rule_set: RuleSet[Model], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a version of a set as the API shows it: what was left out as it holds by default."""
    shown = rule_set.model.model_validate(row["rules"]).model_dump(mode="json")
    return {"version": row["version"], "updated_at": row["created_at"], "updated_by": row["actor"], **shown}
