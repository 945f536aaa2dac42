from __future__ import annotations

import nameparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cleaning.names import clean_name


@pytest.mark.parametrize(
    ("full", "first", "last"),
    [
        ("Anna Schmidt", "Anna", "Schmidt"),
        ("Anna Maria Schmidt", "Anna Maria", "Schmidt"),
        ("Schmidt, Anna", "Anna", "Schmidt"),
        ("Dr. Anna von der Heide", "Anna", "von der Heide"),
        ("Prof. Dr. Jürgen Müller", "Jürgen", "Müller"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Leonardo da Vinci", "Leonardo", "da Vinci"),
        ("Al Gore", "Al", "Gore"),
        ("Martin Luther King Jr.", "Martin Luther", "King"),
        ("Anna Schmidt, PhD", "Anna", "Schmidt"),
        ("Herr Schmidt", None, "Schmidt"),
        ("Anna", "Anna", None),
        ("Anna Schmidt (Einkauf)", "Anna", "Schmidt"),
        ("Max Mustermann geb. Meier", "Max", "Mustermann"),
        ("van Beethoven, Ludwig", "Ludwig", "van Beethoven"),
        ("Mr. and Mrs. Smith", None, "Smith"),
        ("Juan Q. Xavier de la Vega III", "Juan Q. Xavier", "de la Vega"),
        ("Jack Ma", "Jack", "Ma"),
        ("Schmidt Anna", "Schmidt", "Anna"),
        ("张三", "三", "张"),
        ("王小明", "小明", "王"),
        ("欧阳娜娜", "娜娜", "欧阳"),
        ("诸葛亮", "亮", "诸葛"),
        ("张 三", "三", "张"),
        ("约翰·史密斯", "约翰", "史密斯"),
        ("山田 太郎", "太郎", "山田"),
        ("山田太郎", None, None),
        ("김민수", "민수", "김"),
        ("남궁민", "민", "남궁"),
        ("Nguyễn Văn An", "Nguyễn Văn", "An"),
    ],
)
def test_a_full_name_is_taken_apart(full: str, first: str | None, last: str | None) -> None:
    name = clean_name(full, None, None)
    assert (name.full, name.first, name.last) == (full, first, last)


@pytest.mark.parametrize(
    ("shouted", "full", "first", "last"),
    [
        ("SCHMIDT ANNA", "Schmidt Anna", "Schmidt", "Anna"),
        ("ANNA VON DER HEIDE", "Anna von der Heide", "Anna", "von der Heide"),
        ("RONALD MCDONALD-O'NEILL II", "Ronald McDonald-O'Neill II", "Ronald", "McDonald-O'Neill"),
        ("DR. JÜRGEN MÜLLER, PHD", "Dr. Jürgen Müller, PhD", "Jürgen", "Müller"),
        ("İSMAİL ÇELİK", "İsmail Çelik", "İsmail", "Çelik"),
        ("ΓΙΏΡΓΟΣ ΠΑΠΑΔΌΠΟΥΛΟΣ", "Γιώργος Παπαδόπουλος", "Γιώργος", "Παπαδόπουλος"),
        ("LI NA", "Li Na", "Li", "Na"),
        # Initials, and what was not shouted.
        ("JP", "JP", "JP", None),
        ("Anna SCHMIDT", "Anna SCHMIDT", "Anna", "SCHMIDT"),
        ("anna schmidt", "anna schmidt", "anna", "schmidt"),
    ],
)
def test_capitals_become_ordinary_letters(shouted: str, full: str, first: str | None, last: str | None) -> None:
    name = clean_name(shouted, None, None)
    assert (name.full, name.first, name.last) == (full, first, last)
    assert clean_name(name.full, name.first, name.last) == name


def test_shouted_parts_are_lowered_only_together() -> None:
    assert clean_name(None, "ANNA", "SCHMIDT").full == "Anna Schmidt"
    assert clean_name(None, "JP", "Morgan").full == "JP Morgan"
    assert clean_name(None, "Anna", "SCHMIDT").last == "SCHMIDT"


_words = st.sampled_from(
    ["Anna", "Schmidt", "Maria", "Öztürk", "von", "der", "de", "la", "Dr.", "Prof.", "Herr", "PhD", "Jr.", "King", "Ma", "Q.", "(Ede)", "and",
     "geb.", "Müller-Lüdenscheidt", "O'Neill", "III", "van", "Sir", "al"],
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(_words, min_size=1, max_size=6), st.integers(0, 6))
def test_a_pattern_is_taken_apart_as_the_library_would_the_name(words: list[str], comma: int) -> None:
    full = " ".join(word + "," * (index == comma) for index, word in enumerate(words))
    parsed = nameparser.parse(full)
    name = clean_name(full, None, None)
    assert (name.first, name.last) == (parsed.given_names or None, parsed.family or None)


@pytest.mark.parametrize(
    ("first", "last", "full"),
    [
        ("Anna", "Schmidt", "Anna Schmidt"),
        ("Anna", None, "Anna"),
        (None, "Schmidt", "Schmidt"),
        ("三", "张", "张三"),
        ("San", "张", "San 张"),
        (None, None, None),
    ],
)
def test_parts_are_put_together(first: str | None, last: str | None, full: str | None) -> None:
    assert clean_name(None, first, last).full == full


@pytest.mark.parametrize(
    ("full", "first", "last", "expected"),
    [
        ("Anna Schmidt", "Anna", None, ("Anna", "Schmidt")),
        ("Anna Schmidt", None, "Schmidt", ("Anna", "Schmidt")),
        ("张三", "三", None, ("三", "张")),
        ("张三", None, "张", ("三", "张")),
        ("Anna Schmidt", "Bernd", None, ("Bernd", None)),
        # Swapped by whoever filled the form in: not ours to decide.
        ("Schmidt Anna", "Schmidt", "Anna", ("Schmidt", "Anna")),
    ],
)
def test_given_parts_are_kept(
    full: str, first: str | None, last: str | None, expected: tuple[str | None, str | None]
) -> None:
    name = clean_name(full, first, last)
    assert (name.first, name.last) == expected
    assert name.full == full


def test_a_part_of_a_word_is_no_part_of_a_name() -> None:
    assert clean_name("Annika Berg", "Ann", None).last is None
    assert clean_name("Ann Berg", "Ann", None).last == "Berg"
    once = clean_name("0🌀", None, None)
    assert clean_name(once.full, once.first, once.last) == once
