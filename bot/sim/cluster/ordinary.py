"""The ordinary workload: pods of Deployments and DaemonSets on every machine, behind its veths.

Big clusters have tens of thousands, and hardly one of them is ever looked at. So each is kept as
what it differs in from its siblings, and built when somebody asks for it. One that is evicted,
deleted or changed becomes an object like any other, and its successor is one from the beginning.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from bot.sim.cluster import (
    applications,
    bootstrap,
    context,
    daemonsets,
    hosts,
    names,
    registry,
    replicasets,
    store,
    timing,
)

Object = dict[str, Any]

LIFETIME = 7200.0
"""Mean seconds a Deployment's pod lives."""

REPLICAS = 40
"""Of a Deployment in a big cluster, in the mean."""

_YOUNGEST, _OLDEST = 3600.0, 20 * 86_400.0
"""Seconds pods have been running when the simulation begins."""


@dataclass(frozen=True, eq=False)
class Workload:
    """What the pods of one owner have in common."""

    pod: Object
    """A whole one of them."""
    pinned: bool
    """Whether each is meant for its node: a DaemonSet's."""

    @property
    def namespace(self) -> str:
        """Where they are."""
        return str(self.pod["metadata"]["namespace"])


@dataclass(frozen=True, eq=False, slots=True)
class Pod:
    """One pod. Implements `store.Latent`."""

    workload: Workload
    host: hosts.Host
    ip: str
    name: str
    uid: str
    revision: int
    since: str

    @property
    def key(self) -> store.Key:
        """Namespace and name."""
        return self.workload.namespace, self.name

    @property
    def node(self) -> str:
        """The node it runs on."""
        return self.host.name

    def built(self) -> Object:
        """The object, as it is since the pod runs."""
        like = self.workload.pod
        metadata, spec, status = like["metadata"], like["spec"], like["status"]
        spec = {**spec, "nodeName": self.node}
        if self.workload.pinned:
            spec["affinity"] = daemonsets.pinned({}, self.node)
        return {
            **like,
            "metadata": {
                **metadata,
                "name": self.name,
                "uid": self.uid,
                "resourceVersion": str(self.revision),
                "creationTimestamp": self.since,
                "labels": {**metadata["labels"], bootstrap.ZONE: self.host.zone},
            },
            "spec": spec,
            "status": {
                **status,
                "conditions": [
                    {**one, "lastTransitionTime": self.since} for one in status["conditions"]
                ],
                "hostIP": self.host.private_ip,
                "hostIPs": [{"ip": self.host.private_ip}],
                "podIP": self.ip,
                "podIPs": [{"ip": self.ip}],
                "startTime": self.since,
                "containerStatuses": [
                    {
                        **one,
                        "state": {"running": {"startedAt": self.since}},
                        "containerID": f"containerd://{self.uid.replace('-', '') * 2}",
                    }
                    for one in status["containerStatuses"]
                ],
            },
        }


def settle(
    first: bootstrap.Bootstrap, api: registry.Registry, fleet: Sequence[hosts.Host], *, seed: int
) -> list[Pod]:
    """Put a pod behind every veth there is, with the workloads that they belong to.

    Returns:
        The pods of Deployments; those of DaemonSets stay as long as their nodes.
    """
    return _Settlement(first, api, fleet, seed).done()


