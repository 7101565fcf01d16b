"""Which NIC one node's flannel uses now, which it would take if it restarted, and the risk.

Joins what was seen of the node with what flannel is told: the one place where the two are
compared. However the node was looked at the answer is a true one. From flannel's log alone the
names and addresses are known and no routes, so what a pattern hits can be told, and what a
default route gives cannot.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain import snapshot
from bot.flannel import (
    choice,
    discovery,
    eras,
    flags,
    fleet,
    inspection,
    kernel,
    lease,
    logs,
    netconf,
    present,
    regex,
    rewriting,
    selection,
    versions,
)


class Verdict(enum.StrEnum):
    """What a restart of flannel would do to the node's NIC."""

    UNCHANGED = "unchanged"
    CHANGES = "changes"
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Hit:
    """A pod's NIC that a pattern matches, by its address where `ip` is set, else by name.

    `pod` is "namespace/name" where the pod behind it is known.
    """

    nic: str
    pattern: str
    ip: str = ""
    pod: str = ""

    def __str__(self) -> str:
        return f"{self.nic} (pod {self.pod})" if self.pod else self.nic


@dataclass(frozen=True, slots=True)
class Outlook:
    """One node. `risk` is a sentence; `doubts` say what could not be told, and why.

    `present` is the NIC in use now and how that is known, `choice` what a start would give now,
    `hits` the pods' NICs that a pattern matches, taken or not. `taken_at` and `way` are the
    look's, so that a reader can judge how much it is worth.
    """

    node: str
    taken_at: datetime
    way: inspection.Way
    present: present.Present
    choice: choice.Choice
    verdict: Verdict
    risk: str
    hits: tuple[Hit, ...] = ()
    doubts: tuple[str, ...] = ()
    failed: logs.Told | None = None
    """Why flannel's last start failed, where nothing but its log was to be had."""

    @property
    def takes_pods_nic(self) -> bool:
        """Whether a start would go for a pod's NIC, be it that it fails there or stays on it."""
        return rewriting.is_pods(_took(self.choice))

    @property
    def on_pods_nic(self) -> bool:
        """Whether it sits on a pod's NIC now."""
        return rewriting.is_pods(self.present.nic)

    @property
    def safe(self) -> bool:
        """Whether a restart surely leaves the node's traffic as it is."""
        return self.verdict is Verdict.UNCHANGED and not self.on_pods_nic


def of(
    seen: inspection.Inspection,
    node: snapshot.Node,
    flannel: discovery.Flannel,
    *,
    given: flags.Flags | None = None,
    conf: netconf.NetConf | None = None,
    image: str = "",
) -> Outlook:
    """Compare now and after a restart.

    Args:
        seen: The look at the node, its links in the order of the kernel's dump.
        node: Its Node object, for what it announces.
        flannel: The DaemonSet that serves it.
        given: Other flags than flannel has, to see what they would do.
        conf: net-conf.json, where it could be read.
        image: What would run, where that is not what the DaemonSet says.
    """
    own = flags_of(flannel, seen)
    wanted = own if given is None else given
    announced = lease.of(node.name, node.pod_cidrs, node.annotations, prefix=own.annotation_prefix)
    stack = _stack(conf, announced)
    here = known(seen)
    version = versions.parse(image or flannel.image)
    vni = (conf.vni if conf else 0) or announced.vni or 1
    device = fleet.device_name(
        announced.backend, 6 if stack is selection.Stack.IPV6 else 4, vni=vni
    )
    now = present.of(here, announced, device, seen.log)
    if seen.way is inspection.Way.LOG and stack is not selection.Stack.IPV4:
        then = choice.Choice(
            choice.Outcome.UNKNOWN, error="flannel's log lists the addresses of one family only"
        )
    else:
        then = selection.choose(here, wanted, version, stack=stack, annotations=node.annotations)
    overwrites = {
        family: node.annotations.get(f"{own.annotation_prefix}{name}-overwrite", "")
        for family, name in ((4, "public-ip"), (6, "public-ipv6"))
    }
    verdict, why = _verdict(now, then, announced, overwrites, version)
    hits = tuple(pods_hit(here, wanted, seen.pods_behind))
    return Outlook(
        node=node.name,
        taken_at=seen.taken_at,
        way=seen.way,
        present=now,
        choice=then,
        verdict=verdict,
        risk=_risk(verdict, why, now, then, hits),
        hits=hits,
        doubts=(*_doubts(seen, now, then, version), *_other_flags(seen.log, own)),
        failed=_failed(seen),
    )


