"""One node that a plan is about: its flannel, and the pods behind its NICs."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain import snapshot, units
from bot.domain.drain import NodePod
from bot.domain.health import Health
from bot.domain.plan import Binding, Criterion, Effect, Plan, Prediction, Signal, Step
from bot.domain.target import Target
from bot.flannel import inspection, kernel, outlook, rewriting
from bot.flannel.discovery import Flannel
from bot.runbooks import approvals, effects, forecast, steps
from bot.runbooks.case import Case, NoPlan, Wishes


@dataclass(frozen=True, slots=True)
class Place:
    """A node, the flannel that serves it, and flannel's pod there."""

    node: snapshot.Node
    flannel: Flannel
    pod: snapshot.Pod

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name


def of(case: Case, wishes: Wishes) -> Place | NoPlan:
    """Return the node that is wished for, or the only one of the incident."""
    name = wishes.node or _only(case)
    if isinstance(name, NoPlan):
        return name
    node, flannel = case.snapshot.nodes.get(name), case.flannel_on.get(name)
    if node is None:
        return NoPlan(f"node {name} is not seen now")
    if flannel is None:
        return NoPlan(f"no flannel DaemonSet serves {name}")
    if node.health is not Health.HEALTHY:
        return NoPlan(
            f"{name} is not ready, so no pod is stopped or started there: mend the node first"
        )
    pod = case.flannel_pods.get(name)
    if pod is None:
        return NoPlan(f"there is no flannel pod on {name}, so there is none to restart")
    if pod.deleting_since is not None:
        return NoPlan(f"flannel's pod {pod.name} on {name} is being deleted already")
    return Place(node, flannel, pod)


def _only(case: Case) -> str | NoPlan:
    members = case.incident.affected if case.incident is not None else ()
    nodes = list(dict.fromkeys(one.target.node for one in members if one.target.node))
    if len(nodes) == 1:
        return nodes[0]
    if not nodes:
        return NoPlan("say on which node")
    return NoPlan(f"say on which node: {units.listing(sorted(nodes), most=20)}")


def owners(case: Case, node: str) -> Mapping[str, NodePod]:
    """Return the pod behind each of a node's NICs, as far as the look at it tells.

    By the pods that the look itself found, and by an address of the bridge's tables: a NIC whose
    pod is not told has no entry here.
    """
    seen = forecast.look(case, node)
    if isinstance(seen, str):
        return {}
    listed = case.pods.get(node, ())
    by_place = {one.place: one for one in listed}
    by_ip = {one.ip: one for one in listed if one.ip and one.holds_veth}
    found: dict[str, NodePod] = {}
    for nic in _pods_nics(seen):
        pod = by_place.get(seen.pods_behind.get(nic, "")) or by_ip.get(
            kernel.behind(seen.kernel, nic)
        )
        if pod is not None:
            found[nic] = pod
    return found


def _pods_nics(seen: inspection.Inspection) -> list[str]:
    links = outlook.known(seen).links or ()
    return [one.name for one in links if rewriting.is_pods(one.name)]


def without(case: Case, node: str, gone: Collection[str]) -> outlook.Outlook | str:
    """Return what a restart would do once those NICs are gone, or why that is not known."""
    seen = forecast.look(case, node)
    if isinstance(seen, str):
        return seen
    here = outlook.known(seen)
    left = tuple(one for one in here.links or () if one.name not in gone)
    bare = replace(here, links=left if here.links is not None else None)
    return forecast.one(case, case.flannel_on[node], node, kernel=bare)


