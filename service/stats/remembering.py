"""Answers remembered with all that they are made of (PURE): a dashboard asks the same again and again, and mostly nothing has changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Q = TypeVar("Q", bound=Hashable)
R = TypeVar("R")
T = TypeVar("T")


class Remembered(Generic[Q, R, T]):
    """The answers to the last questions that were asked, each with what it was worked out from.

    Nothing has to be thrown away when something changes: an answer is only given again for the same question and the same findings.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Q, tuple[R, T]] = OrderedDict()

    def recall(self, question: Q, found: R, work: Callable[[], T]) -> T:
        """Return the answer for what was found, working it out if that is not what was found when the question was last asked."""
        held = self._held.get(question)
        if held is None or held[0] != found:
            held = self._held[question] = (found, work())
        self._held.move_to_end(question)
        if len(self._held) > self._most:
            self._held.popitem(last=False)
        return held[1]
