"""Regions of countries (ISO 3166-2): states, provinces, counties, under one name each."""

from __future__ import annotations

import gettext
import re
import unicodedata
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

_LIMIT: Final = 80
_CODE: Final = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,3}")
_NO_LETTER: Final = re.compile(r"[\W_]+")
_VARIANTS: Final = re.compile(r"\s*[\[\]()/]\s*|\s+[-–]\s+")
# What a region is, said behind or before its name.
_KINDS: Final = re.compile(
    r"^(?:state of|province of|county of|land|provincia di|provincia de|estado de|canton of|kanton|canton)\s+"
    r"|\s+(?:state|province|county|prefecture|oblast'?|krai|sheng|shi|zizhiqu|do|gwangyeoksi|teukbyeolsi|district|region|canton)$"
    r"|(?:壮族|回族|维吾尔)?自治区$|特别行政区$|特別行政區$|(?<=..)[省市县縣都府県州도시]$"
)
# The languages whose names for the world's regions we know besides the regions' own.
_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pl", "ja", "ko", "ru", "zh_CN", "zh_TW")
# The names its own people use, where ISO only writes them in other letters.
_NAMES: Final = {
    "CN-AH": "安徽", "CN-BJ": "北京", "CN-CQ": "重庆", "CN-FJ": "福建", "CN-GD": "广东", "CN-GS": "甘肃", "CN-GX": "广西", "CN-GZ": "贵州",
    "CN-HA": "河南", "CN-HB": "湖北", "CN-HE": "河北", "CN-HI": "海南", "CN-HK": "香港", "CN-HL": "黑龙江", "CN-HN": "湖南", "CN-JL": "吉林",
    "CN-JS": "江苏", "CN-JX": "江西", "CN-LN": "辽宁", "CN-MO": "澳门", "CN-NM": "内蒙古", "CN-NX": "宁夏", "CN-QH": "青海", "CN-SC": "四川",
    "CN-SD": "山东", "CN-SH": "上海", "CN-SN": "陕西", "CN-SX": "山西", "CN-TJ": "天津", "CN-TW": "台湾", "CN-XJ": "新疆", "CN-XZ": "西藏",
    "CN-YN": "云南", "CN-ZJ": "浙江",
}  # fmt: skip
# What others call them, and no list we have says.
_ALIASES: Final = {
    "DE-NI": "Lower Saxony", "DE-SN": "Saxony", "DE-ST": "Saxony-Anhalt", "DE-TH": "Thuringia", "DE-HE": "Hesse", "DE-RP": "Rhineland-Palatinate",
    "DE-NW": "North Rhine-Westphalia|NRW", "DE-MV": "Mecklenburg-Western Pomerania|Meck-Pomm", "DE-BW": "BaWü|Baden Wuerttemberg",
    "AT-9": "Vienna", "AT-6": "Styria", "AT-2": "Carinthia", "AT-3": "Lower Austria", "AT-4": "Upper Austria", "AT-7": "Tyrol",
    "CH-ZH": "Zurich", "CH-GE": "Geneva|Genf", "CH-BE": "Bern", "CH-LU": "Lucerne", "CH-VD": "Waadt", "CH-VS": "Wallis", "CH-TI": "Tessin",
    "IT-25": "Lombardy|Lombardei", "IT-52": "Tuscany|Toskana", "IT-21": "Piedmont|Piemont", "IT-82": "Sicily|Sizilien", "IT-88": "Sardinia",
    "IT-62": "Latium", "IT-75": "Apulia", "ES-CT": "Catalonia|Katalonien", "ES-AN": "Andalusia|Andalusien", "ES-PV": "Basque Country",
    "FR-BRE": "Brittany", "FR-NOR": "Normandy", "FR-COR": "Corsica", "FR-IDF": "Ile de France", "NL-NH": "North Holland", "NL-ZH": "South Holland",
    "BE-VLG": "Flanders|Vlaanderen|Flandern", "BE-WAL": "Wallonia|Wallonie", "BE-BRU": "Brussels|Bruxelles|Brüssel|Brussel",
    "CN-GD": "Canton", "CN-XZ": "Tibet", "CN-NM": "Inner Mongolia", "US-DC": "Washington DC|DC|Washington D.C.",
}  # fmt: skip


class Region(NamedTuple):
    """A region by the name its country has for it, with the country (alpha-2) where only the region's own code told it."""

    name: str
    country: str | None


@lru_cache(maxsize=16_384)
def clean_region(text: str, country: str | None) -> Region:
    """Return a region under its one name: ``CA``, ``US-CA`` and ``Kalifornien`` of US are ``California``, ``Bavaria`` of DE is ``Bayern``.

    Without a country only a whole code (``US-CA``) says which region is meant. What no list knows stays as it is.
    """
    if len(text) > _LIMIT:
        return Region(text, country)
    code = _CODE.fullmatch(text.upper())
    told = country
    if code is not None and country in {None, code[1]}:
        told = code[1]
    if told is None:
        return Region(text, None)
    known = _known(told)
    folded = _folded(text)
    name = known.get(text.lower()) or known.get(folded) or known.get(_bare(text))
    return Region(text, country) if name is None else Region(name, told)


@cache
def _known(country: str) -> dict[str, str]:
    """Return the regions of a country by their codes and by all their names, folded."""
    # Imported when the first region is cleaned: it reads its tables from disk.
    import pycountry

    found: dict[str, str] = {}
    subdivisions = sorted((one for one in pycountry.subdivisions if one.country_code == country), key=_code_of)
    for one in subdivisions:
        names = _VARIANTS.split(one.name)
        name = _NAMES.get(one.code, names[0])
        found[one.code.lower()] = found[one.code.lower()[3:]] = name
    # A region's own name means it, whatever another one is called besides or elsewhere.
    own = [(one, [found[one.code.lower()], one.name]) for one in subdivisions]
    variants = [(one, _VARIANTS.split(one.name)) for one in subdivisions]
    foreign = [
        (one, [*_ALIASES.get(one.code, "").split("|"), *(known.gettext(one.name) for known in _translations())])
        for one in subdivisions
    ]
    for spellings in (own, variants, foreign):
        for fold in (_folded, _bare):
            for one, names in spellings:
                for spelling in names:
                    if key := fold(spelling):
                        found.setdefault(key, found[one.code.lower()])
    return found


def _code_of(subdivision: Any) -> str:
    code: str = subdivision.code
    return code


@cache
def _translations() -> list[gettext.NullTranslations]:
    import pycountry

    return [
        gettext.translation("iso3166-2", pycountry.LOCALES_DIR, languages=[language], fallback=True)
        for language in _LANGUAGES
    ]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace(".", "")).casefold()
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter) or letter > "\u2000")
    return _NO_LETTER.sub(" ", unicodedata.normalize("NFC", letters)).strip()


def _bare(text: str) -> str:
    return _KINDS.sub("", _folded(text)).strip()
