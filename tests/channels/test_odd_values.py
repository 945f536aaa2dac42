"""Every value of every documented JSON body, replaced in turn by one of another kind: nothing but a refusal may come of it."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from service.channels.registry import ADAPTERS
from tests.channels.samples import SAMPLES
from tests.channels.test_broken_deliveries import everything_refuses_politely, places, with_value

ODD: Final[tuple[Any, ...]] = (None, True, 10**30, "", "²", [], {}, [[]], [{"a": [1]}], {"a": {"b": [1]}})


def is_json(vendor: str) -> bool:
    try:
        json.loads((SAMPLES[vendor].__defaults__ or (b"",))[0])
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("vendor", [vendor for vendor in sorted(ADAPTERS) if is_json(vendor)])
def test_a_value_of_another_kind_is_refused_or_harmless(vendor: str) -> None:
    build = SAMPLES[vendor]
    document = json.loads((build.__defaults__ or (b"",))[0])
    for path in places(document):
        for odd in ODD:
            sample = build(json.dumps(with_value(document, path, odd)).encode())
            everything_refuses_politely(ADAPTERS[vendor], sample.request, sample)
