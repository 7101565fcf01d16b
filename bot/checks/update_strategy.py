"""flannel's DaemonSet replaces no pod by itself (updateStrategy OnDelete).

Old manifests leave it so, and a change of the template then restarts nothing: what was meant to
be mended goes on as before, and each pod gets the change whenever it happens to die. Deleting pods
by hand is also a way to roll out slowly, so it is left to people.

Severity: warning while pods run with an older template though the newest revision of it is older
than `Limits.rollout_stuck`; info else, so that a change is not waited for in vain.

Source: extensions/v1beta1's default, kept by objects created with it; apps/v1's is RollingUpdate.
"""

from collections.abc import Iterable

from bot.checks import remedies
from bot.checks.context import Context
from bot.domain import snapshot, units
from bot.domain.finding import Finding, Severity
from bot.flannel import discovery

NAME = "update_strategy"


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each flannel under OnDelete."""
    for flannel in context.flannels:
        place = (flannel.namespace, flannel.daemonset)
        daemonset = context.snapshot.daemonsets[place]
        if not flannel.serves or daemonset.strategy != "OnDelete":
            continue
        if context.snapshot.sees("DaemonSet", *place):
            yield _finding(context, flannel, daemonset)


def _finding(
    context: Context, flannel: discovery.Flannel, daemonset: snapshot.DaemonSet
) -> Finding:
    old = max(0, daemonset.desired - daemonset.updated)
    newest = context.revision(daemonset.uid)
    changed = newest.created_at if newest else None
    late = bool(old and changed) and context.lasted(changed, context.limits.rollout_stuck)
    home = context.home(flannel)
    if old:
        summary = (
            f"{old} of {units.count(daemonset.desired, 'pod')} of {flannel.daemonset} run an older "
            "template, and OnDelete replaces none"
        )
    else:
        summary = f"{flannel.daemonset} has updateStrategy OnDelete: a change restarts no pod"
    flag = '{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}'
    return Finding(
        check=NAME,
        severity=Severity.WARNING if late else Severity.INFO,
        target=home,
        workload=home,
        summary=summary,
        headline="flannel is not rolled out",
        evidence=(
            f"updateStrategy={daemonset.strategy}",
            f"updatedNumberScheduled={daemonset.updated} of {daemonset.desired}",
        ),
        cure=(
            f"Delete the old pods in small batches: {remedies.restart_any(context, flannel)}. "
            if old
            else ""
        )
        + f"Or let Kubernetes do it: `kubectl -n {flannel.namespace} patch daemonset "
        f"{flannel.daemonset} -p '{flag}'`, which begins at once with pods that are behind.",
        container=flannel.container,
    )
