from __future__ import annotations

import pytest

from service.cleaning.email import clean_email
from service.cleaning.submission import Unusable


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("anna@firma.de", "anna@firma.de"),
        ("  Anna.Schmidt@FIRMA.de \n", "anna.schmidt@firma.de"),
        ("anna+fair@firma.de", "anna+fair@firma.de"),
        ("o'neill@example.co.uk", "o'neill@example.co.uk"),
        ("Anna Schmidt <anna@firma.de>", "anna@firma.de"),
        ("mailto:anna@firma.de", "anna@firma.de"),
        ("mailto:anna@firma.de?subject=Hi", "anna@firma.de"),
        ("anna@firma.de; bernd@firma.de", "anna@firma.de"),
        ("anna@firma.de,", "anna@firma.de"),
        # One mailbox, however its domain is spelled.
        ("jürgen@müller.de", "jürgen@xn--mller-kva.de"),
        ("info@MÜLLER.de", "info@xn--mller-kva.de"),
        ("info@xn--mller-kva.de", "info@xn--mller-kva.de"),
        ("联系@公司.中国", "联系@xn--55qx5d.xn--fiqs8s"),
        # Full-width letters from a Chinese keyboard.
        ("ｚｈａｎｇ＠ｑｑ．ｃｏｍ", "zhang@qq.com"),
        ("12345678@qq.com", "12345678@qq.com"),
        # Names reserved for documentation and tests are syntactically fine.
        ("anna@nordwind.example", "anna@nordwind.example"),
        ("anna@shop.test", "anna@shop.test"),
    ],
)
def test_it_works(raw: str, clean: str) -> None:
    assert clean_email(raw) == clean
    assert clean_email(clean) == clean


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        ("anna", "@ sign"),
        ("@firma.de", "before"),
        ("anna@", "after"),
        ("anna@firma", "period"),
        ("anna@firma..de", "period"),
        ("anna..schmidt@firma.de", "period"),
        (".anna@firma.de", "period"),
        ("anna@-firma.de", "hyphen"),
        ("anna@firma_.de", "character"),
        ("anna@localhost", "period"),
        ("a" * 65 + "@firma.de", "64"),
        ("a@" + "b" * 64 + ".de", "63"),
        ("a" * 60 + "@" + "bb." * 70 + "de", "too long"),
        ("a" * 400 + "@firma.de", "320"),
        ("n/a", "@ sign"),
        ("anna@[127.0.0.1]", ""),
        ('"anna schmidt"@firma.de', ""),
    ],
)
def test_what_cannot_be_used_is_explained(raw: str, detail: str) -> None:
    with pytest.raises(Unusable) as refusal:
        clean_email(raw)
    assert detail in str(refusal.value)
