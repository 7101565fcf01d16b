"""What is known of one cluster beyond its objects, kept between cycles.

Looks at nodes and what they show, flannel's configuration, memory peaks, what all nodes announce.
`audit` gathers it at its own pace; a cycle takes it as it is, which costs nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain import alert, snapshot
from bot.flannel import discovery, fleet, inspection, netconf, outlook, study
from bot.flannel.recent import Recent
from bot.flow import fleets


@dataclass(frozen=True, slots=True)
class Known:
    """All of it at one moment, as `bot.checks.Context` takes it."""

    flannels: tuple[discovery.Flannel, ...] = ()
    gathered: Mapping[str, fleet.Fleet] = field(default_factory=dict)
    inspections: Mapping[str, inspection.Inspection] = field(default_factory=dict)
    studies: Mapping[str, study.Study] = field(default_factory=dict)
    net_confs: Mapping[str, netconf.NetConf] = field(default_factory=dict)
    peaks: Mapping[str, int] = field(default_factory=dict)
    private_cidrs: tuple[str, ...] = ()
    unseen: Mapping[str, inspection.Unseen] = field(default_factory=dict)
    alerts: tuple[alert.Alert, ...] = ()
    recent: Recent = field(default_factory=Recent)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a node that came, went or changed is not held against the others."""

    joined: timedelta = timedelta(seconds=60)
    """Of one that came, or that announces something else."""
    left: timedelta = timedelta(minutes=5)


class Insight:
    """Keeps what is known.

    Args:
        latest: the newest look at each node; nothing where nobody looks.
        unseen: the nodes that are looked at in vain.
        private_cidrs: prefixes that announced addresses must be in.
        patience: when a difference is no fault yet.
        alerts: what an Alertmanager told and still counts.
    """

    def __init__(
        self,
        latest: Callable[[], Mapping[str, inspection.Inspection]] = dict,
        *,
        unseen: Callable[[], Mapping[str, inspection.Unseen]] = dict,
        private_cidrs: tuple[str, ...] = (),
        patience: Patience | None = None,
        alerts: Callable[[], Sequence[alert.Alert]] = tuple,
    ) -> None:
        self._latest = latest
        self._looks: Mapping[str, inspection.Inspection] = {}
        self._in_vain = unseen
        self._unseen: Mapping[str, inspection.Unseen] = {}
        self._firing = alerts
        self._alerts: tuple[alert.Alert, ...] = ()
        self._private = private_cidrs
        self._patience = patience or Patience()
        self._fleets = fleets.Fleets()
        self._known = Known(private_cidrs=private_cidrs)
        self._studies: dict[str, study.Study] = {}
        self._judged_by: dict[str, tuple[object, ...]] = {}
        self.net_confs: Mapping[str, netconf.NetConf] = {}
        self.peaks: Mapping[str, int] = {}

    def refresh(self) -> None:
        """Take up the newest looks. On the loop, unlike the rest: who looks is at work there."""
        self._looks, self._unseen = self._latest(), self._in_vain()
        self._alerts = tuple(self._firing())

    def known(self, taken: snapshot.Snapshot) -> Known:
        """Return what is known; cheap where nothing has changed."""
        found = discovery.find(taken)
        self._known = Known(
            flannels=found,
            gathered=self._fleets.of(taken, found, self.net_confs),
            inspections=self._looks,
            studies=dict(self._studies),
            net_confs=self.net_confs,
            peaks=self.peaks,
            private_cidrs=self._private,
            unseen=self._unseen,
            alerts=self._alerts,
            recent=self._fleets.recent,
        )
        return self._known

    def lately(self, taken: snapshot.Snapshot) -> Recent:
        """Return who changed or left lately, also since the newest cycle."""
        return self._fleets.lately(taken)

    @property
    def newest(self) -> Known:
        """What was known at the newest cycle."""
        return self._known

    def learn(self, taken: snapshot.Snapshot) -> Iterator[str]:
        """Judge the looks that are new, and what a restart would do where flags are new.

        Yields each node's name when it is done, so that a caller can let others go on between.
        """
        known = self._known
        serves = {node: one for one in reversed(known.flannels) for node in one.serves}
        for gone in self._judged_by.keys() - taken.nodes.keys():
            self._studies.pop(gone, None)
            del self._judged_by[gone]
        for name, seen in self._looks.items():
            node, flannel = taken.nodes.get(name), serves.get(name)
            if node is None or flannel is None or flannel.name not in known.gathered:
                continue
            conf = known.net_confs.get(flannel.namespace)
            by = (seen.taken_at, flannel.flags, flannel.image, conf)
            before = self._studies.get(name)
            if before is not None and self._judged_by.get(name) == by:
                continue
            if before is not None and before.taken_at == seen.taken_at:
                # What the others announced belongs to the look's own time, flags do not.
                ahead = outlook.of(seen, node, flannel, conf=conf)
                self._studies[name] = replace(before, outlook=ahead)
            else:
                self._studies[name] = self._judged(seen, node, flannel, taken)
            self._judged_by[name] = by
            yield name

    def _judged(
        self,
        seen: inspection.Inspection,
        node: snapshot.Node,
        flannel: discovery.Flannel,
        taken: snapshot.Snapshot,
    ) -> study.Study:
        lately, patience = self._known.recent, self._patience
        return study.of(
            seen,
            node,
            flannel,
            self._known.gathered[flannel.name],
            private=self._private,
            settling=lately.unsettled(
                seen.taken_at, taken.nodes.values(), joined=patience.joined, left=patience.left
            ),
            departed=lately.subnets,
        )

    def suspects(self) -> Sequence[str]:
        """Return the nodes with something to be told, whose looks must not grow old."""
        return [
            name
            for name, one in self._studies.items()
            if not one.outlook.safe or (one.drift is not None and not one.drift.right)
        ]
