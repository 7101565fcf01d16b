"""The Node object of a host: what a kubelet registers and keeps fresh. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.sim.cluster import hosts, names

Object = dict[str, Any]

KUBELET = "v1.36.2"

_HEALTH = (
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)

SYSTEM_IMAGES = (
    "registry.k8s.io/kube-proxy:v1.36.2",
    "registry.k8s.io/coredns/coredns:v1.12.1",
    "registry.k8s.io/pause:3.10.1",
    "quay.io/coreos/flannel:v0.12.0-amd64",
)


def images(count: int) -> list[Object]:
    """The first `count` images a node reports; the same list may serve many nodes."""
    rng = names.stream(0, "images")
    references = [
        *SYSTEM_IMAGES,
        *(
            f"registry.example/shop/service-{number}:v{number % 7}.{number % 5}"
            for number in range(60)
        ),
    ]
    return [
        {
            "names": [f"{reference.rpartition(':')[0]}@{names.digest(reference)}", reference],
            "sizeBytes": rng.randrange(700_000, 300_000_000),
        }
        for reference in references[:count]
    ]


def build(host: hosts.Host, *, since: str, beat: str) -> Object:
    """The Node as it is after months of service.

    Args:
        host: the machine.
        since: stamp of the last change of its conditions.
        beat: stamp of its last heartbeat.
    """
    control = host.kind == hosts.CONTROL
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": host.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": host.kind.instance_type,
        "topology.kubernetes.io/zone": host.zone,
    }
    if control:
        labels["node-role.kubernetes.io/control-plane"] = ""
    machine = names.stream(0, "machine", host.name)
    node: Object = {
        "metadata": {
            "name": host.name,
            "labels": labels,
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": {"podCIDR": host.pod_cidr, "podCIDRs": [host.pod_cidr]},
        "status": {
            **resources(host),
            "conditions": [
                {
                    "type": kind,
                    "status": value,
                    "lastHeartbeatTime": beat,
                    "lastTransitionTime": since,
                    "reason": reason,
                    "message": message,
                }
                for kind, value, reason, message in _HEALTH
            ],
            "addresses": [
                {"type": "InternalIP", "address": host.private_ip},
                {"type": "Hostname", "address": host.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": f"{machine.getrandbits(128):032x}",
                "systemUUID": names.uid(machine),
                "bootID": names.uid(machine),
                "kernelVersion": host.system.kernel,
                "osImage": host.system.os_image,
                "containerRuntimeVersion": host.system.runtime,
                "kubeletVersion": KUBELET,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }
    if control:
        node["spec"]["taints"] = [
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
        ]
    return node


def resources(host: hosts.Host) -> Object:
    """Capacity, and what the kubelet leaves of it for pods."""
    memory = host.kind.memory_gib * 1024 * 1024 - 182_344
    return {
        "capacity": {
            "cpu": str(host.kind.cpus),
            "ephemeral-storage": "1055762868Ki",
            "memory": f"{memory}Ki",
            "pods": "110",
        },
        "allocatable": {
            "cpu": str(host.kind.cpus),
            "ephemeral-storage": "972991057538",
            "memory": f"{memory - 102_400}Ki",
            "pods": "110",
        },
    }


def heartbeat(conditions: Sequence[Object], now: str) -> list[Object]:
    """The kubelet's own conditions with a fresh heartbeat, and healthy again if they were not."""
    present = {item["type"]: item for item in conditions}
    beats = []
    for kind, value, reason, message in _HEALTH:
        before = present.get(kind, {})
        same = before.get("status") == value
        beats.append(
            {
                "type": kind,
                "status": value,
                "lastHeartbeatTime": now,
                "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
                "reason": reason,
                "message": message,
            }
        )
    return beats
