"""What all nodes announce, read anew only where it changed.

Reading five thousand nodes' annotations costs more than a whole cycle, and they change when a
node joins, leaves or restarts flannel, not with every heartbeat. Also remembers who announced
something else or left lately: a route to a node that is gone for a minute is no fault yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain import snapshot
from bot.flannel import discovery, fleet, lease, netconf, versions
from bot.flannel.recent import Departed, Recent


@dataclass(slots=True)
class _Read:
    """One way of reading annotations (their prefix), with what was read."""

    nodes: dict[str, snapshot.Node] = field(default_factory=dict)
    leases: dict[str, lease.Lease] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Made:
    """A fleet, and what it was made of."""

    leases: Mapping[str, lease.Lease]
    conf: netconf.NetConf | None
    version: versions.Version | None
    fleet: fleet.Fleet


class Fleets:
    """One cluster's fleets. Not for several threads at once.

    Args:
        remembered: how long those who changed or left are remembered.
    """

    def __init__(self, *, remembered: timedelta = timedelta(hours=1)) -> None:
        self._remembered = remembered
        self._reads: dict[str, _Read] = {}
        self._made: dict[str, _Made] = {}
        self._nodes: Mapping[str, snapshot.Node] = {}
        self._departed: dict[str, Departed] = {}
        self._changed: dict[str, datetime] = {}

    def of(
        self,
        taken: snapshot.Snapshot,
        flannels: tuple[discovery.Flannel, ...],
        confs: Mapping[str, netconf.NetConf] | None = None,
    ) -> Mapping[str, fleet.Fleet]:
        """Return what all nodes announce as each flannel reads it, by its name."""
        self._watch(taken)
        made: dict[str, fleet.Fleet] = {}
        prefixes: dict[str, Mapping[str, lease.Lease]] = {}
        for one in flannels:
            prefix = one.flags.annotation_prefix
            if prefix not in prefixes:
                prefixes[prefix] = self._read(prefix, taken)
            conf = (confs or {}).get(one.namespace)
            made[one.name] = self._gathered(one, prefixes[prefix], conf)
        for gone in self._made.keys() - made.keys():
            del self._made[gone]
        for gone in self._reads.keys() - prefixes.keys():
            del self._reads[gone]
        return made

    @property
    def recent(self) -> Recent:
        """Who announced something else lately, and who left."""
        return Recent(dict(self._changed), tuple(self._departed.values()))

    def lately(self, taken: snapshot.Snapshot) -> Recent:
        """Return the same at a snapshot that may be newer than the last one, which stays the last.

        May be asked while another thread reads.
        """
        known, at = self.recent, taken.taken_at
        changed = dict(known.changed)
        for prefix, read in list(self._reads.items()):
            nodes, leases = read.nodes, read.leases
            for name, node in taken.nodes.items():
                before = nodes.get(name)
                if before is None or before is node or _alike(before, node):
                    continue
                made = lease.of(name, node.pod_cidrs, node.annotations, prefix=prefix)
                if made != leases.get(name):
                    changed[name] = at
        known_nodes, gone = self._nodes, tuple[Departed, ...]()
        if not any(gap.covers("nodes", "", "") for gap in taken.gaps):
            gone = tuple(
                Departed(name, known_nodes[name].pod_cidrs, at)
                for name in known_nodes.keys() - taken.nodes.keys()
            )
        return Recent(changed, (*known.departed, *gone))

    def _watch(self, taken: snapshot.Snapshot) -> None:
        # A list that is not seen loses nobody.
        if any(gap.covers("nodes", "", "") for gap in taken.gaps):
            return
        now = taken.taken_at
        for name in self._nodes.keys() - taken.nodes.keys():
            self._departed[name] = Departed(name, self._nodes[name].pod_cidrs, now)
        for name in [
            name
            for name, one in self._departed.items()
            if name in taken.nodes or now - one.at > self._remembered
        ]:
            del self._departed[name]
        for name in [
            name
            for name, at in self._changed.items()
            if name not in taken.nodes or now - at > self._remembered
        ]:
            del self._changed[name]
        self._nodes = taken.nodes

    def _read(self, prefix: str, taken: snapshot.Snapshot) -> Mapping[str, lease.Lease]:
        """Return all leases, the same mapping as before if none has changed."""
        known = self._reads.setdefault(prefix, _Read())
        fresh: dict[str, lease.Lease] = {}
        changed = known.nodes.keys() != taken.nodes.keys()
        for name, node in taken.nodes.items():
            before = known.nodes.get(name)
            if before is node or (before is not None and _alike(before, node)):
                fresh[name] = known.leases[name]
            else:
                fresh[name] = lease.of(name, node.pod_cidrs, node.annotations, prefix=prefix)
                other = fresh[name] != known.leases.get(name)
                if other and before is not None:
                    self._changed[name] = taken.taken_at
                changed = changed or other
        known.nodes = dict(taken.nodes)
        if changed:
            known.leases = fresh
        return known.leases

    def _gathered(
        self,
        flannel: discovery.Flannel,
        leases: Mapping[str, lease.Lease],
        conf: netconf.NetConf | None,
    ) -> fleet.Fleet:
        version = versions.parse(flannel.image)
        known = self._made.get(flannel.name)
        if known and known.leases is leases and (known.conf, known.version) == (conf, version):
            return known.fleet
        for other in self._made.values():
            # Five DaemonSets, one an architecture, read the same.
            if other.leases is leases and (other.conf, other.version) == (conf, version):
                self._made[flannel.name] = other
                return other.fleet
        made = fleet.gather(leases.values(), conf=conf, version=version)
        self._made[flannel.name] = _Made(leases, conf, version, made)
        return made


def _alike(one: snapshot.Node, other: snapshot.Node) -> bool:
    return one.annotations == other.annotations and one.pod_cidrs == other.pod_cidrs
