"""One cluster's parts, built from the settings and tied together."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bot import options, remembering, settings
from bot.adapters import schedule
from bot.adapters.cluster import client, looking, mirror, probing, reader
from bot.domain import alert
from bot.flannel import discovery
from bot.flow import (
    asking,
    audit,
    cycle,
    elsewhere,
    insight,
    inspect,
    leading,
    network,
    permits,
    ports,
    probes,
    quota,
    remedy_answers,
    sight,
)

Run = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Watched:
    """One cluster's parts."""

    given: settings.Settings
    """As they are in force for this cluster."""
    api: client.Client
    mirror: mirror.Mirror
    cycle: cycle.Cycle
    inspector: inspect.Inspector | elsewhere.Looking
    probes: probes.Probes
    permits: permits.Permits | None
    audit: audit.Audit
    sight: sight.Sight
    memories: remembering.Remembering

    def flannels(self) -> set[str]:
        """Return the namespaces where flannel is, none while that is not seen."""
        return {one.namespace for one in discovery.find(self.mirror.snapshot())}

    def jobs(self, told: Callable[[Run], Run]) -> list[schedule.Job | None]:
        """Return what is done on a schedule; `told` has a job done by the replica that tells."""
        given, name = self.given, self.cycle.cluster
        when = given.schedule
        samples = partial(self.memories.sample, self.audit.peaks)
        looking = when.audit if given.inspection.exec else "off"
        job = partial(options.job, given, cluster=name)
        return [
            job("cycle", when.cycle, told(self._judge)),
            job("relist", when.relist, self.mirror.relist),
            job("samples", when.samples, told(samples)),
            job("audit", looking, told(self.audit.run)),
        ]

    async def _judge(self) -> None:
        await self.cycle.once()


def make(
    given: settings.Settings,
    one: settings.Cluster,
    api: client.Client,
    mirrored: mirror.Mirror,
    store: ports.Store,
    *,
    people: remedy_answers.People,
    clock: ports.Clock,
    telemetry: ports.Telemetry,
    told: Callable[[], None],
    alerts: Callable[[str], Sequence[alert.Alert]],
    leader: leading.Leader,
    own: ports.Store,
    executor: asking.Asking | None = None,
) -> Watched:
    """Build what watches one cluster.

    `told` is called after something was stored to be told, `own` is the store as the leader
    writes it, `executor` is asked for looks where this process may take none.
    """
    given = given.within(one)
    looker, looks = looking.Looker(api), options.looking(given)
    probed = probes.Probes(
        probing.Prober(api),
        looker,
        store,
        cluster=one.name,
        clock=clock,
        within=looks.within,
        options=options.probing(given),
    )
    asks = given.inspection.probe_pods == "approve"
    permitted: permits.Permits | None = None
    inspector: inspect.Inspector | elsewhere.Looking
    if executor is not None:
        allowing = elsewhere.Allowing(one.name, people, executor, clock=clock) if asks else None
        inspector = elsewhere.Looking(
            mirrored, executor, looker, clock=clock, options=looks, permits=allowing
        )
        permitted = allowing
    else:
        permitted = permits.Permits(one.name, people, clock=clock) if asks else None
        inspector = inspect.Inspector(
            mirrored,
            looker,
            reader.Logs(api),
            clock=clock,
            options=looks,
            probes=None if given.inspection.probe_pods == "off" else probed,
            permission=permitted,
        )
    known = insight.Insight(
        inspector.latest,
        unseen=inspector.unseen,
        private_cidrs=one.private_cidrs,
        patience=options.patience(given),
        alerts=partial(alerts, one.name),
    )
    judged = cycle.Cycle(
        mirrored,
        own,
        clock=clock,
        telemetry=telemetry,
        leader=leader,
        options=options.judging(given, one),
        told=told,
        insight=known,
    )
    memories = remembering.of(given, api, mirrored, store, clock=clock)
    audited = audit.Audit(
        mirrored,
        inspector,
        known,
        store,
        clock=clock,
        options=options.auditing(given),
        memory=memories.history,
        told=judged.once,
    )
    return Watched(
        given=given,
        api=api,
        mirror=mirrored,
        cycle=judged,
        inspector=inspector,
        probes=probed,
        permits=permitted,
        audit=audited,
        sight=sight.Sight(
            mirrored,
            inspector,
            limits=judged.options.limits,
            private=one.private_cidrs,
            lately=known.lately,
        ),
        memories=memories,
    )


def networks(watching: Sequence[Watched], *, clock: ports.Clock) -> dict[str, network.Network]:
    """Whom to ask about each cluster's network."""
    allowed = quota.Quota(network.MAX_ALL)
    return {
        each.cycle.cluster: network.Network(
            each.sight,
            reader.Logs(each.api),
            clock=clock,
            allowed=allowed,
            options=network.Options(),
            permits=each.permits,
        )
        for each in watching
    }
