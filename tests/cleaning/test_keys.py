from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cleaning.companies import company_key
from service.cleaning.mailbox import mailbox_key


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("anna.schmidt@firma.de", "anna.schmidt@firma.de"),
        ("anna+fair@firma.de", "anna@firma.de"),
        ("anna+fair+2@firma.de", "anna@firma.de"),
        # A tag of nothing is a name.
        ("+49301234@firma.de", "+49301234@firma.de"),
        ("A.Schmidt+x@gmail.com".lower(), "aschmidt@gmail.com"),
        ("a.schmidt@googlemail.com", "aschmidt@gmail.com"),
        ("anna-news@yahoo.de", "anna@yahoo.de"),
        ("anna-news@outlook.com", "anna-news@outlook.com"),
        ("anna+news@outlook.com", "anna@outlook.com"),
        ("anna_b.c@protonmail.com", "annabc@proton.me"),
        ("anna@me.com", "anna@icloud.com"),
        ("anna.b@ya.ru", "anna-b@yandex.ru"),
        # One account, but not one mailbox: these are sold as different ones.
        ("12345@qq.com", "12345@qq.com"),
        ("12345@foxmail.com", "12345@foxmail.com"),
        ("...@gmail.com", "...@gmail.com"),
    ],
)
def test_a_mailbox_has_one_key(email: str, key: str) -> None:
    assert mailbox_key(email) == key
    assert mailbox_key(key) == key


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (
            "mueller soehne",
            ["Müller & Söhne GmbH", "MUELLER UND SOEHNE", "Müller & Söhne G.m.b.H. & Co. KG", "Mu\u0308ller + Söhne oHG"],
        ),
        ("acme", ["Acme", "ACME, Inc.", "Acme Corp.", "acme corporation", "The Acme Company", "Acme Holdings Ltd", "Acme Pty. Ltd."]),
        ("nestle", ["Nestlé S.A.", "NESTLE S. A.", "Nestle SA", "S.A. Nestlé"]),
        ("loreal", ["L'Oréal", "L’Oreal S.A."]),
        ("at&t", ["AT&T Inc.", "at&t"]),
        ("maersk", ["Mærsk A/S", "MAERSK"]),
        ("kowalski", ["Kowalski sp. z o.o.", "KOWALSKI Sp. z o. o."]),
        ("ромашка", ["ООО «Ромашка»", 'ООО "РОМАШКА"']),
        ("telkom indonesia", ["PT Telkom Indonesia (Persero) Tbk".replace(" (Persero)", ""), "Telkom Indonesia"]),
        ("华为技术", ["华为技术有限公司", "华为技术", "华为技术集团有限公司", "华为技术股份有限公司"]),
        ("腾讯科技深圳", ["腾讯科技（深圳）有限公司", "腾讯科技(深圳)"]),
        ("トヨタ自動車", ["トヨタ自動車株式会社", "株式会社 トヨタ自動車", "㈱トヨタ自動車", "（株）トヨタ自動車"]),
        ("삼성전자", ["삼성전자 주식회사", "(주)삼성전자"]),
        # Nothing but a form is a name after all.
        ("gmbh", ["GmbH"]),
        ("公司", ["公司"]),
        (None, ["", " ", "—", "._."]),
    ],
)  # fmt: skip
def test_a_company_has_one_key_however_it_is_written(key: str | None, names: list[str]) -> None:
    assert {company_key(name) for name in names} == {key}


@given(st.text(max_size=60) | st.from_regex(r"[\w &.,'()株式会社有限公司-]{1,30}"))
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    key = company_key(name)
    assert key is None or company_key(key) == key


@given(
    st.from_regex(r"[a-z0-9.+_-]{1,20}", fullmatch=True),
    st.sampled_from(["gmail.com", "ya.ru", "pm.me", "yahoo.de", "firma.de"]),
)
def test_the_key_of_a_mailbox_is_its_own(local: str, domain: str) -> None:
    key = mailbox_key(f"{local}@{domain}")
    assert mailbox_key(key) == key
    assert key.partition("@")[0]