class _Settlement:
    def __init__(
        self,
        first: bootstrap.Bootstrap,
        api: registry.Registry,
        fleet: Sequence[hosts.Host],
        seed: int,
    ) -> None:
        self._first = first
        self._api = api
        self._fleet = fleet
        self._rng = names.stream(seed, "ordinary")
        self._free = {host.name: list(host.pod_ips.items()) for host in fleet}

    def done(self) -> list[Pod]:
        for namespace in (applications.AGENTS, applications.OPERATORS, *applications.NAMESPACES):
            self._first.namespace(namespace)
        workers = [host for host in self._fleet if host.kind != hosts.CONTROL]
        self._daemons(applications.log_agent(), self._fleet)
        self._daemons(applications.metrics_agent(), workers)
        controls = [host for host in self._fleet if host.kind == hosts.CONTROL]
        found = self._deployed(
            applications.OPERATORS, applications.operators, self._ports(controls)
        )
        ports = self._ports(workers)
        self._rng.shuffle(ports)
        usual = min(REPLICAS, max(3, len(ports) // 12))
        number = 0
        while ports:
            count = min(len(ports), self._rng.randrange(usual // 2 + 1, usual * 3 // 2 + 1))
            taken, ports = ports[:count], ports[count:]
            namespace, make = applications.service(number, self._rng)
            found += self._deployed(namespace, make, taken)
            number += 1
        return found

    def _ports(self, fleet: Sequence[hosts.Host]) -> list[tuple[hosts.Host, str]]:
        return [(host, ip) for host in fleet for _, ip in self._free[host.name]]

    def _daemons(self, manifest: Object, fleet: Sequence[hosts.Host]) -> None:
        """A DaemonSet takes a veth of each machine that flannel could not take for eth1.

        Its pods do not move: behind such a veth one would keep flannel down for good.
        """
        places = [host for host in fleet if self._harmless(host)]
        owner, digest = self._first.daemonset(applications.AGENTS, manifest, fitting=len(places))
        pod = daemonsets.new_pod(owner, node="", digest=digest)
        workload = self._workload(applications.AGENTS, pod, pinned=True)
        for host in places:
            port = self._harmless(host)[0]
            self._free[host.name].remove(port)
            self._found(workload, host, port[1])

    def _harmless(self, host: hosts.Host) -> list[tuple[str, str]]:
        return [port for port in self._free[host.name] if "eth1" not in port[0]]

    def _deployed(
        self,
        namespace: str,
        make: Callable[[int], Object],
        ports: Sequence[tuple[hosts.Host, str]],
    ) -> list[Pod]:
        if not ports:
            return []
        owner = self._first.deployment(namespace, make(len(ports)))
        workload = self._workload(namespace, replicasets.new_pod(owner), pinned=False)
        return [self._found(workload, host, ip) for host, ip in ports]

    def _workload(self, namespace: str, pod: Object, *, pinned: bool) -> Workload:
        """All that the siblings share, as the API server and a kubelet would write it."""
        like = self._first.running(namespace, pod, self._fleet[0], began="", address="")
        return Workload(like, pinned=pinned)

    def _found(self, workload: Workload, host: hosts.Host, ip: str) -> Pod:
        age = self._rng.uniform(_YOUNGEST, _OLDEST)
        since = timing.stamp(self._first.now - timedelta(seconds=age))
        pod = fresh(workload, host, ip, api=self._api, rng=self._rng, since=since)
        self._api.store.found("pods", pod)
        return pod


def fresh(
    workload: Workload,
    host: hosts.Host,
    ip: str,
    *,
    api: registry.Registry,
    rng: random.Random,
    since: str,
) -> Pod:
    """One more pod of a workload, on a host, with a name that is free."""
    while True:
        name = workload.pod["metadata"]["generateName"] + names.suffix(rng)
        if api.store.get("pods", workload.namespace, name) is None:
            break
    revision = api.store.next_revision()
    return Pod(workload, host, ip, name, names.uid(rng), revision, since)


class Kubelet(Protocol):
    """What must be known of a kubelet."""

    silent: bool


class Churn:
    """Replaces one pod of the fleet after another by a sibling on the same machine.

    The old one is gone and the new one runs at once: what kubelets and controllers would write
    meanwhile is left out, since it would be hundreds of writes a second in a big cluster.
    """

    def __init__(
        self, ctx: context.Context, pods: list[Pod], kubelets: Mapping[str, Kubelet]
    ) -> None:
        self._ctx = ctx
        self._rng = ctx.rng("churn")
        self._pods = pods
        self._kubelets = kubelets

    def start(self) -> None:
        """Begin."""
        self._plan()

    def replace_on(self, host: hosts.Host, plug: Callable[[], str]) -> bool:
        """Replace one pod of a machine.

        Args:
            host: the machine.
            plug: plugs in the new pod and returns its veth.

        Returns:
            Whether there was one.
        """
        for place, pod in enumerate(self._pods):
            if pod.host is host and self._ctx.api.store.holds("pods", pod):
                self._replace(place, plug)
                return True
        return False

    def _plan(self) -> None:
        if self._pods:
            wait = self._rng.expovariate(len(self._pods) / LIFETIME)
            self._ctx.clock.after(wait, self._next, what="ordinary pod")

    def _next(self) -> None:
        place = self._rng.randrange(len(self._pods))
        pod = self._pods[place]
        if not self._ctx.api.store.holds("pods", pod):
            # Somebody has done something to it: it is an object like any other now.
            self._pods[place] = self._pods[-1]
            self._pods.pop()
        elif self._settled(pod.host):
            self._replace(place, lambda: pod.host.add_veth(self._rng))
        self._plan()

    def _settled(self, host: hosts.Host) -> bool:
        """Whether pods come and go there: the machine answers and takes new ones."""
        node = self._ctx.api.store.get("nodes", "", host.name)
        unschedulable = node is None or bool(node["spec"].get("unschedulable"))
        return not unschedulable and not self._kubelets[host.name].silent

    def _replace(self, place: int, plug: Callable[[], str]) -> None:
        old, api = self._pods[place], self._ctx.api
        last = old.built()
        version = {"resourceVersion": str(api.store.next_revision())}
        # Its kubelet hears of it and takes the veth out.
        api.store.remove("pods", {**last, "metadata": {**last["metadata"], **version}})
        new = fresh(
            old.workload,
            old.host,
            old.host.pod_ips[plug()],
            api=api,
            rng=self._rng,
            since=timing.stamp(self._ctx.clock.now()),
        )
        api.store.put("pods", new)
        self._pods[place] = new
