from __future__ import annotations

import pytest

from service.channels.china import as_answers, chinese_phone, utm_of


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("13800138000", "+8613800138000"),
        (13800138000, "+8613800138000"),
        ("138 0013-8000", "+8613800138000"),
        ("86 138 0013 8000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("0086-13800138000", "+8613800138000"),
        ("010-8888 6666", "+861088886666"),
        ("(0531) 8888666", "+865318888666"),
        ("13800138000,010-88886666", "+8613800138000, +861088886666"),
        ("13800138000、13900139000", "+8613800138000, +8613900139000"),
        # Not Chinese, or not known to be.
        ("+1 380 234 5678", "+1 380 234 5678"),
        ("+852 2345 6789", "+852 2345 6789"),
        ("88886666", "88886666"),
        ("12345", "12345"),
        ("微信同号", "微信同号"),
        ("", None),
        (",", None),
        ([], None),
        ({}, None),
    ],
)
def test_chinese_numbers_get_their_country_code(written: object, read: str | None) -> None:
    assert chinese_phone(written) == read


@pytest.mark.parametrize(
    ("address", "utm"),
    [
        ("https://x.example/p?utm_source=a&b=c&utm_term=%E8%8B%B1", {"utm_source": "a", "utm_term": "英"}),
        ("https://x.example/p", {}),
        ("http://[broken?utm_source=a", {}),
        (None, {}),
        ({}, {}),
    ],
)
def test_utm_parameters_are_read_off_an_address(address: object, utm: dict[str, str]) -> None:
    assert utm_of(address) == utm


@pytest.mark.parametrize("value", ["", "{", "[]", '{"a":', None, 1, ["a"]])
def test_answers_that_are_none_are_nothing(value: object) -> None:
    assert as_answers(value) == {}
