"""flannel's device, the NIC below it, and what flannel leaves for the CNI plugin.

Whether they are as announced and expected. The tables of peers are `drift`'s business, which
asks here first: without a device there is nothing to compare.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain import units
from bot.flannel import announced, present
from bot.flannel.desired import Device, Expected
from bot.flannel.faults import Deviation, Fault
from bot.flannel.fleet import Fleet
from bot.flannel.kernel import Kernel, Link
from bot.flannel.lease import Lease, Side

_BRIDGES = ("cni0", "cbr0")


_LOOPBACK = "lo"
_NIC_LOST = frozenset(
    {Fault.NIC_DOWN, Fault.NIC_NO_CARRIER, Fault.NIC_MISSING, Fault.NIC_LOST_ADDRESS}
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `tables` says whether the peers' entries can be compared at all."""

    deviations: tuple[Deviation, ...] = ()
    tables: bool = True
    nic_lost: bool = False
    """Whether the NIC below is off, without link or without address: the kernel then drops the
    routes that go by it, which is no fault of their own."""
    mac: str = ""
    """The device's MAC where it is not the announced one."""


def external(kernel: Kernel, lease: Lease, device: str) -> str:
    """Return the NIC that flannel uses, by the best evidence the kernel gives.

    First what the tunnel device is bound to, then who holds the tunnel's or the announced
    address. Nothing where neither says it.
    """
    return next((one.nic for one in present.by_kernel(kernel, lease, device)), "")


def judge(fleet: Fleet, lease: Lease, expected: Expected, kernel: Kernel, *, nic: str) -> Report:
    """Judge one family's device and NIC. Only for kernels whose links were read."""
    found: list[Deviation] = []
    device = expected.device
    link = kernel.link(device.name) if device else None
    below = kernel.link(nic) if nic else None
    if device is not None and link is None:
        summary = f"{device.name} is not there"
        return Report(
            (
                Deviation(
                    Fault.DEVICE_MISSING,
                    lease.node,
                    summary,
                    tuple(_why(lease, kernel, expected.own)),
                ),
            ),
            tables=False,
        )
    found += _nic(lease, kernel, nic=nic, below=below, routed=device is None)
    if below is not None or not nic:
        found += _addresses(lease, expected, kernel, link, below)
    lost = any(one.fault in _NIC_LOST for one in found)
    if device is None or link is None:
        return Report(tuple(found), nic_lost=lost)
    if not link.up:
        found.append(Deviation(Fault.DEVICE_DOWN, lease.node, f"{link.name} is switched off"))
    found += _details(lease, device, link, kernel)
    if below is None or below.name != _LOOPBACK:
        found += _mtu(fleet, lease, device, link, below)
    differs = link.mac if device.mac and link.mac and link.mac != device.mac else ""
    return Report(tuple(found), tables=link.up, nic_lost=lost, mac=differs)


def _why(lease: Lease, kernel: Kernel, own: Side) -> Iterator[str]:
    if kernel.holder(own.public_ip) is None:
        yield f"no NIC has {own.public_ip} either, which {lease.node} announces"
    similar = [one.name for one in kernel.links or () if one.name.startswith("flannel")]
    if similar:
        yield f"there are {units.listing(similar, most=4)}"


def _nic(
    lease: Lease, kernel: Kernel, *, nic: str, below: Link | None, routed: bool
) -> Iterator[Deviation]:
    if not nic:
        return
    if below is None:
        yield Deviation(Fault.NIC_MISSING, lease.node, f"{nic} is not there")
        return
    what = "routes to peers go" if routed else "the tunnel is bound"
    if below.name == _LOOPBACK:
        yield Deviation(
            Fault.NIC_LOOPBACK, lease.node, f"{nic}, to which {what}, is the loopback interface"
        )
        return
    evidence = (f"{nic}: {','.join(below.flags)}, state {below.state or 'unknown'}",)
    if not below.up:
        yield Deviation(
            Fault.NIC_DOWN, lease.node, f"{nic}, to which {what}, is switched off", evidence
        )
    elif not below.carrier:
        yield Deviation(
            Fault.NIC_NO_CARRIER, lease.node, f"{nic}, to which {what}, has no link", evidence
        )
    elif below.master and kernel.link(below.master) is not None and not below.addresses:
        yield Deviation(
            Fault.NIC_LOST_ADDRESS,
            lease.node,
            f"{nic} has become part of {below.master} and has no address of its own",
            evidence,
        )


