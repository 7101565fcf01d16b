"""Move the pods off a node, so that their NICs are gone when flannel starts there.

The node is cordoned and marked as ours, its pods are evicted in parallel as `kubectl drain
--ignore-daemonsets` decides, each asked of its PodDisruptionBudget, then flannel's pod is deleted
so that it does not wait for its back-off, and the node is uncordoned if it was this run that
cordoned it. A cordon of somebody else is never lifted.

Refused, with each blocker named, where a pod has no controller, or keeps data in an emptyDir that
nobody ticked as lost. Pods of DaemonSets stay, and with them their NICs: a drain frees a node of
veths only as far as its pods go, and the plan says which stay. Where one of those is the very NIC
that flannel would take, draining is no cure and is refused.

Verified by flannel being ready on the node with the NIC that was foretold, and complete routes.
Undone by lifting the cordon; what was evicted stays where it went.
"""

from collections.abc import Iterator
from datetime import timedelta

from bot.domain import drain, units
from bot.domain.drain import Decision
from bot.domain.plan import Plan
from bot.flannel import outlook
from bot.runbooks import places, steps
from bot.runbooks.case import Case, NoPlan, Wishes
from bot.runbooks.places import Place

NAME = "drain"
SUMMARY = "move the pods off one node and restart flannel there"
_SHOWN = 12
_MOVES = timedelta(minutes=1)
"""What evicting takes: the default grace of 30 s, and as much for slower pods."""


def draft(case: Case, wishes: Wishes) -> Plan | NoPlan:
    """Draft it, where every pod may go and flannel finds a NIC of the host afterwards."""
    place = places.of(case, wishes)
    if isinstance(place, NoPlan):
        return place
    if place.name == case.own_node:
        return NoPlan(f"this bot itself runs on {place.name}, and would evict itself midway")
    listed = case.pods.get(place.name)
    if listed is None:
        return NoPlan(f"the pods of {place.name} could not be listed, so none is moved")
    decision = drain.decide(listed, delete_empty_dir=wishes.lose_empty_dirs)
    if decision.forbids:
        return NoPlan(_blockers(place, decision))
    if not decision.evict:
        return NoPlan(f"{place.name} has no pod that a drain would move", instead=("restart",))
    ahead, in_the_way = places.drained(case, place.name, [one.pod for one in decision.evict])
    if in_the_way is not None and not isinstance(ahead, str):
        return NoPlan(
            f"draining is no cure for {place.name}: {in_the_way.place} stays, and {ahead.risk}",
            instead=("evict-veth", "anchor-regex"),
        )
    if not isinstance(ahead, str) and ahead.verdict is outlook.Verdict.FAILS:
        return NoPlan(f"draining is no cure for {place.name}: {ahead.risk}")
    prediction = places.predicted(place.name, ahead)
    number = units.count(len(decision.evict), "pod")
    return places.plan(
        case,
        place,
        places.Work(
            runbook=NAME,
            title=f"Drain {place.name} and restart flannel there",
            steps=(
                steps.cordon(case, place.name, uid=place.node.uid, batch=0),
                *(steps.evict(case, one.pod, batch=1, told=one.reason) for one in decision.evict),
                *places.restart(case, place, batch=2),
                steps.uncordon(case, place.name, uid=place.node.uid, batch=4),
            ),
            prediction=prediction,
            reasoning=(
                f"{number} of {place.name} would go with their NICs, as `kubectl drain` decides",
            ),
            notes=tuple(_notes(place, decision)),
            diff=tuple(_diff(decision)),
            brake=(
                "A cancel stops it before the next step and lifts the cordon; what was evicted "
                "stays where it went."
            ),
            undo="lifting the cordon of this run; what was evicted stays where it went.",
            expected=_MOVES + case.limits.pace,
        ),
    )


def _blockers(place: Place, decision: Decision) -> str:
    named = "; ".join(f"{one.pod.place} {one.reason}" for one in decision.forbids)
    ticked = " Tick that this data may be lost, or move them by hand"
    hint = ticked if any(one.pod.empty_dir for one in decision.forbids) else " Move them by hand"
    return f"{place.name} is not drained: {named}.{hint}"


def _diff(decision: Decision) -> Iterator[str]:
    """Name the pods that go; a node may have a hundred, and the steps name each."""
    yield from (f"- pod {one.pod.place}" for one in decision.evict[:_SHOWN])
    if len(decision.evict) > _SHOWN:
        yield f"- and {len(decision.evict) - _SHOWN} pods more"


def _notes(place: Place, decision: Decision) -> Iterator[str]:
    if place.node.unschedulable:
        yield f"{place.name} is cordoned already, by somebody else: it stays so in the end."
    left = decision.veths_left
    if left:
        names = units.listing([one.place for one in left], most=8)
        yield (
            f"Pods that stay on {place.name} with a NIC of their own: {names}. Anchoring the "
            "pattern is the lasting cure."
        )
    lost = [one.pod.place for one in decision.evict if one.pod.empty_dir and not one.pod.finished]
    if lost:
        yield f"Data in emptyDirs is lost, as ticked: {units.listing(lost, most=8)}."
