"""What holds for every vendor there is, on its documented delivery and on broken versions of it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from service.channels.contract import Adapter, Request, Translation
from service.channels.registry import ADAPTERS
from service.channels.signatures import any_equal
from service.core import clock
from tests.channels.deliveries import OTHER_SECRET, Sample, again, refusal, stored
from tests.channels.samples import SAMPLES

ORIGIN = "https://leads.example.com"
every_vendor = pytest.mark.parametrize("vendor", sorted(ADAPTERS))


def known(vendor: str) -> tuple[Adapter, Sample]:
    return ADAPTERS[vendor], SAMPLES[vendor]()


def test_every_vendor_has_a_sample() -> None:
    assert set(SAMPLES) == set(ADAPTERS)


@every_vendor
def test_the_documented_delivery_is_accepted_stored_and_understood(vendor: str) -> None:
    adapter, sample = known(vendor)
    request, channel = sample.request, sample.channel
    adapter.verify(request, channel)
    assert adapter.handshake(request, channel) is None
    assert 200 <= adapter.reply("0198c7f5-0000-7000-8000-000000000000", channel).status < 300
    assert adapter.dedupe_key(request, channel)
    kept = stored(request, channel)
    meaning = adapter.translate(kept, channel)
    if meaning.fetch:
        meaning = adapter.translate(replace(kept, fetched=sample.fetched), channel)
    assert not meaning.fetch
    assert meaning.ignored is None
    assert meaning.submissions or meaning.activities or meaning.consent_changes


@every_vendor
def test_people_can_be_found_again(vendor: str) -> None:
    adapter, sample = known(vendor)
    meaning = adapter.translate(replace(stored(sample.request, sample.channel), fetched=sample.fetched), sample.channel)
    people = [one.fields for one in meaning.submissions]
    people += [one.person for one in (*meaning.activities, *meaning.consent_changes, *meaning.erasures)]
    if vendor not in {"generic", "standard-webhooks"}:
        assert all(vendor in person["external_ids"] for person in people)
    for person in people:
        assert all(isinstance(value, str) and value for value in person.get("external_ids", {}).values())


@every_vendor
def test_the_same_delivery_is_recognised(vendor: str) -> None:
    adapter, sample = known(vendor)
    first, second = (adapter.dedupe_key(again(sample.request), sample.channel) for _ in range(2))
    assert first == second


@every_vendor
def test_what_a_delivery_is_recognised_by_survives_redaction(vendor: str) -> None:
    adapter, sample = known(vendor)
    kept = stored(again(sample.request), sample.channel)
    assert adapter.dedupe_key(kept, sample.channel) == adapter.dedupe_key(again(sample.request), sample.channel)


@every_vendor
def test_nothing_secret_is_stored(vendor: str) -> None:
    adapter, sample = known(vendor)
    headers, query, body = adapter.redact(sample.request, sample.channel)
    text = json.dumps(dict(headers)) + query + body.decode("utf-8", "replace")
    for secret in {*sample.channel.secrets, *sample.secret_words}:
        assert secret not in text


@every_vendor
def test_another_secret_is_refused(vendor: str) -> None:
    adapter, sample = known(vendor)
    others = replace(sample.channel, secrets=(OTHER_SECRET,))
    assert refusal(lambda: adapter.verify(again(sample.request), others)) in {"bad_signature", "wrong_secret"}


@every_vendor
@pytest.mark.parametrize("secrets", [(), ("",), ("", "")])
def test_an_empty_secret_never_matches(vendor: str, secrets: tuple[str, ...]) -> None:
    adapter, sample = known(vendor)
    assert adapter.secret_fault("") is not None
    nobody = replace(sample.channel, secrets=secrets)
    assert refusal(lambda: adapter.verify(again(sample.request), nobody)) in {
        "bad_signature",
        "wrong_secret",
        "unsigned",
    }
    bare = again(
        sample.request, headers={"content-type": sample.request.headers["content-type"]}, query="", url_secret=""
    )
    assert refusal(lambda: adapter.verify(bare, nobody))


@every_vendor
def test_the_previous_secret_counts_while_a_rotation_lasts(vendor: str) -> None:
    adapter, sample = known(vendor)
    rotating = replace(sample.channel, secrets=(OTHER_SECRET, *sample.channel.secrets))
    adapter.verify(again(sample.request), rotating)


@pytest.mark.parametrize("vendor", [vendor for vendor in sorted(ADAPTERS) if SAMPLES[vendor]().signed])
def test_a_changed_body_is_refused(vendor: str) -> None:
    adapter, sample = known(vendor)
    assert sample.request.body
    for position in {0, len(sample.request.body) // 2, len(sample.request.body) - 1}:
        body = bytearray(sample.request.body)
        body[position] ^= 1
        changed = again(sample.request, body=bytes(body))
        assert refusal(lambda changed=changed: adapter.verify(changed, sample.channel))


@every_vendor
def test_settings_have_a_schema(vendor: str) -> None:
    schema = ADAPTERS[vendor].Settings.model_json_schema()
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for name, field in schema.get("properties", {}).items():
        assert field.get("description"), name
        if any(word in name for word in ("token", "secret", "aes")):
            assert field.get("writeOnly"), name


@every_vendor
def test_a_made_secret_is_a_good_one(vendor: str) -> None:
    made = ADAPTERS[vendor].new_secret()
    assert made is None or ADAPTERS[vendor].secret_fault(made) is None


@every_vendor
def test_the_shell_line_is_accepted(vendor: str, curl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, sample = known(vendor)
    secret = sample.channel.secrets[0]
    monkeypatch.setenv("PATH", f"{curl.parent}{os.pathsep}{os.environ['PATH']}")
    line = adapter.sample(f"{ORIGIN}/v1/intake/a-channel", sample.channel.settings)
    # What the settings hide is, like the secret, for the operator to fill in.
    hidden = {name.upper(): text for name, text in sample.channel.settings if isinstance(text, str)}
    subprocess.run(["bash", "-c", line], check=True, env={**os.environ, **hidden, "SECRET": secret}, timeout=20)
    request = as_request((curl.parent / "arguments").read_text().split("\0")[:-1])
    adapter.verify(request, sample.channel)
    assert adapter.handshake(request, sample.channel) is None
    meaning = adapter.translate(stored(request, sample.channel), sample.channel)
    assert meaning != Translation()
    assert meaning.ignored is None


@pytest.fixture(scope="module")
def curl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A curl that only notes what it was asked to do."""
    path = tmp_path_factory.mktemp("bin") / "curl"
    path.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > '{path.parent}/arguments'\n")
    path.chmod(0o755)
    return path


