"""What the bot answers when asked, as values that any edge can render."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain import finding, health, snapshot
from bot.domain.incident import Incident
from bot.flow import (
    attention_answers,
    belonging,
    doctor,
    memory_answers,
    network_answers,
    ports,
    remedy_answers,
)


@dataclass(frozen=True, slots=True)
class FlannelFound:
    """A flannel DaemonSet as `check` and `status` name it."""

    namespace: str
    daemonset: str
    version: str
    backend: str
    flags: tuple[str, ...]
    desired: int
    ready: int


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster at a glance."""

    cluster: str
    taken_at: datetime
    health: health.Health
    nodes: int
    nodes_ready: int
    flannel: tuple[FlannelFound, ...]
    notes: tuple[str, ...]
    incidents: tuple[Incident, ...]
    gaps: tuple[snapshot.Gap, ...]
    ages: tuple[ports.ResourceAge, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """`/flannel status`."""

    clusters: tuple[ClusterStatus, ...]
    outbox: ports.OutboxState
    slack_connected: bool
    version: str
    started_at: datetime
    remediation_enabled: bool
    led_by: str = ""
    """The replica that judges and changes; empty where there is only one."""


@dataclass(frozen=True, slots=True)
class IncidentList:
    """`/flannel incidents`: unresolved, then lately resolved."""

    cluster: str | None
    unresolved: tuple[Incident, ...]
    resolved: tuple[Incident, ...]


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """`/flannel incident INC-n`; `permalink_channel` and `ts` locate its card, empty if none."""

    incident: Incident
    timeline: tuple[ports.TimelineEntry, ...]
    posted_channel: str
    posted_ts: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """`/flannel check` and `flannel-bot check`: one pass, judged now."""

    cluster: str
    taken_at: datetime
    health: health.Health
    flannel: tuple[FlannelFound, ...]
    findings: tuple[finding.Finding, ...]
    gaps: tuple[snapshot.Gap, ...]
    notes: tuple[str, ...] = ()
    """Things worth saying that are no findings: k3s embeds flannel, Windows nodes are not seen."""


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """`/flannel schedule`."""

    jobs: tuple[ports.JobState, ...]
    now: datetime


class Desk(Protocol):
    """Where questions are answered, whoever asks: Slack, the terminal, a test.

    `cluster` is a name from the settings, None for all (status, incidents) or for the only one.
    Raises errors.Refused with a sentence and the nearest names for what does not exist.
    """

    @property
    def remedy(self) -> remedy_answers.Remediation | None:
        """Where changes are asked for and decided; None in a bot that only observes."""

    @property
    def attention(self) -> attention_answers.Attention | None:
        """Where incidents are taken on and silenced."""

    async def allow_look(
        self, ticket: str, user: str
    ) -> network_answers.NodeNics | remedy_answers.Said:
        """Allow a look by a probe pod that an answer offered, and take it.

        Raises Refused where the offer has run out.
        """

    def clusters(self) -> tuple[str, ...]:
        """Return the names of the clusters, in the order of the settings."""

    def cluster_of(self, channel: str) -> str | None:
        """Return the cluster whose channel that is, or None."""

    async def status(self, cluster: str | None) -> Status:
        """Tell how everything is."""

    async def incidents(self, cluster: str | None) -> IncidentList:
        """List incidents."""

    async def incident(self, number: int) -> IncidentStory:
        """Tell one incident."""

    async def check(self, cluster: str | None) -> CheckReport:
        """Judge a cluster now."""

    def network(self, cluster: str | None) -> network_answers.Network:
        """Return whom to ask about a cluster's network; one of several has to be named."""

    def memory(self, cluster: str | None) -> memory_answers.Memory:
        """Return whom to ask about flannel's memory; one cluster of several has to be named."""

    async def schedule(self, cluster: str | None = None) -> ScheduleView:
        """Tell what runs when; of one cluster with what is of no one, or of all."""

    async def doctor(self, cluster: str | None = None) -> doctor.Report:
        """Look whether all is there that the bot needs; as far as one cluster needs it, or all."""

    async def deeds(self, cluster: str | None, most: int) -> belonging.Deeds:
        """Return the newest deeds; of one cluster with those of no one, or of all."""

    async def refuse_elsewhere(self, subject: str, cluster: str) -> None:
        """Raise Refused where a subject, such as RUN-7, is of another cluster."""
