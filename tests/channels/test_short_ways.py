"""What is read the short way at the door comes to the same as by the parsers that know the whole of a format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.channels import forms, salesforce, wechat_messages, xml_bodies
from service.channels.contract import Refusal
from service.channels.redaction import REDACTED, redacted_json
from tests.channels.deliveries import SECRET, stored
from tests.channels.documented.salesforce import SESSION, message, sample

often = settings(max_examples=300, deadline=None, database=None)
PLAIN = "multipart/form-data; boundary=x"
QUOTED = 'multipart/form-data; boundary="x"'
PIECES = st.sampled_from(
    [
        b"--x\r\n",
        b"--x--\r\n",
        b"--x--",
        b'Content-Disposition: form-data; name="a"\r\n\r\n',
        b'content-disposition: form-data; name="b[c]"\r\n\r\n',
        b'Content-Disposition: form-data; Name="d"\r\n\r\n',
        b'Content-Disposition: form-data; name="\xc3\xa9;"\r\n\r\n',
        b'Content-Disposition: form-data; name="f"; filename="g"\r\n\r\n',
        b"text",
        b"\xff",
        b"\0",
        b"\r\n",
        b"\r\n",
    ]
)
FIELD = st.builds(
    lambda pieces: b"--x\r\n" + b"".join(pieces) + b"\r\n",
    st.lists(PIECES.filter(lambda one: b"--x" not in one), max_size=4),
)


def outcome(call: Any, *given_: Any) -> Any:
    try:
        return call(*given_)
    except Refusal as refusal:
        return refusal.code


@often
@given(
    body=st.lists(FIELD, max_size=3).map(lambda parts: b"".join(parts) + b"--x--\r\n") | st.lists(PIECES).map(b"".join)
)
def test_a_plain_form_is_read_as_any_other(body: bytes) -> None:
    # A boundary in quotation marks takes the long way.
    assert outcome(forms.multipart, body, PLAIN) == outcome(forms.multipart, body, QUOTED)


NAMES = st.sampled_from(["a", "b", "a%5Bb%5D", "a[b]", "a[]", "%C3%A9", "a%00", ""])
VALUES = st.sampled_from(["", "1", "a+b", "%C3%A9", "%2B", "%26", "%", "%00", "%FF", "\0"])


@often
@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_a_form_says_the_same_in_every_spelling_of_its_charset(pairs: list[tuple[str, str]]) -> None:
    body = "&".join(f"{name}={value}" for name, value in pairs).encode()
    # With another name of its charset, values are decoded one by one.
    one_by_one = outcome(forms.urlencoded, body, f"{forms.URLENCODED}; charset=utf_8")
    assert outcome(forms.urlencoded, body, forms.URLENCODED) == one_by_one


def test_a_form_nests_as_php_does() -> None:
    read = forms.urlencoded(b"a[b][c]=1&a[b][d]=2&e[]=3&e[]=4&f=5&f=6&g=7&g[h]=8&i", forms.URLENCODED)
    assert read == {
        "a": {"b": {"c": "1", "d": "2"}},
        "e": ["3", "4"],
        "f": ["5", "6"],
        "g": {"": "7", "h": "8"},
        "i": "",
    }
    assert outcome(forms.urlencoded, b"a" + b"[b]" * 8 + b"=1", forms.URLENCODED) == "malformed_body"
    assert outcome(forms.urlencoded, b"a&" * 2001, forms.URLENCODED) == "malformed_body"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "utf-7"]
)
@pytest.mark.parametrize("declared", [True, False])
def test_a_document_type_is_refused_in_every_encoding(encoding: str, declared: bool) -> None:
    text = '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>' if declared else ""
    for body in ((declaration + text).encode(encoding), declaration.encode() + text.encode(encoding)):
        assert outcome(xml_bodies.xml_root, body) == "malformed_body"
        assert outcome(xml_bodies.check_xml, body) == "malformed_body"


CHARACTERS = st.sampled_from(
    [
        "<a>",
        "</a>",
        "<b>",
        "</b>",
        "<![CDATA[",
        "]]>",
        "t",
        " ",
        "\r",
        "\n",
        "&amp;",
        "&",
        "]",
        "\x0b",
        "\ufffe",
        "é",
        "<c/>",
        "<!-- -->",
    ]
)


@often
@given(inner=st.lists(CHARACTERS, max_size=8).map("".join))
def test_a_message_with_nothing_but_texts_is_read_as_any_other(inner: str) -> None:
    body = f"<xml>{inner}<a>1</a></xml>".encode()
    quickly = outcome(wechat_messages.message_in, body)
    # A comment takes the long way.
    assert quickly == outcome(wechat_messages.message_in, body.replace(b"<xml>", b"<!-- --><xml>", 1))


@pytest.mark.parametrize(
    "body",
    [
        b'{"token": "%b", "id": 18446744073709551616}',
        b'{"TOKEN":"%b","n":{"token":"nested"}}',
        b'{"token":"other","token":"%b"}',
        b'{"to\\u006ben":"%b"}',
        b'{"token":["%b"]}',
        b'{"note":"\\"token\\":\\"x\\"","token":"%b"}',
    ],
)
def test_a_secret_in_a_body_is_replaced_however_it_is_spelled(body: bytes) -> None:
    sent = body.replace(b"%b", SECRET.encode())
    document = json.loads(sent)
    kept = redacted_json(sent, document, ["token"])
    assert SECRET.encode() not in kept
    expected = {name: REDACTED if name.lower() == "token" else value for name, value in document.items()}
    assert json.loads(kept) == expected


@pytest.mark.parametrize(
    "session",
    [
        f"<SessionId>{SESSION}</SessionId>",
        f"<SessionId><![CDATA[{SESSION}]]></SessionId>",
        f"<SessionId >{SESSION}</SessionId>",
        f'<p:SessionId xmlns:p="http://soap.sforce.com/2005/09/outbound">{SESSION}</p:SessionId>',
    ],
)
def test_a_session_is_not_stored_however_it_is_spelled(session: str) -> None:
    one = sample(message(session=session))
    salesforce.verify(one.request, one.channel)
    kept = stored(one.request, one.channel)
    assert SESSION.encode() not in kept.body
    assert salesforce.translate(kept, one.channel).submissions


@often
@given(st.text(alphabet="ab=&%+0189aFf\x00é", max_size=60))
def test_a_form_that_is_plain_can_be_decoded(text: str) -> None:
    body = text.encode()
    if forms.is_plain(body, forms.URLENCODED):
        values = forms.urlencoded(body, forms.URLENCODED).values()
        told = [one for value in values for one in (value if isinstance(value, list) else [value])]
        assert all(one.isascii() and "\0" not in one for one in told)
