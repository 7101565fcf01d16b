"""Kubernetes objects of realistic size: nodes of 13 KB with 50 images, pods of 9 KB.

What many real objects share is shared between these, too, so that a server holds tens of thousands.
"""

import uuid
from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

SYSTEM = "kube-system"
BORN = "2026-01-02T03:04:05Z"
AGENTS = ("kube-flannel-ds", "kube-proxy", "node-exporter", "csi-node", "log-agent")
"""One pod of each on every node: five system pods a node."""

_HEX = "0123456789abcdef" * 4


def uid(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{name}"))


def node_name(number: int) -> str:
    return f"node-{number:05d}"


def _fields(*names: str) -> Object:
    return {f"f:{name}": {} for name in names}


def _managed(manager: str, fields: Object, *, subresource: str = "") -> Object:
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": BORN,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**entry, "subresource": subresource} if subresource else entry


def _condition_fields(*types: str) -> Object:
    names = ("lastHeartbeatTime", "lastTransitionTime", "message", "reason", "status", "type")
    return {".": {}, **{f'k:{{"type":"{one}"}}': {".": {}, **_fields(*names)} for one in types}}


_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")

_NODE_LABELS = {
    "beta.kubernetes.io/arch": "amd64",
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/os": "linux",
    "node.kubernetes.io/instance-type": "bare-metal",
    "topology.kubernetes.io/region": "region-1",
    **{f"hardware.example.com/feature-{number:02d}": "true" for number in range(16)},
}
_MANAGED_OF_NODES = [
    _managed(
        "kubelet",
        {
            "f:metadata": {
                "f:annotations": {
                    ".": {},
                    **_fields(
                        "volumes.kubernetes.io/controller-managed-attach-detach",
                        "csi.volume.kubernetes.io/nodeid",
                    ),
                },
                "f:labels": {".": {}, **_fields(*_NODE_LABELS, "kubernetes.io/hostname")},
            },
        },
    ),
    _managed(
        "kube-controller-manager",
        {
            "f:metadata": {"f:annotations": _fields("node.alpha.kubernetes.io/ttl")},
            "f:spec": {"f:podCIDR": {}, "f:podCIDRs": {".": {}, 'v:"10.244.0.0/24"': {}}},
        },
    ),
    _managed(
        "flanneld",
        {
            "f:metadata": {
                "f:annotations": _fields(
                    *(
                        f"flannel.alpha.coreos.com/{key}"
                        for key in ("backend-data", "backend-type", "kube-subnet-manager")
                    ),
                    "flannel.alpha.coreos.com/public-ip",
                )
            },
            "f:status": {"f:conditions": _condition_fields("NetworkUnavailable")},
        },
        subresource="status",
    ),
    _managed(
        "kubelet",
        {
            "f:status": {
                "f:allocatable": {".": {}, **_fields("cpu", "ephemeral-storage", "memory")},
                "f:capacity": {".": {}, **_fields("cpu", "ephemeral-storage", "memory", "pods")},
                "f:conditions": _condition_fields(*_PRESSURES),
                "f:images": {},
                "f:nodeInfo": _fields(
                    "architecture", "bootID", "containerRuntimeVersion", "kernelVersion",
                    "kubeProxyVersion", "kubeletVersion", "machineID", "operatingSystem",
                    "osImage", "systemUUID",
                ),
                "f:volumesAttached": {
                    f'k:{{"name":"kubernetes.io/csi/volumes.example.com^{number:04d}"}}': {
                        ".": {}, "f:devicePath": {}, "f:name": {},
                    }
                    for number in range(14)
                },
            }
        },
        subresource="status",
    ),
]  # fmt: skip
_IMAGES = [
    {
        "names": [
            f"registry.example.com/team-{number % 7}/service-{number:02d}"
            + (f"@sha256:{_HEX}" if number % 2 else ":v1.2.3"),
        ],
        "sizeBytes": 12_345_678 + number,
    }
    for number in range(50)
]
_CAPACITY = {"cpu": "64", "ephemeral-storage": "1055762868Ki", "memory": "263856552Ki"}


def conditions(*, beat: str = BORN) -> list[Object]:
    """A well node's conditions, last confirmed at `beat`."""
    said = {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
        "Ready": ("True", "KubeletReady"),
    }
    return [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": beat,
            "lastTransitionTime": BORN,
            "reason": reason,
            "message": f"kubelet has told {reason}",
        }
        for kind, (status, reason) in said.items()
    ] + [
        {
            "type": "NetworkUnavailable",
            "status": "False",
            "lastHeartbeatTime": BORN,
            "lastTransitionTime": BORN,
            "reason": "FlannelIsUp",
            "message": "Flannel is running on this node",
        }
    ]


