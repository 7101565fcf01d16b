"""The DaemonSet controller: one pod a node, revisions, rolling updates.

The rules are upstream's, as the recorded rollouts show them: old pods that are not available are
deleted first, all at once and outside the budget; new ones that are not available use it up; a
pod on its way out counts as available while its Ready is True, and no longer as present once its
phase is final.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from bot.sim.cluster import context, names, normal, placement, podstate, store

Object = dict[str, Any]
Places = dict[str, tuple[bool, bool]]
"""Node name to: should a pod be started here, may one stay here."""

HASH = "controller-revision-hash"
GENERATION = "pod-template-generation"
COMPONENT = "daemonset-controller"

TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
"""Added to every DaemonSet's pods; with hostNetwork also network-unavailable."""


class DaemonSets:
    """Looks after every DaemonSet."""

    def __init__(self, ctx: context.Context) -> None:
        self._ctx = ctx
        self._rng = ctx.rng("daemonsets")
        self._order: dict[str, float] = {}
        self._queue = context.Queue(ctx.clock, self._sync, what="daemonset")

    def observe(self, change: store.Change) -> None:
        """Something has changed in the API."""
        if change.resource == "daemonsets":
            if change.type != "DELETED":
                self._ask(change.object)
            else:
                self._orphans(change.object)
        elif change.resource == "pods":
            self._ask_owner(change.object)
        elif change.resource == "nodes" and _matters(change):
            for daemonset in self._ctx.api.store.list("daemonsets"):
                self._ask(daemonset)

    def _ask(self, daemonset: Object) -> None:
        metadata = daemonset["metadata"]
        self._queue.add((metadata["namespace"], metadata["name"]))

    def _ask_owner(self, pod: Object) -> None:
        for reference in pod["metadata"].get("ownerReferences") or ():
            if reference["kind"] == "DaemonSet":
                self._queue.add((pod["metadata"]["namespace"], reference["name"]))

    def _orphans(self, daemonset: Object) -> None:
        """Background deletion: the pods and revisions of a deleted DaemonSet go, too."""
        uid = daemonset["metadata"]["uid"]
        namespace = daemonset["metadata"]["namespace"]

        def collect() -> None:
            for pod in self._ctx.index.owned_by(uid):
                if not podstate.terminating(pod):
                    self._ctx.api.delete("pods", namespace, pod["metadata"]["name"])
            for revision in self._revisions(namespace, uid):
                self._ctx.api.delete("controllerrevisions", namespace, revision["metadata"]["name"])

        self._ctx.clock.after(0.5, collect, what=f"orphans of {daemonset['metadata']['name']}")

    def _sync(self, key: Hashable) -> None:
        assert isinstance(key, tuple)
        daemonset = self._ctx.api.store.get("daemonsets", *key)
        if daemonset is None or podstate.terminating(daemonset):
            return
        places = self._places(daemonset)
        current = self._construct_history(daemonset)
        digest = current["metadata"]["labels"][HASH]
        expected = self._manage(daemonset, places, digest)
        if not expected and daemonset["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            self._roll(daemonset, places, digest)
        self._clean_history(daemonset, current)
        self._write_status(key, places, digest)

    def _places(self, daemonset: Object) -> Places:
        """Every node with whether a pod should start and may stay there.

        In an order of the controller's own: upstream walks a Go map, which has no order of names.
        """
        nodes = self._ctx.api.store.list("nodes")
        for node in nodes:
            self._order.setdefault(node["metadata"]["name"], self._rng.random())
        nodes.sort(key=lambda node: self._order[node["metadata"]["name"]])
        template = daemonset["spec"]["template"]["spec"]
        spec = {**template, "tolerations": tolerations(template)}
        return {node["metadata"]["name"]: fits(spec, node) for node in nodes}

    def _patience(self, daemonset: Object) -> float:
        """MinReadySeconds in real seconds, since it is compared with stamps."""
        return self._ctx.clock.real(daemonset["spec"].get("minReadySeconds", 0))

    def _pods_by_node(self, daemonset: Object) -> dict[str, list[Object]]:
        """Its pods by the node they are on or meant for, oldest first.

        Those that have ended and are deleted are left out: only the kubelet still has to do
        with them.
        """
        found: dict[str, list[Object]] = {}
        for pod in self._ctx.index.owned_by(daemonset["metadata"]["uid"]):
            if podstate.over(pod) and podstate.terminating(pod):
                continue
            node = pod["spec"].get("nodeName") or placement.target(pod["spec"])
            found.setdefault(node, []).append(pod)
        return found

    def _manage(self, daemonset: Object, places: Places, digest: str) -> bool:
        """Create what is missing, delete what is too much; whether anything was done."""
        by_node = self._pods_by_node(daemonset)
        namespace = daemonset["metadata"]["namespace"]
        missing: list[str] = []
        excess: list[Object] = []
        for name, (should_run, may_stay) in places.items():
            pods = by_node.get(name, [])
            if not pods:
                if should_run:
                    missing.append(name)
                continue
            alive = [pod for pod in pods if not podstate.terminating(pod)]
            if not may_stay:
                excess.extend(alive)
                continue
            ended = [pod for pod in alive if podstate.over(pod)]
            excess.extend(ended)
            excess.extend([pod for pod in alive if not podstate.over(pod)][1:])
        # Pods of nodes that are no more go with the garbage collector, not from here.
        for pod in excess:
            self._delete(daemonset, pod)
        for name in missing:
            created = self._ctx.api.create(
                "pods", namespace, new_pod(daemonset, node=name, digest=digest)
            )
            self._tell(daemonset, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return bool(missing or excess)

    def _roll(self, daemonset: Object, places: Places, digest: str) -> None:
        """Choose the old pods that may be deleted now."""
        by_node = self._pods_by_node(daemonset)
        spec = daemonset["spec"]
        wanted = sum(should_run for should_run, _ in places.values())
        rolling = spec["updateStrategy"].get("rollingUpdate") or {}
        budget = podstate.scaled(rolling.get("maxUnavailable", 1), wanted, up=True)
        now = self._ctx.clock.now()
        unavailable = 0
        replacements: list[Object] = []
        candidates: list[Object] = []
        for name in places:
            pods = by_node.get(name)
            if not pods:
                continue
            alive = [pod for pod in pods if not podstate.terminating(pod)]
            new = [pod for pod in alive if updated(daemonset, pod, digest)]
            old = [pod for pod in alive if not updated(daemonset, pod, digest)]
            if len(new) + len(old) != 1:
                unavailable += 1
                continue
            pod = (new or old)[0]
            is_available = podstate.available(
                pod, min_ready_seconds=self._patience(daemonset), now=now
            )
            if new:
                unavailable += not is_available
            elif not is_available:
                replacements.append(pod)
                unavailable += 1
            elif unavailable < budget:
                candidates.append(pod)
        left = max(0, budget - unavailable)
        for pod in (*replacements, *candidates[:left]):
            self._delete(daemonset, pod)

    def _delete(self, daemonset: Object, pod: Object) -> None:
        metadata = pod["metadata"]
        self._ctx.api.delete("pods", metadata["namespace"], metadata["name"], uid=metadata["uid"])
        self._tell(daemonset, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")

    def _revisions(self, namespace: str, uid: str) -> list[Object]:
        return [
            revision
            for revision in self._ctx.api.store.list("controllerrevisions", namespace)
            if any(
                owner["uid"] == uid for owner in revision["metadata"].get("ownerReferences") or ()
            )
        ]

    def _construct_history(self, daemonset: Object) -> Object:
        """The revision of the present template: found again, or made with the highest number."""
        metadata = daemonset["metadata"]
        data = revision_data(daemonset["spec"]["template"])
        known = self._revisions(metadata["namespace"], metadata["uid"])
        highest = max((int(one["revision"]) for one in known), default=0)
        for revision in known:
            if revision["data"] == data:
                if revision["revision"] < highest:
                    return self._ctx.api.patch(
                        "controllerrevisions",
                        metadata["namespace"],
                        revision["metadata"]["name"],
                        {"revision": highest + 1},
                        kind="merge",
                    )
                return revision
        return self._ctx.api.create(
            "controllerrevisions",
            metadata["namespace"],
            new_revision(daemonset, data=data, number=highest + 1),
        )

    def _clean_history(self, daemonset: Object, current: Object) -> None:
        metadata = daemonset["metadata"]
        known = self._revisions(metadata["namespace"], metadata["uid"])
        limit = daemonset["spec"].get("revisionHistoryLimit", 10)
        live = {
            (pod["metadata"].get("labels") or {}).get(HASH)
            for pod in self._ctx.index.owned_by(metadata["uid"])
        }
        old = sorted(
            (
                one
                for one in known
                if one["metadata"]["name"] != current["metadata"]["name"]
                and one["metadata"]["labels"].get(HASH) not in live
            ),
            key=lambda one: int(one["revision"]),
        )
        for revision in old[: max(0, len(known) - 1 - limit)]:
            self._ctx.api.delete(
                "controllerrevisions", metadata["namespace"], revision["metadata"]["name"]
            )

    def _write_status(self, key: tuple[str, str], places: Places, digest: str) -> None:
        daemonset = self._ctx.api.get("daemonsets", *key)
        patience = self._patience(daemonset)
        now = self._ctx.clock.now()
        status = summary(
            daemonset,
            places,
            self._pods_by_node(daemonset),
            digest=digest,
            available=lambda pod: podstate.available(pod, min_ready_seconds=patience, now=now),
        )
        if patience and status["numberReady"] > status.get("numberAvailable", 0):
            self._queue.add(key, after=daemonset["spec"]["minReadySeconds"])
        if status != daemonset.get("status"):
            self._ctx.api.replace(
                "daemonsets", *key, daemonset | {"status": status}, subresource="status"
            )

    def _tell(self, daemonset: Object, reason: str, message: str) -> None:
        self._ctx.events.emit(daemonset, reason, message, component=COMPONENT)


def fits(spec: Object, node: Object) -> tuple[bool, bool]:
    """Whether such a pod should be started on a node, and whether one may stay.

    Args:
        spec: the template's, with the tolerations every DaemonSet pod gets.
        node: the Node object.
    """
    if not placement.selected(spec, node):
        return False, False
    if placement.repelled(spec, node, effects=("NoExecute",)) is not None:
        return False, False
    return placement.repelled(spec, node, effects=("NoSchedule",)) is None, True


def tolerations(template_spec: Object) -> list[Object]:
    """The template's tolerations and those every DaemonSet pod gets."""
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in TOLERATED]
    if template_spec.get("hostNetwork"):
        added.append(
            {
                "key": "node.kubernetes.io/network-unavailable",
                "operator": "Exists",
                "effect": "NoSchedule",
            }
        )
    present = list(template_spec.get("tolerations") or ())
    return present + [one for one in added if one not in present]


def new_pod(daemonset: Object, *, node: str, digest: str) -> Object:
    """The pod to create for a node."""
    metadata, template = daemonset["metadata"], daemonset["spec"]["template"]
    spec = dict(template["spec"])
    spec["affinity"] = pinned(spec, node)
    spec["tolerations"] = tolerations(template["spec"])
    of_template = template.get("metadata") or {}
    pod_metadata: Object = {
        "generateName": f"{metadata['name']}-",
        "labels": {
            **(of_template.get("labels") or {}),
            HASH: digest,
            GENERATION: template_generation(daemonset),
        },
        "ownerReferences": [owner(daemonset)],
    }
    if of_template.get("annotations"):
        pod_metadata["annotations"] = of_template["annotations"]
    return {"metadata": pod_metadata, "spec": spec}


def pinned(spec: Object, node: str) -> Object:
    """The affinity of such a pod that is meant for one node."""
    affinity: Object = dict(spec.get("affinity") or {})
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchFields": [field]}]
        },
    }
    return affinity


