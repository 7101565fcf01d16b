"""What the default admission plugins add to an object before it is stored.

All functions but `on_bind` change the registry's own fresh copy.
"""

from collections.abc import Callable
from typing import Any

from bot.sim.cluster import objects

Object = dict[str, Any]

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
PRIORITIES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_TOPOLOGY = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def on_create(kind: str, obj: Object, *, suffix: Callable[[], str]) -> None:
    """Add what admission adds to a new object of this kind."""
    if kind == "Node":
        _taint(obj)
    elif kind == "Pod" and isinstance(obj.get("spec"), dict):
        _pod(obj["spec"], suffix=suffix)


def on_bind(pod: Object, node: Object | None, name: str, *, now: str) -> Object:
    """A pod with its node, the condition that tells it and the node's zone as labels."""
    spec = pod["spec"] | {"nodeName": name}
    status = pod.get("status") or {}
    others = [item for item in status.get("conditions") or () if item["type"] != "PodScheduled"]
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": now,
    }
    metadata = dict(pod["metadata"])
    place(metadata, node)
    return pod | {
        "metadata": metadata,
        "spec": spec,
        "status": status | {"conditions": [scheduled, *others]},
    }


def place(metadata: Object, node: Object | None) -> None:
    """Give a pod's metadata the zone and region of its node, as labels."""
    of_node = (node or {}).get("metadata", {}).get("labels") or {}
    found = {key: of_node[key] for key in _TOPOLOGY if key in of_node}
    if found:
        metadata["labels"] = {**(metadata.get("labels") or {}), **found}


def _taint(node: Object) -> None:
    spec = node.get("spec")
    if not isinstance(spec, dict):
        spec = node["spec"] = {}
    taints = spec.get("taints") or []
    if not any(item.get("key") == NOT_READY for item in taints):
        spec["taints"] = [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]


def _pod(spec: Object, *, suffix: Callable[[], str]) -> None:
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec.get("serviceAccount") or "default"
    spec.setdefault("priority", PRIORITIES.get(spec.get("priorityClassName", ""), 0))
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in (NOT_READY, UNREACHABLE):
        if not any(_tolerates_for_ever(item, key) for item in tolerations):
            toleration = {"key": key, "operator": "Exists", "effect": "NoExecute"}
            tolerations.append(toleration | {"tolerationSeconds": 300})
    if spec.get("automountServiceAccountToken") is not False:
        _mount_token(spec, suffix=suffix)


def _tolerates_for_ever(toleration: Object, key: str) -> bool:
    if toleration.get("key", key) != key:
        return False
    return bool(toleration.get("effect", "NoExecute") == "NoExecute")


def _mount_token(spec: Object, *, suffix: Callable[[], str]) -> None:
    where = "/var/run/secrets/kubernetes.io/serviceaccount"
    name = f"kube-api-access-{suffix()}"
    used = False
    for container in objects.containers(spec):
        mounts = container.setdefault("volumeMounts", [])
        if not any(mount.get("mountPath") == where for mount in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": where})
            used = True
    if not used:
        return
    namespace = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {
            "configMap": {
                "name": "kube-root-ca.crt",
                "items": [{"key": "ca.crt", "path": "ca.crt"}],
            }
        },
        {"downwardAPI": {"items": [{"path": "namespace"} | namespace]}},
    ]
    volumes = spec.setdefault("volumes", [])
    volumes.append({"name": name, "projected": {"sources": sources, "defaultMode": 420}})