def node(number: int) -> Object:
    name, address = (
        node_name(number),
        f"10.{1 + number // 65_536}.{number // 256 % 256}.{number % 256}",
    )
    cidr = f"10.{128 + number // 256}.{number % 256}.0/24"
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "uid": uid("node", name),
            "resourceVersion": "1",
            "creationTimestamp": BORN,
            "labels": {**_NODE_LABELS, "kubernetes.io/hostname": name},
            "annotations": {
                "flannel.alpha.coreos.com/backend-data": f'{{"VNI":1,"VtepMAC":"8a:00:{number:08x}"}}',
                "flannel.alpha.coreos.com/backend-type": "vxlan",
                "flannel.alpha.coreos.com/kube-subnet-manager": "true",
                "flannel.alpha.coreos.com/public-ip": address,
                "node.alpha.kubernetes.io/ttl": "300",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
            "managedFields": _MANAGED_OF_NODES,
        },
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "allocatable": {**_CAPACITY, "pods": "110"},
            "capacity": {**_CAPACITY, "pods": "110"},
            "conditions": conditions(),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": _IMAGES,
            "nodeInfo": {
                "machineID": uid("machine", name).replace("-", ""),
                "systemUUID": uid("system", name),
                "bootID": uid("boot", name),
                "kernelVersion": "5.15.0-113-generic",
                "osImage": "Ubuntu 22.04.4 LTS",
                "containerRuntimeVersion": "containerd://1.7.18",
                "kubeletVersion": "v1.30.4",
                "kubeProxyVersion": "v1.30.4",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }  # fmt: skip


_LIMITS = {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "50Mi"}}
_TOKEN = {
    "name": "kube-api-access-x7k2p",
    "readOnly": True,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
}
_HOST_PATHS = ("/run/flannel", "/etc/cni/net.d", "/lib/modules", "/run/xtables.lock", "/var/log")


def _container(name: str, image: str) -> Object:
    command = (
        {"command": ["/opt/bin/flanneld"], "args": ["--ip-masq", "--kube-subnet-mgr"]}
        if name == "kube-flannel"
        else {"args": ["--config=/etc/agent/config.yaml", "--v=2"]}
    )
    return {
        "name": name,
        "image": image,
        **command,
        "resources": _LIMITS,
        "env": [
            {"name": key, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
            for key, path in (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace"))
        ]
        + [{"name": f"SETTING_{number:02d}", "value": "a value of some length"} for number in range(42)],
        "volumeMounts": [
            *({"name": f"host-{n}", "mountPath": path} for n, path in enumerate(_HOST_PATHS)),
            _TOKEN,
        ],
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": 10256, "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}, "privileged": False},
    }  # fmt: skip


_TOLERATIONS = [{"operator": "Exists"}] + [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
    for key, effect in (
        ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"), ("network-unavailable", "NoSchedule"),
    )
]  # fmt: skip
_VOLUMES = [
    *(
        {"name": f"host-{number}", "hostPath": {"path": path, "type": ""}}
        for number, path in enumerate(_HOST_PATHS)
    ),
    {
        "name": _TOKEN["name"],
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {
                    "configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }
                },
            ],
        },
    },
]


