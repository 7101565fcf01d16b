"""What the cluster's users have applied: agents on the nodes, operators, and their services. Pure.

All of them run in networks of their own, so each pod has a veth on its node.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]

AGENTS = "monitoring"
OPERATORS = "operators"
NAMESPACES = (
    "shop",
    "payments",
    "search",
    "media",
    "logistics",
    "accounts",
    "warehouse",
    "office",
)
"""Where the services are."""

_ROLES = (
    "web",
    "api",
    "worker",
    "cache",
    "gateway",
    "catalog",
    "mailer",
    "reports",
    "sync",
    "events",
    "pricing",
    "images",
    "queue",
    "stock",
    "reviews",
    "export",
)
_SIZES = (("100m", "128Mi"), ("200m", "256Mi"), ("250m", "512Mi"), ("500m", "1Gi"))
"""Requests of CPU and memory."""

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def log_agent() -> Object:
    """The DaemonSet of what ships logs, on every node."""
    return _daemonset("log-agent", tolerations=[{"operator": "Exists"}])


def metrics_agent() -> Object:
    """The DaemonSet of what measures, on every node but the control plane."""
    return _daemonset("metrics-agent", tolerations=[])


def operators(replicas: int) -> Object:
    """A Deployment that may run beside the control plane."""
    manifest = _deployment(
        "backup-operator", replicas, image="registry.example/operators/backup:v2.3"
    )
    manifest["spec"]["template"]["spec"]["tolerations"] = [
        {"key": CONTROL_PLANE, "operator": "Exists", "effect": "NoSchedule"}
    ]
    return manifest


def service(number: int, rng: random.Random) -> tuple[str, Callable[[int], Object]]:
    """The `number`-th service: its namespace, and its Deployment by the number of replicas."""
    namespace = NAMESPACES[number % len(NAMESPACES)]
    row = number // len(NAMESPACES)
    turn, place = divmod(row, len(_ROLES))
    name = _ROLES[place] + (f"-{turn + 1}" if turn else "")
    version = f"v{rng.randrange(1, 6)}.{rng.randrange(20)}"
    make = functools.partial(
        _deployment,
        name,
        image=f"registry.example/{namespace}/{name}:{version}",
        size=rng.choice(_SIZES),
    )
    return namespace, make


def _deployment(
    name: str, replicas: int, *, image: str, size: tuple[str, str] = _SIZES[0]
) -> Object:
    labels = {"app": name}
    cpu, memory = size
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [
                        {
                            "name": name,
                            "image": image,
                            "resources": {
                                "requests": {"cpu": cpu, "memory": memory},
                                "limits": {"memory": memory},
                            },
                            "ports": [{"containerPort": 8080, "name": "http"}],
                        }
                    ]
                },
            },
        },
    }


def _daemonset(name: str, *, tolerations: list[Object]) -> Object:
    labels = {"app": name}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "tolerations": tolerations,
                    "containers": [
                        {
                            "name": name,
                            "image": f"registry.example/monitoring/{name}:v1.8",
                            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
                        }
                    ],
                },
            },
        },
    }
