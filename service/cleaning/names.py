"""Names of people: taken apart and put together, never corrected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_HAN: Final = r"\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_CJK: Final = re.compile(rf"[{_HAN}\u3040-\u30ff\uac00-\ud7a3\s·・•]+")
_HAN_ONLY: Final = re.compile(rf"[{_HAN}]+")
_HANGUL_ONLY: Final = re.compile(r"[\uac00-\ud7a3]+")
_DOT: Final = re.compile(r"\s*[·・•]\s*")
_COMPOUND_SURNAMES: Final = """
欧阳 歐陽 司马 司馬 上官 诸葛 諸葛 东方 東方 皇甫 尉迟 尉遲 公孙 公孫 慕容 令狐 夏侯 司徒 司空 宇文 长孙 長孫 端木 南宫 南宮 独孤 獨孤
轩辕 軒轅 闻人 聞人 东郭 東郭 百里 呼延 澹台 拓跋 西门 西門 남궁 황보 제갈 사공 선우 독고 동방
"""
_TITLES: Final = """
mr mr. mrs mrs. ms ms. miss mx mx. sir madam dr dr. prof prof. professor herr frau hr hr. fr fr. dipl.-ing. dipl.-kfm. ing. mag.
monsieur madame mme m. señor señora sr sr. sra sra. signor signora sig. dott. dott.ssa
"""
_SUFFIXES: Final = """
jr jr. sr sr. ii iii iv phd ph.d. md m.d. mba m.b.a. esq esq. cpa msc m.sc. bsc b.sc. ma m.a. ba b.a. dds rn llm ll.m. pmp
"""
_PARTICLES: Final = """
von van vom zu zum zur de der den del della di da do dos das du des la le lo ter ten bin ibn al el ben bint af av st.
"""
_COMPOUND: Final = frozenset(_COMPOUND_SURNAMES.split())
_TITLE: Final = frozenset(_TITLES.split())
_SUFFIX: Final = frozenset(_SUFFIXES.split())
_PARTICLE: Final = frozenset(_PARTICLES.split())


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name as far as it is known: whole and in its two parts."""

    full: str | None
    first: str | None
    last: str | None


def clean_name(full: str | None, first: str | None, last: str | None) -> Name:
    """Return the name with what is missing of it derived from what was given; given parts are kept and never swapped."""
    if full is None:
        return Name(_join(first, last), first, last)
    if first is None and last is None:
        return Name(full, *_split(full))
    if first is None and last is not None:
        return Name(full, _without(full, last, at_start=_is_cjk(full)), last)
    if last is None and first is not None:
        return Name(full, first, _without(full, first, at_start=not _is_cjk(full)))
    return Name(full, first, last)


def _is_cjk(text: str) -> bool:
    return not text.isascii() and _CJK.fullmatch(text) is not None


def _join(first: str | None, last: str | None) -> str | None:
    if first and last:
        return last + first if _is_cjk(first) and _is_cjk(last) else f"{first} {last}"
    return first or last


def _without(full: str, part: str, *, at_start: bool) -> str | None:
    rest = full.removeprefix(part) if at_start else full.removesuffix(part)
    return (rest.strip(" ,") or None) if rest != full else None


def _split(full: str) -> tuple[str | None, str | None]:
    if _is_cjk(full):
        return _split_cjk(full)
    before, comma, after = full.partition(",")
    if comma and before.strip() and after.strip():
        if all(word.lower() in _SUFFIX for word in after.replace(",", " ").split()):
            return _split_words(before)
        if "," not in after:
            return " ".join(_without_titles(after.split())) or None, before.strip()
    return _split_words(full)


def _without_titles(words: list[str]) -> list[str]:
    start = next((index for index, word in enumerate(words) if word.lower() not in _TITLE), len(words))
    return words[start:]


def _split_words(full: str) -> tuple[str | None, str | None]:
    words = full.replace(",", " ").split()
    named = _without_titles(words)
    while len(named) > 2 and named[-1].lower() in _SUFFIX:
        named.pop()
    if len(named) < 2:
        # "Herr Schmidt" gives a last name, "Anna" alone a first one.
        return (None, " ".join(named) or None) if len(named) < len(words) else (" ".join(named) or None, None)
    # The first word is the first name even where it looks like a particle (Al Gore, Ben Stiller).
    start = next((index for index in range(1, len(named) - 1) if named[index].lower() in _PARTICLE), len(named) - 1)
    return " ".join(named[:start]), " ".join(named[start:])


def _split_cjk(full: str) -> tuple[str | None, str | None]:
    dotted = _DOT.split(full)
    if len(dotted) > 1:
        # A foreign name in Chinese or Japanese letters keeps its own order: 约翰·史密斯.
        return " ".join(dotted[:-1]) or None, dotted[-1] or None
    words = full.split()
    if len(words) > 1:
        return " ".join(words[1:]), words[0]
    if not (_HAN_ONLY.fullmatch(full) or _HANGUL_ONLY.fullmatch(full)):
        return None, None
    surname = 2 if full[:2] in _COMPOUND and len(full) > 2 else 1
    # Longer ones may be Japanese or no person at all: better left whole than torn at the wrong place.
    return (full[surname:], full[:surname]) if 2 <= len(full) <= surname + 2 else (None, None)