def _managed_of_pods(container: str) -> list[Object]:
    mounts = {
        f'k:{{"mountPath":"{path}"}}': {".": {}, **_fields("mountPath", "name")}
        for path in _HOST_PATHS
    }
    conditions_told = _condition_fields("ContainersReady", "Initialized", "Ready")
    return [
        _managed(
            "kube-controller-manager",
            {
                "f:metadata": {
                    "f:generateName": {},
                    "f:labels": {".": {}, **_fields("app", "controller-revision-hash")},
                    "f:ownerReferences": {".": {}, f'k:{{"uid":"{uid("owner", container)}"}}': {}},
                },
                "f:spec": {
                    "f:containers": {
                        f'k:{{"name":"{container}"}}': {
                            ".": {},
                            **_fields("args", "command", "env", "image", "imagePullPolicy", "name"),
                            "f:volumeMounts": {".": {}, **mounts},
                        }
                    },
                    **_fields("dnsPolicy", "hostNetwork", "restartPolicy", "tolerations"),
                    "f:volumes": {
                        f'k:{{"name":"host-{number}"}}': {
                            ".": {}, "f:hostPath": {".": {}, **_fields("path", "type")}, "f:name": {},
                        }
                        for number, _ in enumerate(_HOST_PATHS)
                    },
                },
            },
        ),
        _managed(
            "kubelet",
            {
                "f:status": {
                    "f:conditions": conditions_told,
                    **_fields("containerStatuses", "hostIP", "phase", "podIP", "startTime"),
                }
            },
            subresource="status",
        ),
    ]  # fmt: skip


def running(container: str, image: str, *, restarts: int = 0, killed_at: str = "") -> Object:
    """A container's status; with `killed_at`, after an OOM kill at that time."""
    ended = {
        "terminated": {
            "exitCode": 137,
            "reason": "OOMKilled",
            "startedAt": BORN,
            "finishedAt": killed_at,
            "containerID": f"containerd://{_HEX}",
        }
    }
    return {
        "name": container,
        "state": {"running": {"startedAt": killed_at or BORN}},
        "lastState": ended if killed_at else {},
        "ready": True,
        "restartCount": restarts,
        "image": image,
        "imageID": f"registry.example.com/image@sha256:{_HEX}",
        "containerID": f"containerd://{_HEX[::-1]}",
        "started": True,
    }


