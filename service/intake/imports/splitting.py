"""From text to pieces of whole records, small enough for one transaction each."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from service.core.errors import Invalid

MOST_RECORDS: Final = 1000
_MOST_CHARACTERS: Final = 1 << 20
_LONGEST_FIELD: Final = 256 << 10
_DELIMITERS: Final = (",", ";", "\t", "|")
_MOST_COLUMNS: Final = 1000
_SNIFFED_LINES: Final = 20
_HINT: Final = "sep="

csv.field_size_limit(_LONGEST_FIELD)


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records: ``first_row`` is the row of the first one in the file, ``filled`` how many of the ``records`` are not empty."""

    first_row: int
    records: int
    filled: int
    text: str


class LineSplitter:
    """Splits lines of JSON."""

    header: list[str] | None = None
    delimiter: str | None = None

    def __init__(self) -> None:
        self._held = ""
        self._row = 1

    def feed(self, text: str, *, final: bool = False) -> Iterator[Piece]:
        """Yield the pieces that are complete."""
        self._held += text
        lines = self._held.split("\n")
        self._held = "" if final else lines.pop()
        if len(self._held) > _MOST_CHARACTERS:
            raise Invalid("", f"line {self._row + len(lines)} is longer than {_MOST_CHARACTERS} characters")
        kept = iter(lines)
        while some := list(islice(kept, MOST_RECORDS)):
            filled = sum(1 for line in some if line and not line.isspace())
            if filled:
                yield Piece(self._row, len(some), filled, "\n".join(some) + "\n")
            self._row += len(some)


class TableSplitter:
    """Splits comma- (or semicolon-, tab-, bar-) separated records; quoted fields may hold line breaks. Finds header and delimiter."""

    def __init__(self, delimiter: str | None = None) -> None:
        self.delimiter = delimiter
        self.header: list[str] | None = None
        self._held = ""
        self._row = 1

    def feed(self, text: str, *, final: bool = False) -> Iterator[Piece]:
        """Yield the pieces that are complete; the last record is held back until something follows it."""
        self._held += text
        if not final and len(self._held) < _MOST_CHARACTERS:
            return
        if self.delimiter is None:
            self._find_delimiter()
        lines = list(io.StringIO(self._held, newline=""))
        ends, filled = self._records(lines)
        if not final:
            # The last record may go on, and so may the one before it, whose line may end in half of a line break.
            ends, filled = ends[:-2], filled[:-2]
        if not final and not ends and len(self._held) > 4 * _MOST_CHARACTERS:
            raise Invalid("", f"row {self._row} is too long, or a quotation mark before it is never closed")
        yield from self._pieces(lines, ends, filled)
        self._held = "".join(lines[ends[-1] :]) if ends else self._held

    def _records(self, lines: list[str]) -> tuple[list[int], list[bool]]:
        """Return after which line each record ends, and whether there is anything in it."""
        ends, filled = [], []
        reader = csv.reader(lines, delimiter=self.delimiter or ",")
        try:
            for record in reader:
                ends.append(reader.line_num)
                filled.append(any(record))
                if self.header is None and any(record):
                    self._name_columns(record)
                    filled[-1] = False
        except csv.Error as fault:
            raise Invalid("", f"row {self._row + len(ends)}: {fault}; is a quotation mark never closed?") from None
        return ends, filled

    def _pieces(self, lines: list[str], ends: list[int], filled: list[bool]) -> Iterator[Piece]:
        done = 0
        while done < len(ends):
            upto = min(done + MOST_RECORDS, len(ends))
            has = sum(filled[done:upto])
            if has:
                skipped = filled.index(True, done) - done
                begin = ends[done + skipped - 1] if done + skipped else 0
                text = "".join(lines[begin : ends[upto - 1]])
                yield Piece(self._row + skipped, upto - done - skipped, has, text)
            self._row += upto - done
            done = upto

    def _name_columns(self, record: list[str]) -> None:
        if len(record) > _MOST_COLUMNS:
            raise Invalid("", f"the file has {len(record)} columns; {_MOST_COLUMNS} is the most")
        seen: Counter[str] = Counter()
        self.header = []
        for place, raw in enumerate(record, 1):
            name = " ".join(raw.replace("\0", "").replace("\ufeff", "").split()) or f"column {place}"
            seen[name] += 1
            self.header.append(name if seen[name] == 1 else f"{name} ({seen[name]})")

    def _find_delimiter(self) -> None:
        first = self._held.lstrip("\ufeff\r\n").partition("\n")[0].strip()
        if first[: len(_HINT)].lower() == _HINT and len(first) == len(_HINT) + 1:
            self.delimiter = first[-1]
            self._held = self._held.partition("\n")[2]
            self._row += 1
        else:
            self.delimiter = max(_DELIMITERS, key=lambda one: (_columns(self._held, one), -_DELIMITERS.index(one)))


def _columns(text: str, delimiter: str) -> int:
    """Return how many columns the first records agree on, if they were separated so."""
    sample = io.StringIO(text[: 64 << 10], newline="")
    try:
        records = [record for record in islice(csv.reader(sample, delimiter=delimiter), _SNIFFED_LINES) if any(record)]
    except csv.Error:
        return 0
    # A sample may end within a record.
    counts = Counter(len(record) for record in (records[:-1] if len(records) > 1 else records))
    return len(records[0]) if records and 2 * counts[len(records[0])] >= sum(counts.values()) else 0


def records_of(text: str, delimiter: str) -> list[list[str]]:
    """Return the records of a piece."""
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
