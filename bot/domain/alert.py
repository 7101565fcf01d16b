"""Alerts of Prometheus that an Alertmanager sends us, and the findings that they become. Pure.

An alert that means what a check of ours judges becomes a finding of that check, so that both are
one incident; any other is a finding of `alert`. One about something that is no system workload
and no node of the cluster is nobody's here.
"""

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain import units, workload
from bot.domain.finding import Finding, Severity
from bot.domain.snapshot import Snapshot
from bot.domain.target import Target

CHECK = "alert"
"""The check of alerts that none of ours stands for."""

SAME = {
    "KubePodCrashLooping": "crash_loop",
    "KubeContainerOOMKilled": "oom_killed",
    "KubernetesContainerOomKiller": "oom_killed",
    "KubePodNotReady": "pod_not_ready",
    "KubeContainerWaiting": "pod_not_ready",
    "KubeDaemonSetRolloutStuck": "rollout_stuck",
    "KubeDaemonSetNotScheduled": "daemonset_short",
    "KubeDeploymentReplicasMismatch": "deployment_unavailable",
    "KubeDeploymentRolloutStuck": "rollout_stuck",
    "KubeNodeNotReady": "node_not_ready",
    "KubeNodeUnreachable": "node_not_ready",
}
"""Alert names (of kubernetes-mixin, and one more) and the checks that judge the same."""

_WORKLOADS = (("daemonset", "DaemonSet"), ("deployment", "Deployment"))
_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "error": Severity.CRITICAL,
    "info": Severity.INFO,
    "none": Severity.INFO,
}


class Status(enum.StrEnum):
    """What Alertmanager says of it."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it was last told. `key` is Alertmanager's own fingerprint of its labels."""

    key: str
    status: Status
    labels: Mapping[str, str]
    summary: str
    starts_at: datetime
    told_at: datetime
    ends_at: datetime | None = None

    @property
    def name(self) -> str:
        """Its rule's name."""
        return self.labels.get("alertname", "an alert without a name")

    @property
    def severity(self) -> Severity:
        """How bad its rule calls it; a warning where it says nothing that is understood."""
        return _SEVERITIES.get(self.labels.get("severity", ""), Severity.WARNING)

    def over(self, now: datetime, *, expire_after: timedelta) -> bool:
        """Whether it counts no more: resolved, past its end, or not told again for so long.

        An Alertmanager repeats what fires; one that is silent proves nothing before that.
        """
        if self.status is Status.RESOLVED:
            return True
        if self.ends_at is not None and self.ends_at <= now:
            return True
        return now - self.told_at >= expire_after


def taken(
    known: Mapping[str, Alert], told: Iterable[Alert], *, most: int
) -> tuple[dict[str, Alert], int]:
    """Return the alerts that fire after these were told, and how many had no room."""
    firing = dict(known)
    refused = 0
    for each in told:
        before = firing.get(each.key)
        if each.status is Status.RESOLVED:
            # One that was sent late must not end what began after it.
            if before is None or each.ends_at is None or before.starts_at <= each.ends_at:
                firing.pop(each.key, None)
        elif before is not None or len(firing) < most:
            firing[each.key] = each
        else:
            refused += 1
    return firing, refused


def target_of(alert: Alert, taken_: Snapshot) -> tuple[Target, Target] | None:
    """Return what an alert is about and by which workload people call it; None for nobody's."""
    labels, cluster = alert.labels, taken_.cluster
    namespace, pod = labels.get("namespace", ""), labels.get("pod", "")
    if (namespace, pod) in taken_.pods:
        found = taken_.pods[namespace, pod]
        return workload.place(found, cluster=cluster), workload.of(found, cluster=cluster)
    for label, kind in _WORKLOADS:
        key = (namespace, labels.get(label, ""))
        there = taken_.daemonsets if kind == "DaemonSet" else taken_.deployments
        if key in there:
            target = Target(cluster=cluster, kind=kind, namespace=namespace, name=key[1])
            return target, target
    node = labels.get("node", "") or labels.get("instance", "").partition(":")[0]
    if not pod and node in taken_.nodes:
        # What belongs to another namespace is not ours, though it names its node.
        if namespace and namespace not in {each.namespace for each in taken_.pods.values()}:
            return None
        target = Target(cluster=cluster, kind="Node", namespace="", name=node, node=node)
        return target, Target(cluster=cluster, kind="Cluster", namespace="", name=cluster)
    return None


def merged(
    findings: Sequence[Finding],
    alerts: Iterable[Alert],
    snapshot: Snapshot,
    *,
    judged: Collection[str],
) -> tuple[Finding, ...]:
    """Return the findings with what the alerts add.

    Where a check of ours has found the same, the alert is one proof more. Where that check could
    not judge, nothing is added for it either: its incident is left as it is. Several alerts about
    one object are one finding, by the worst of them.
    """
    found = {one.fingerprint: one for one in findings}
    for each in sorted(alerts, key=lambda one: (-one.severity.rank, one.starts_at, one.key)):
        about = target_of(each, snapshot)
        check = SAME.get(each.name, CHECK)
        if about is None or (check != CHECK and check not in judged):
            continue
        made = _finding(each, check, *about)
        before = found.get(made.fingerprint)
        if before is None:
            found[made.fingerprint] = made
        elif made.evidence[0] not in before.evidence:
            found[made.fingerprint] = replace(before, evidence=(*before.evidence, made.evidence[0]))
    return tuple(sorted(found.values(), key=lambda f: (-f.severity.rank, f.check, f.target)))


def _finding(alert: Alert, check: str, target: Target, owner: Target) -> Finding:
    said = alert.summary or alert.name
    return Finding(
        check=check,
        severity=alert.severity,
        target=target,
        workload=owner,
        summary=f"{alert.name}: {said}" if said != alert.name else said,
        headline=alert.name,
        evidence=(f"Alertmanager: {alert.name} fires since {units.stamp(alert.starts_at)}",),
        cure="See the alert's own runbook; `/flannel check` tells what the bot sees itself.",
        since=alert.starts_at,
        container=alert.labels.get("container", ""),
    )