def _failed(seen: inspection.Inspection) -> logs.Told | None:
    log = seen.log
    if seen.way is not inspection.Way.LOG or log is None or log.outcome is not logs.Outcome.FAILED:
        return None
    return log.final


def flags_of(flannel: discovery.Flannel, seen: inspection.Inspection) -> flags.Flags:
    """Return the flags that a restart starts with: the DaemonSet's, or what its log printed.

    A ConfigMap may hold their values; v0.15 and newer print them at each start. A script may set
    flags that the log does not show apart, so there nothing is taken from it.
    """
    told, log = flannel.flags, seen.log
    hidden = {"iface", "iface-regex"} & set(told.unknown)
    if not told.readable or not hidden or log is None:
        return told
    if log.iface is None or log.iface_regex is None:
        return told
    return selection.with_flags(told, iface=log.iface, regex=log.iface_regex)


def known(seen: inspection.Inspection) -> kernel.Kernel:
    """Return what is known of the kernel, from flannel's own listing where there is no better."""
    if seen.way is not inspection.Way.LOG:
        return seen.kernel
    links = seen.kernel.links
    if links is None:
        if seen.log is None or not seen.log.nics:
            return seen.kernel
        links = tuple(_listed(number, one) for number, one in enumerate(seen.log.nics, start=1))
    # A log tells no MTU, and flannel refuses a NIC that has none.
    return replace(seen.kernel, links=tuple(replace(one, mtu=one.mtu or 1500) for one in links))


def _listed(number: int, nic: logs.Nic) -> kernel.Link:
    own = tuple(kernel.Address(ip, 128 if ":" in ip else 32) for ip in nic.ips)
    return kernel.Link(nic.name, number, mtu=1500, addresses=own)


def _stack(conf: netconf.NetConf | None, announced: lease.Lease) -> selection.Stack:
    if conf is not None:
        four, six = conf.ipv4, conf.ipv6
    else:
        six = announced.v6 is not None
        four = announced.v4 is not None or not six
    if four and six:
        return selection.Stack.DUAL
    if six:
        return selection.Stack.IPV6
    return selection.Stack.IPV4 if four else selection.Stack.NONE


def _verdict(
    now: present.Present,
    then: choice.Choice,
    announced: lease.Lease,
    overwrites: Mapping[int, str],
    version: versions.Version | None,
) -> tuple[Verdict, str]:
    """Return the verdict, and for one that is not plain what makes it."""
    if then.outcome is choice.Outcome.FAILS:
        return Verdict.FAILS, then.error
    if then.outcome is choice.Outcome.UNKNOWN:
        return Verdict.UNKNOWN, then.error
    if then.attempts[-1].uncertain:
        return Verdict.UNKNOWN, "the kernel takes one of several routes by a hash"
    if not now.nic:
        return Verdict.UNKNOWN, "which NIC it uses now is not known"
    if now.nic != then.nic:
        return Verdict.CHANGES, ""
    was = now.ip
    if was and was not in _sources(then, version):
        return Verdict.CHANGES, f"from {was} to {_address(then)}"
    for family, side in announced.sides if announced.managed else ():
        will = overwrites[family] or (then.external6 if family == 6 else then.external)
        if will and will != side.public_ip:
            return Verdict.CHANGES, f"announcing {will} instead of {side.public_ip}"
    return Verdict.UNCHANGED, ""


