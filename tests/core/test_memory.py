"""Memory of large sums: kept while it is needed again, given back when it is not."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import asyncio, sys
from pathlib import Path
import numpy as np
from service.core import memory

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

def sums() -> None:
    np.ones(20 << 20).cumsum()

async def main() -> None:
    before = resident()
    if sys.argv[1] == "kept":
        memory.MEMORY.hold()
    sums()
    after = resident()
    memory._QUIET = 0.2
    memory.MEMORY.give_back_soon()
    await asyncio.sleep(0.1)
    memory.MEMORY.give_back_soon()
    await asyncio.sleep(0.15)
    still = resident()
    await asyncio.sleep(0.6)
    at_last = resident()
    sums()
    print(after - before, still - before, at_last - before, resident() - before)

asyncio.run(main())
"""


def _grown(how: str) -> list[int]:
    """How many MiB the process has more after sums over 320 MiB, when somebody asked again, when nobody did for a while, and after other sums."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM, how], check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


def test_memory_is_kept_for_the_next_sums_and_then_given_back() -> None:
    after, still, at_last, afterwards = _grown("kept")
    assert after > 250
    assert still > 250
    assert at_last < 100
    assert afterwards < 100


def test_otherwise_it_is_given_back_at_once() -> None:
    assert max(_grown("plain")) < 100
