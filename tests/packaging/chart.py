"""The chart, rendered by Helm's own library, and its admission policies, evaluated."""

import copy
import json
from collections.abc import Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import settings, settings_sources
from bot.sim.cluster import policies

helm = pytest.importorskip("helm_python", reason="Helm's library has no wheel for this machine")

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "helm" / "flannel-bot"
Values = Mapping[str, Any]
Object = dict[str, Any]

LEAST: Values = {
    "slack": {"existingSecret": "tokens"},
    "config": {"slack": {"channel": "C0ALERTS"}},
}
"""What every install has to say."""
NAMESPACE = "monitoring"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:flannel-bot"

SHARED: Values = {"database": {"postgresql": {"existingSecret": "db"}}}
"""A database that several pods may have in common."""

# What may be combined; the first of each is the default.
AXES: Mapping[str, list[Values]] = {
    "copies": [
        {},
        {"replicas": 3, **SHARED},
        {"database": {"postgresql": {"existingSecret": "db", "key": "dsn"}}},
        {"persistence": {"enabled": False}},
        {"persistence": {"existingClaim": "mine", "storageClass": "local", "size": "5Gi"}},
    ],
    "network": [{}, {"hostNetwork": False}, {"hostNetwork": False, "networkPolicy": {"enabled": True, "from": [{"podSelector": {}}]}}, {"dnsPolicy": "ClusterFirstWithHostNet"}],
    "secret": [
        {},
        {"slack": {"existingSecret": "", "botToken": "xoxb-1", "appToken": "xapp-1"}},
        {"slack": {"existingSecret": "", "botToken": "xoxb-1", "signingSecret": "s"}, "config": {"slack": {"mode": "http"}}},
    ],
    "inspection": [
        {},
        {"config": {"inspection": {"exec": False}}},
        {"config": {"inspection": {"probe_pods": "approve"}}},
        {"config": {"inspection": {"probe_pods": "on", "exec_in_pods": True}}},
        {"config": {"inspection": {"probe_pods": False}, "schedule": {"samples": False}}},
    ],
    "remediation": [
        {},
        {"config": {"remediation": {"enabled": True}}},
        *({"config": {"remediation": {"enabled": True, "runbooks": [name]}}}
          for name in ("raise-memory", "anchor-regex", "raise-memory-and-anchor", "drain", "evict-veth", "restart")),
    ],
    "role": [
        {},
        {"config": {"process": {"role": "chat"}}, **SHARED},
        {"config": {"process": {"role": "executor"}}, **SHARED},
    ],
    "monitoring": [{}, {"serviceMonitor": {"enabled": True, "labels": {"a": "b"}}, "prometheusRule": {"enabled": True, "labels": {"a": "b"}}}, {"service": {"enabled": False}}, {"prometheusTokenSecret": "prom"}],
    "flannel": [{}, {"flannel": {"namespace": "kube-system", "daemonsets": ["kube-flannel-ds-amd64", "kube-flannel-ds-arm64"]}}, {"namespaces": ["kube-system", "ingress"], "clusterName": "prod"}],
    "size": [{}, {"size": "medium"}, {"size": "large", "priorityClassName": "system-cluster-critical"}, {"resources": {"requests": {"cpu": "1"}}}],
    "rest": [
        {},
        {"privateCA": {"configMap": "roots"}, "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://p:3128"}], "kubeconfigSecret": "others", "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": ["r"]}},
        {"serviceAccount": {"create": False, "name": "given"}, "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"e": "f"}, "affinity": {"nodeAffinity": {}}},
        {"admissionPolicy": {"enabled": False}, "rbac": {"create": False}, "podDisruptionBudget": {"enabled": False}},
    ],
}  # fmt: skip


def merged(*values: Values) -> Object:
    whole: Object = {}
    for each in values:
        for key, value in each.items():
            inner = isinstance(value, dict) and isinstance(whole.get(key), dict)
            whole[key] = merged(whole[key], value) if inner else copy.deepcopy(value)
    return whole


def pairwise() -> list[Object]:
    """Few combinations in which every pair of choices on two axes occurs."""
    wanted = {
        ((a, i), (b, j))
        for a, b in combinations(AXES, 2)
        for i in range(len(AXES[a]))
        for j in range(len(AXES[b]))
    }
    found = []
    while wanted:
        row: dict[str, int] = dict(min(wanted))
        for axis, choices in AXES.items():
            if axis not in row:
                row[axis] = max(
                    range(len(choices)), key=lambda n: len(_met({**row, axis: n}) & wanted)
                )
        wanted -= _met(row)
        found.append(merged(LEAST, *(AXES[axis][n] for axis, n in row.items())))
    return found


def _met(row: Mapping[str, int]) -> set[tuple[tuple[str, int], tuple[str, int]]]:
    order = [axis for axis in AXES if axis in row]
    return {((a, row[a]), (b, row[b])) for a, b in combinations(order, 2)}


def render(
    values: Values = LEAST, *, name: str = "flannel-bot", namespace: str = NAMESPACE
) -> list[Object]:
    """Every object, as kubectl would be given them. Raises helm's errors."""
    return copy.deepcopy(_rendered(json.dumps(values), name, namespace))


@cache
def _rendered(values: str, name: str, namespace: str) -> list[Object]:
    files = _loaded().render(json.loads(values), name=name, namespace=namespace)
    return [
        each
        for path, text in sorted(files.items())
        if not path.endswith(".txt")
        for each in yaml.load_all(text, Loader=yaml.CSafeLoader)
        if each
    ]


@cache
def _loaded() -> Any:
    return helm.Chart.load(str(CHART))


def notes(values: Values = LEAST) -> str:
    files = _loaded().render(dict(values), name="flannel-bot", namespace=NAMESPACE)
    return str(files["flannel-bot/templates/NOTES.txt"])


def configured(
    values: Values, objects: list[Object], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> settings.Settings:
    """The bot's settings, as it reads them in the pod that these objects make."""
    url = "postgresql+asyncpg://u@h/d" if values.get("database") else "sqlite+aiosqlite:///x.db"
    monkeypatch.setenv("FLANNEL_BOT_DATABASE__URL", url)
    (config,) = of_kind(objects, "ConfigMap")
    file = directory / "flannel-bot.yaml"
    file.write_text(config["data"]["flannel-bot.yaml"])
    return settings_sources.load(file)


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [each for each in objects if each["kind"] == kind]


def refusal(
    policy: Object,
    *,
    operation: str = "UPDATE",
    new: Any = None,
    old: Any = None,
    user: str = ACCOUNT,
    **request: Any,
) -> str:
    """What the policy says to a request; empty where it lets it pass or does not concern it."""
    known = {
        "request": {"operation": operation, "userInfo": {"username": user}, **request},
        "object": new,
        "oldObject": old,
    }
    found = next(policies.objections(policy["spec"], known), policies.Objection(""))
    assert found.reason or not found.message, found.message
    return found.message
