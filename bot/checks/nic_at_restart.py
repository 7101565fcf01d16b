"""What flannel would choose on a node if it restarted now is not the NIC that it uses.

It chooses once, at its start, so a wrong choice waits until an OOM kill, a reboot or a rollout.
Told by deep looks (`Limits.look_valid`): the node's own NICs, in the order in which its kernel
lists them, by the rules of the release that runs. Silent where a look cannot tell, on nodes where
flannel crash-loops already, and where only an address of its NIC changed, which `node_device`
tells.

Severity: critical where it would crash-loop, or would take or has taken a pod's NIC; warning where
it would move to another NIC or address, which resets the node's data path.

Source: `bot.flannel.selection`, which agrees with 5,352 recorded choices of 14 releases.
"""

from collections.abc import Collection, Iterable, Iterator

from bot.checks import remedies
from bot.checks.context import Context
from bot.domain import units
from bot.domain.finding import Finding, Severity
from bot.flannel import discovery
from bot.flannel.faults import Fault
from bot.flannel.outlook import Outlook, Verdict
from bot.flannel.study import Study

NAME = "nic_at_restart"

_TOLD_BY_DEVICE = frozenset(
    {
        Fault.NIC_CHANGED_ADDRESS,
        Fault.NIC_LOST_ADDRESS,
        Fault.LOCAL_DIFFERS,
        Fault.PUBLIC_IP_FOREIGN,
    }
)


def seen(context: Context) -> Collection[str]:
    """Return the nodes of which it can be told."""
    return {
        name
        for name, look in context.looks.items()
        if look.outlook.verdict is not Verdict.UNKNOWN and not context.looping_on(name)
    }


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each node whose restart is a risk."""
    for name in sorted(seen(context)):
        look = context.looks[name]
        severity = _severity(look)
        if severity is not None and context.snapshot.sees("Node", "", name):
            yield _finding(context, look.outlook, severity)


def _severity(look: Study) -> Severity | None:
    ahead = look.outlook
    if ahead.safe:
        return None
    if ahead.verdict is Verdict.FAILS or ahead.takes_pods_nic or ahead.on_pods_nic:
        return Severity.CRITICAL
    same = ahead.present.nic == ahead.choice.nic
    found = {one.fault for one in look.drift.deviations} if look.drift else set()
    return None if same and found & _TOLD_BY_DEVICE else Severity.WARNING


def _finding(context: Context, ahead: Outlook, severity: Severity) -> Finding:
    flannel = context.flannel_on[ahead.node]
    critical = severity is Severity.CRITICAL
    return Finding(
        check=NAME,
        severity=severity,
        target=context.node(ahead.node),
        workload=context.home(flannel),
        summary=f"{ahead.node}: {ahead.risk}",
        headline="flannel would not survive a restart" if critical else "flannel would change NIC",
        evidence=tuple(_evidence(ahead)),
        cure=_cure(context, flannel, ahead),
        container=flannel.container,
    )


def _evidence(ahead: Outlook) -> Iterator[str]:
    best = ahead.present.best
    if best is not None:
        yield f"now: {best.text}"
    yield from ahead.choice.reasons
    if ahead.hits:
        hit = units.listing([str(one) for one in ahead.hits], most=5)
        yield f"pods' NICs that the pattern matches: {hit}"
    yield from ahead.doubts


def _cure(context: Context, flannel: discovery.Flannel, ahead: Outlook) -> str:
    patterns = flannel.flags.iface_regex
    if ahead.takes_pods_nic and patterns:
        return (
            f"Do not restart flannel there before its flags are safe: by {remedies.edit(flannel)}, "
            f"{remedies.safe_flags(patterns)}. Meanwhile moving the pod named off the node takes "
            "its NIC away."
        )
    if ahead.verdict is Verdict.FAILS:
        return (
            "Do not restart flannel there before its flags find a NIC: by "
            f"{remedies.edit(flannel)}, name NICs in the order wanted, `--iface=` once for each."
        )
    return (
        "If the NIC that it would take is the right one, restart flannel in a window "
        f"({remedies.restart(context, ahead.node)}): the node's routes are gone for a moment. Else "
        f"name the right NIC by `--iface=` ({remedies.edit(flannel)})."
    )
