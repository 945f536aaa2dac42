from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from service.core.children import allow_many_connections


@pytest.fixture
def few_files() -> Iterator[int]:
    """A process that may open few files, but could ask for more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_process_takes_as_many_connections_as_it_may(few_files: int) -> None:
    allow_many_connections()
    now = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert now == few_files or (few_files == resource.RLIM_INFINITY and now > 512)
