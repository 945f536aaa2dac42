"""Whether rules of scoring ask for what there is."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.nurture.scoring.rules import ScoringRules
from service.stats.segments import store
from service.stats.segments.checking import attributes_in, stored_filters

_NOT_OF_LEADS: Final = {
    "score_band": "a score cannot depend on itself",
    "entry_stage": "is of a journey, and not of a lead",
}


async def check_rules(connection: AsyncConnection, rules: ScoringRules) -> None:
    """Raise `Invalid` for conditions on what leads do not have, and values that an attribute cannot have."""
    types = await store.read_types(connection, [key for rule in rules.fit for key in attributes_in(rule.when or {})])
    for number, rule in enumerate(rules.fit):
        place = f"/fit/{number}/when"
        for name in rule.when or ():
            if name in _NOT_OF_LEADS:
                raise Invalid(f"{place}/{name}", _NOT_OF_LEADS[name])
        try:
            stored_filters(rule.when or {}, types)
        except Invalid as fault:
            first = fault.extra["errors"][0]
            pointer = place + first["pointer"].removeprefix("/filters")
            raise Invalid(pointer, first["detail"]) from None
