"""Kubernetes objects as an API server sends them, made small or as large as real ones."""

import copy
import json
from typing import Any

CREATED = "2026-01-02T03:04:05Z"


def node(
    name: str, *, version: int = 1, ready: str = "True", beat: int = 0, **metadata: Any
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": CREATED,
            "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": name},
            "annotations": {
                "flannel.alpha.coreos.com/public-ip": "10.0.0.1",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
            **metadata,
        },
        "spec": {"podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24"]},
        "status": {
            "allocatable": {"cpu": "4", "memory": "16Gi"},
            "conditions": [
                {
                    "type": "Ready",
                    "status": ready,
                    "lastHeartbeatTime": f"2026-01-02T03:04:{beat % 60:02}Z",
                    "lastTransitionTime": CREATED,
                    "reason": "KubeletReady",
                    "message": "kubelet is posting ready status",
                }
            ],
            "addresses": [
                {"type": "InternalIP", "address": "10.0.0.1"},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                "kernelVersion": "5.4.0",
                "kubeletVersion": "v1.30.0",
                "operatingSystem": "linux",
            },
        },
    }


def pod(
    name: str,
    *,
    namespace: str = "kube-system",
    version: int = 1,
    restarts: int = 0,
    **metadata: Any,
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": CREATED,
            "labels": {"app": "flannel", "controller-revision-hash": "abc", "other": "x"},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "DaemonSet",
                    "name": "kube-flannel-ds",
                    "uid": "uid-ds",
                    "controller": True,
                }
            ],
            **metadata,
        },
        "spec": {
            "nodeName": "node-1",
            "hostNetwork": True,
            "containers": [
                {
                    "name": "kube-flannel",
                    "image": "quay.io/coreos/flannel:v0.12.0-amd64",
                    "resources": {"limits": {"cpu": "100m", "memory": "50Mi"}},
                }
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": CREATED}],
            "containerStatuses": [
                {
                    "name": "kube-flannel",
                    "image": "quay.io/coreos/flannel:v0.12.0-amd64",
                    "ready": True,
                    "restartCount": restarts,
                    "containerID": "containerd://now",
                    "state": {"running": {"startedAt": CREATED}},
                    "lastState": {
                        "terminated": {
                            "exitCode": 137,
                            "reason": "OOMKilled",
                            "startedAt": CREATED,
                            "finishedAt": "2026-01-02T03:05:05Z",
                            "containerID": "containerd://before",
                        }
                    }
                    if restarts
                    else {},
                }
            ],
        },
    }


def daemonset(
    name: str, *, namespace: str = "kube-system", container: str = "kube-flannel", version: int = 1
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "resourceVersion": str(version),
            "generation": 1,
            "creationTimestamp": CREATED,
        },
        "spec": {
            "template": {
                "metadata": {"labels": {"app": "flannel"}, "creationTimestamp": None},
                "spec": {"containers": [{"name": container, "image": "flannel:v1"}]},
            },
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        },
        "status": {"desiredNumberScheduled": 3, "numberReady": 2, "observedGeneration": 1},
    }


def large_node(number: int, *, beat: int = 0) -> dict[str, Any]:
    """Return a node of about 13 KB: 50 images, managedFields."""
    value = node(f"node-{number:05}", version=number + 1, beat=beat)
    value["metadata"]["labels"].update(
        {f"example.com/label-{i}": f"value-{i}-{number % 7}" for i in range(8)}
    )
    status = value["status"]
    status["conditions"] = [
        {**status["conditions"][0], "type": kind, "status": "False", "reason": f"Kubelet{kind}"}
        for kind in ("NetworkUnavailable", "MemoryPressure", "DiskPressure", "PIDPressure")
    ] + status["conditions"]
    status["images"] = [
        {
            "names": [
                f"registry.example.com/team/app-{i}@sha256:{i:064}",
                f"registry.example.com/team/app-{i}:v1.{i}",
            ],
            "sizeBytes": 12345678 + i,
        }
        for i in range(44)
    ]
    value["metadata"]["managedFields"] = managed_fields(5200)
    return value


def large_pod(number: int, *, namespace: str = "kube-system") -> dict[str, Any]:
    """Return a pod of about 9 KB."""
    value = pod(f"kube-flannel-ds-{number:05}", namespace=namespace, version=number + 1)
    value["spec"]["nodeName"] = f"node-{number // 5:05}"
    value["status"]["conditions"] = [
        {**value["status"]["conditions"][0], "type": kind}
        for kind in ("PodReadyToStartContainers", "Initialized", "ContainersReady", "PodScheduled")
    ] + value["status"]["conditions"]
    volume = {"configMap": {"name": "kube-flannel-cfg", "defaultMode": 420}}
    value["spec"]["volumes"] = [{"name": f"volume-{i}", **volume} for i in range(24)]
    value["spec"]["containers"][0]["volumeMounts"] = [
        {"name": f"volume-{i}", "mountPath": f"/etc/somewhere/{i}", "readOnly": True}
        for i in range(24)
    ]
    value["spec"]["tolerations"] = [
        {"key": f"node.kubernetes.io/key-{i}", "operator": "Exists", "effect": "NoExecute"}
        for i in range(8)
    ]
    value["status"]["containerStatuses"][0]["containerID"] = f"containerd://{number:064}"
    value["status"]["containerStatuses"][0]["imageID"] = f"registry/flannel@sha256:{'0' * 64}"
    value["metadata"]["managedFields"] = managed_fields(2000)
    return value


def managed_fields(size: int) -> list[dict[str, Any]]:
    fields: dict[str, Any] = {}
    while len(json.dumps(fields)) < size:
        fields[f"f:field-{len(fields)}"] = {".": {}, "f:name": {}, "f:value": {}}
    return [{"manager": "kubelet", "operation": "Update", "fieldsV1": fields}]


def listed(kind: str, items: list[Any] | None, *, version: int = 100, token: str = "") -> bytes:
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if token:
        metadata["continue"] = token
    body = {"kind": f"{kind}List", "apiVersion": "v1", "metadata": metadata, "items": items}
    return json.dumps(body).encode()


def event(kind: str, value: Any) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def changed(value: dict[str, Any], *, version: int) -> bytes:
    value = copy.deepcopy(value)
    value["metadata"]["resourceVersion"] = str(version)
    return event("MODIFIED", value)


def bookmark(version: int, **empty: Any) -> bytes:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}, **empty})


def status(code: int, message: str, reason: str = "") -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
