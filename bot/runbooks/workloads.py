"""The DaemonSets that a plan is about, each with its live document at hand.

What was found by the mirror and what the API server says now must be the same object in the same
state, or predictions made from the one would be promised for the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain import snapshot
from bot.domain.target import Target
from bot.flannel import discovery
from bot.flannel.discovery import Flannel
from bot.runbooks.case import Case, Json, NoPlan


@dataclass(frozen=True, slots=True)
class Workload:
    """One DaemonSet of flannel. `index` is its flannel container's in the live `document`."""

    flannel: Flannel
    seen: snapshot.DaemonSet
    spec: snapshot.ContainerSpec
    document: Json
    index: int
    target: Target

    @property
    def generation(self) -> int:
        """The live document's generation."""
        return int(self.document["metadata"].get("generation", 0))

    @property
    def container(self) -> Json:
        """The flannel container in the live document."""
        return self.document["spec"]["template"]["spec"]["containers"][self.index]

    @property
    def on_delete(self) -> bool:
        """Whether a new template reaches a node only when its pod is deleted."""
        return str(self._strategy.get("type", "RollingUpdate")) == "OnDelete"

    @property
    def at_once(self) -> int:
        """How many pods a rolling update takes down, or doubles, at a time.

        A percentage is rounded up, and nothing means one. Source: `UnavailableCount` and
        `SurgeCount` of Kubernetes' pkg/controller/daemon/util.
        """
        rolling = self._strategy.get("rollingUpdate") or {}
        desired = max(self.seen.desired, len(self.flannel.serves))
        down = _scaled(rolling.get("maxUnavailable", 1), desired)
        return max(1, down, _scaled(rolling.get("maxSurge", 0), desired))

    @property
    def _strategy(self) -> Json:
        return self.document["spec"].get("updateStrategy") or {}


def _scaled(value: Json, total: int) -> int:
    text = str(value)
    if text.endswith("%") and text[:-1].isdigit():
        return -(-total * int(text[:-1]) // 100)
    return int(text) if text.isdigit() else 0


def all_of(case: Case) -> tuple[Workload, ...] | NoPlan:
    """Return the DaemonSets to be changed together: one installation of flannel.

    Old manifests have one for each architecture, in one namespace and with the same container;
    those are one. Where a cluster has several installations, it is the incident's, else the one
    that serves most nodes.
    """
    if not case.flannels:
        return NoPlan(f"no flannel DaemonSet is seen in {case.cluster}")
    chosen = _chosen(case)
    works = []
    for flannel in case.flannels:
        if (flannel.namespace, flannel.container) != (chosen.namespace, chosen.container):
            continue
        work = of(case, flannel)
        if isinstance(work, NoPlan):
            return work
        works.append(work)
    return tuple(works)


def others(case: Case, works: Sequence[Workload]) -> tuple[str, ...]:
    """Return the names of DaemonSets of another installation, which are left alone."""
    meant = {work.flannel.name for work in works}
    return tuple(one.name for one in case.flannels if one.name not in meant)


def _chosen(case: Case) -> Flannel:
    if case.incident is not None:
        workload = case.incident.workload
        for one in case.flannels:
            if (one.namespace, one.daemonset) == (workload.namespace, workload.name):
                return one
    return max(case.flannels, key=lambda one: len(one.serves))


def of(case: Case, flannel: Flannel) -> Workload | NoPlan:
    """Return one DaemonSet with its live document, or why the two do not go together."""
    seen = case.snapshot.daemonsets.get((flannel.namespace, flannel.daemonset))
    spec = discovery.container_of(seen) if seen is not None else None
    document = case.documents.get(flannel.name)
    if seen is None or spec is None or document is None:
        return NoPlan(f"DaemonSet {flannel.name} could not be read now, so no exact change of it "
                      "can be drafted: ask again")  # fmt: skip
    meta = document["metadata"]
    if meta["uid"] != seen.uid or meta.get("generation", 0) != seen.generation:
        return NoPlan(
            f"DaemonSet {flannel.name} is being changed at this moment (generation "
            f"{meta.get('generation', 0)}, last seen {seen.generation}): ask again"
        )
    containers = document["spec"]["template"]["spec"]["containers"]
    places = [i for i, one in enumerate(containers) if one["name"] == flannel.container]
    work = Workload(
        flannel=flannel,
        seen=seen,
        spec=spec,
        document=document,
        index=places[0] if places else -1,
        target=case.home(flannel),
    )
    if not places or not _same(work):
        return NoPlan(
            f"container {flannel.container} of DaemonSet {flannel.name} is not what was seen of "
            "it: ask again"
        )
    return work


def _same(work: Workload) -> bool:
    words = (tuple(work.container.get("command") or ()), tuple(work.container.get("args") or ()))
    return words == (work.spec.command, work.spec.args)
