from __future__ import annotations

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from service.cleaning.numbering import quick_international, quick_national
from service.cleaning.phone import clean_phone

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = sorted(PhoneNumberType.values())


def by_library(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def test_every_region_s_examples_are_read_as_the_library_reads_them() -> None:
    asked = known = 0
    for region in REGIONS:
        for kind in KINDS:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None:
                continue
            for form in (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL):
                text = phonenumbers.format_number(number, form)
                quick = (
                    quick_national(text, region) if form == PhoneNumberFormat.NATIONAL else quick_international(text)
                )
                asked, known = asked + 1, known + (quick is not None)
                assert quick is None or quick == by_library(text, region), (region, text)
    # Worth its while: most numbers are nothing special.
    assert known / asked > 0.8


_changed = st.tuples(
    st.sampled_from(REGIONS),
    st.sampled_from(KINDS),
    st.integers(0, 14),
    st.sampled_from("0123456789"),
    st.integers(0, 3),
)


@settings(max_examples=1500, deadline=None)
@given(_changed, st.sampled_from(["", " ", "-", "(0)"]), st.booleans())
def test_numbers_nearly_right_too(changed: tuple[str, int, int, str, int], between: str, national: bool) -> None:
    region, kind, place, digit, cut = changed
    number = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    form = PhoneNumberFormat.NATIONAL if national else PhoneNumberFormat.E164
    text = phonenumbers.format_number(number, form)
    text = text[: place + 1] + digit + text[place + 2 :]
    text = text[: len(text) - cut]
    text = text[:3] + between + text[3:]
    quick = quick_national(text, region) if national else quick_international(text)
    assert quick is None or quick == by_library(text, region)


@settings(max_examples=500, deadline=None)
@given(st.from_regex(r"[+0]{0,2}[0-9]{5,13}", fullmatch=True), st.sampled_from(REGIONS))
def test_and_numbers_of_no_plan(text: str, region: str) -> None:
    for quick in (quick_national(text, region), quick_international(text)):
        assert quick is None or quick == by_library(text, region)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(REGIONS), st.sampled_from(KINDS))
def test_a_clean_number_stays(region: str, kind: int) -> None:
    number = phonenumbers.example_number_for_type(region, kind)
    if number is not None:
        clean = clean_phone(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL), (region,)).number
        assert clean_phone(clean).number == clean
