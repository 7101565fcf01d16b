"""The desk: every question is answered here, whoever asks."""

import asyncio
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot import checks
from bot.domain import errors, finding, health, ledger, snapshot
from bot.domain.incident import Incident
from bot.flannel import discovery, inspection, netconf
from bot.flow import (
    answers,
    attention_answers,
    belonging,
    cycle,
    doctor,
    judge,
    memory_answers,
    network,
    network_answers,
    ports,
    remedy_answers,
)


@dataclass(frozen=True, slots=True)
class About:
    """Facts of this process that `status` tells."""

    version: str
    started_at: datetime
    remediation_enabled: bool


class Desk:
    """Answers from the cycles' latest outcomes and the store.

    Args:
        cycles: by cluster, in the order of the settings.
        store: incidents and their stories.
        clock: time.
        about: facts of this process.
        schedule: the scheduler, once it runs.
        connected: whether Slack is connected now.
        networks: whom to ask about each cluster's network.
        remedy: where changes are asked for and decided; None in a bot that only observes.
        memories: whom to ask about each cluster's memory.
        attention: where incidents are taken on and silenced.
        led_by: which replica leads.
        surgery: where the bot itself is examined.
    """

    def __init__(
        self,
        cycles: Mapping[str, cycle.Cycle],
        store: ports.Store,
        *,
        clock: ports.Clock,
        about: About,
        schedule: ports.Schedule,
        connected: Callable[[], bool],
        networks: Mapping[str, network_answers.Network],
        remedy: remedy_answers.Remediation | None = None,
        memories: Mapping[str, memory_answers.Memory] | None = None,
        attention: attention_answers.Attention | None = None,
        surgery: doctor.Surgery | None = None,
        led_by: Callable[[], str] = lambda: "",
    ) -> None:
        self.remedy = remedy
        self.attention = attention
        self._cycles = cycles
        self._store = store
        self._clock = clock
        self._about = about
        self._schedule = schedule
        self._connected = connected
        self._networks = networks
        self._memories = memories or {}
        self._surgery = surgery
        self._led_by = led_by

    def clusters(self) -> tuple[str, ...]:
        """Return the names of the clusters."""
        return tuple(self._cycles)

    def cluster_of(self, channel: str) -> str | None:
        """Return the cluster whose channel that is; None if none or several share it."""
        named = [name for name, each in self._cycles.items() if each.channel == channel]
        return named[0] if len(named) == 1 else None

    def _named(self, cluster: str) -> cycle.Cycle:
        found = self._cycles.get(cluster)
        if found is None:
            near = difflib.get_close_matches(cluster, self._cycles, n=3, cutoff=0.4)
            known = ", ".join(near or self._cycles)
            raise errors.Refused(f"there is no cluster {cluster!r}; known: {known}")
        return found

    def _chosen(self, cluster: str | None) -> list[cycle.Cycle]:
        return list(self._cycles.values()) if cluster is None else [self._named(cluster)]

    async def status(self, cluster: str | None) -> answers.Status:
        """Tell how everything is, from what is known now."""
        chosen = self._chosen(cluster)
        clusters = await asyncio.gather(*(self._cluster_status(each) for each in chosen))
        return answers.Status(
            clusters=tuple(clusters),
            outbox=await self._store.outbox(),
            slack_connected=self._connected(),
            version=self._about.version,
            started_at=self._about.started_at,
            remediation_enabled=self._about.remediation_enabled,
            led_by=self._led_by(),
        )

    async def _cluster_status(self, each: cycle.Cycle) -> answers.ClusterStatus:
        taken = each.mirror.snapshot()
        judged = each.latest
        findings: Sequence[finding.Finding] = judged.judgement.findings if judged else ()
        gaps = (*taken.gaps, *(judged.judgement.gaps if judged else ()))
        nodes = taken.nodes.values()
        flannels = discovery.find(taken)
        return answers.ClusterStatus(
            cluster=each.cluster,
            taken_at=taken.taken_at,
            health=health_of(findings, gaps) if judged else health.Health.UNKNOWN,
            nodes=len(taken.nodes),
            nodes_ready=sum(node.health is health.Health.HEALTHY for node in nodes),
            flannel=_told(flannels, taken),
            notes=discovery.out_of_reach(taken, flannels),
            incidents=tuple(await self._store.incidents(cluster=each.cluster)),
            gaps=gaps,
            ages=tuple(each.mirror.ages()),
        )

    async def incidents(self, cluster: str | None) -> answers.IncidentList:
        """List what is open and what was lately resolved."""
        if cluster is not None:
            self._named(cluster)
        unresolved = await self._store.incidents(cluster=cluster)
        newest = await self._store.incidents(cluster=cluster, unresolved=False, limit=20)
        resolved = [each for each in newest if each.resolved_at is not None]
        return answers.IncidentList(
            cluster=cluster, unresolved=tuple(unresolved), resolved=tuple(resolved[:10])
        )

    async def incident(self, number: int) -> answers.IncidentStory:
        """Tell one incident."""
        found: Incident | None = await self._store.incident(number)
        if found is None:
            known = [each.name for each in await self._store.incidents(unresolved=False, limit=5)]
            hint = f"; the newest are {', '.join(known)}" if known else "; there is none yet"
            raise errors.Refused(f"there is no INC-{number}{hint}")
        posted = await self._store.posted(number)
        return answers.IncidentStory(
            incident=found,
            timeline=tuple(await self._store.timeline(found.name)),
            posted_channel=posted[0].channel if posted else "",
            posted_ts=posted[0].ts if posted else "",
        )

    async def check(self, cluster: str | None) -> answers.CheckReport:
        """Judge a cluster now; with several clusters one has to be named."""
        outcome = await self._only(cluster).once()
        return report(outcome.snapshot, outcome.judgement)

    def network(self, cluster: str | None) -> network_answers.Network:
        """Return whom to ask about a cluster's network; one of several has to be named."""
        name = self._only(cluster).cluster
        found = self._networks.get(name)
        if found is None:
            raise errors.Refused(f"the nodes of {name} are not looked at")
        return found

    def memory(self, cluster: str | None) -> memory_answers.Memory:
        """Return whom to ask about flannel's memory; one cluster of several has to be named."""
        name = self._only(cluster).cluster
        found = self._memories.get(name)
        if found is None:
            raise errors.Refused(f"the memory of {name} is not kept")
        return found

    async def allow_look(
        self, ticket: str, user: str
    ) -> network_answers.NodeNics | remedy_answers.Said:
        """Allow a look by a probe pod that an answer offered, and take it."""
        for each in self._networks.values():
            if each.offered(ticket):
                return await each.allow_look(ticket, user)
        raise errors.Refused(network.OFFER_OVER)

    def _only(self, cluster: str | None) -> cycle.Cycle:
        chosen = self._chosen(cluster)
        if len(chosen) != 1:
            raise errors.Refused(
                f"say which cluster: {', '.join(f'@{name}' for name in self._cycles)}"
            )
        return chosen[0]

    async def schedule(self, cluster: str | None = None) -> answers.ScheduleView:
        """Tell what runs when; of one cluster with what is of no one, or of all."""
        jobs = [
            job for job in self._schedule.jobs() if cluster is None or job.cluster in ("", cluster)
        ]
        return answers.ScheduleView(jobs=tuple(jobs), now=self._clock.now())

    async def doctor(self, cluster: str | None = None) -> doctor.Report:
        """Look whether all is there that the bot needs; as far as one cluster needs it, or all."""
        if self._surgery is None:
            raise errors.Refused("nobody can examine this bot; try `flannel-bot doctor`")
        found = await self._surgery.examine()
        return found if cluster is None else found.within(cluster)

    async def deeds(self, cluster: str | None, most: int) -> belonging.Deeds:
        """Return the newest deeds; of one cluster with those of no one, or of all."""
        return await belonging.deeds(self._store, cluster, most=most)

    async def refuse_elsewhere(self, subject: str, cluster: str) -> None:
        """Raise Refused where a subject, such as RUN-7, is of another cluster."""
        await belonging.refuse_elsewhere(self._store, subject, cluster)


