"""Which NIC flannel uses now, and how that is known.

Four things tell it, the most trustworthy first: what flannel's device is bound to, which NIC has
the announced address, flannel's log, and the MTU that it left for pods, which is a hint only:
several NICs may have it.
"""

import enum
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.flannel import logs, netconf
from bot.flannel.kernel import Kernel
from bot.flannel.lease import Lease


class Source(enum.StrEnum):
    """What tells it, the best first."""

    DEVICE = "flannel's device"
    ANNOTATION = "the announced address"
    LOG = "flannel's log"
    MTU = "the MTU in subnet.env"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source says. `ip` is the address that flannel uses, where the source names it."""

    nic: str
    source: Source
    text: str
    ip: str = ""


@dataclass(frozen=True, slots=True)
class Present:
    """What all sources say, the best first. Empty where none says anything."""

    evidence: tuple[Evidence, ...] = ()

    @property
    def nic(self) -> str:
        """The NIC by the best source; nothing where there is only a hint."""
        best = self.best
        return best.nic if best else ""

    @property
    def ip(self) -> str:
        """The address that flannel uses, by the best source that agrees and names it."""
        return next((one.ip for one in self.evidence if one.nic == self.nic and one.ip), "")

    @property
    def best(self) -> Evidence | None:
        """The best source, a hint not counted."""
        return next((one for one in self.evidence if one.source is not Source.MTU), None)

    @property
    def likely(self) -> str:
        """The NIC, be it by a hint only."""
        return self.evidence[0].nic if self.evidence else ""

    @property
    def contradictions(self) -> tuple[Evidence, ...]:
        """Sources that name another NIC than the best one does."""
        return tuple(one for one in self.evidence if one.nic != self.likely)


def of(kernel: Kernel, lease: Lease, device: str, log: logs.Log | None = None) -> Present:
    """Gather what is known; `device` is flannel's device, or nothing where it has none."""
    found = list(by_kernel(kernel, lease, device))
    if log is not None and log.chosen:
        found.append(
            Evidence(
                log.chosen,
                Source.LOG,
                f"its log says that it used {log.chosen} with {log.address}",
                log.address,
            )
        )
    found += _by_mtu(kernel, lease, named={one.nic for one in found})
    return Present(tuple(found))


def by_kernel(kernel: Kernel, lease: Lease, device: str) -> Iterator[Evidence]:
    """Return what the kernel's tables tell: the device, then who has the announced address."""
    link = kernel.link(device) if device else None
    tunnel = link.tunnel if link else None
    local = tunnel.local if tunnel else ""
    if tunnel and tunnel.lower:
        sends = f" and sends from {local}" if local else ""
        yield Evidence(
            tunnel.lower, Source.DEVICE, f"{device} is bound to {tunnel.lower}{sends}", local
        )
    elif local and (nic := _holder(kernel, local)):
        yield Evidence(nic, Source.DEVICE, f"{device} sends from {local}, which is on {nic}", local)
    for _, side in lease.sides:
        if nic := _holder(kernel, side.public_ip):
            text = f"{side.public_ip}, which it announces, is on {nic}"
            yield Evidence(nic, Source.ANNOTATION, text, side.public_ip)


def _holder(kernel: Kernel, ip: str) -> str:
    found = kernel.holder(ip)
    return found.name if found is not None and found.name != "lo" else ""


def _by_mtu(kernel: Kernel, lease: Lease, *, named: Collection[str]) -> Iterator[Evidence]:
    """Return the one NIC that has this MTU.

    One without an address counts where it is `named` by better sources: it may have lost the
    address, and then no other fits any better.
    """
    mtu = kernel.subnet.mtu if kernel.subnet else 0
    overhead = netconf.TUNNELLED.get(lease.backend)
    if not mtu or overhead is None:
        return
    fitting = [
        one.name
        for one in kernel.links or ()
        if one.mtu == mtu + overhead
        and (one.ips() or one.name in named)
        and one.name != "lo"
        and one.kind != "veth"
    ]
    if len(fitting) == 1:
        text = f"subnet.env has MTU {mtu}, and only {fitting[0]} has {mtu + overhead}"
        yield Evidence(fitting[0], Source.MTU, text)
