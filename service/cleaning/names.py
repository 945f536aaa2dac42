"""Names of people: taken apart, put together, and put into ordinary letters where somebody shouted; never corrected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import nameparser

_HAN: Final = r"\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_CJK: Final = re.compile(rf"[{_HAN}\u3040-\u30ff\uac00-\ud7a3\s·・•]+")
_HAN_ONLY: Final = re.compile(rf"[{_HAN}]+")
_HANGUL_ONLY: Final = re.compile(r"[\uac00-\ud7a3]+")
_DOT: Final = re.compile(r"\s*[·・•]\s*")
_COMPOUND_SURNAMES: Final = """
欧阳 歐陽 司马 司馬 上官 诸葛 諸葛 东方 東方 皇甫 尉迟 尉遲 公孙 公孫 慕容 令狐 夏侯 司徒 司空 宇文 长孙 長孫 端木 南宫 南宮 独孤 獨孤
轩辕 軒轅 闻人 聞人 东郭 東郭 百里 呼延 澹台 拓跋 西门 西門 남궁 황보 제갈 사공 선우 독고 동방
"""
_COMPOUND: Final = frozenset(_COMPOUND_SURNAMES.split())
# Two letters alone are initials: JP, DJ.
_SHORTEST_SHOUT: Final = 3
_WORD: Final = re.compile(r"[^\W\d_]+")
_NUMERALS: Final = frozenset({"II", "III", "IV", "VI", "VII", "VIII"})
_USUAL_CASE: Final = {"PHD": "PhD", "MSC": "MSc", "BSC": "BSc", "DIPL": "Dipl", "MBA": "MBA", "MD": "MD", "CPA": "CPA"}
# Words that nothing is known of are all the same to the parser, so each pattern of words is parsed once.
_STAND_INS: Final = ("Xavera", "Xaverb", "Xaverc", "Xaverd", "Xavere", "Xaverf", "Xaverg", "Xaverh")


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name as far as it is known: whole and in its two parts."""

    full: str | None
    first: str | None
    last: str | None


def clean_name(full: str | None, first: str | None, last: str | None) -> Name:
    """Return the name with what is missing of it derived from what was given; given parts are never swapped.

    A name in nothing but capitals is put into ordinary letters.
    """
    if _is_shouted(full, first, last):
        full, first, last = _lowered(full), _lowered(first), _lowered(last)
    if full is None:
        return Name(_join(first, last), first, last)
    if first is None and last is None:
        return Name(full, *_split(full))
    if first is None and last is not None:
        return Name(full, _without(full, last, at_start=_is_cjk(full)), last)
    if last is None and first is not None:
        return Name(full, first, _without(full, first, at_start=not _is_cjk(full)))
    return Name(full, first, last)


def _is_shouted(full: str | None, first: str | None, last: str | None) -> bool:
    for part in (full, first, last):
        if part and not part.isupper():
            return False
    whole = full or f"{first or ''}{last or ''}"
    return sum(letter.isalpha() for letter in whole) >= _SHORTEST_SHOUT


def _lowered(text: str | None) -> str | None:
    """Return a name without its capitals but for the first letters: ``RONALD VON MCDONALD-O'NEILL II`` → ``Ronald von McDonald-O'Neill II``."""
    if text is None:
        return None
    particles = _vocabulary()[1]

    def lowered(found: re.Match[str]) -> str:
        word = found[0]
        if word in _NUMERALS:
            return word
        if found.start() and word.lower() in particles and text[found.start() - 1] == " " and found.end() < len(text):
            return word.lower()
        if usual := _USUAL_CASE.get(word):
            return usual
        if word.startswith("MC") and len(word) > _SHORTEST_SHOUT:
            return "Mc" + word[2] + word[3:].lower()
        # What follows an apostrophe is short only where it is an ending: DON'T, but O'NEILL.
        is_ending = found.start() and text[found.start() - 1] in "'’" and len(word) < _SHORTEST_SHOUT
        return word.lower() if is_ending else word[0] + word[1:].lower()

    # Python writes a small İ as an i with a dot above it.
    return _WORD.sub(lowered, text).replace("i\u0307", "i")


def _is_cjk(text: str) -> bool:
    return not text.isascii() and _CJK.fullmatch(text) is not None


def _join(first: str | None, last: str | None) -> str | None:
    if first and last:
        return last + first if _is_cjk(first) and _is_cjk(last) else f"{first} {last}"
    return first or last


def _without(full: str, part: str, *, at_start: bool) -> str | None:
    rest = full.removeprefix(part) if at_start else full.removesuffix(part)
    # Between words there is a space or a comma, but for Chinese, Japanese and Korean names: Ann is no part of Annika.
    edge = rest[:1] if at_start else rest[-1:]
    if rest == full or not (edge in {" ", ","} or _is_cjk(full)):
        return None
    return rest.strip(" ,") or None


def _split(full: str) -> tuple[str | None, str | None]:
    if _is_cjk(full):
        return _split_cjk(full)
    words = full.split(" ")
    stand_ins: dict[str, str] = {}
    shape = []
    known = _vocabulary()[0]
    for word in words:
        core = word.removesuffix(",")
        if len(stand_ins) < len(_STAND_INS) and core.istitle() and core.isalpha() and core.lower() not in known:
            stand_in = _STAND_INS[len(stand_ins)]
            stand_ins[stand_in] = core
            word = stand_in + word[len(core) :]  # noqa: PLW2901 - what stands for the word
        shape.append(word)
    first, last = _parsed(" ".join(shape))
    return _put_back(first, stand_ins), _put_back(last, stand_ins)


def _put_back(text: str, stand_ins: dict[str, str]) -> str | None:
    return " ".join([stand_ins.get(word, word) for word in text.split()]) or None


@lru_cache(maxsize=8192)
def _parsed(shape: str) -> tuple[str, str]:
    name = nameparser.parse(shape)
    return name.given_names, name.family


@cache
def _vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """Return the words that tell the parser something, and those that are written small inside a name."""
    lexicon = nameparser.Lexicon.default()
    telling = [
        getattr(lexicon, name) for name in lexicon.__dataclass_fields__ if isinstance(getattr(lexicon, name), frozenset)
    ]
    return frozenset().union(*telling), frozenset(word for word in lexicon.particles if word.isalpha())


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