def health_of(findings: Sequence[finding.Finding], gaps: Sequence[snapshot.Gap]) -> health.Health:
    """Any warning or worse is unhealthy; else any gap is unknown; else healthy."""
    if any(found.severity is not finding.Severity.INFO for found in findings):
        return health.Health.UNHEALTHY
    return health.Health.UNKNOWN if gaps else health.Health.HEALTHY


def _told(
    flannels: tuple[discovery.Flannel, ...], taken: snapshot.Snapshot
) -> tuple[answers.FlannelFound, ...]:
    found = []
    for each in flannels:
        daemonset = taken.daemonsets[each.namespace, each.daemonset]
        found.append(
            answers.FlannelFound(
                namespace=each.namespace,
                daemonset=each.daemonset,
                version=each.version,
                backend=each.backend,
                flags=tuple(each.flags.as_text),
                desired=daemonset.desired,
                ready=daemonset.ready,
            )
        )
    return tuple(found)


def report(taken: snapshot.Snapshot, judgement: judge.Judgement) -> answers.CheckReport:
    """Put one pass into words that the terminal and Slack share."""
    flannels = discovery.find(taken)
    return answers.CheckReport(
        cluster=taken.cluster,
        taken_at=taken.taken_at,
        health=health_of(judgement.findings, taken.gaps),
        flannel=_told(flannels, taken),
        findings=judgement.findings,
        gaps=taken.gaps,
        notes=discovery.out_of_reach(taken, flannels),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What single looks at nodes showed, for a pass that takes them."""

    inspections: Mapping[str, inspection.Inspection] = field(default_factory=dict)
    unseen: Mapping[str, inspection.Unseen] = field(default_factory=dict)
    net_confs: Mapping[str, netconf.NetConf] = field(default_factory=dict)


def one_pass(
    taken: snapshot.Snapshot,
    *,
    limits: checks.Limits,
    policy: ledger.Policy,
    private_cidrs: tuple[str, ...] = (),
    seen: Seen | None = None,
) -> answers.CheckReport:
    """Judge a single snapshot without any memory, as `flannel-bot check` does."""
    seen = seen or Seen()
    update = ledger.observe(ledger.Ledger(), taken, policy)
    judgement = judge.judge(
        checks.Context(
            snapshot=taken,
            ledger=update.ledger,
            limits=limits,
            policy=policy,
            private_cidrs=private_cidrs,
            inspections=seen.inspections,
            unseen=seen.unseen,
            net_confs=seen.net_confs,
        )
    )
    return report(judge.with_gaps(taken, judgement.gaps), judgement)
