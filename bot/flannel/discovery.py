"""Which DaemonSet is flannel, and what of flannel is out of reach.

Names say little: kube-flannel-ds, kube-flannel-ds-amd64 and four sisters, canal, rke2-canal.
flannel is known by its container: one called kube-flannel, or one that runs flanneld. Sidecars
and init containers of the same image (install-cni) are not flannel.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot.domain import placement, snapshot, units
from bot.flannel import flags, versions

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Flannel:
    """One DaemonSet that runs flannel.

    `serves` are the nodes that have a pod of it or that it alone would serve; `backend` is what
    most of them carry in their annotations.
    """

    namespace: str
    daemonset: str
    uid: str
    container: str
    image: str
    version: str
    flags: flags.Flags
    backend: str = UNKNOWN
    backends: Mapping[str, int] = field(default_factory=dict)
    serves: tuple[str, ...] = ()
    memory_limit: int | None = None
    desired: int = 0
    ready: int = 0

    @property
    def flag_places(self) -> tuple[str, ...]:
        """Where its flags stand: "command", "args", "env"."""
        return self.flags.places

    @property
    def name(self) -> str:
        """What people say: namespace/daemonset."""
        return f"{self.namespace}/{self.daemonset}"


def container_of(daemonset: snapshot.DaemonSet) -> snapshot.ContainerSpec | None:
    """Return the container that is flannel, or None."""
    containers = daemonset.template.containers
    named = [one for one in containers if one.name == "kube-flannel"]
    running = [one for one in containers if flags.runs_flanneld((*one.command, *one.args[:1]))]
    by_image = [one for one in containers if not one.command and _image(one.image)]
    return next(iter((*named, *running, *by_image)), None)


def _image(image: str) -> bool:
    # coreos/flannel, flannel/flannel, rancher/hardened-flannel, and rancher's mirrored names;
    # flannel/flannel-cni-plugin is the CNI plugin alone.
    name = versions.basename(image)
    return name in {"flannel", "flanneld"} or name.endswith("-flannel")


def find(seen: snapshot.Snapshot) -> tuple[Flannel, ...]:
    """Return every DaemonSet that runs flannel, ordered by namespace and name."""
    found = [
        (daemonset, container)
        for _, daemonset in sorted(seen.daemonsets.items())
        if (container := container_of(daemonset)) is not None
    ]
    if not found:
        return ()
    homes = _homes(seen, {daemonset.uid for daemonset, _ in found})
    served = set().union(*homes.values())
    bare = [node for name, node in seen.nodes.items() if name not in served]
    flannels = []
    for daemonset, container in found:
        nodes = homes[daemonset.uid] | _alone(daemonset, bare)
        read = flags.of(container)
        backends = _backends(seen, nodes, read.annotation_prefix)
        flannels.append(
            Flannel(
                namespace=daemonset.namespace,
                daemonset=daemonset.name,
                uid=daemonset.uid,
                container=container.name,
                image=container.image,
                version=versions.name(container.image),
                flags=read,
                backend=_majority(backends),
                backends=backends,
                serves=tuple(sorted(nodes)),
                memory_limit=container.memory_limit,
                desired=daemonset.desired,
                ready=daemonset.ready,
            )
        )
    return tuple(flannels)


def _homes(seen: snapshot.Snapshot, uids: set[str]) -> dict[str, set[str]]:
    """DaemonSet uid -> nodes with a pod of it."""
    return {
        uid: {pod.node for pod in seen.pods_of.get(uid, ())} & seen.nodes.keys() for uid in uids
    }


def _alone(daemonset: snapshot.DaemonSet, bare: Iterable[snapshot.Node]) -> set[str]:
    return {
        node.name
        for node in bare
        if node.os == "linux" and placement.wanted(daemonset.template, node)
    }


def _backends(seen: snapshot.Snapshot, nodes: Iterable[str], prefix: str) -> dict[str, int]:
    key = f"{prefix}backend-type"
    types = Counter([seen.nodes[name].annotations.get(key, "") for name in nodes])
    return {one: count for one, count in types.items() if one}


def _majority(backends: Mapping[str, int]) -> str:
    if not backends:
        return UNKNOWN
    return min(backends, key=lambda one: (-backends[one], one))


def out_of_reach(
    seen: snapshot.Snapshot, found: tuple[Flannel, ...] | None = None
) -> tuple[str, ...]:
    """Return sentences about flannel that this bot cannot watch, and nothing where all is seen.

    Nothing is said of an absence while DaemonSets could not all be read. `found` is what `find`
    returned of the same snapshot, where that is known already.
    """
    found = find(seen) if found is None else found
    notes = [*_etcd(found), *_unreadable(found)]
    if not found and not any(gap.resource in {"*", "daemonsets"} for gap in seen.gaps):
        notes.extend(_embedded(seen))
    windows = sorted(node.name for node in seen.nodes.values() if node.os == "windows")
    if windows:
        notes.append(
            f"{units.count(len(windows), 'Windows node')} ({units.listing(windows)}) run flannel "
            "as a host process, if at all: not watched"
        )
    return tuple(notes)


def _etcd(found: Iterable[Flannel]) -> Iterable[str]:
    for flannel in found:
        if flannel.flags.readable and not flannel.flags.on("kube-subnet-mgr"):
            yield (
                f"DaemonSet {flannel.name} runs flannel without --kube-subnet-mgr: its leases are "
                "in etcd and not on the nodes, so backend and public IPs are not seen"
            )


def _unreadable(found: Iterable[Flannel]) -> Iterable[str]:
    for flannel in found:
        for problem in flannel.flags.problems:
            yield f"DaemonSet {flannel.name}: {problem}"


def _embedded(seen: snapshot.Snapshot) -> Iterable[str]:
    k3s = sorted(node.name for node in seen.nodes.values() if "+k3s" in node.kubelet)
    others = sorted(
        node.name
        for node in seen.nodes.values()
        if "+k3s" not in node.kubelet and _annotated(node.annotations)
    )
    if k3s:
        yield (
            f"{units.count(len(k3s), 'node')} run k3s ({units.listing(k3s, most=3)}), which embeds "
            "flannel in its own process: it has no pod, and its kills and flags are not seen"
        )
    if others:
        yield (
            f"{units.count(len(others), 'node')} ({units.listing(others, most=3)}) carry flannel's "
            "annotations, but no DaemonSet runs flannel: it runs outside Kubernetes or was removed"
        )
    if seen.nodes and not k3s and not others:
        yield "no DaemonSet runs flannel in the namespaces that are watched"


def _annotated(annotations: Mapping[str, str]) -> bool:
    return any(
        name.endswith(("/kube-subnet-manager", "-kube-subnet-manager")) for name in annotations
    )