def as_request(arguments: list[str]) -> Request:
    headers, body, pairs, address = {}, "", [], ""
    waiting = iter(arguments)
    for argument in waiting:
        if argument in {"-H", "--header"}:
            name, _, value = next(waiting).partition(":")
            headers[name.strip().lower()] = value.strip()
        elif argument in {"-d", "--data", "--data-binary", "--data-raw"}:
            body = next(waiting)
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
        elif argument in {"--data-urlencode", "-F", "--form", "--form-string"}:
            pairs.append((argument, next(waiting)))
        elif argument in {"-u", "--user", "-X", "--request"}:
            next(waiting)
        elif not argument.startswith("-"):
            address = argument
    if pairs:
        body = as_form(pairs, headers)
    parts = urlsplit(address)
    _, _, rest = parts.path.partition("/v1/intake/a-channel")
    return Request(
        "POST",
        headers,
        parts.query,
        body.encode(),
        clock.now(),
        rest.removeprefix("/") or None,
        ORIGIN,
        parts.path.encode(),
    )


def as_form(pairs: list[tuple[str, str]], headers: dict[str, str]) -> str:
    fields = [(name, value) for name, _, value in (text.partition("=") for _, text in pairs)]
    if pairs[0][0] == "--data-urlencode":
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return urlencode(fields)
    headers["content-type"] = "multipart/form-data; boundary=frontier"
    parts = [
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    return "".join(parts) + "--frontier--\r\n"


def test_secrets_are_compared_whole() -> None:
    assert any_equal("abc", ["x", "abc"])
    assert not any_equal("", ["", "abc"])
    assert not any_equal("ab", ["abc"])