def drained(
    case: Case, node: str, evicted: Collection[NodePod]
) -> tuple[outlook.Outlook | str, NodePod | None]:
    """Return what a restart would do once these pods are gone, and the pod that is in its way.

    Where no pod stays that has a network of its own, every pod's NIC is gone; else only those that
    are known to be theirs, and of another nothing is concluded.
    """
    seen = forecast.look(case, node)
    if isinstance(seen, str):
        return seen, None
    behind = owners(case, node)
    going = {one.uid for one in evicted}
    staying = [one for one in case.pods.get(node, ()) if one.uid not in going and one.holds_veth]
    gone = [nic for nic, pod in behind.items() if pod.uid in going]
    ahead = without(case, node, gone if staying else _pods_nics(seen))
    if isinstance(ahead, str) or not ahead.takes_pods_nic:
        return ahead, None
    nic = forecast.took(ahead)
    if nic not in behind:
        return f"{nic} is in the way, and whether its pod goes or stays is not known", None
    return ahead, behind[nic]


def predicted(node: str, ahead: outlook.Outlook | str) -> Prediction:
    """Return what is foretold of one node; unknown where nothing is."""
    if isinstance(ahead, str):
        return Prediction(node, Effect.UNKNOWN, text=ahead)
    return forecast.predicted(ahead)


@dataclass(frozen=True, slots=True)
class Work:
    """What a plan for one node does, and why."""

    runbook: str
    title: str
    steps: tuple[Step, ...]
    prediction: Prediction
    reasoning: tuple[str, ...]
    notes: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()
    brake: str = ""
    undo: str = "There is nothing to undo."
    expected: timedelta = timedelta()
    restarts: bool = True


def plan(case: Case, place: Place, work: Work) -> Plan:
    """Put a plan for one node together."""
    lost = forecast.nothing_to_lose(case, work.prediction)
    restarted = (place.name,) if work.restarts and not lost else ()
    moves = work.prediction.effect is Effect.CHANGES
    moved = (place.name,) if moves else ()
    drafted = Plan(
        id=0,
        cluster=case.cluster,
        runbook=work.runbook,
        title=work.title,
        workload=case.node(place.name),
        requester=case.requester,
        created_at=case.now,
        expires_at=case.now + case.limits.expiry,
        steps=work.steps,
        bindings=(
            Binding(case.node(place.name), place.node.uid),
            Binding(case.home(place.flannel), place.flannel.uid, _generation(case, place)),
        ),
        criteria=tuple(_criteria(case, place, work.prediction)),
        predictions=(work.prediction,),
        restarts=restarted,
        moves_nics=moves,
        diff=work.diff,
        reasoning=work.reasoning,
        side_effects=(
            *work.notes,
            *(effects.of_restart(case, [place.flannel], moved=moved) if work.restarts else ()),
        ),
        brake=work.brake or "A cancel stops it before the next step.",
        undo=work.undo,
        expected=work.expected,
        incident=case.incident.id if case.incident else None,
    )
    return approvals.required(drafted, case.limits)


def _generation(case: Case, place: Place) -> int:
    found = case.snapshot.daemonsets.get((place.flannel.namespace, place.flannel.daemonset))
    return found.generation if found is not None else 0


def _criteria(case: Case, place: Place, prediction: Prediction) -> Iterator[Criterion]:
    limits = case.limits
    home = Target(
        case.cluster, "DaemonSet", place.flannel.namespace, place.flannel.daemonset, place.name
    )
    wanted = [
        (Signal.POD_READY, f"flannel is ready on {place.name}"),
        (Signal.NO_NEW_CRASH, f"flannel does not crash again on {place.name}"),
        (Signal.ROUTES_COMPLETE, f"{place.name} has the routes to all others"),
    ]
    if prediction.effect is not Effect.UNKNOWN:
        wanted.append((Signal.NIC_AS_PREDICTED, f"it uses {prediction.after} for flannel"))
    for signal, text in wanted:
        yield Criterion(signal, home, limits.helps_within, stays=limits.stays, text=text)


def restart(case: Case, place: Place, *, batch: int) -> tuple[Step, Step]:
    """Delete flannel's pod there and wait for the next one."""
    return (
        steps.delete_flannel(case, place.flannel, place.pod, batch=batch),
        steps.ready(case, place.flannel, place.name, batch=batch + 1),
    )