def _sources(then: choice.Choice, version: versions.Version | None) -> set[str]:
    """The addresses from which the tunnel would send, either family's.

    v0.27.4 and newer bind it to the advertised address.
    """
    own, told = {then.address, then.address6}, {then.external, then.external6}
    if version is None:
        return (own | told) - {""}
    return (told if eras.of(version).apart else own) - {""}


def _address(then: choice.Choice) -> str:
    return then.address or then.address6


def _took(then: choice.Choice) -> str:
    """The NIC that a start ends with, also where it fails for lack of an address there."""
    tried = _stumbled(then)
    return then.nic or (tried.took if tried else "")


def _stumbled(then: choice.Choice) -> choice.Attempt | None:
    """The attempt that found a NIC and could not use it; of several the last."""
    return next((one for one in reversed(then.attempts) if one.took), None)


def pods_hit(here: kernel.Kernel, given: flags.Flags, pods: Mapping[str, str]) -> Iterator[Hit]:
    """Yield the pods' NICs that a pattern matches; `pods` names the pod behind a NIC."""
    for raw in given.iface_regex:
        pattern = regex.read(raw)
        if not raw or isinstance(pattern, regex.Malformed):
            continue
        for nic in here.links or ():
            if not rewriting.is_pods(nic.name):
                continue
            ip = next((one for one in nic.ips() if pattern.matches(one)), "")
            if ip or pattern.matches(nic.name):
                yield Hit(nic.name, raw, ip, pods.get(nic.name, ""))


def _risk(
    verdict: Verdict,
    why: str,
    now: present.Present,
    then: choice.Choice,
    hits: Sequence[Hit],
) -> str:
    took = _took(then)
    shown = next((str(one) for one in hits if one.nic == took), took)
    if verdict is Verdict.FAILS:
        tried = _stumbled(then)
        if tried is not None:
            return f"a restart now would take {shown} and crash-loop: {tried.error or why}"
        return f"a restart now would find no NIC and crash-loop: {why}"
    if verdict is Verdict.UNKNOWN:
        if then.chosen and not now.nic:
            return f"a restart now would take {shown} with {_address(then)}; {why}"
        return f"what a restart now would choose cannot be told: {why}"
    mark = ", a pod's NIC" if rewriting.is_pods(took) else ""
    mark = mark or (", by which nothing leaves the host" if took == "lo" else "")
    if verdict is Verdict.UNCHANGED:
        return f"a restart now would stay on {shown} with {_address(then)}{mark}"
    if now.nic == then.nic:
        return f"a restart now would stay on {shown}, {why}"
    was = f"{now.nic} ({now.ip})" if now.ip else now.nic
    return f"a restart now would move flannel from {was} to {shown} ({_address(then)}){mark}"


def _doubts(
    seen: inspection.Inspection,
    now: present.Present,
    then: choice.Choice,
    version: versions.Version | None,
) -> Iterator[str]:
    if seen.way is inspection.Way.LOG:
        if known(seen).links is None:
            yield "only flannel's log was to be had, and it lists no NICs"
        else:
            yield "only the NICs that flannel listed at its last failed start are known, no routes"
        final = seen.log.final if seen.log else None
        if final is not None and then.outcome is not choice.Outcome.FAILS:
            yield f"its last start failed: {final.line}"
    if version is None:
        yield "which flannel the image holds is not known"
    for one in now.contradictions:
        yield one.text


def _other_flags(log: logs.Log | None, wanted: flags.Flags) -> Iterator[str]:
    """Say so where the DaemonSet's flags are not those of the last start."""
    if log is None or log.iface is None or log.iface_regex is None or not wanted.readable:
        return
    if (log.iface, log.iface_regex) != (wanted.iface, wanted.iface_regex):
        was = selection.with_flags(flags.Flags(), iface=log.iface, regex=log.iface_regex).as_text
        shown = " ".join(was) or "none for its NIC"
        yield f"its last start was with other flags than the DaemonSet has now: {shown}"
