"""Names of companies: a key to compare them by, without legal form, case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# What stood before a legal form may be one itself.
_ROUNDS: Final = 8
# As they look with dots gone and in lower case. In front of a name they stand in some countries, behind it nearly everywhere.
_FORMS: Final = """
gmbh ggmbh mbh gesmbh ges ag kg kgaa ohg gbr ug haftungsbeschraenkt ev eg se partg partgmbb ek ekfm ekfr gmbhcokg cokg
ltd limited llc llp lllp lp plc inc incorporated corp corporation co company pllc cic nfp sa sas sasu sarl eurl sci snc
scop sca spa as srl srls sapa sl slu sll sau sc sccl sau cv sapi sab bv nv vof bvba srl sprl scrl asbl vzw ab hb as asa
ans aps ivs oy oyj ky ry tmi hf ehf spzoo sp z oo spj spk sro kft bt zrt nyrt rt doo dd ad ood eood srl ltda eireli mei
epp pty ptyltd pte pteltd pvt private proprietary bhd sdn sdnbhd berhad tbk jsc ojsc cjsc pjsc llc ooo oao zao pao ао
ооо оао зао пао ип sti ltdsti anonim kk kabushiki kaisha gk holding holdings group gruppe groupe grupo gruppo
international intl
"""
_BEHIND: Final = frozenset(_FORMS.split())
_FORMS_IN_FRONT: Final = """
the firma pt cv sa sas sarl spa aktiebolaget ooo oao zao pao ооо оао зао пао ао ип tov тов
"""
_IN_FRONT: Final = frozenset(_FORMS_IN_FRONT.split())
# Said or left out as one likes.
_AND: Final = """
and und et y e og och en i &
"""
_JOINING: Final = frozenset(_AND.split())
_CJK_FORMS: Final = re.compile(
    r"股份有限公司|有限責任公司|有限责任公司|集团有限公司|集團有限公司|有限公司|集团公司|股份公司|分公司|总公司|公司|集团|集團"
    r"|株式会社|有限会社|合同会社|合資会社|合名会社|一般社団法人|一般財団法人|\(株\)|\(有\)|\(同\)"
    r"|주식회사|유한회사|유한책임회사|\(주\)|\(유\)"
)
_SP_ZOO: Final = re.compile(r"\bsp\W*z\W*o\W*o\b")
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]")
_ABBREVIATED: Final = re.compile(r"(?<=\b\w)\.(?=\w\b|\s|$)|(?<=\w)['’`´](?=\w)")
_OTHER: Final = re.compile(r"[^\w&]+|_+")
_SPELLED_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "æ": "ae", "œ": "oe", "å": "aa", "ł": "l", "đ": "d", "ı": "i"})  # fmt: skip


@lru_cache(maxsize=65_536)
def company_key(name: str) -> str | None:
    """Return what is left of a company's name to compare by, or None if that is nothing: ``Müller & Söhne GmbH`` is ``mueller soehne``.

    Legal forms of many countries are dropped (``GmbH & Co. KG``, ``S.A.``, ``Pty Ltd``, ``有限公司``, ``株式会社``), and words like
    "group" and "holding" at the end. A name that is nothing else stays. A key's key is the key.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    key = _key(text)
    for _ in range(_ROUNDS):
        again = _key(key) if key else None
        if again == key:
            break
        key = again
    return key


def _key(text: str) -> str | None:
    if _CJK.search(text):
        text = _CJK_FORMS.sub(" ", text) if _CJK_FORMS.sub("", text).strip(" ()") else text
    plain = unicodedata.normalize(
        "NFKC", _without_accents(_ABBREVIATED.sub("", _SP_ZOO.sub("spzoo", text)).translate(_SPELLED_OUT))
    )
    words = _joined(_OTHER.sub(" ", plain).split())
    words = [word for index, word in enumerate(words) if word not in _JOINING or not index]
    while len(words) > 1 and words[-1] in _BEHIND:
        words.pop()
    while len(words) > 1 and words[0] in _IN_FRONT:
        words.pop(0)
    return _put_together(words) or None


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    # Only of letters whose accent is an ornament: in Japanese and Korean the marks make another letter.
    return "".join(
        unicodedata.normalize("NFD", letter)[0] if unicodedata.normalize("NFD", letter)[1:2] > "" and letter < "\u2000" else letter
        for letter in unicodedata.normalize("NFC", text)
    )  # fmt: skip


def _joined(words: list[str]) -> list[str]:
    """Put letters that stand alone together: "s a" is "sa"."""
    joined: list[str] = []
    was_letter = False
    for word in words:
        is_letter = len(word) == 1 and word.isalpha() and not _CJK.match(word)
        if is_letter and was_letter:
            joined[-1] += word
        else:
            joined.append(word)
        was_letter = is_letter
    return joined


def _put_together(words: list[str]) -> str:
    text = " ".join(words)
    return text.replace(" ", "") if _CJK.search(text) and not re.search(r"[a-z]", text) else text
