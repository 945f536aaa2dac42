"""Over TLS: whose certificate it is counts, though the address was looked up by us."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.outbound.sending.sender import Sender
from tests.outbound.receivers import Receive, post

HOST = "hooks.example"


def certificate(folder: Path, *names: str, days: int = 1) -> Path:
    """Write a key and a certificate that vouches for itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{names[0]}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def here(_host: str) -> list:
    return [ip_address("127.0.0.1")]


def sender_trusting(path: Path | None, timeout: float = 5) -> Sender:
    return Sender(allow=["127.0.0.1"], timeout=timeout, resolve=here, tls=ssl.create_default_context(cafile=path))


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A server whose certificate is refused grumbles."""
    with caplog.at_level("CRITICAL", logger="asyncio"):
        yield


async def test_it_works(receive: Receive, tmp_path: Path) -> None:
    path = certificate(tmp_path, HOST)
    context, names = serving(path), []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    receiver = await receive(tls=context)
    async with sender_trusting(path) as sender:
        for _ in range(3):
            assert (await post(sender, f"https://{HOST}:{receiver.port}/")).ok
    assert (receiver.connections, names) == (1, [HOST])
    assert f"host: {HOST}:{receiver.port}" in receiver.heads[0].lower()


@pytest.mark.parametrize("fault", ["of another host", "not trusted", "expired", "of an address"])
async def test_a_certificate_that_proves_nothing(fault: str, receive: Receive, tmp_path: Path) -> None:
    path = certificate(
        tmp_path, "other.example" if fault == "of another host" else HOST, days=-1 if fault == "expired" else 1
    )
    receiver = await receive(tls=serving(path))
    async with sender_trusting(None if fault == "not trusted" else path) as sender:
        host = "127.0.0.1" if fault == "of an address" else HOST
        answer = await post(sender, f"https://{host}:{receiver.port}/")
    assert (answer.error, receiver.heads) == ("tls_failed", [])


async def test_a_server_without_tls(receive: Receive) -> None:
    receiver = await receive()
    async with sender_trusting(None, timeout=0.2) as sender:
        answer = await post(sender, f"https://{HOST}:{receiver.port}/")
    assert answer.error in {"tls_failed", "disconnected", "connect_failed", "timeout"}
    assert receiver.heads == []


async def test_the_machines_own_authorities_are_trusted_and_no_others(receive: Receive, tmp_path: Path) -> None:
    receiver = await receive(tls=serving(certificate(tmp_path, HOST)))
    async with Sender(allow=["127.0.0.1"], resolve=here) as sender:
        assert (await post(sender, f"https://{HOST}:{receiver.port}/")).error == "tls_failed"
