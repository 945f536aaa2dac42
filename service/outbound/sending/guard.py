"""Who may be sent to: machines on the open internet over TLS, and whatever the operator names.

A target passes through one of three gates. What is found behind the gate, when its name has been asked for, is judged by the gate again,
address by address, before anything connects to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Final, Literal

from service.outbound.sending.addresses import Address, Network, is_public
from service.outbound.sending.targets import AddressRefused, Target, target_of

Gate = Literal["named", "open", "listed"]
"""``named``: the operator named this host, whatever its address. ``open``: anything public, or in a network the operator listed.
``listed``: only what is in a network the operator listed; all that plain http may reach."""

# Names that mean something else inside each network than outside; and those under which clouds hand out their keys.
_INNER: Final = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "svc"}
)
_METADATA: Final = frozenset({"metadata.tencentyun.com", "instance-data.ec2.internal", "metadata.google.internal"})


class Guard:
    """What the operator's allow-list adds to the open internet. ``allow`` holds host names, addresses and networks in CIDR notation."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in allow:
            try:
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower().removesuffix("."))

    def gate_for(self, url: str) -> tuple[Gate, Target]:
        """Return through which gate an address goes, or raise `AddressRefused`. Asks nobody: names are looked up when it is sent."""
        target = target_of(url)
        if target.host in self._names:
            return "named", target
        gate: Gate = "open" if target.scheme == "https" else "listed"
        if target.address is not None:
            self.check(gate, target.address)
        elif gate == "listed" and not self._networks:
            raise AddressRefused("Only https:// is sent to; plain http is for hosts that the operator has named.")
        elif "." not in target.host or target.host.rpartition(".")[2] in _INNER or target.host in _METADATA:
            raise AddressRefused(f"{target.host} is a name of the inner network.")
        return gate, target

    def check(self, gate: Gate, address: Address) -> None:
        """Raise `AddressRefused` unless what goes through this gate may connect to this address."""
        if gate == "named" or any(address in network for network in self._networks):
            return
        if gate == "listed":
            raise AddressRefused("Only https:// is sent to; plain http is for hosts that the operator has named.")
        if not is_public(address):
            raise AddressRefused(f"{address} is not an address of the open internet.")

    def check_all(self, gate: Gate, addresses: Sequence[Address]) -> None:
        """Raise `AddressRefused` unless every one of a name's addresses may be connected to: one bad address taints the name."""
        for address in addresses:
            self.check(gate, address)