def owner(daemonset: Object) -> Object:
    """The reference its children carry."""
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": daemonset["metadata"]["name"],
        "uid": daemonset["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def template_generation(daemonset: Object) -> str:
    """How often the template has changed, as the deprecated annotation counts it."""
    annotations = daemonset["metadata"].get("annotations") or {}
    return str(annotations.get(normal.TEMPLATE_GENERATION, "1"))


def revision_data(template: Object) -> Object:
    """A template as a ControllerRevision keeps it: a patch that replaces the whole."""
    return {"spec": {"template": {"$patch": "replace", **template}}}


def new_revision(daemonset: Object, *, data: Object, number: int) -> Object:
    """The ControllerRevision of a template."""
    metadata, template = daemonset["metadata"], daemonset["spec"]["template"]
    digest = names.safe_hash(template)
    labels = (template.get("metadata") or {}).get("labels") or {}
    return {
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "labels": {**labels, HASH: digest},
            "annotations": dict(metadata.get("annotations") or {}),
            "ownerReferences": [owner(daemonset)],
        },
        "data": data,
        "revision": number,
    }


def updated(daemonset: Object, pod: Object, digest: str) -> bool:
    """Whether a pod has the present template: by hash, or by the old counter."""
    labels = pod["metadata"].get("labels") or {}
    return bool(
        labels.get(HASH) == digest or labels.get(GENERATION) == template_generation(daemonset)
    )


