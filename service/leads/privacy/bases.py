"""On what ground a person's data are used for a purpose: the words of the GDPR and of the PIPL, as one list."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """A ground in law: what it is called here and in the two laws, and what taking it back is called."""

    code: str
    text: str
    gdpr: str | None
    pipl: str | None
    pipl_term: str | None
    revocable: bool


_ALL: Final = (
    Basis(
        code="consent",
        text="The person agreed to this purpose, freely, informed and by a clear act.",
        gdpr="Art. 6(1)(a), 7",
        pipl="Art. 13(1), 14, 15",
        pipl_term="个人同意",
        revocable=True,
    ),
    Basis(
        code="separate_consent",
        text="Agreed to this one point apart from all others: passing data on, publishing, sensitive data, sending them abroad.",
        gdpr="Art. 9(2)(a), 49(1)(a)",
        pipl="Art. 23, 25, 26, 29, 39",
        pipl_term="单独同意",
        revocable=True,
    ),
    Basis(
        code="written_consent",
        text="Agreed to in writing, where a law asks for that.",
        gdpr=None,
        pipl="Art. 14, 29",
        pipl_term="书面同意",
        revocable=True,
    ),
    Basis(
        code="guardian_consent",
        text="A parent or guardian agreed for a child.",
        gdpr="Art. 8",
        pipl="Art. 31",
        pipl_term="监护人同意",
        revocable=True,
    ),
    Basis(
        code="contract",
        text="Needed for a contract with the person, or for what they asked for before one.",
        gdpr="Art. 6(1)(b)",
        pipl="Art. 13(2)",
        pipl_term="订立、履行合同所必需",
        revocable=False,
    ),
    Basis(
        code="legal_obligation",
        text="A law demands it.",
        gdpr="Art. 6(1)(c)",
        pipl="Art. 13(3)",
        pipl_term="履行法定职责或者法定义务所必需",
        revocable=False,
    ),
    Basis(
        code="vital_interests",
        text="Needed to protect somebody's life, health or, in an emergency, property.",
        gdpr="Art. 6(1)(d)",
        pipl="Art. 13(4)",
        pipl_term="应对突发公共卫生事件，或者紧急情况下保护自然人的生命健康和财产安全所必需",
        revocable=False,
    ),
    Basis(
        code="public_task",
        text="A task in the public interest.",
        gdpr="Art. 6(1)(e)",
        pipl="Art. 13(5)",
        pipl_term="为公共利益实施新闻报道、舆论监督等行为",
        revocable=True,
    ),
    Basis(
        code="legitimate_interest",
        text="Our interest outweighs theirs; they may object, and to direct marketing without a reason.",
        gdpr="Art. 6(1)(f), 21",
        pipl=None,
        pipl_term=None,
        revocable=True,
    ),
    Basis(
        code="made_public",
        text="The person published it, or it is lawfully public, and this stays within reason; they may refuse.",
        gdpr=None,
        pipl="Art. 13(6), 27",
        pipl_term="个人自行公开或者其他已经合法公开的个人信息",
        revocable=True,
    ),
    Basis(
        code="other_law",
        text="Another law or regulation allows it; say which one in `evidence`.",
        gdpr=None,
        pipl="Art. 13(7)",
        pipl_term="法律、行政法规规定的其他情形",
        revocable=False,
    ),
)

BASES: Final = MappingProxyType({basis.code: basis for basis in _ALL})
"""Every basis there is, by its code."""
