"""Sums over millions of numbers, side by side: arithmetic on whole arrays needs no interpreter, so that two cores can share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from service.core.rush import RUSH

T = TypeVar("T")

# So many for all questions of a process together: however many are asked, the machine is not taken away from the intake.
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="statistics")
# While deliveries come in, the second core is theirs.
_ONE_THREAD: Final = ThreadPoolExecutor(1, thread_name_prefix="statistics-in-a-rush")


def side_by_side(jobs: Iterable[Callable[[], T]]) -> list[T]:
    """Return what the jobs return, in their order. Called from a thread beside the loop; no job may call it in turn."""
    return list((_ONE_THREAD if RUSH.is_on else _THREADS).map(_done, jobs))


def _done(job: Callable[[], T]) -> T:
    return job()