def _addresses(
    lease: Lease, expected: Expected, kernel: Kernel, link: Link | None, below: Link | None
) -> Iterator[Deviation]:
    own, version = expected.own, expected.version
    tunnel = link.tunnel if link else None
    local = tunnel.local if tunnel else ""
    if not any(one.addresses for one in kernel.links or ()):
        # Every host has 127.0.0.1: a listing without any address did not ask for them.
        return
    if below is not None and below.master and not below.addresses:
        return
    nic = below.name if below else "its NIC"
    has = below.ips(version) if below else ()
    lasting = [ip for ip in has if not ip.startswith("fe80:")]
    if local and kernel.holder(local) is None:
        fault = Fault.NIC_CHANGED_ADDRESS if lasting else Fault.NIC_LOST_ADDRESS
        yield Deviation(
            fault,
            lease.node,
            f"no NIC has {local}, from which the tunnel sends",
            (f"{nic} has {', '.join(lasting) or f'no IPv{version} address'}",),
        )
    elif kernel.holder(own.public_ip) is None:
        if lease.overwrite == own.public_ip:
            return
        if local or not lasting:
            shown = f"{nic} has {', '.join(lasting) or f'no IPv{version} address'}"
            yield Deviation(
                Fault.PUBLIC_IP_FOREIGN,
                lease.node,
                f"no NIC has {own.public_ip}, which it announces",
                (shown, f"the tunnel sends from {local}") if local else (shown,),
            )
        else:
            yield Deviation(
                Fault.NIC_CHANGED_ADDRESS,
                lease.node,
                f"no NIC has {own.public_ip}, which it announces",
                (f"{nic} has {', '.join(lasting)}",),
            )
    elif local and own.public_ip not in (local, lease.overwrite):
        yield Deviation(
            Fault.LOCAL_DIFFERS,
            lease.node,
            f"the tunnel sends from {local}, the node announces {own.public_ip}",
        )


def _details(lease: Lease, device: Device, link: Link, kernel: Kernel) -> Iterator[Deviation]:
    tunnel = link.tunnel
    if tunnel and device.vni and tunnel.vni and tunnel.vni != device.vni:
        summary = f"{link.name} has VNI {tunnel.vni}, configured is {device.vni}"
        yield Deviation(Fault.DEVICE_OTHER, lease.node, summary)
    if tunnel and device.port and tunnel.port and tunnel.port != device.port:
        summary = f"{link.name} has port {tunnel.port}, configured is {device.port}"
        yield Deviation(Fault.DEVICE_OTHER, lease.node, summary)
    read = any(one.addresses for one in kernel.links or ())
    version = 6 if ":" in device.address else 4
    ips = [ip for ip in link.ips(version) if not ip.startswith("fe80:")]
    if read and device.address and device.address not in ips:
        summary = f"{link.name} has {', '.join(ips) or 'no address'}, not {device.address}"
        yield Deviation(Fault.DEVICE_ADDRESS, lease.node, summary)


def _mtu(
    fleet: Fleet, lease: Lease, device: Device, link: Link, below: Link | None
) -> Iterator[Deviation]:
    if not (link.mtu and below and below.mtu):
        return
    room = below.mtu - min(device.overheads)
    facts = (f"{link.name} mtu {link.mtu}", f"{below.name} mtu {below.mtu}")
    if link.mtu > room:
        summary = f"{link.name}'s MTU {link.mtu} does not fit {below.name}'s {below.mtu}"
        yield Deviation(Fault.MTU_TOO_BIG, lease.node, summary, facts)
    elif link.mtu < below.mtu - max(device.overheads) and not fleet.conf.mtu:
        summary = f"{link.name}'s MTU {link.mtu} could be {room}"
        yield Deviation(Fault.MTU_SMALL, lease.node, summary, facts)


def for_cni(lease: Lease, kernel: Kernel, device: str) -> Iterator[Deviation]:
    """Judge subnet.env, the bridge and the pods' MTU."""
    if kernel.subnet_missing:
        yield Deviation(
            Fault.SUBNET_ENV_MISSING, lease.node, "/run/flannel/subnet.env is not there"
        )
    env = kernel.subnet
    if env is not None:
        for text, side in ((env.subnet, lease.v4), (env.ipv6_subnet, lease.v6)):
            if text and side and not _is_of(text, side.subnet):
                yield Deviation(
                    Fault.SUBNET_ENV_DIFFERS,
                    lease.node,
                    f"subnet.env says {text}, the pod CIDR is {side.subnet}",
                )
        link = kernel.link(device) if device else None
        if link is not None and link.mtu and env.mtu > link.mtu:
            yield Deviation(
                Fault.MTU_TOO_BIG,
                lease.node,
                f"subnet.env gives pods MTU {env.mtu}, {link.name} has {link.mtu}",
            )
        old = [
            one.name
            for one in kernel.links or ()
            if one.master in _BRIDGES and env.mtu and one.mtu > env.mtu
        ]
        if old:
            yield Deviation(
                Fault.MTU_OLD_PODS,
                lease.node,
                f"{units.count(len(old), 'pod')} with an MTU above {env.mtu}",
                (units.listing(old, most=5),),
            )
    for name in _BRIDGES:
        bridge = kernel.link(name)
        ips = [one.ip for one in bridge.addresses if one.version == 4] if bridge else []
        if ips and lease.v4 and not any(announced.inside(ip, (lease.v4.subnet,)) for ip in ips):
            yield Deviation(
                Fault.BRIDGE_DIFFERS,
                lease.node,
                f"{name} has {', '.join(ips)}, the pod CIDR is {lease.v4.subnet}",
            )


def _is_of(text: str, subnet: str) -> bool:
    try:
        return str(ipaddress.ip_interface(text).network) == subnet
    except ValueError:
        return False
