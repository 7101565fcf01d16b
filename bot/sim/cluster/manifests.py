"""What has been applied to the cluster: flannel v0.12.0 and the system's own workloads. Pure.

Flannel's objects are shaped as its manifest of that release has them: five DaemonSets, one for
each architecture, in kube-system, with 50Mi of memory and no priority class.
"""

from __future__ import annotations

import json
from typing import Any

from bot.sim.cluster import nodeobject

Object = dict[str, Any]

ARCHITECTURES = ("amd64", "arm64", "arm", "ppc64le", "s390x")
FLANNEL = "quay.io/coreos/flannel:v0.12.0"
STORY_ARGS = ("--ip-masq", "--kube-subnet-mgr", "--iface-regex=eth1|bond1")


def flannel_config(network: str, backend: Object) -> Object:
    """The ConfigMap kube-flannel-cfg: the CNI chain and flannel's own net-conf."""
    cni = {
        "name": "cbr0",
        "cniVersion": "0.3.1",
        "plugins": [
            {
                "type": "flannel",
                "delegate": {"hairpinMode": True, "isDefaultGateway": True},
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    net = {"Network": network, "Backend": backend}
    return {
        "metadata": {
            "name": "kube-flannel-cfg",
            "labels": {"app": "flannel", "tier": "node"},
        },
        "data": {
            "cni-conf.json": json.dumps(cni, indent=2) + "\n",
            "net-conf.json": json.dumps(net, indent=2) + "\n",
        },
    }


def flannel(architecture: str, *, memory: str, args: tuple[str, ...] = STORY_ARGS) -> Object:
    """One of flannel's five DaemonSets."""
    image = f"{FLANNEL}-{architecture}"
    labels = {"tier": "node", "app": "flannel"}
    amounts = {"cpu": "100m", "memory": memory}
    return {
        "metadata": {"name": f"kube-flannel-ds-{architecture}", "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": "flannel"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "affinity": _on(architecture),
                    "hostNetwork": True,
                    "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                    "serviceAccountName": "flannel",
                    "initContainers": [
                        {
                            "name": "install-cni",
                            "image": image,
                            "command": ["cp"],
                            "args": [
                                "-f",
                                "/etc/kube-flannel/cni-conf.json",
                                "/etc/cni/net.d/10-flannel.conflist",
                            ],
                            "volumeMounts": [
                                {"name": "cni", "mountPath": "/etc/cni/net.d"},
                                {"name": "flannel-cfg", "mountPath": "/etc/kube-flannel/"},
                            ],
                        }
                    ],
                    "containers": [
                        {
                            "name": "kube-flannel",
                            "image": image,
                            "command": ["/opt/bin/flanneld"],
                            "args": list(args),
                            "resources": {
                                "requests": {"cpu": "100m", "memory": "50Mi"},
                                "limits": amounts,
                            },
                            "securityContext": {
                                "privileged": False,
                                "capabilities": {"add": ["NET_ADMIN"]},
                            },
                            "env": [
                                _from_field("POD_NAME", "metadata.name"),
                                _from_field("POD_NAMESPACE", "metadata.namespace"),
                            ],
                            "volumeMounts": [
                                {"name": "run", "mountPath": "/run/flannel"},
                                {"name": "flannel-cfg", "mountPath": "/etc/kube-flannel/"},
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": "run", "hostPath": {"path": "/run/flannel"}},
                        {"name": "cni", "hostPath": {"path": "/etc/cni/net.d"}},
                        {"name": "flannel-cfg", "configMap": {"name": "kube-flannel-cfg"}},
                    ],
                },
            },
        },
    }


def kube_proxy() -> Object:
    """The DaemonSet kube-proxy."""
    labels = {"k8s-app": "kube-proxy"}
    return {
        "metadata": {"name": "kube-proxy", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "priorityClassName": "system-node-critical",
                    "hostNetwork": True,
                    "serviceAccountName": "kube-proxy",
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "tolerations": [{"operator": "Exists"}],
                    "containers": [
                        {
                            "name": "kube-proxy",
                            "image": nodeobject.SYSTEM_IMAGES[0],
                            "command": [
                                "/usr/local/bin/kube-proxy",
                                "--config=/var/lib/kube-proxy/config.conf",
                                "--hostname-override=$(NODE_NAME)",
                            ],
                            "env": [_from_field("NODE_NAME", "spec.nodeName")],
                            "securityContext": {"privileged": True},
                        }
                    ],
                },
            },
        },
    }


def coredns() -> Object:
    """The Deployment coredns, two replicas."""
    labels = {"k8s-app": "kube-dns"}
    return {
        "metadata": {"name": "coredns", "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "priorityClassName": "system-cluster-critical",
                    "serviceAccountName": "coredns",
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "dnsPolicy": "Default",
                    "tolerations": [
                        {"key": "CriticalAddonsOnly", "operator": "Exists"},
                        {
                            "key": "node-role.kubernetes.io/control-plane",
                            "effect": "NoSchedule",
                        },
                    ],
                    "containers": [
                        {
                            "name": "coredns",
                            "image": nodeobject.SYSTEM_IMAGES[1],
                            "args": ["-conf", "/etc/coredns/Corefile"],
                            "resources": {
                                "limits": {"memory": "170Mi"},
                                "requests": {"cpu": "100m", "memory": "70Mi"},
                            },
                            "ports": [
                                {"containerPort": 53, "name": "dns", "protocol": "UDP"},
                                {"containerPort": 53, "name": "dns-tcp"},
                            ],
                            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}},
                        }
                    ],
                },
            },
        },
    }


