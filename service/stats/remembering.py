"""Answers remembered with all that they are made of (PURE): a dashboard asks the same again and again, and mostly nothing has changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, NamedTuple

_OF_A_ROW: Final = 500
"""About so many bytes takes a row that was found, without the values that are bytes themselves."""

_OF_A_KEY: Final = 2
"""A question takes about so many times what it takes to write it down."""

_SHARE: Final = 4
"""No answer takes more than this part of the room, lest it drive out all others."""


class _Held(NamedTuple):
    found: Sequence[Sequence[Any]]
    answer: bytes
    size: int


class Remembered:
    """The answers to the last questions that were asked, each with what it was worked out from, in so many bytes together.

    Nothing has to be thrown away when something changes: an answer is only given again for the same question and the same findings.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._size = 0
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()

    def recall(self, question: Hashable, found: Sequence[Sequence[Any]], work: Callable[[], bytes]) -> bytes:
        """Return the answer for the rows that were found, working it out if they are not those found when the question was last asked."""
        held = self._held.get(question)
        if held is not None and held.found == found:
            self._held.move_to_end(question)
            return held.answer
        answer = work()
        self._forget(question)
        size = (
            len(answer)
            + _OF_A_KEY * len(repr(question))
            + _OF_A_ROW * len(found)
            + sum(len(value) for row in found for value in row if type(value) is bytes)
        )
        if size * _SHARE <= self._most:
            self._held[question] = _Held(found, answer, size)
            self._size += size
        while self._size > self._most:
            self._forget(next(iter(self._held)))
        return answer

    def _forget(self, question: Hashable) -> None:
        held = self._held.pop(question, None)
        if held is not None:
            self._size -= held.size
