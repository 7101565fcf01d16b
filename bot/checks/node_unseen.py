"""A node could not be looked at for long, so that its network's faults would go unseen.

Said when every look at it since `Limits.look_valid` ago or longer was in vain, by exec and by probe
pod: by then no earlier look counts any more. A look at flannel's log alone is such a one, as it
shows no tables. Left out are nodes with a trouble of their own that explains it: those that are not
ready, and those whose flannel does not run. Where looks are switched off, nobody tries and nothing
is said; a single pass says it of every node that it could not look at.

Severity: warning. Nothing is known to be wrong there, and nothing is known to be right.
"""

from collections.abc import Collection, Iterable

from bot.checks.context import Context
from bot.domain import units
from bot.domain.finding import Finding, Severity
from bot.flannel.inspection import Unseen

NAME = "node_unseen"


def seen(context: Context) -> Collection[str]:
    """Return the nodes that were looked at: only that ends it."""
    return {name for name, look in context.looks.items() if look.tables}


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each such node."""
    for name, told in sorted(context.unseen.items()):
        if _explained(context, name) or not context.snapshot.sees("Node", "", name):
            continue
        if context.remembered(told.since, context.limits.look_valid):
            yield _finding(context, name, told)


def _explained(context: Context, name: str) -> bool:
    pod = context.flannel_pods.get(name)
    gone = pod is None or not pod.ready or context.looping_on(name)
    return gone or name in context.nodes_down or name not in context.flannel_on


def _finding(context: Context, name: str, told: Unseen) -> Finding:
    flannel = context.flannel_on[name]
    return Finding(
        check=NAME,
        severity=Severity.WARNING,
        target=context.node(name),
        workload=context.home(flannel),
        summary=f"{name} could not be looked at since {units.stamp(told.since)}",
        headline="nodes could not be looked at",
        evidence=(told.why,),
        cure=_cure(context, name, told.why),
        since=told.since,
        container=flannel.container,
    )


def _cure(context: Context, name: str, why: str) -> str:
    if "403" in why:
        return (
            "Give the bot's service account create and get on pods/exec in flannel's namespace, or "
            "switch looks off: `inspection.exec: false`."
        )
    pod, flannel = context.flannel_pods[name], context.flannel_on[name]
    return (
        "See what a command there says: "
        f"`kubectl -n {pod.namespace} exec {pod.name} -c {flannel.container} -- ip addr`. While it "
        "hangs, the container runtime or the node itself is in trouble."
    )