STATIC = (
    ("etcd", "registry.k8s.io/etcd:3.6.5-0"),
    ("kube-apiserver", "registry.k8s.io/kube-apiserver:v1.36.2"),
    ("kube-controller-manager", "registry.k8s.io/kube-controller-manager:v1.36.2"),
    ("kube-scheduler", "registry.k8s.io/kube-scheduler:v1.36.2"),
)
"""The control plane's static pods: name and image."""


def static_pod(name: str, image: str, *, node: Object) -> Object:
    """The mirror of a static pod on a control-plane node."""
    where = node["metadata"]["name"]
    return {
        "metadata": {
            "name": f"{name}-{where}",
            "labels": {"component": name, "tier": "control-plane"},
            "annotations": {
                "kubernetes.io/config.hash": "c0ffee",
                "kubernetes.io/config.mirror": "c0ffee",
                "kubernetes.io/config.source": "file",
            },
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Node",
                    "name": where,
                    "uid": node["metadata"]["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": {
            "nodeName": where,
            "hostNetwork": True,
            "priorityClassName": "system-node-critical",
            "automountServiceAccountToken": False,
            "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
            "containers": [
                {
                    "name": name,
                    "image": image,
                    "command": [name],
                    "resources": {"requests": {"cpu": "100m"}},
                }
            ],
        },
    }


def services() -> list[tuple[str, Object]]:
    """The two services every cluster has, by namespace."""
    dns = {"k8s-app": "kube-dns"}
    return [
        (
            "default",
            {
                "metadata": {"name": "kubernetes", "labels": {"component": "apiserver"}},
                "spec": {
                    "clusterIP": "10.96.0.1",
                    "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
                },
            },
        ),
        (
            "kube-system",
            {
                "metadata": {"name": "kube-dns", "labels": dns},
                "spec": {
                    "clusterIP": "10.96.0.10",
                    "selector": dns,
                    "ports": [
                        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                    ],
                },
            },
        ),
    ]


def huge_deployment() -> Object:
    """A workload that asks for more than any machine has; no node can take its pod."""
    labels = {"app": "oversized"}
    return {
        "metadata": {"name": "oversized", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [
                        {
                            "name": "oversized",
                            "image": "registry.example/batch/oversized:v1.0",
                            "resources": {"requests": {"cpu": "4000", "memory": "1Gi"}},
                        }
                    ]
                },
            },
        },
    }


def strict_budget(namespace: str) -> Object:
    """A PodDisruptionBudget over CoreDNS that allows no disruption at all."""
    return {
        "metadata": {"name": "coredns-stays", "namespace": namespace},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"k8s-app": "kube-dns"}}},
    }


def _on(architecture: str) -> Object:
    rules = [("kubernetes.io/os", "linux"), ("kubernetes.io/arch", architecture)]
    return {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": key, "operator": "In", "values": [value]}
                            for key, value in rules
                        ]
                    }
                ]
            }
        }
    }


def _from_field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
