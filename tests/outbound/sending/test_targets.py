"""The list of all that nothing is ever sent to."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.outbound.sending.addresses import is_public
from service.outbound.sending.answers import Outgoing
from service.outbound.sending.guard import Guard
from service.outbound.sending.sender import Sender
from service.outbound.sending.targets import AddressRefused, target_of

LITERALS = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "169.254.169.254", "172.16.5.4", "192.168.0.1",
    "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]", "[::7f00:1]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::10.0.0.1]", "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001:db8::1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]",
    "[2606:4700::5efe:127.0.0.1]", "[100::1]",
]  # fmt: skip
# What some reader would take for 127.0.0.1 or another address of ours.
DISGUISES = [
    "0x7f.1", "0x7f000001", "0X7F.0.0.1", "2130706433", "127.1", "127.0.1", "0177.0.0.1", "017700000001", "0", "1", "00.0.0.0",
    "127.0.0.01", "127.0.0.0x1", "127.0.0.1.", "256.256.256.256", "1.2.3.4.5", "127.0.0.1.0x", "0x", "[::1", "::1", "[::1]]", "[1.2.3.4]",
    "[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1%251]", "[v1.fe80]", "[]", "127。0。0。1", "①②⑦.⓪.⓪.①", "１２７.０.０.１", "ⓛocalhost",
    "loc\u00adalhost", "bücher.example", "127%2e0%2e0%2e1", "%6cocalhost",
]  # fmt: skip
INNER = [
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain", "printer.local", "metadata.google.internal",
    "metadata.google.internal.", "metadata", "db", "intranet", "vault.service.internal", "wiki.corp", "router.lan", "nas.home",
    "1.0.0.127.in-addr.arpa", "api.default.svc", "metadata.tencentyun.com", "instance-data.ec2.internal",
]  # fmt: skip
SHAPES = [
    "", "https://", "https:///path", "//example.com/", "example.com", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
    "https:example.com", "https:\\\\example.com", "https://example.com\\@127.0.0.1/", "https://user@example.com/",
    "https://user:password@example.com/", "https://example.com@127.0.0.1/", "https://127.0.0.1#@example.com/", "https://example.com/#part",
    "https://example.com:0/", "https://example.com:65536/", "https://example.com:abc/", "https://example.com:-1/", "https://example.com:99999999/",
    "https://example.com:443:80/", " https://example.com/", "https://example.com/ ", "https://exa mple.com/", "https://example.com/\r\nhost: x",
    "https://example.com\r\n/", "https://example.com/\x00", "https://example.com/é", "https://.example.com/", "https://example..com/",
    "https://-a.example.com/", "https://example.com./", "https://" + "a" * 64 + ".com/", "https://" + "a." * 127 + "com/",
    "https://example.com/" + "a" * 2000, "http://example.com/", "http://8.8.8.8/", "https://?x", "https://:443/",
]  # fmt: skip
REFUSED = [
    *(f"https://{host}/hook" for host in [*LITERALS, *DISGUISES, *INNER]),
    *(f"http://{host}:8000/" for host in LITERALS),
    *SHAPES,
]


@pytest.mark.parametrize("url", REFUSED)
async def test_it_is_refused_before_anything_is_asked_or_opened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def resolve(host: str) -> list:
        asked.append(host)
        return []

    def no_socket(*_args: object) -> None:
        pytest.fail("a socket was made")

    monkeypatch.setattr("service.outbound.sending.sender.socket.socket", no_socket)
    sender = Sender(timeout=2, resolve=resolve)
    answer = await sender.send(Outgoing(url, {}, b"{}"))
    await sender.close()
    assert (answer.error, answer.status, asked) == ("address_refused", None, [])
    with pytest.raises(AddressRefused):
        sender.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "https://example.com/", "HTTPS://EXAMPLE.com:8443/a/b?c=d%20e&f={g}", "https://xn--bcher-kva.example/",
        "https://8.8.8.8/", "https://[2606:4700::1111]:444/", "https://_dmarc.example.com/", "https://1.example.com/", "https://a.b.c.co.uk?x",
    ],
)  # fmt: skip
def test_what_may_be_sent_to(url: str) -> None:
    assert Guard().gate_for(url)[0] == "open"


@pytest.mark.parametrize(
    ("allow", "url", "gate"),
    [
        ("hooks.corp", "http://hooks.corp:8080/", "named"),
        ("hooks.corp", "https://HOOKS.corp/", "named"),
        ("Hooks.Corp.", "https://hooks.corp/", "named"),
        ("localhost", "http://localhost:3000/", "named"),
        ("127.0.0.1", "http://127.0.0.1:3000/", "listed"),
        ("10.0.0.0/8", "https://10.9.8.7/", "open"),
        ("10.0.0.0/8", "http://10.9.8.7/", "listed"),
        ("10.0.0.0/8", "http://hooks.example.com/", "listed"),
        ("fd00::/8", "https://[fd00::1]/", "open"),
    ],
)  # fmt: skip
def test_what_the_operator_names(allow: str, url: str, gate: str) -> None:
    assert Guard([allow]).gate_for(url)[0] == gate


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("hooks.corp", "http://other.corp/"),
        ("hooks.corp", "https://a.hooks.corp/"),
        ("hooks.corp", "https://hooks.corp.evil.corp/"),
        ("10.0.0.0/8", "https://11.0.0.1@10.0.0.1/"),
        ("10.0.0.0/8", "https://192.168.0.1/"),
        ("10.0.0.0/8", "http://8.8.8.8/"),
        ("127.0.0.1", "http://127.0.0.2/"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/"),
        ("127.0.0.1", "http://2130706433/"),
        ("127.0.0.1", "http://localhost/"),
    ],
)  # fmt: skip
def test_what_the_operator_did_not_name(allow: str, url: str) -> None:
    with pytest.raises(AddressRefused):
        Guard([allow]).gate_for(url)


@given(st.text(alphabet="0123456789abcdefx.:[]%@/\\", max_size=20))
def test_no_way_of_writing_reaches_what_is_not_public(host: str) -> None:
    try:
        _, target = Guard().gate_for(f"https://{host}/")
    except AddressRefused:
        return
    if target.address is not None:
        assert is_public(target.address)
    else:
        with pytest.raises(OSError, match="illegal"):
            socket.inet_aton(target.host)


_URL = st.from_regex(r"https?://[A-Za-z0-9.\-_:\[\]@%]{0,30}(/[!-~]{0,20})?(\?[!-~]{0,20})?", fullmatch=True)


@given(st.text(max_size=60) | _URL)
def test_anything_is_refused_or_read_in_one_way(text: str) -> None:
    try:
        target = target_of(text)
    except AddressRefused:
        return
    host = target.host.strip("[]")
    path = target.url.raw_path_qs
    assert (target.url.scheme, target.url.raw_host, target.url.port) == (target.scheme, host, target.port)
    # The path is sent as it was written, and another reader finds the same host.
    assert path.startswith("/")
    # An empty query is none.
    sent = path.removeprefix("/")
    assert text.endswith((sent, f"{sent}?"))
    other = urlsplit(text)
    assert (other.hostname, other.username) == (host if target.address is None else other.hostname, None)
    if target.address is not None:
        assert ip_address(other.hostname or "") == target.address
