"""Memory that sums over millions of rows take: kept from one to the next, and given back when nobody asks any more.

A large array is given back to the system as soon as it is done with, and the next one's pages have to be found and cleared anew: of a question
that takes a second, that is a sixth. What is not there (another C library than GNU's) is done without.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import Any, Final

# Of <malloc.h>: from which size on memory is asked of the system by itself, and how much of what is free at the end is kept.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGEST: Final = 1 << 30
_KEPT: Final = 512 << 20
_QUIET: Final = 5.0
"""Seconds without such sums after which memory is given back."""


class _Kept:
    """The memory of this process: whether what is free is kept, and when it is to be given back."""

    def __init__(self) -> None:
        self._give_back: Any = None
        self._later: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Keep freed memory for the next sums, from now on and for good; to be called before there are any threads."""
        library = ctypes.CDLL(None)
        try:
            give_back = library.malloc_trim
            if library.mallopt(_M_MMAP_THRESHOLD, _LARGEST) and library.mallopt(_M_TRIM_THRESHOLD, _KEPT):
                self._give_back = give_back
        except AttributeError:
            return

    def give_back_soon(self) -> None:
        """Give freed memory back in a while, unless this is called again before; called in the loop when sums are done."""
        if self._give_back is None:
            return
        if self._later is not None:
            self._later.cancel()
        loop = asyncio.get_running_loop()
        self._later = loop.call_later(_QUIET, lambda: loop.run_in_executor(None, self._give_back, 0))


KEPT: Final = _Kept()