class Workload:
    """A DaemonSet, or a Deployment of one replica, and its pods."""

    def __init__(self, name: str, *, kind: str = "DaemonSet") -> None:
        self.name, self.kind = name, kind
        self.container = "kube-flannel" if name == AGENTS[0] else name
        flannel = "docker.io/flannel/flannel:v0.26.7"
        self.image = flannel if name == AGENTS[0] else f"registry.example.com/{name}:v1.2.3"
        self._managed = _managed_of_pods(self.container)
        self._spec = {
            "volumes": _VOLUMES,
            "containers": [_container(self.container, self.image)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": name,
            "serviceAccount": name,
            "hostNetwork": True,
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": _TOLERATIONS,
            "priorityClassName": "system-node-critical",
            "priority": 2000001000,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        }

    def pod(self, number: int) -> Object:
        """Its pod on a node."""
        suffix = f"{number:05d}".translate(str.maketrans("0123456789", "bcdfghjklm"))
        owner = (
            ("ReplicaSet", f"{self.name}-5d45f98dfc")
            if self.kind == "Deployment"
            else (self.kind, self.name)
        )
        labels = {"app": self.name, "controller-revision-hash": "5d45f98dfc"}
        if self.kind == "Deployment":
            labels = {"app": self.name, "pod-template-hash": "5d45f98dfc"}
        name, node = f"{owner[1]}-{suffix}", node_name(number)
        reference = {
            "apiVersion": "apps/v1",
            "kind": owner[0],
            "name": owner[1],
            "uid": uid(owner[0], owner[1]),
            "controller": True,
            "blockOwnerDeletion": True,
        }
        only_there = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "generateName": f"{self.name}-",
                "namespace": SYSTEM,
                "uid": uid("pod", name),
                "resourceVersion": "1",
                "creationTimestamp": BORN,
                "labels": labels,
                "ownerReferences": [reference],
                "managedFields": self._managed,
            },
            "spec": {
                **self._spec,
                "nodeName": node,
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [only_there]
                        }
                    }
                },
            },
            "status": {
                "phase": "Running",
                "conditions": [
                    {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": BORN}
                    for kind in (
                        "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady",
                        "PodScheduled",
                    )
                ],
                "hostIP": "10.1.0.1",
                "podIP": "10.1.0.1",
                "podIPs": [{"ip": "10.1.0.1"}],
                "startTime": BORN,
                "containerStatuses": [running(self.container, self.image)],
                "qosClass": "Burstable",
            },
        }  # fmt: skip

    def controller(self, desired: int) -> Object:
        """The workload itself, as its controller sees it when all is well."""
        labels = {"app": self.name}
        common = {
            "kind": self.kind,
            "apiVersion": "apps/v1",
            "metadata": {
                "name": self.name,
                "namespace": SYSTEM,
                "uid": uid(self.kind, self.name),
                "resourceVersion": "1",
                "generation": 1,
                "creationTimestamp": BORN,
                "labels": labels,
            },
        }
        template = {"metadata": {"labels": labels}, "spec": self._spec}
        selector = {"matchLabels": labels}
        if self.kind == "Deployment":
            return {
                **common,
                "spec": {"replicas": desired, "selector": selector, "template": template, "strategy": {}},
                "status": {
                    "observedGeneration": 1, "replicas": desired, "updatedReplicas": desired,
                    "readyReplicas": desired, "availableReplicas": desired,
                },
            }  # fmt: skip
        return {
            **common,
            "spec": {
                "selector": selector,
                "template": template,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "revisionHistoryLimit": 10,
            },
            "status": {
                "currentNumberScheduled": desired, "numberMisscheduled": 0,
                "desiredNumberScheduled": desired, "numberReady": desired, "observedGeneration": 1,
                "updatedNumberScheduled": desired, "numberAvailable": desired,
            },
        }  # fmt: skip

    def revision(self) -> Object:
        """The one remembered template of a DaemonSet."""
        return {
            "kind": "ControllerRevision",
            "apiVersion": "apps/v1",
            "metadata": {
                "name": f"{self.name}-5d45f98dfc",
                "namespace": SYSTEM,
                "uid": uid("revision", self.name),
                "resourceVersion": "1",
                "creationTimestamp": BORN,
                "labels": {"app": self.name, "controller-revision-hash": "5d45f98dfc"},
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1",
                        "kind": "DaemonSet",
                        "name": self.name,
                        "uid": uid("DaemonSet", self.name),
                        "controller": True,
                    }
                ],
            },
            "data": {"spec": {"template": {"$patch": "replace", "spec": self._spec}}},
            "revision": 1,
        }


def killed(pod: Object, *, at: str) -> Object:
    """The pod after one OOM kill of its container, running again."""
    status = pod["status"]
    old = status["containerStatuses"][0]
    struck = running(old["name"], old["image"], restarts=old["restartCount"] + 1, killed_at=at)
    return {**pod, "status": {**status, "containerStatuses": [struck]}}


def cluster(nodes: int, *, deployments: int = 0) -> Iterator[tuple[str, Object]]:
    """Yield (resource, object) of a cluster that is well.

    Five system pods a node, and `deployments` single pods, each a workload of its own.
    """
    for number in range(nodes):
        yield "nodes", node(number)
    for name in AGENTS:
        workload = Workload(name)
        yield "daemonsets", workload.controller(nodes)
        yield "controllerrevisions", workload.revision()
        for number in range(nodes):
            yield "pods", workload.pod(number)
    for number in range(deployments):
        workload = Workload(f"service-{number:04d}", kind="Deployment")
        yield "deployments", workload.controller(1)
        yield "pods", workload.pod(number % nodes)
