"""Countries: ISO 3166-1 alpha-2, from codes and names."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from service.cleaning.submission import Unusable

# What people write and ISO does not.
_ALIASES: Final = {
    "uk": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "great britain": "GB", "britain": "GB",
    "northern ireland": "GB", "usa": "US", "america": "US", "united states of america": "US", "us of a": "US", "u.s.": "US",
    "u.s.a.": "US", "russia": "RU", "south korea": "KR", "korea": "KR", "north korea": "KP", "vietnam": "VN",
    "taiwan": "TW", "hong kong": "HK", "macau": "MO", "macao": "MO", "czech republic": "CZ", "ivory coast": "CI", "iran": "IR",
    "syria": "SY", "laos": "LA", "moldova": "MD", "tanzania": "TZ", "venezuela": "VE", "bolivia": "BO", "brunei": "BN",
    "turkey": "TR", "türkiye": "TR", "holland": "NL", "the netherlands": "NL", "uae": "AE", "emirates": "AE",
    "swaziland": "SZ", "macedonia": "MK", "cape verde": "CV", "kosovo": "XK", "xk": "XK", "palestine": "PS", "vatican": "VA",
    "deutschland": "DE", "österreich": "AT", "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "frankreich": "FR",
    "italien": "IT", "italia": "IT", "spanien": "ES", "españa": "ES", "niederlande": "NL", "nederland": "NL", "belgien": "BE",
    "belgique": "BE", "belgië": "BE", "polen": "PL", "polska": "PL", "dänemark": "DK", "danmark": "DK", "schweden": "SE",
    "sverige": "SE", "norwegen": "NO", "norge": "NO", "finnland": "FI", "suomi": "FI", "tschechien": "CZ", "ungarn": "HU",
    "griechenland": "GR", "großbritannien": "GB", "vereinigtes königreich": "GB", "luxemburg": "LU", "brasil": "BR", "brasilien": "BR",
    "méxico": "MX", "mexiko": "MX", "türkei": "TR", "indien": "IN", "kanada": "CA", "vereinigte staaten": "US",
    "中国": "CN", "中國": "CN", "中国大陆": "CN", "中华人民共和国": "CN", "香港": "HK", "台湾": "TW", "台灣": "TW", "澳门": "MO", "澳門": "MO",
    "日本": "JP", "韩国": "KR", "韓國": "KR", "대한민국": "KR", "한국": "KR", "美国": "US", "美國": "US", "英国": "GB", "英國": "GB",
    "德国": "DE", "德國": "DE", "法国": "FR", "法國": "FR", "新加坡": "SG", "马来西亚": "MY", "泰国": "TH", "越南": "VN", "印度": "IN",
    "澳大利亚": "AU", "加拿大": "CA", "俄罗斯": "RU", "巴西": "BR", "印度尼西亚": "ID", "印尼": "ID", "意大利": "IT", "西班牙": "ES",
}  # fmt: skip


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    # Imported when the first country is cleaned: it reads its tables from disk.
    import pycountry

    found: dict[str, str] = {}
    for country in pycountry.countries:
        names = (
            country.alpha_2,
            country.alpha_3,
            country.name,
            getattr(country, "common_name", None),
            getattr(country, "official_name", None),
        )
        found.update({name.lower(): country.alpha_2 for name in names if name})
    return found | _ALIASES


@lru_cache(maxsize=4096)
def clean_country(raw: str) -> str:
    """Return a country's alpha-2 code from a code (alpha-2, alpha-3) or a name, or raise `Unusable`."""
    code = _codes().get(" ".join(raw.lower().split()).removesuffix("."))
    if code is None:
        raise Unusable("is not a country: give its ISO 3166-1 code of two letters, like DE")
    return code
