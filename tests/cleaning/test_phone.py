from __future__ import annotations

import pytest

from service.cleaning.phone import clean_phone
from service.cleaning.submission import Unusable


@pytest.mark.parametrize(
    ("raw", "regions", "number"),
    [
        # Germany
        ("+49 30 901820", (), "+4930901820"),
        ("0049 30 901820", (), "+4930901820"),
        ("+49 (0)30 901820", (), "+4930901820"),
        ("030 / 90 18 20", ("DE",), "+4930901820"),
        ("030-901820", ("DE",), "+4930901820"),
        ("0151 23456789", ("DE",), "+4915123456789"),
        ("4915123456789", ("DE",), "+4915123456789"),
        ("4915123456789", (), "+4915123456789"),
        # China
        ("13800138000", ("CN",), "+8613800138000"),
        ("138 0013 8000", ("CN",), "+8613800138000"),
        ("+86 138 0013 8000", (), "+8613800138000"),
        ("86-13800138000", ("CN",), "+8613800138000"),
        ("１３８００１３８０００", ("CN",), "+8613800138000"),
        ("010-62552222", ("CN",), "+861062552222"),
        # United States
        ("(415) 555-2671", ("US",), "+14155552671"),
        ("415.555.2671", ("US",), "+14155552671"),
        ("1-415-555-2671", ("US",), "+14155552671"),
        ("+1 415 555 2671", ("DE",), "+14155552671"),
        ("tel:+1-415-555-2671", (), "+14155552671"),
        # United Kingdom
        ("07911 123456", ("GB",), "+447911123456"),
        ("020 7031 3000", ("GB",), "+442070313000"),
        ("+44 (0) 20 7031 3000", (), "+442070313000"),
        ("447911123456", (), "+447911123456"),
        # The lead's own country first, then the channel's.
        ("079 123 45 67", ("CH", "DE"), "+41791234567"),
        ("030 901820", ("US", "DE"), "+4930901820"),
    ],
)
def test_it_works(raw: str, regions: tuple[str, ...], number: str) -> None:
    assert clean_phone(raw, regions).number == number
    assert clean_phone(number).number == number


@pytest.mark.parametrize(
    ("raw", "extension"),
    [
        ("+49 30 901820 ext. 12", "12"),
        ("+1 415 555 2671 x345", "345"),
        ("tel:+1-415-555-2671;ext=345", "345"),
        ("+1 415 555 2671,,345", "345"),
    ],
)
def test_an_extension_is_dropped_and_noted(raw: str, extension: str) -> None:
    assert clean_phone(raw).extension == extension


@pytest.mark.parametrize(
    ("raw", "others"),
    [
        ("030 901820,0151 23456789", "0151 23456789"),
        ("030 901820; 0151 23456789; 0171 2345678", "0151 23456789, 0171 2345678"),
        ("030 901820 oder 0151 23456789", "0151 23456789"),
        ("030 901820、0151 23456789", "0151 23456789"),
        ("000000, 030 901820", "000000"),
    ],
)
def test_the_first_usable_of_several_is_taken(raw: str, others: str) -> None:
    phone = clean_phone(raw, ("DE",))
    assert phone.number == "+4930901820"
    assert phone.others == others


def test_a_possible_number_of_no_known_range_is_marked() -> None:
    assert clean_phone("+1 555 123 4567").assigned is False
    assert clean_phone("+1 415 555 2671").assigned is True


@pytest.mark.parametrize(
    ("raw", "regions", "detail"),
    [
        ("", (), "digits"),
        ("call me", (), "digits"),
        ("12", ("DE",), "few digits"),
        ("030 901820", (), "country code"),
        ("415 555 2671", (), "country code"),
        ("12345", ("DE",), "not a phone number of DE"),
        ("+999 123456", (), "country code"),
        ("+49 1", (), ""),
        ("+1 415 555", (), "few or too many digits"),
        ("+1 415 555 2671 2671 2671", (), "digits"),
        ("+49 1111111111", (), "placeholder"),
        ("+1 000 000 0000", (), ""),
        ("1" * 300, (), "250"),
    ],
)
def test_what_cannot_be_used_is_explained(raw: str, regions: tuple[str, ...], detail: str) -> None:
    with pytest.raises(Unusable) as refusal:
        clean_phone(raw, regions)
    assert detail in str(refusal.value)
