"""What a file's columns mean: the importer's mapping first, then the usual spellings; what is left is kept under its own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.channels.contract import TABLE_FIELDS, TEXT_FIELDS
from service.channels.spellings import field_of, plain

IGNORE: Final = "ignore"
RATING: Final = ("rating", "rating_worst", "rating_best")
_NESTED: Final = {
    "company.name": "company_name",
    "company.domain": "company_domain",
    "company.industry": "industry",
    "company.size": "company_size",
    "company.country": "country",
    "company.region": "region",
}
_WHO: Final = ("email", "phone", "lead_id")


@dataclass(frozen=True, slots=True)
class Kind:
    """What rows of one kind can say: plain fields, tables whose keys are free, further spellings, and where unknown columns go."""

    fields: frozenset[str]
    tables: tuple[str, ...]
    spellings: Mapping[str, str]
    rest: str | None = None


def _spelled(words: Mapping[str, str]) -> dict[str, str]:
    return {spelling: field for field, spellings in words.items() for spelling in spellings.split()}


_EXTERNAL: Final = {"external_id": "id recordid leadid contactid customerid crmid kundennummer 客户编号 编号 线索编号"}
_WHEN: Final = {"occurred_at": "date occurred happenedat changedat when datum 日期 时间 发生时间"}
_MONEY: Final = {
    "amount": "value revenue dealvalue dealamount betrag umsatz 金额",
    "currency": "currencycode waehrung 币种",
}
_CAME_FROM: Final = {"channel": "source leadsource quelle 渠道 来源", "campaign": "kampagne 活动 推广计划"}

KINDS: Final[Mapping[str, Kind]] = {
    "leads": Kind(
        frozenset({*TEXT_FIELDS, "owner", "tags", "occurred_at", "test", "external_id"}),
        TABLE_FIELDS,
        _spelled(
            _EXTERNAL
            | _CAME_FROM
            | {
                "occurred_at": "acquiredat created createdate dateadded createtime 创建时间 创建日期 提交时间",
                "owner": "leadowner contactowner salesrep assignee 负责人 跟进人",
                "full_name": "contact kontakt",
                "company_size": "size companysizerange 企业规模",
            }
        ),
        rest="attributes",
    ),
    "transitions": Kind(
        frozenset({*_WHO, "external_id", "event", "stage", "occurred_at", "reason", "note", "amount", "currency"})
        | {"allow_skip", "channel", "campaign"},
        ("external_ids",),
        _spelled(
            _EXTERNAL
            | _WHEN
            | _MONEY
            | _CAME_FROM
            | {
                "event": "transition action 事件",
                "stage": "tostage newstage status state phase 阶段 状态",
                "reason": "lossreason lostreason grund 原因",
                "note": "notes comment comments remark 备注",
            }
        ),
    ),
    "activities": Kind(
        frozenset({*_WHO, "external_id", "kind", "channel", "occurred_at", "key", *RATING}),
        ("external_ids", "data"),
        _spelled(
            _EXTERNAL
            | _WHEN
            | _CAME_FROM
            | {
                "kind": "type activity activitytype event action 类型",
                "key": "activityid eventid",
                "rating": "stars bewertung 评分",
            }
        ),
        rest="data",
    ),
    "spend": Kind(
        frozenset({"channel", "campaign", "period", "period_start", "period_end", "amount", "budget", "currency"}),
        (),
        _spelled(
            _CAME_FROM
            | {
                "amount": "spend cost costs spent amountspent kosten ausgaben 花费 消耗 费用",
                "budget": "plannedspend plan 预算",
                "currency": "currencycode waehrung 币种",
                "period": "month monat 月份",
                "period_start": "start from startdate date day begin datum 日期 开始日期",
                "period_end": "end to enddate until 结束日期",
            }
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column and the field it is taken for; ``why`` is ``mapping``, ``name``, ``spelling``, ``rest`` or ``ignored``."""

    name: str
    field: str | None
    why: str


def understood(kind: str, names: Sequence[str], mapping: Mapping[str, str | None], system: str) -> list[Column]:
    """Return what each column is taken for; of several that mean the same field, the best spelled one gets it.

    ``system`` is whose id an external id is that names no system.
    """
    rules = KINDS[kind]
    found = [_column(rules, name, mapping) for name in names]
    best: dict[str, tuple[int, int]] = {}
    for place, (_, field, rank) in enumerate(found):
        if field is not None and (field not in best or rank < best[field][0]):
            best[field] = (rank, place)
    columns = []
    for place, (column, field, _) in enumerate(found):
        outdone = field is not None and best[field][1] != place and column.why != "mapping"
        columns.append(_of_system(_rest(rules, column.name) if outdone else column, system))
    return columns


def _column(rules: Kind, name: str, mapping: Mapping[str, str | None]) -> tuple[Column, str | None, int]:
    if name in mapping:
        field = mapping[name]
        if field is None or field == IGNORE:
            return Column(name, None, "ignored"), None, 0
        return Column(name, _NESTED.get(field, field), "mapping"), _NESTED.get(field, field), -2
    exact = _NESTED.get(name.lower(), name.lower())
    if is_field(rules, exact):
        return Column(name, exact if "." not in exact else _keyed(name), "name"), exact, -1
    if (own := rules.spellings.get(plain(name))) is not None:
        return Column(name, own, "spelling"), own, 100
    meaning = field_of(name)
    if meaning is not None and is_field(rules, meaning[0]):
        return Column(name, meaning[0], "spelling"), meaning[0], meaning[1]
    return _rest(rules, name), None, 0


def _keyed(name: str) -> str:
    """Return ``table.Key`` with the key spelled as it was."""
    table, _, key = name.partition(".")
    return f"{table.lower()}.{key}"


def _rest(rules: Kind, name: str) -> Column:
    return Column(name, f"{rules.rest}.{name[:100]}" if rules.rest else None, "rest" if rules.rest else "ignored")


def _of_system(column: Column, system: str) -> Column:
    return Column(column.name, f"external_ids.{system}", column.why) if column.field == "external_id" else column


def is_field(rules: Kind, field: str) -> bool:
    """Return whether rows of a kind have such a field."""
    table, _, key = field.partition(".")
    return field in rules.fields or (table in rules.tables and bool(key))


def mapping_fault(kind: str, field: str | None) -> str | None:
    """Return why a column cannot be mapped so, or None."""
    if field is None or field == IGNORE or is_field(KINDS[kind], _NESTED.get(field, field)):
        return None
    tables = "".join(f", {table}.…" for table in KINDS[kind].tables)
    return f"there is no field {field!r}; {kind} have {', '.join(sorted(KINDS[kind].fields))}{tables}, or {IGNORE}"


def flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with what it nests one level deep spread out: ``{"utm": {"source": …}}`` is ``utm.source``."""
    spread: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, Mapping) and name in _SPREAD:
            spread |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            spread[name] = value
    return spread


_SPREAD: Final = frozenset({*TABLE_FIELDS, "company", "data"})
