"""From a document to one person's fields: the operator's JMESPath first, then the usual spellings, then the channel's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from service.channels.contract import (
    OTHER_FIELDS,
    TABLE_FIELDS,
    TEXT_FIELDS,
    ChannelConfig,
    Fields,
    Refusal,
    Submitted,
)
from service.channels.spellings import field_of, is_container
from service.channels.values import as_attribute, as_flag, as_past, as_table, as_tags, as_text

_MAX_SUBMISSIONS: Final = 1000
_MAX_ATTRIBUTES: Final = 100
_COMPANY: Final = {
    "name": "company_name",
    "domain": "company_domain",
    "industry": "industry",
    "size": "company_size",
    "country": "country",
    "region": "region",
}


@lru_cache(maxsize=4096)
def compiled(expression: str) -> ParsedResult:
    """Return the compiled JMESPath; raise ``JMESPathError`` when it is none."""
    return jmespath.compile(expression)


def mapping_fault(field: str, expression: str) -> str | None:
    """Return why this entry of a channel's mapping cannot be used, or None."""
    table, _, name = field.partition(".")
    if not (field in TEXT_FIELDS or field in OTHER_FIELDS or field in TABLE_FIELDS or (table in TABLE_FIELDS and name)):
        return f"There is no such field. Fields: {', '.join((*TEXT_FIELDS, *OTHER_FIELDS, *TABLE_FIELDS))}, or utm.source and the like."
    try:
        compiled(expression)
    except JMESPathError as fault:
        return f"Not a JMESPath expression: {str(fault).splitlines()[0]}"
    except (ValueError, RecursionError):
        return "Not a JMESPath expression."
    return None


def search(expression: str, document: Any) -> Any:
    """Return what a JMESPath finds; refuse when the expression does not fit the document."""
    try:
        return compiled(expression).search(document)
    except (JMESPathError, ValueError, TypeError, RecursionError, OverflowError):
        raise Refusal("mapping_failed", f"The expression {expression!r} does not fit the delivery.") from None


def submissions_of(document: Any, channel: ChannelConfig, *, at: datetime) -> tuple[Submitted, ...]:
    """Return one submission for a dictionary, several for a list of them; ``at`` is when it reached us."""
    documents = document if isinstance(document, list) else [document]
    if not documents or len(documents) > _MAX_SUBMISSIONS or not all(isinstance(item, dict) for item in documents):
        raise Refusal("malformed_body", f"The body must be an object, or a list of 1 to {_MAX_SUBMISSIONS} objects.")
    return tuple(Submitted(fields_of(item, channel, at=at)) for item in documents)


def fields_of(
    document: Mapping[str, Any], channel: ChannelConfig, *, at: datetime, source: Mapping[str, Any] | None = None
) -> Fields:
    """Return the person's fields in one document.

    An adapter that rewrote the vendor's body into our own names gives the body as ``source``: there the operator's mapping looks.
    """
    found: dict[str, Any] = {}
    leftovers: dict[str, Any] = {}
    _spelled(document, found, leftovers, channel.honeypots)
    for field, expression in channel.mapping.items():
        found[field] = (_mapped(expression, document if source is None else source), -1)
    fields = _typed({field: value for field, (value, _) in found.items()}, leftovers, at)
    for field, value in channel.defaults.items():
        if not fields.get(field):
            fields[field] = tuple(value) if field == "tags" else value
        elif isinstance(value, dict):
            fields[field] = value | fields[field]
    fields.setdefault("channel", channel.key)
    return cast("Fields", fields)


def _mapped(expression: str, document: Mapping[str, Any]) -> Any:
    """Search the document as it was sent and, when it is an envelope, its ``data``."""
    value = search(expression, document)
    return search(expression, document["data"]) if value is None and isinstance(document.get("data"), dict) else value


def _spelled(
    document: Mapping[str, Any], found: dict[str, Any], leftovers: dict[str, Any], traps: frozenset[str]
) -> None:
    """Collect each field under its best spelling; what has no meaning is left over, and what is a trap."""
    inner: list[Mapping[str, Any]] = []
    for name, raw in document.items():
        value = raw["value"] if isinstance(raw, dict) and "value" in raw else raw
        meaning = None if name in traps else field_of(name)
        if meaning is None:
            if is_container(name, value):
                inner.append(value)
            elif value is not None:
                leftovers.setdefault(name, value)
        elif meaning[0] not in found or meaning[1] < found[meaning[0]][1]:
            found[meaning[0]] = (value, meaning[1])
    for deeper in inner:
        _spelled(deeper, found, leftovers, traps)


def _typed(found: dict[str, Any], leftovers: dict[str, Any], at: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    _unfold(found)
    tables: dict[str, dict[str, Any]] = {name: as_table(name, found.pop(name, None)) for name in TABLE_FIELDS}
    for field, value in found.items():
        table, dot, name = field.partition(".")
        if dot:
            tables[table] |= as_table(table, {name: value})
        elif field in TEXT_FIELDS and (text := as_text(value)):
            fields[field] = text
    tables["attributes"] |= {
        name[:_MAX_ATTRIBUTES]: as_attribute(value) for name, value in list(leftovers.items())[:_MAX_ATTRIBUTES]
    }
    fields |= {name: table for name, table in tables.items() if table}
    if tags := as_tags(found.get("tags")):
        fields["tags"] = tags
    if as_flag(found.get("test")):
        fields["test"] = True
    fields["occurred_at"] = as_past(found.get("occurred_at"), at=at)
    if "campaign" not in fields and "campaign" in tables["utm"]:
        fields["campaign"] = tables["utm"]["campaign"]
    return fields


def _unfold(found: dict[str, Any]) -> None:
    """Spread out what some forms nest: ``company: {name, …}``, ``name: {first, last}``, one ``external_id``."""
    if isinstance(company := found.get("company_name"), dict):
        del found["company_name"]
        for name, field in _COMPANY.items():
            found.setdefault(field, company.get(name))
    if isinstance(names := found.get("full_name"), dict):
        del found["full_name"]
        found.setdefault("first_name", names.get("first"))
        found.setdefault("last_name", names.get("last"))
    if (external := found.pop("external_id", None)) is not None:
        found.setdefault("external_ids.external", external)
