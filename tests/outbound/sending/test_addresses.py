from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.outbound.sending.addresses import is_public

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "198.17.0.1",
          "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "2400:cb00::1", "2003::1", "2001:200::1", "2001:4860::8"]  # fmt: skip
CLOSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "169.254.0.23", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::8.8.8.8", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "100:0:0:1::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2620:4f:8000::1", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
    "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_machines_of_the_open_internet(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", CLOSED)
def test_everything_else(text: str) -> None:
    assert not is_public(ip_address(text))


# Where we are stricter than Python, or Python's release is older than the registry.
STRICTER = [ip_network(network) for network in (
    "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4",
    "::/3", "4000::/2", "8000::/1", "2001::/23", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)]  # fmt: skip


def one_of_both(address: IPv4Address | IPv6Address) -> bool:
    strict = any(address in network for network in STRICTER)
    return strict or (int(address) >> 32 & 0xFDFFFFFF) == 0x5EFE


@given(st.ip_addresses(v=4))
def test_it_agrees_with_python_on_ipv4(address: IPv4Address) -> None:
    assert is_public(address) == (address.is_global and not one_of_both(address))


@given(st.ip_addresses(v=6))
def test_it_agrees_with_python_on_ipv6(address: IPv6Address) -> None:
    assert is_public(address) == (address.is_global and not one_of_both(address))


@given(st.ip_addresses())
def test_what_python_takes_for_closed_is_never_open(address: IPv4Address | IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not any((address.is_multicast, address.is_private, address.is_loopback, address.is_link_local))
