"""One machine: its NICs, its kernel's order of them, and the veths that come and go.

Interface numbers only ever rise, as in a real network namespace, so a host that has run for
months gives its veths numbers in the tens of thousands. Kernels before 6.9 dump links by hash
bucket (``ifindex & 255``), later ones in rising order; both orders are flannel's business.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bot.sim.cluster import names, selection

MTU = 1500
"""Of a NIC."""

_ADDRESSES = 253
"""Of a /24 that pods can have: without the network's, the bridge's and the broadcast address."""


@dataclass(frozen=True)
class Kind:
    """What sort of machine it is; decides pods, size and wording."""

    name: str
    pods: tuple[int, int]
    """Fewest and most ordinary pods."""
    cpus: int
    memory_gib: int
    instance_type: str


VIRTUAL = Kind("vm", (6, 10), 8, 32, "vm.8c32g")
CONTROL = Kind("control-plane", (1, 3), 8, 32, "vm.8c32g")
PHYSICAL = Kind("physical", (30, 60), 64, 251, "bare-metal")
MANY_NICS = Kind("many-nics", (45, 60), 96, 502, "bare-metal-sriov")


@dataclass(frozen=True)
class System:
    """A distribution with its kernel."""

    os_image: str
    kernel: str
    runtime: str


@dataclass
class Host:
    """A machine of the fleet; mutable, owned by the event loop."""

    name: str
    index: int
    kind: Kind
    system: System
    pod_cidr: str
    private_ip: str
    private_nic: str
    public_ip: str = ""
    iptables_mib: float = 2.0
    """What one iptables child weighs here at the reference size, see `memory.host_children`."""
    rules: float = 1.0
    """How many times the ordinary number of kube-proxy rules this host has."""
    links: dict[int, selection.Link] = field(default_factory=dict)
    slaves: dict[str, str] = field(default_factory=dict)
    """Link name to the bond that enslaves it."""
    default_gateway: str = ""
    default_dev: str = ""
    next_ifindex: int = 2
    veths: dict[str, int] = field(default_factory=dict)
    """Veth name to ifindex."""
    pod_ips: dict[str, str] = field(default_factory=dict)
    """Veth name to the address of the pod behind it."""
    last_ip: int = 1
    """Last octet of the address given last."""
    zone: str = "zone-a"
    pod_mtu: int = MTU - 50
    """What flannel leaves for pods: less where there is a tunnel."""

    @property
    def physical(self) -> bool:
        """Whether it is a machine of its own, with a public NIC."""
        return self.kind in {PHYSICAL, MANY_NICS}

    @property
    def hashes(self) -> bool:
        """Whether this kernel dumps links by hash bucket (before 6.9)."""
        return kernel_hashes(self.system.kernel)

    def add_link(
        self,
        name: str,
        *addresses: selection.Address,
        mtu: int = MTU,
        up: bool = True,
        ifindex: int | None = None,
    ) -> selection.Link:
        """Register a link; the next number is used unless one is given (then counting goes on)."""
        number = self.next_ifindex if ifindex is None else ifindex
        link = selection.Link(number, name, mtu, up, addresses)
        self.links[number] = link
        self.next_ifindex = max(self.next_ifindex, number + 1)
        return link

    def renew_link(self, name: str) -> None:
        """Make a link anew, with the next number."""
        old = next(one for one in self.links.values() if one.name == name)
        del self.links[old.ifindex]
        self.add_link(name, *old.addresses, mtu=old.mtu, up=old.up)

    def add_veth(
        self, rng: random.Random, *, name: str | None = None, ifindex: int | None = None
    ) -> str:
        """Plug a pod in; returns the veth's name. Its host end has no IPv4 (bridge plugin)."""
        chosen = name or names.veth(rng)
        while chosen in self.veths:
            chosen = names.veth(rng)
        if ifindex is None:
            # The pod's own end and other short-lived devices take numbers, too.
            self.next_ifindex += rng.randrange(1, 4)
        link = self.add_link(chosen, mtu=self.pod_mtu, ifindex=ifindex)
        self.veths[chosen] = link.ifindex
        self.pod_ips[chosen] = self._next_ip()
        return chosen

    def remove_veth(self, name: str) -> None:
        """Unplug a pod; unknown names are ignored."""
        number = self.veths.pop(name, None)
        if number is not None:
            del self.links[number]
            del self.pod_ips[name]

    def veth_of(self, ip: str) -> str:
        """The veth of the pod with an address; an empty text if there is none."""
        return next((veth for veth, address in self.pod_ips.items() if address == ip), "")

    def _next_ip(self) -> str:
        """The free address after the one given last, as the host-local plugin chooses."""
        base, taken = self.pod_cidr.rpartition(".")[0], set(self.pod_ips.values())
        for step in range(1, _ADDRESSES + 1):
            octet = 2 + (self.last_ip - 2 + step) % _ADDRESSES
            if f"{base}.{octet}" not in taken:
                self.last_ip = octet
                return f"{base}.{octet}"
        raise ValueError(f"{self.name} has no free pod address left")

    def plug_first(self, rng: random.Random, name: str) -> Callable[[], None]:
        """Plug in a veth that this kernel lists before the private NIC.

        Where links are listed by bucket, a number in the NIC's own bucket does, since the newest
        comes first. Where they are listed by number, the NIC must be the younger one: it is taken
        out and registers anew, as after a reload of its driver.

        Returns:
            The way to undo it, the NIC's number included.
        """
        private = next(link for link in self.links.values() if link.name == self.private_nic)
        bucket, number = private.ifindex & 255, self.next_ifindex
        if self.hashes:
            number += (bucket - number) % 256
        self.add_veth(rng, name=name, ifindex=number)
        if not self.hashes:
            del self.links[private.ifindex]
            self.add_link(private.name, *private.addresses, mtu=private.mtu)

        def undo() -> None:
            self.remove_veth(name)
            if not self.hashes:
                newer = next(one for one in self.links.values() if one.name == private.name)
                del self.links[newer.ifindex]
                self.links[private.ifindex] = private

        return undo

    def dump(self) -> tuple[selection.Link, ...]:
        """All links in the order of this kernel's dump."""
        return dump_order(self.links.values(), hashes=self.hashes)

    def routes(self) -> tuple[selection.Route, ...]:
        """The host's own routes: default first, then one for each connected network."""
        found: list[selection.Route] = []
        if self.default_dev:
            found.append(selection.Route("default", self.default_dev, self.default_gateway))
        for link in self.links.values():
            if link.name == "lo":
                continue
            found.extend(
                selection.Route(network(one.address, one.prefix), link.name, "", one.address)
                for one in link.addresses
                if one.prefix < 32
            )
        return tuple(found)


def kernel_hashes(kernel: str) -> bool:
    """Whether a kernel release, such as ``5.4.0-100-generic``, is older than 6.9."""
    found = re.match(r"(\d+)\.(\d+)", kernel)
    if found is None:
        return True
    return (int(found.group(1)), int(found.group(2))) < (6, 9)


def dump_order(links: Iterable[selection.Link], *, hashes: bool) -> tuple[selection.Link, ...]:
    """Order links as an RTM_GETLINK dump does: by bucket and newest first in one, or by number."""
    if hashes:
        return tuple(sorted(links, key=lambda link: (link.ifindex & 255, -link.ifindex)))
    return tuple(sorted(links, key=lambda link: link.ifindex))


def network(address: str, prefix: int) -> str:
    """The network of an address, in CIDR notation, for prefixes of 8, 16 or 24 and others."""
    value = 0
    for part in address.split("."):
        value = value * 256 + int(part)
    value &= (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{prefix}"
