"""Whether a pod may be on a node: selectors, affinity, taints, resources. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from bot.sim.cluster import quantities

Object = dict[str, Any]


def selected(spec: Object, node: Object) -> bool:
    """Whether the pod's nodeSelector and required node affinity accept the node."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(term, node, labels) for term in required.get("nodeSelectorTerms") or ())


def target(spec: Object) -> str:
    """The one node a DaemonSet's pod is meant for, or an empty text."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for rule in term.get("matchFields") or ():
            if rule["key"] == "metadata.name" and rule["operator"] == "In" and rule["values"]:
                return str(rule["values"][0])
    return ""


def repelled(spec: Object, node: Object, *, effects: Iterable[str]) -> Object | None:
    """The first taint of these effects that the pod does not tolerate, or None."""
    wanted = set(effects)
    tolerations = spec.get("tolerations") or ()
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] in wanted and not any(tolerates(one, taint) for one in tolerations):
            return dict(taint)
    return None


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether one toleration covers one taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint["key"]
    return bool(
        toleration.get("key") == taint["key"]
        and toleration.get("value", "") == taint.get("value", "")
    )


class Asked(Protocol):
    """What a node's pods ask of it: their number, thousandths of a core, bytes."""

    pods: int
    cpu: int
    memory: int


def requests(spec: Object) -> tuple[int, int]:
    """Thousandths of a core and bytes of memory a pod asks for."""
    cpu = memory = 0
    for container in spec.get("containers") or ():
        wanted = (container.get("resources") or {}).get("requests") or {}
        cpu += _whole(wanted.get("cpu", "0"), 1000)
        memory += _whole(wanted.get("memory", "0"))
    return cpu, memory


def lacking(spec: Object, node: Object, asked: Asked) -> list[str]:
    """Which resources the node has too little of for this pod beside those it has."""
    cpu, memory, pods = allocatable(node)
    wanted_cpu, wanted_memory = requests(spec)
    found = []
    if wanted_cpu > cpu - asked.cpu:
        found.append("Insufficient cpu")
    if wanted_memory > memory - asked.memory:
        found.append("Insufficient memory")
    if asked.pods + 1 > pods:
        found.append("Too many pods")
    return found


def allocatable(node: Object) -> tuple[int, int, int]:
    """Thousandths of a core, bytes, and pods that a node has room for."""
    room = (node.get("status") or {}).get("allocatable") or {}
    return (
        _whole(room.get("cpu", "0"), 1000),
        _whole(room.get("memory", "0")),
        int(room.get("pods", "110")),
    )


def _whole(quantity: str, factor: int = 1) -> int:
    return math.ceil(quantities.parsed(quantity) * factor)


def _term(term: Object, node: Object, labels: Mapping[str, str]) -> bool:
    fields = {"metadata.name": node["metadata"]["name"]}
    rules = [
        *((rule, labels) for rule in term.get("matchExpressions") or ()),
        *((rule, fields) for rule in term.get("matchFields") or ()),
    ]
    return bool(rules) and all(_rule(rule, values) for rule, values in rules)


def _rule(rule: Object, values: Mapping[str, str]) -> bool:
    key, operator, wanted = rule["key"], rule["operator"], rule.get("values") or []
    present = key in values
    if operator == "Exists":
        return present
    if operator == "DoesNotExist":
        return not present
    if operator == "In":
        return present and values[key] in wanted
    if operator == "NotIn":
        return not present or values[key] not in wanted
    try:
        have, limit = int(values[key]), int(wanted[0])
    except (KeyError, IndexError, ValueError):
        return False
    return have > limit if operator == "Gt" else have < limit
