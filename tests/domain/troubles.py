"""Incidents as tests of attention want them."""

from dataclasses import replace
from datetime import UTC, datetime

from bot.domain.finding import Severity
from bot.domain.incident import Incident, Member, State
from bot.domain.target import Target

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def member(node: str, severity: Severity = Severity.WARNING, *, name: str = "") -> Member:
    target = Target("c", "Pod", "kube-system", name or f"flannel-{node}", node)
    return Member(
        name=node,
        fingerprint=f"{target.key}",
        target=target,
        severity=severity,
        summary="said",
        evidence=(),
        first_seen_at=START,
        last_seen_at=START,
    )


def trouble(
    *nodes: str, number: int = 1, severity: Severity = Severity.WARNING, **changes: object
) -> Incident:
    check = str(changes.pop("check", "pod_not_ready"))
    workload = Target("c", "DaemonSet", "kube-system", str(changes.pop("workload", "flannel")))
    made = Incident(
        id=number,
        fingerprint=f"{check}:{workload.key}",
        check=check,
        cluster="c",
        workload=workload,
        state=State.OPEN,
        severity=severity,
        summary="said",
        cure="",
        opened_at=START,
        changed_at=START,
        detected_at=START,
        members=tuple(member(node, severity) for node in nodes or ("n1",)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]
