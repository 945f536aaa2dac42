"""Memory that sums over millions of rows take: kept from one to the next, and given back when nobody asks any more.

A large array is given back to the system as soon as it is done with, and the next one's pages have to be found and cleared anew: of a question
that takes a second, that is a sixth. What is not there (another C library than GNU's) is done without.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final, NamedTuple

# Of <malloc.h>: how much of what is free at the end is kept, and from which size on memory is asked of the system by itself.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_HELD: Final = {_M_MMAP_THRESHOLD: 1 << 30, _M_TRIM_THRESHOLD: 512 << 20}
# What the C library comes to by itself once large memory has been given back.
_USUAL: Final = {_M_MMAP_THRESHOLD: 32 << 20, _M_TRIM_THRESHOLD: 64 << 20}
_QUIET: Final = 5.0
"""Seconds without such sums after which memory is given back."""


class _Library(NamedTuple):
    """What the C library is asked to do."""

    mallopt: Callable[[int, int], int]
    malloc_trim: Callable[[int], int]

    def allocate(self, by: dict[int, int]) -> None:
        """Take and give back memory by these parameters from now on."""
        for parameter, value in by.items():
            self.mallopt(parameter, value)


def _library() -> _Library | None:
    library = ctypes.CDLL(None)
    try:
        return _Library(library.mallopt, library.malloc_trim)
    except AttributeError:
        return None


class _Memory:
    """The memory of this process."""

    def __init__(self) -> None:
        self._library = _library()
        self._is_held = False
        self._later: asyncio.TimerHandle | None = None

    def hold(self) -> None:
        """Keep what is freed for the next sums; to be called before them, in the loop."""
        if self._later is not None:
            self._later.cancel()
        if self._library is not None and not self._is_held:
            self._library.allocate(_HELD)
            self._is_held = True

    def give_back_soon(self) -> None:
        """Give freed memory back in a while, unless this is called again before; called in the loop when sums are done."""
        if self._later is not None:
            self._later.cancel()
        loop = asyncio.get_running_loop()
        self._later = loop.call_later(_QUIET, loop.run_in_executor, None, self._give_back)

    def _give_back(self) -> None:
        if self._library is not None and self._is_held:
            self._is_held = False
            self._library.allocate(_USUAL)
            self._library.malloc_trim(0)


MEMORY: Final = _Memory()
