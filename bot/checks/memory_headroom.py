"""flannel's memory comes near its limit, before anything is killed.

By peaks, since a mean over minutes misses what kills: says so for nodes whose highest known use is
above 80 % of the limit. And by the cluster's size: a limit of 50Mi was meant for small clusters.
Where the highest use would pass the limit with a fifth more nodes, that is said in the evidence.
Without a limit, or where nothing is known of the use, nothing is said.

Severity: warning. Info while flannel is being OOM-killed: `oom_killed` says that more loudly, with
the same cure.

Source: `bot.flannel.sizing`; flannel #963, #1694.
"""

from collections.abc import Collection, Iterable, Iterator

from bot.checks import remedies
from bot.checks.context import Context
from bot.domain import units
from bot.domain.finding import Finding, Severity
from bot.domain.target import Target
from bot.flannel import discovery, hazards, sizing, versions

NAME = "memory_headroom"

_FULL = 0.8
_GROWTH = 0.2


def seen(context: Context) -> Collection[str]:
    """Return the nodes whose use is known."""
    return context.peaks.keys()


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each node near its limit, or one for flannel as a whole."""
    for flannel in context.flannels:
        limit = flannel.memory_limit
        place = (flannel.namespace, flannel.daemonset)
        if not limit or not flannel.serves or not context.snapshot.sees("DaemonSet", *place):
            continue
        near = [
            (node, context.peaks[node])
            for node in flannel.serves
            if (sizing.headroom(limit=limit, peak=context.peaks.get(node)) or 0) > _FULL
            and context.snapshot.sees("Node", "", node)
        ]
        for node, peak in near:
            share = f"{units.memory(_whole(peak))} of {units.memory(limit)} ({peak / limit:.0%})"
            yield _finding(
                context,
                flannel,
                context.node(node),
                f"flannel on {node} has used {share}",
                (f"highest use known of container {flannel.container}: {share}",),
            )
        if not near:
            yield from _by_size(context, flannel)


def _by_size(context: Context, flannel: discovery.Flannel) -> Iterator[Finding]:
    nodes = len(context.snapshot.nodes)
    around = hazards.Surroundings(nodes=nodes, memory_limit=flannel.memory_limit)
    for one in hazards.of(versions.parse(flannel.image), around):
        if one.name == "limit_50mi":
            limit = units.memory(flannel.memory_limit)
            yield _finding(
                context,
                flannel,
                context.home(flannel),
                f"{flannel.daemonset} has a memory limit of {limit} in a cluster of "
                f"{units.count(nodes, 'node')}",
                (one.text, *_forecast(context, flannel)),
            )


def _forecast(context: Context, flannel: discovery.Flannel) -> Iterator[str]:
    peak = context.highest[flannel.name]
    limit = flannel.memory_limit
    if not peak or not limit:
        return
    yield f"highest use known on any node: {units.memory(_whole(peak))}"
    if peak * (1 + _GROWTH) > limit:
        yield f"with {_GROWTH:.0%} more nodes it would pass the limit"


def _finding(
    context: Context,
    flannel: discovery.Flannel,
    whom: Target,
    summary: str,
    evidence: tuple[str, ...],
) -> Finding:
    return Finding(
        check=NAME,
        severity=Severity.INFO if _killed(context, flannel) else Severity.WARNING,
        target=whom,
        workload=context.home(flannel),
        summary=summary,
        headline="flannel near its memory limit",
        evidence=evidence,
        cure=_cure(context, flannel),
        container=flannel.container,
    )


def _killed(context: Context, flannel: discovery.Flannel) -> bool:
    """Whether its OOM kills are news."""
    owned = {pod.uid for pod in context.snapshot.pods_of.get(flannel.uid, ())}
    return any(
        told.kills is not None
        for record, told in context.ledger.containers()
        if record.uid in owned and record.container == flannel.container
    )


def _cure(context: Context, flannel: discovery.Flannel) -> str:
    wish = units.memory(remedies.sized(context, flannel, flannel.memory_limit).limit)
    hazard = remedies.nic_hazard(flannel)
    also = f" In the same change {hazard}." if hazard else ""
    return (
        f"Raise the limit of container {flannel.container} to {wish} "
        f"({remedies.edit(flannel)}).{also} It restarts every flanneld, and each chooses its NIC "
        "anew."
    )


def _whole(size: int) -> int:
    return -(-size // sizing.MI) * sizing.MI
