"""flannel's --iface-regex can match more than the NICs it was written for.

Its patterns are searched for anywhere in a name: `eth1` also matches `veth17f90f70`, a pod's side
of its cable. All is well until flannel restarts on a node where such a NIC comes first; then it
crash-loops there. So this is told while everything runs. What the nodes' own NICs would give is
told by `nic_at_restart`.

Severity: warning where a pod's NIC can be matched, and where a pattern does not compile, so that
it is of no use. Info where it is not anchored and can match no pod's NIC, as `bond1`: nothing
happens by it, and it is a habit to leave.

Source: flannel's pkg/ipmatch/match.go; names of veths by the CNI plugins' ip.RandomVethName.
"""

from collections.abc import Iterable, Iterator

from bot.checks import remedies
from bot.checks.context import Context
from bot.domain.finding import Finding, Severity
from bot.flannel import anchoring, discovery, regex, veth

NAME = "nic_pattern"

_PODS = 30
"""Pods of an ordinary node, for which the chance of a match is told."""


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each flannel with such patterns."""
    for flannel in context.flannels:
        place = (flannel.namespace, flannel.daemonset)
        if flannel.serves and context.snapshot.sees("DaemonSet", *place):
            yield from _of(context, flannel)


def _of(context: Context, flannel: discovery.Flannel) -> Iterator[Finding]:
    patterns = [one for one in flannel.flags.iface_regex if one]
    broken = [one for one in patterns if isinstance(regex.read(one), regex.Malformed)]
    prone = [one for one in patterns if veth.example(one)]
    loose = [one for one in patterns if one not in broken and not anchoring.is_anchored(one)]
    meant = broken or prone or loose
    if not meant:
        return
    shown = f"flannel's --iface-regex={meant[0]}"
    if broken:
        summary = f"{shown} does not compile"
    elif prone:
        summary = f"{shown} also matches pods' NICs such as {veth.example(prone[0])}"
    else:
        summary = f"{shown} is not anchored; it matches no pod's NIC"
    home = context.home(flannel)
    yield Finding(
        check=NAME,
        severity=Severity.WARNING if broken or prone else Severity.INFO,
        target=home,
        workload=home,
        summary=summary,
        headline="flannel's NIC pattern",
        evidence=tuple(_evidence(flannel, broken, [*prone, *loose])),
        cure=_cure(flannel, patterns, dangerous=bool(broken or prone)),
        container=flannel.container,
    )


def _evidence(
    flannel: discovery.Flannel, broken: Iterable[str], others: Iterable[str]
) -> Iterator[str]:
    for one in broken:
        found = regex.read(one)
        if isinstance(found, regex.Malformed):
            yield f"`{one}`: {found.error}"
    for one in dict.fromkeys(others):
        name = veth.example(one)
        if not name:
            yield f"`{one}` is searched for anywhere in a name or an address"
            continue
        chance = 1 - (1 - veth.share(one)) ** _PODS
        often = f"; a node with {_PODS} pods has one in {chance:.0%} of cases" if chance else ""
        yield f"`{one}` matches {name}{often}"
    yield f"it stands in {remedies.place(flannel, flannel.flags)}"


def _cure(flannel: discovery.Flannel, patterns: Iterable[str], *, dangerous: bool) -> str:
    wish = remedies.safe_flags(tuple(patterns))
    said = f"By {remedies.edit(flannel)}, {wish}."
    if not dangerous:
        return f"When it is changed anyway: {said}"
    return (
        f"{said} This restarts every flanneld, and each chooses its NIC anew: first see that the "
        "new flags give each node the NIC it has now."
    )
