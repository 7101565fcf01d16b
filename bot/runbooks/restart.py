"""Restart flannel on one node, by deleting its pod.

It retries now instead of after the back-off of a crash loop, which is up to five minutes, and adds
routes and tunnel entries again that were lost: flannel does not look after them once it has
started.

Refused where its choice of a NIC would fail there, or would be a pod's NIC. Where it would be
another NIC than now it is a maintenance, approved by two. Verified by flannel being ready, its NIC
and its routes. There is nothing to undo.
"""

from bot.domain.plan import Plan
from bot.flannel import outlook
from bot.runbooks import forecast, places
from bot.runbooks.case import Case, NoPlan, Wishes

NAME = "restart"
SUMMARY = "restart flannel on one node"


def draft(case: Case, wishes: Wishes) -> Plan | NoPlan:
    """Draft it, where flannel finds a usable NIC on that node."""
    place = places.of(case, wishes)
    if isinstance(place, NoPlan):
        return place
    ahead = forecast.one(case, place.flannel, place.name)
    if not isinstance(ahead, str) and ahead.takes_pods_nic:
        return NoPlan(
            f"on {place.name} {ahead.risk}: the pod behind it must go first, or the flags be "
            "anchored",
            instead=("evict-veth", "anchor-regex", "drain"),
        )
    if not isinstance(ahead, str) and ahead.verdict is outlook.Verdict.FAILS:
        return NoPlan(f"on {place.name} {ahead.risk}")
    words = "" if isinstance(ahead, str) else forecast.stuck(case, place.flannel, ahead)
    if words:
        return NoPlan(
            f"restarting flannel on {place.name} would not help: {words}",
            instead=("anchor-regex", "drain"),
        )
    prediction = places.predicted(place.name, ahead)
    why = (
        f"flannel is ready on {place.name}; its start adds routes and entries that were lost"
        if place.pod.ready
        else f"flannel is not ready on {place.name}: it retries now, not after its back-off"
    )
    return places.plan(
        case,
        place,
        places.Work(
            runbook=NAME,
            title=f"Restart flannel on {place.name}",
            steps=places.restart(case, place, batch=0),
            prediction=prediction,
            reasoning=(why,),
            diff=(f"- pod {place.pod.name} on {place.name}",),
            expected=case.limits.pace,
        ),
    )
