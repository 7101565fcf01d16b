"""One check's judgement of one target, now."""

import enum
from dataclasses import dataclass
from datetime import datetime

from bot.domain.target import Target


class Severity(enum.StrEnum):
    """How bad it is. `critical` wakes people, `warning` wants a look, `info` is said once."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return ("info", "warning", "critical").index(self.value)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of one target.

    `target` is the member affected (a pod, a node), `workload` what people call the trouble by
    (a DaemonSet, the cluster): findings of one check and one workload are one incident.
    `summary` speaks of this target, `headline` of all such targets together ("kube-flannel
    OOM-killed"), so that "on 4 of 120 nodes" can follow.
    `evidence` are the fields that prove it, ready to be read by a person. `since` is when the
    trouble began as far as is known, `happened_at` the newest occurrence (the kill itself), from
    which the alert's latency is counted. `occurrences` counts kills or restarts.
    """

    check: str
    severity: Severity
    target: Target
    workload: Target
    summary: str
    headline: str
    evidence: tuple[str, ...] = ()
    cure: str = ""
    since: datetime | None = None
    happened_at: datetime | None = None
    occurrences: int = 0
    container: str = ""

    @property
    def fingerprint(self) -> str:
        """Who this is about, and nothing else: check and target, never time or text."""
        return f"{self.check}:{self.target.key}"

    @property
    def incident_fingerprint(self) -> str:
        """The trouble it belongs to: check and workload."""
        return f"{self.check}:{self.workload.key}"

    @property
    def member(self) -> str:
        """The name a card lists: the node where there is one, else the object."""
        return self.target.node or self.target.name