def summary(
    daemonset: Object,
    places: Places,
    by_node: dict[str, list[Object]],
    *,
    digest: str,
    available: Callable[[Object], bool],
) -> Object:
    """The status to write; four numbers are absent while they are zero."""
    desired = current = misscheduled = ready = are_available = are_updated = 0
    for name, (should_run, _) in places.items():
        pods = by_node.get(name)
        if not should_run:
            misscheduled += bool(pods)
            continue
        desired += 1
        if not pods:
            continue
        pod = min(pods, key=lambda one: str(one["metadata"]["creationTimestamp"]))
        current += 1
        ready += podstate.ready(pod)
        are_available += available(pod)
        are_updated += updated(daemonset, pod, digest)
    status: Object = {
        "currentNumberScheduled": current,
        "numberMisscheduled": misscheduled,
        "desiredNumberScheduled": desired,
        "numberReady": ready,
    }
    optional = {
        "observedGeneration": daemonset["metadata"].get("generation", 1),
        "updatedNumberScheduled": are_updated,
        "numberAvailable": are_available,
        "numberUnavailable": desired - are_available,
    }
    return status | {name: value for name, value in optional.items() if value}


def _matters(change: store.Change) -> bool:
    """Whether a node has changed in what decides who runs on it; heartbeats do not."""
    if change.old is None or change.type == "DELETED":
        return True
    old, new = change.old, change.object
    return bool(
        old["metadata"].get("labels") != new["metadata"].get("labels")
        or old["spec"].get("taints") != new["spec"].get("taints")
        or old["spec"].get("unschedulable") != new["spec"].get("unschedulable")
    )
