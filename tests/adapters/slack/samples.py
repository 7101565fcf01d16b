"""Values that Slack is shown, and an honest desk that answers with them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain import errors, finding, health, incident, notice, snapshot
from bot.domain.target import Target
from bot.flow import (
    answers,
    attention_answers,
    belonging,
    doctor,
    network_answers,
    ports,
    remedy_answers,
)

NOW = datetime(2026, 1, 2, 3, 14, 5, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=10)
FLANNEL = Target("prod", "DaemonSet", "kube-system", "kube-flannel-ds")


class Clock:
    """The real monotonic time, for waits; a wall time that stands still, for texts."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Telemetry:
    """Remembers what was counted and the newest of each gauge."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, dict[str, str]]] = []
        self.gauges: dict[str, float] = {}

    def count(self, name: str, value: float = 1, **labels: str) -> None:
        self.counted.append((name, labels))

    def observe(self, name: str, value: float, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.gauges[name] = value


def member(number: int = 1, *, name: str = "", **changes: object) -> incident.Member:
    node = name or f"node-{number:03}"
    made = incident.Member(
        name=node,
        fingerprint=f"container-oom:prod/Pod/kube-system/kube-flannel-{number}",
        target=Target("prod", "Pod", "kube-system", f"kube-flannel-{number}", node),
        severity=finding.Severity.CRITICAL,
        summary="kube-flannel OOM-killed",
        evidence=("lastState.terminated.reason=OOMKilled", "exit code 137", "limit 50Mi"),
        first_seen_at=BEGAN,
        last_seen_at=NOW,
        since=BEGAN,
        happened_at=BEGAN,
        occurrences=3,
        container="kube-flannel",
    )
    return replace(made, **changes)


def trouble(number: int = 4, /, **changes: object) -> incident.Incident:
    made = incident.Incident(
        id=42,
        fingerprint="container-oom:prod/DaemonSet/kube-system/kube-flannel-ds",
        check="container-oom",
        cluster="prod",
        workload=FLANNEL,
        state=incident.State.OPEN,
        severity=finding.Severity.CRITICAL,
        summary=f"flannel OOM-killed on {number} of 120 nodes",
        cure="Raise the memory limit of kube-flannel.",
        opened_at=BEGAN,
        changed_at=NOW,
        members=tuple(member(one) for one in range(1, number + 1)),
        population=120,
        peak=number,
        happened_at=BEGAN,
    )
    return replace(made, **changes)


def view(value: incident.Incident | None = None, **changes: object) -> notice.CardView:
    made = notice.CardView(
        incident=value or trouble(),
        now=NOW,
        posted_at=BEGAN + timedelta(seconds=0.5),
        detected_at=BEGAN + timedelta(seconds=0.2),
    )
    return replace(made, **changes)


def row(identity: str = "row-1", *, kind: notice.Kind = notice.Kind.CARD) -> notice.Outgoing:
    return notice.Outgoing(id=identity, kind=kind, channel="C0ALERTS", created_at=NOW, incident=42)


FOUND = answers.FlannelFound(
    namespace="kube-system",
    daemonset="kube-flannel-ds",
    version="v0.12.0",
    backend="vxlan",
    flags=("--ip-masq", "--iface-regex=eth1|bond1"),
    desired=120,
    ready=116,
)
GAP = snapshot.Gap(resource="pods", reason="403 Forbidden", since=BEGAN, namespace="kube-system")


def cluster_status(**changes: object) -> answers.ClusterStatus:
    made = answers.ClusterStatus(
        cluster="prod",
        taken_at=NOW,
        health=health.Health.UNHEALTHY,
        nodes=120,
        nodes_ready=119,
        flannel=(FOUND,),
        notes=("Windows nodes are not seen.",),
        incidents=(trouble(),),
        gaps=(GAP,),
        ages=(
            ports.ResourceAge("nodes", "", 120, synced=True, age_seconds=0.4, failures=0),
            ports.ResourceAge(
                "pods", "kube-system", 0, synced=False, age_seconds=None, failures=3, error="403"
            ),
        ),
    )
    return replace(made, **changes)


def status() -> answers.Status:
    return answers.Status(
        clusters=(cluster_status(),),
        outbox=ports.OutboxState(pending=3, oldest=NOW - timedelta(seconds=42), failed=1),
        slack_connected=True,
        version="0.1.0",
        started_at=BEGAN,
        remediation_enabled=False,
    )


class Desk:
    """Answers with the samples; `fault` is raised instead, `wait` is awaited before."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []
        self.fault: Exception | None = None
        self.wait: Callable[[], object] | None = None

    remedy: remedy_answers.Remediation | None = None
    attention: attention_answers.Attention | None = None

    def clusters(self) -> tuple[str, ...]:
        return ("prod", "staging")

    def cluster_of(self, channel: str) -> str | None:
        return {"C0ALERTS": "prod"}.get(channel)

    async def _answer(self, name: str, about: object) -> None:
        self.asked.append((name, about))
        if self.wait is not None:
            await self.wait()
        if self.fault is not None:
            raise self.fault

    async def status(self, cluster: str | None) -> answers.Status:
        await self._answer("status", cluster)
        return status()

    async def incidents(self, cluster: str | None) -> answers.IncidentList:
        await self._answer("incidents", cluster)
        return answers.IncidentList(cluster=cluster, unresolved=(trouble(),), resolved=())

    async def incident(self, number: int) -> answers.IncidentStory:
        await self._answer("incident", number)
        if number != 42:
            raise errors.Refused(f"There is no INC-{number}.", "The newest is INC-42.")
        entry = ports.TimelineEntry(at=BEGAN, subject="INC-42", kind="opened", text="4 nodes")
        return answers.IncidentStory(
            incident=trouble(), timeline=(entry,), posted_channel="C0ALERTS", posted_ts="1.2"
        )

    async def check(self, cluster: str | None) -> answers.CheckReport:
        await self._answer("check", cluster)
        found = finding.Finding(
            check="container-oom",
            severity=finding.Severity.CRITICAL,
            target=Target("prod", "Pod", "kube-system", "kube-flannel-1", "node-001"),
            workload=FLANNEL,
            summary="kube-flannel OOM-killed 3 times",
            headline="kube-flannel OOM-killed",
            cure="Raise the memory limit.",
        )
        return answers.CheckReport(
            cluster="prod",
            taken_at=NOW,
            health=health.Health.UNHEALTHY,
            flannel=(FOUND,),
            findings=(found,),
            gaps=(GAP,),
        )

    def network(self, cluster: str | None) -> network_answers.Network:
        raise errors.Refused("No node is looked at here.")

    async def deeds(self, cluster: str | None, most: int) -> belonging.Deeds:
        await self._answer("deeds", (cluster, most))
        return belonging.Deeds((), None)

    async def refuse_elsewhere(self, subject: str, cluster: str) -> None:
        if cluster != "prod":
            raise errors.Refused(f"{subject} is of cluster prod, not of {cluster}")

    async def schedule(self, cluster: str | None = None) -> answers.ScheduleView:
        await self._answer("schedule", cluster)
        job = ports.JobState("cycle", "every 30 s", NOW, BEGAN, 0.12, "ok", 0, 1, 2)
        return answers.ScheduleView(jobs=(job,), now=NOW)

    async def doctor(self, cluster: str | None = None) -> doctor.Report:
        await self._answer("doctor", cluster)
        bad = doctor.Line(
            "slack", "bot token", doctor.Mark.BAD, "is wrong", "set `SLACK_BOT_TOKEN`"
        )
        odd = doctor.Line("cluster prod", "rights in excess", doctor.Mark.WARNING, "get secrets")
        good = doctor.Line("database", "/data/x.db", doctor.Mark.GOOD, "is of this version")
        note = doctor.Line("versions", "python", doctor.Mark.NOTE, "3.13")
        return doctor.Report(NOW, (good, odd, bad, note))
