"""A Deployment has fewer available replicas than it wants.

Says so when condition Available has been False for `Limits.deployment_grace`, or when it lacks
replicas for that long by the ledger's memory. A rolling update in progress lacks replicas on
purpose and is left out until Available turns False. Replicas that crash-loop or are not ready are
those checks' findings: then this one speaks only when nothing is available at all, since that is
an outage and no longer a pod's trouble.

Severity: warning; critical for the cluster's DNS with no replica available.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from bot.checks import pod_not_ready, shortage, standing
from bot.checks.context import Context
from bot.domain import snapshot, units
from bot.domain.finding import Finding, Severity
from bot.domain.target import Target

NAME = "deployment_unavailable"


def check(context: Context) -> Iterable[Finding]:
    """Return one finding for each Deployment that lacks replicas."""
    for place, deployment in context.snapshot.deployments.items():
        if deployment.available >= deployment.replicas:
            continue
        if not context.snapshot.sees("Deployment", *place):
            continue
        since = _since(deployment, context)
        if _lasted(deployment, context) and _unexplained(deployment, context):
            yield _finding(context, deployment, since)


def _since(deployment: snapshot.Deployment, context: Context) -> datetime | None:
    available = deployment.condition("Available")
    if available is not None and available.status == "False" and available.since is not None:
        return available.since
    progress = context.progress(deployment.uid)
    return progress.short_since if progress else None


def _lasted(deployment: snapshot.Deployment, context: Context) -> bool:
    available = deployment.condition("Available")
    grace = context.limits.deployment_grace
    if available is not None and available.status == "False" and available.since is not None:
        return context.lasted(available.since, grace)
    if _updating(deployment) and deployment.available:
        return False
    progress = context.progress(deployment.uid)
    return context.remembered(progress.short_since if progress else None, grace)


def _updating(deployment: snapshot.Deployment) -> bool:
    if deployment.observed_generation < deployment.generation:
        return True
    progressing = deployment.condition("Progressing")
    gave_up = progressing is not None and progressing.status == "False"
    return deployment.updated < deployment.replicas and not gave_up


def _unexplained(deployment: snapshot.Deployment, context: Context) -> bool:
    if deployment.available == 0:
        return True
    blind = context.blind_since("Pod", deployment.namespace)
    if blind is not None:
        # What would explain it is hidden: only a shortage from before may stand.
        progress = context.progress(deployment.uid)
        grace = context.limits.deployment_grace
        since = progress.short_since if progress else None
        return since is not None and since + grace <= blind
    pods = [
        pod
        for pod in context.snapshot.pods.values()
        if pod.namespace == deployment.namespace and _owns(deployment, pod, context)
    ]
    explained = sum(1 for pod in pods if not pod.ready and _told(pod, context))
    lacking = deployment.replicas - deployment.available - explained
    return lacking > 0 and shortage.settled(pods, context, context.limits.deployment_grace)


def _owns(deployment: snapshot.Deployment, pod: snapshot.Pod, context: Context) -> bool:
    owner = context.owner(pod)
    return (owner.kind, owner.name) == ("Deployment", deployment.name)


def _told(pod: snapshot.Pod, context: Context) -> bool:
    if pod.uid in context.looping or pod.node in context.nodes_down:
        return True
    return pod_not_ready.troubled(pod, context)


def _finding(context: Context, deployment: snapshot.Deployment, since: datetime | None) -> Finding:
    whose = Target(
        cluster=context.cluster,
        kind="Deployment",
        namespace=deployment.namespace,
        name=deployment.name,
    )
    outage = deployment.available == 0
    critical = outage and standing.is_dns(whose)
    meaning = ": no name resolves in the cluster" if critical else ""
    return Finding(
        check=NAME,
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        target=whose,
        workload=whose,
        summary=(
            f"{deployment.name} has {deployment.available} of "
            f"{units.count(deployment.replicas, 'replica')} available{meaning}"
        ),
        headline=f"{deployment.name} unavailable",
        evidence=tuple(_evidence(deployment)),
        cure=(
            "Look at its pods and at what they wait for: "
            f"`kubectl -n {deployment.namespace} describe deployment {deployment.name}`."
        ),
        since=since,
    )


def _evidence(deployment: snapshot.Deployment) -> Iterator[str]:
    yield (
        f"spec.replicas={deployment.replicas} availableReplicas={deployment.available} "
        f"readyReplicas={deployment.ready} updatedReplicas={deployment.updated}"
    )
    for condition in deployment.conditions:
        if condition.status != "True" and condition.type in {"Available", "Progressing"}:
            yield (
                f"condition {condition.type}={condition.status} "
                f"reason={condition.reason or 'none'} "
                f"lastTransitionTime={units.stamp(condition.since)}"
            )
