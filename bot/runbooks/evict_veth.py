"""Evict just the pod whose NIC flannel would take for the node's, and restart flannel there.

Which pod is behind the NIC is told from the node's side: the pod's address leads to its MAC by the
neighbours of the bridge, and the MAC to the NIC by the bridge's forwarding entries. Where several
are in the way, one after the other, they all go. A new pod gets a new NIC with another name, so
this helps until a name matches again; anchoring the pattern is the lasting cure.

Refused where no pod's NIC is in the way, where the pod behind it is not known, and where that pod
may not go, as for a drain. A pod of a DaemonSet comes back on the same node, which is said. A
flannel that is ready on the host's NIC is not restarted.

Verified by flannel being ready on the node with its NIC and routes. There is nothing to undo.
"""

from collections.abc import Iterator
from datetime import timedelta

from bot.domain import drain
from bot.domain.drain import NodePod
from bot.domain.plan import Plan
from bot.flannel import outlook, veth
from bot.flannel.outlook import Outlook
from bot.runbooks import forecast, places, steps
from bot.runbooks.case import Case, NoPlan, Wishes
from bot.runbooks.places import Place

NAME = "evict-veth"
SUMMARY = "evict the pod whose NIC flannel takes for the node's"
_MOVES = timedelta(minutes=1)


def draft(case: Case, wishes: Wishes) -> Plan | NoPlan:
    """Draft it, where the pods in the way are known and may go."""
    place = places.of(case, wishes)
    if isinstance(place, NoPlan):
        return place
    now = forecast.one(case, place.flannel, place.name)
    if isinstance(now, str):
        return NoPlan(f"which NIC flannel would take on {place.name} is not known: {now}")
    words = forecast.stuck(case, place.flannel, now)
    if words:
        return NoPlan(
            f"which pod is in flannel's way on {place.name} cannot be told while flannel does not "
            f"run there and no probe pod looks (`inspection.probe_pods`): {words}",
            instead=("anchor-regex", "drain"),
        )
    if not now.takes_pods_nic and now.verdict is outlook.Verdict.UNKNOWN:
        return NoPlan(f"whether a pod's NIC is in flannel's way is not known: {now.risk}")
    if not now.takes_pods_nic:
        return NoPlan(
            f"no pod's NIC is in flannel's way on {place.name}: {now.risk}", instead=("restart",)
        )
    found = _in_the_way(case, place, now)
    if isinstance(found, NoPlan):
        return found
    pods, ahead = found
    for pod in pods.values():
        reason = _forbidden(pod, wishes)
        if reason:
            return NoPlan(f"{pod.place} is in the way and may not go: it {reason}",
                          instead=("anchor-regex",))  # fmt: skip
    prediction = forecast.predicted(ahead)
    again = not place.pod.ready or now.on_pods_nic
    return places.plan(
        case,
        place,
        places.Work(
            runbook=NAME,
            title=f"Evict {', '.join(one.place for one in pods.values())} from {place.name}",
            steps=(
                *(steps.evict(case, one, batch=0) for one in pods.values()),
                *(places.restart(case, place, batch=1) if again else ()),
            ),
            prediction=prediction,
            reasoning=(
                *(f"{nic} belongs to {pod.place}, as the bridge's tables tell"
                  for nic, pod in pods.items()),
                f"now: {now.risk}",
            ),
            notes=tuple(_notes(place, list(pods.values()))),
            diff=tuple(f"- pod {one.place}" for one in pods.values()),
            brake="A cancel stops it before the next step; what was evicted stays where it went.",
            expected=_MOVES + (case.limits.pace if again else timedelta()),
            restarts=again,
        ),
    )  # fmt: skip


def _in_the_way(
    case: Case, place: Place, now: Outlook
) -> tuple[dict[str, NodePod], Outlook] | NoPlan:
    """Take pods' NICs away, the one that flannel goes for first, until it takes the host's."""
    owners = places.owners(case, place.name)
    pods: dict[str, NodePod] = {}
    ahead: Outlook | str = now
    while not isinstance(ahead, str) and ahead.takes_pods_nic:
        nic = forecast.took(ahead)
        if nic not in owners:
            return NoPlan(
                f"{nic} is in flannel's way on {place.name}, and which pod is behind it cannot be "
                "told from what was seen of the node: drain it, or anchor the pattern",
                instead=("drain", "anchor-regex"),
            )
        pods[nic] = owners[nic]
        ahead = places.without(case, place.name, pods)
    if isinstance(ahead, str) or ahead.verdict is outlook.Verdict.FAILS:
        told = ahead if isinstance(ahead, str) else ahead.risk
        return NoPlan(f"evicting is no cure for {place.name}: {told}")
    return pods, ahead


def _forbidden(pod: NodePod, wishes: Wishes) -> str:
    if pod.of_daemonset and not pod.mirror:
        if pod.empty_dir and not wishes.lose_empty_dirs:
            return "keeps data in an emptyDir, which would be lost"
        return ""
    decision = drain.decide([pod], delete_empty_dir=wishes.lose_empty_dirs)
    return "".join(one.reason for one in (*decision.forbids, *decision.stays))


def _notes(place: Place, pods: list[NodePod]) -> Iterator[str]:
    share = max((veth.share(raw) for raw in place.flannel.flags.iface_regex), default=0.0)
    odds = f": about one new name in {round(1 / share)} does" if share else ""
    yield f"It helps until a new pod's NIC matches again{odds}. Anchor the pattern to end that."
    back = [one.place for one in pods if one.of_daemonset]
    if back:
        yield f"{', '.join(back)} comes back on {place.name} at once, with a NIC of another name."
    lost = [one.place for one in pods if one.empty_dir]
    if lost:
        yield f"Data in emptyDirs is lost, as ticked: {', '.join(lost)}."
