"""Broken deliveries: whatever a vendor, or somebody else, sends ends in a refusal or in a translation, never in a fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.channels.contract import Adapter, Refusal, Request, Translation
from service.channels.registry import ADAPTERS
from tests.channels.deliveries import Sample, again, get, stored
from tests.channels.samples import SAMPLES

every_vendor = pytest.mark.parametrize("vendor", sorted(ADAPTERS))
quickly = settings(
    max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
odd_values = scalars | st.sampled_from([{}, [], [[]], [{}], {"value": None}, {"id": 2**63}, "", "0", 10**30, -1])
trees = st.recursive(
    odd_values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from places(value, (*path, key))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = dict(document) if isinstance(document, dict) else list(document)
    copied[path[0]] = with_value(document[path[0]], path[1:], value)
    return copied


def mutated(body: bytes, data: st.DataObject) -> bytes:
    """Return the body with some of its values replaced, or with some of its bytes replaced."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if document is None or data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body)))
        return body[:at] + data.draw(st.binary(max_size=6)) + body[at + data.draw(st.integers(0, 8)) :]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(document))))
        document = with_value(document, path, data.draw(trees))
    return json.dumps(document).encode()


def everything_refuses_politely(adapter: Adapter, request: Request, sample: Sample) -> None:
    """Do all that is done with a delivery; the only exception it may end in is a refusal."""
    channel = sample.channel
    try:
        adapter.verify(request, channel)
        adapter.handshake(request, channel)
        key = adapter.dedupe_key(request, channel)
        assert key is None or isinstance(key, str)
        kept = stored(request, channel)
    except Refusal:
        # What is stored was accepted by an older version, perhaps; it must not hurt either.
        kept = again(request)
    for fetched in ({}, sample.fetched):
        try:
            meaning = adapter.translate(replace(kept, fetched=fetched, parsed=None), channel)
        except Refusal:
            continue
        assert isinstance(meaning, Translation)
        json.dumps([one.fields for one in meaning.submissions], default=str).encode()


@every_vendor
@quickly
@given(data=st.data())
def test_broken_bodies_end_in_a_refusal_or_in_nothing(vendor: str, data: st.DataObject) -> None:
    documented = SAMPLES[vendor].__defaults__[0]
    sample = SAMPLES[vendor](mutated(documented, data))
    everything_refuses_politely(ADAPTERS[vendor], sample.request, sample)


@pytest.mark.parametrize("vendor", [vendor for vendor in sorted(ADAPTERS) if SAMPLES[vendor]().fetched])
@quickly
@given(data=st.data())
def test_broken_answers_to_a_fetch_end_in_a_refusal_or_in_nothing(vendor: str, data: st.DataObject) -> None:
    adapter, sample = ADAPTERS[vendor], SAMPLES[vendor]()
    name = data.draw(st.sampled_from(sorted(sample.fetched)))
    broken = replace(sample, fetched={**sample.fetched, name: mutated(sample.fetched[name], data)})
    everything_refuses_politely(adapter, sample.request, broken)


@every_vendor
@quickly
@given(data=st.data())
def test_broken_headers_and_queries_end_in_a_refusal(vendor: str, data: st.DataObject) -> None:
    adapter, sample = ADAPTERS[vendor], SAMPLES[vendor]()
    texts = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30)
    headers = dict(sample.request.headers)
    for name, value in sample.request.headers.items():
        if data.draw(st.booleans()):
            headers[name] = data.draw(texts | st.sampled_from([value[:-1], value * 2, "t=1,v1=", "="]))
    query = data.draw(texts | st.just(sample.request.query))
    everything_refuses_politely(adapter, again(sample.request, headers=headers, query=query), sample)


@every_vendor
@quickly
@given(
    query=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_whatever_is_asked_for_is_answered_or_refused(vendor: str, query: str, method: str) -> None:
    adapter, sample = ADAPTERS[vendor], SAMPLES[vendor]()
    try:
        adapter.handshake(get(query, method=method), sample.channel)
    except Refusal:
        return


@every_vendor
@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"[1]", b'"x"', b"\xff\xfe", b'{"a":"\\u0000"}', b"<x>", b"a=%FF"]
)
def test_a_malformed_body_is_refused_or_harmless(vendor: str, body: bytes) -> None:
    sample = SAMPLES[vendor](body)
    everything_refuses_politely(ADAPTERS[vendor], sample.request, sample)
