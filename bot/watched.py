"""One cluster's parts, built from the settings and tied together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bot import options, remembering, settings
from bot.adapters.cluster import client, looking, mirror, probing, reader
from bot.domain import alert
from bot.flannel import discovery
from bot.flow import audit, cycle, insight, inspect, permits, ports, probes, remedy_answers, sight


@dataclass(frozen=True, slots=True)
class Watched:
    """One cluster's parts."""

    api: client.Client
    mirror: mirror.Mirror
    cycle: cycle.Cycle
    inspector: inspect.Inspector
    probes: probes.Probes
    permits: permits.Permits | None
    audit: audit.Audit
    sight: sight.Sight
    memories: remembering.Remembering

    def flannels(self) -> set[str]:
        """Return the namespaces where flannel is, none while that is not seen."""
        return {one.namespace for one in discovery.find(self.mirror.snapshot())}


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
) -> Watched:
    """Build what watches one cluster. `told` is called after something was stored to be told."""
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
    permitted = permits.Permits(people, clock=clock) if asks else None
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
        store,
        clock=clock,
        telemetry=telemetry,
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
        api=api,
        mirror=mirrored,
        cycle=judged,
        inspector=inspector,
        probes=probed,
        permits=permitted,
        audit=audited,
        sight=sight.Sight(
            mirrored, inspector, limits=judged.options.limits, private=one.private_cidrs
        ),
        memories=memories,
    )
