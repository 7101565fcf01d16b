"""A cluster that has been running for months, written straight into the store.

Nothing is started here: the objects are put as they would be today, with their true ages and a
status that says so, and the kubelets take the pods over afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.sim.cluster import (
    backends,
    daemonsets,
    deployments,
    flannel,
    hosts,
    manifests,
    names,
    nodeobject,
    normal,
    podstatus,
    quantities,
    rbac_defaults,
    registry,
    replicasets,
    timing,
)

Object = dict[str, Any]

SYSTEM = "kube-system"
FOUNDED = timedelta(days=214)
"""Age of the cluster and its nodes."""

ROLLED = timedelta(days=37)
"""Age of the present flannel pods: when the regex was added."""

ZONE = "topology.kubernetes.io/zone"

LAST_BEAT = timedelta(seconds=20)
"""How long ago the nodes last reported."""


class Bootstrap:
    """Writes the first state of the world."""

    def __init__(self, api: registry.Registry, *, seed: int, now: datetime) -> None:
        self._api = api
        self._seed = seed
        self.now = now
        """When the simulation begins, in true time."""
        self._rng = names.stream(seed, "bootstrap")
        self._images = [nodeobject.images(count) for count in (18, 26, 34, 50)]

    def nodes(
        self, fleet: Sequence[hosts.Host], backend: backends.Backend = backends.VXLAN
    ) -> dict[str, Object]:
        """A Node for every host, with what flannel has written on it."""
        since = timing.stamp(self.now - FOUNDED)
        announced = timing.stamp(self.now - ROLLED)
        beat = timing.stamp(self.now - LAST_BEAT)
        found: dict[str, Object] = {}
        for host in fleet:
            node = nodeobject.build(host, since=since, beat=beat)
            node["metadata"]["annotations"] |= flannel.node_annotations(
                prefix="flannel.alpha.coreos.com",
                public_ip=host.private_ip,
                mac=names.mac(names.stream(self._seed, "vtep", host.name)),
                backend=backend,
            )
            conditions = node["status"]["conditions"]
            conditions.insert(0, flannel.network_available(announced))
            stored = self._api.create("nodes", "", node, dry_run=True)
            # Registered long ago: the taint of a node that is new has gone.
            stored["spec"] = {
                key: value
                for key, value in {
                    **stored["spec"],
                    "taints": [
                        one
                        for one in stored["spec"].get("taints") or ()
                        if one["key"] != "node.kubernetes.io/not-ready"
                    ],
                }.items()
                if value
            }
            stored["status"]["images"] = self._rng.choice(self._images)
            found[host.name] = self._put("nodes", stored, age=FOUNDED)
        return found

    def flannel(self, fleet: Sequence[hosts.Host], *, memory: str, args: tuple[str, ...]) -> None:
        """The five DaemonSets with their revisions, and the pods of the one that has any."""
        self._plain("serviceaccounts", SYSTEM, {"metadata": {"name": "flannel"}})
        for architecture in manifests.ARCHITECTURES:
            first = manifests.flannel(
                architecture, memory=memory, args=("--ip-masq", "--kube-subnet-mgr")
            )
            present = manifests.flannel(architecture, memory=memory, args=args)
            self._everywhere(
                present,
                earlier=first,
                fleet=fleet if architecture == "amd64" else (),
            )

    def workloads(self, fleet: Sequence[hosts.Host], nodes: dict[str, Object]) -> None:
        """kube-proxy, CoreDNS, the control plane's static pods, services."""
        self._everywhere(manifests.kube_proxy(), earlier=None, fleet=fleet)
        for name in ("kube-proxy", "coredns"):
            self._plain("serviceaccounts", SYSTEM, {"metadata": {"name": name}})
        for namespace, service in manifests.services():
            self._plain("services", namespace, service)
        for host in fleet:
            if host.kind == hosts.CONTROL:
                for name, image in manifests.STATIC:
                    pod = manifests.static_pod(name, image, node=nodes[host.name])
                    self._pod(pod, host, age=FOUNDED)
        workers = [host for host in fleet if host.kind == hosts.VIRTUAL] or list(fleet)
        self._coredns([workers[0], workers[len(workers) // 2]])

    def config(self, network: str, backend: backends.Backend) -> None:
        """Flannel's ConfigMap."""
        self._plain("configmaps", SYSTEM, manifests.flannel_config(network, backend.config))

    def budget(self) -> None:
        """A disruption budget that allows nothing."""
        budget = self._api.create(
            "poddisruptionbudgets", SYSTEM, manifests.strict_budget(SYSTEM), dry_run=True
        )
        budget["status"] = {
            "observedGeneration": 1,
            "disruptionsAllowed": 0,
            "currentHealthy": 2,
            "desiredHealthy": 2,
            "expectedPods": 2,
        }
        self._put("poddisruptionbudgets", budget, age=ROLLED)

    def access(self) -> None:
        """The roles that a cluster begins with."""
        for resource, obj in rbac_defaults.stored():
            self._put(resource, obj, age=FOUNDED)

    def namespace(self, name: str) -> None:
        """One more namespace."""
        self._plain("namespaces", "", {"metadata": {"name": name}})

    def _everywhere(
        self, manifest: Object, *, earlier: Object | None, fleet: Sequence[hosts.Host]
    ) -> None:
        stored, digest = self.daemonset(SYSTEM, manifest, earlier=earlier, fitting=len(fleet))
        for host in fleet:
            pod = daemonsets.new_pod(stored, node=host.name, digest=digest)
            pod["spec"]["nodeName"] = host.name
            self._pod(pod, host, age=ROLLED - timedelta(seconds=35 * host.index))

    def daemonset(
        self, namespace: str, manifest: Object, *, earlier: Object | None = None, fitting: int
    ) -> tuple[Object, str]:
        """A DaemonSet whose pods are all well, but not the pods.

        Args:
            namespace: where.
            manifest: as it was applied.
            earlier: what was applied before it, if anything.
            fitting: how many nodes it is for.

        Returns:
            The object, and the hash of its template.
        """
        before = (
            None
            if earlier is None
            else self._api.create("daemonsets", namespace, earlier, dry_run=True)
        )
        stored = self._api.create("daemonsets", namespace, manifest, dry_run=True)
        count = 1 if earlier is None else 2
        stored["metadata"]["generation"] = count
        stored["metadata"]["annotations"][normal.TEMPLATE_GENERATION] = str(count)
        stored["status"] = {
            "currentNumberScheduled": fitting,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": fitting,
            "numberReady": fitting,
            "observedGeneration": count,
        }
        if fitting:
            stored["status"] |= {"updatedNumberScheduled": fitting, "numberAvailable": fitting}
        stored = self._put("daemonsets", stored, age=FOUNDED)
        if before is not None:
            before["metadata"] = {
                **stored["metadata"],
                "annotations": {normal.TEMPLATE_GENERATION: "1"},
            }
            self._revision(before, number=1, age=FOUNDED)
        return stored, self._revision(stored, number=count, age=ROLLED if earlier else FOUNDED)

    def _revision(self, daemonset: Object, *, number: int, age: timedelta) -> str:
        data = daemonsets.revision_data(daemonset["spec"]["template"])
        revision = self._api.create(
            "controllerrevisions",
            daemonset["metadata"]["namespace"],
            daemonsets.new_revision(daemonset, data=data, number=number),
            dry_run=True,
        )
        self._put("controllerrevisions", revision, age=age)
        return str(revision["metadata"]["labels"][daemonsets.HASH])

    def deployment(self, namespace: str, manifest: Object) -> Object:
        """A Deployment whose pods are all well, but not the pods; returns its ReplicaSet."""
        deployment = self._api.create("deployments", namespace, manifest, dry_run=True)
        deployment = self._put("deployments", deployment, age=FOUNDED)
        count = int(deployment["spec"]["replicas"])
        replicaset = self._api.create(
            "replicasets",
            namespace,
            deployments.new_replicaset(deployment, number=1, replicas=count),
            dry_run=True,
        )
        replicaset["status"] = {
            "replicas": count,
            "fullyLabeledReplicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
            "observedGeneration": 1,
        }
        replicaset = self._put("replicasets", replicaset, age=FOUNDED)
        status = deployments.summary(
            deployment, replicaset, [replicaset], now=self.now - FOUNDED, deadline=FOUNDED
        )
        self._api.store.put(
            "deployments",
            {
                **deployment,
                "metadata": {
                    **deployment["metadata"],
                    "annotations": {deployments.REVISION: "1"},
                    "resourceVersion": str(self._api.store.next_revision()),
                },
                "status": status,
            },
        )
        return replicaset

    def _coredns(self, places: Sequence[hosts.Host]) -> None:
        replicaset = self.deployment(SYSTEM, manifests.coredns())
        since = timing.stamp(self.now - FOUNDED)
        for host in places:
            pod = replicasets.new_pod(replicaset)
            pod["spec"] = {**pod["spec"], "nodeName": host.name}
            self._pod(pod, host, age=ROLLED, since=since)

    def _pod(
        self, pod: Object, host: hosts.Host, *, age: timedelta, since: str | None = None
    ) -> None:
        began = timing.stamp(self.now - age) if since is None else since
        address = host.private_ip
        if not pod["spec"].get("hostNetwork"):
            address = host.pod_ips[host.add_veth(self._rng)]
        running = self.running(SYSTEM, pod, host, began=began, address=address)
        self._put("pods", running, age=age)

    def running(
        self, namespace: str, pod: Object, host: hosts.Host, *, began: str, address: str
    ) -> Object:
        """A pod as it is once it has been running on a host for a while; it is not stored."""
        stored = self._api.create("pods", namespace, pod, dry_run=True)
        labels = stored["metadata"].setdefault("labels", {})
        labels[ZONE] = host.zone
        stored["status"] = self._running(stored, host, began=began, address=address)
        return stored

    def _running(self, pod: Object, host: hosts.Host, *, began: str, address: str) -> Object:
        spec = pod["spec"]
        inits = [podstatus.Container(one["name"], one) for one in spec.get("initContainers") or ()]
        containers = [podstatus.Container(one["name"], one) for one in spec["containers"]]
        for one in (*inits, *containers):
            one.id = names.container_id(self._rng)
            one.ready = True
            one.state = {"running": {"startedAt": began}}
        for one in inits:
            one.state = podstatus.ended(one.id, began=began, ended=began)
        wanted = podstatus.conditions(
            containers, phase="Running", initialized=True, sandbox=True, generation=1
        )
        scheduled = {
            "type": "PodScheduled",
            "observedGeneration": 1,
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": began,
        }
        status = podstatus.build(
            inits,
            containers,
            phase="Running",
            conditions=podstatus.Conditions().rewrite(wanted, present=[scheduled], now=began),
            generation=1,
            began=began,
            host_ip=host.private_ip,
            pod_ip=address,
        )
        status["qosClass"] = quantities.qos_class(spec)
        return status

    def _plain(self, resource: str, namespace: str, obj: Object) -> None:
        self._put(resource, self._api.create(resource, namespace, obj, dry_run=True), age=FOUNDED)

    def _put(self, resource: str, obj: Object, *, age: timedelta) -> Object:
        metadata = obj["metadata"]
        revision = str(self._api.store.next_revision())
        stamped = {
            **obj,
            "metadata": {
                **metadata,
                "resourceVersion": revision,
                "creationTimestamp": timing.stamp(self.now - age),
            },
        }
        self._api.store.put(resource, stamped)
        return stamped
