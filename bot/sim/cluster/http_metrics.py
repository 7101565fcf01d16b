"""What clusters measure of themselves, over the API server.

metrics.k8s.io, which metrics-server adds and `kubectl top` reads; and what Prometheus scrapes
through the API server's proxy: each kubelet's `/metrics/cadvisor` and `/metrics/resource`, and
kube-state-metrics behind its Service. Texts have the labels and the traps of the real ones:
cAdvisor writes stamps of its own, tells whole pods beside containers, and no limit is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote

from aiohttp import web

from bot.sim.cluster import errors, http_context, http_forms, memory, selectors, timing, usage

Object = dict[str, Any]

GROUP = "metrics.k8s.io"
VERSION = "v1beta1"
_WINDOW = "15.0s"
_VERBS = ["get", "list"]
_RESOURCES = (("nodes", "NodeMetrics", False), ("pods", "PodMetrics", True))
_KUBE_STATE = "/api/v1/namespaces/kube-system/services/kube-state-metrics:8080/proxy/metrics"


class Source(Protocol):
    """Who measures."""

    def nodes(self) -> list[str]:
        """The machines whose kubelets answer, by name."""

    def labels(self, node: str) -> Mapping[str, str]:
        """Of a Node object."""

    def machine(self, node: str) -> tuple[int, int]:
        """Milli-CPUs and bytes that a whole machine uses."""

    def containers(self, node: str) -> Iterator[usage.Container]:
        """What runs on a node whose kubelet answers."""

    def pods(self) -> list[Object]:
        """Every pod, as the API has it."""


def answer(context: http_context.Context, request: web.BaseRequest) -> web.Response | None:
    """The answer to a path about measurements; None for any other path.

    Raises:
        errors.StatusError: there is no such thing, or its kubelet does not answer.
    """
    source, path = context.usage, request.path.rstrip("/")
    if source is None or request.method not in {"GET", "HEAD"}:
        return None
    served = not context.switchboard.is_on("metrics-absent")
    if served and path.startswith(f"/apis/{GROUP}/{VERSION}/"):
        parts = [unquote(part) for part in path.split("/")[4:]]
        return _json(_measured(source, parts, request, context.clock()))
    if path == _KUBE_STATE:
        return _text(_kube_state(source.pods()))
    parts = path.split("/")
    if parts[1:4] == ["api", "v1", "nodes"] and parts[5:6] == ["proxy"] and len(parts) > 6:
        return _text(_scraped(source, unquote(parts[4]), "/".join(parts[6:]), context.clock()))
    return None


def served(context: http_context.Context) -> bool:
    """Whether the group exists: without metrics-server it does not."""
    return context.usage is not None and not context.switchboard.is_on("metrics-absent")


def resource_list() -> Object:
    """What discovery tells of the group's version."""
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/{VERSION}",
        "resources": [
            {"name": name, "singularName": "", "namespaced": inside, "kind": kind, "verbs": _VERBS}
            for name, kind, inside in _RESOURCES
        ],
    }


def aggregated() -> Object:
    """The same in the aggregated form."""
    resources = [
        {
            "resource": name,
            "responseKind": {"group": "", "version": "", "kind": kind},
            "scope": "Namespaced" if inside else "Cluster",
            "singularResource": "",
            "verbs": _VERBS,
        }
        for name, kind, inside in _RESOURCES
    ]
    version = {"version": VERSION, "resources": resources, "freshness": "Current"}
    return {"metadata": {"name": GROUP}, "versions": [version]}


def _measured(
    source: Source, parts: Sequence[str], request: web.BaseRequest, now: datetime
) -> Object:
    chosen = selectors.labels(request.query.get("labelSelector", ""))
    match parts:
        case ["nodes"]:
            items = [
                _node(source, name, now)
                for name in source.nodes()
                if all(one.holds(dict(source.labels(name))) for one in chosen)
            ]
            return _list("NodeMetrics", items)
        case ["nodes", name]:
            if name not in source.nodes():
                raise errors.not_found("nodes", GROUP, name)
            return _kind("NodeMetrics") | _node(source, name, now)
        case ["pods"]:
            namespace, wanted = "", ""
        case ["namespaces", namespace, "pods"]:
            wanted = ""
        case ["namespaces", namespace, "pods", wanted]:
            pass
        case _:
            raise errors.no_such_resource()
    held: dict[tuple[str, str], list[usage.Container]] = {}
    for node in source.nodes():
        for one in source.containers(node):
            if one.namespace == (namespace or one.namespace) and one.pod == (wanted or one.pod):
                held.setdefault((one.namespace, one.pod), []).append(one)
    items = [
        _pod(containers, now)
        for _, containers in sorted(held.items())
        if all(one.holds(dict(containers[0].labels)) for one in chosen)
    ]
    if not wanted:
        return _list("PodMetrics", items)
    if not items:
        raise errors.not_found("pods", GROUP, f"{namespace}/{wanted}")
    return _kind("PodMetrics") | items[0]


def _kind(kind: str) -> Object:
    return {"kind": kind, "apiVersion": f"{GROUP}/{VERSION}"}


def _list(kind: str, items: list[Object]) -> Object:
    return _kind(f"{kind}List") | {"metadata": {}, "items": items}


def _node(source: Source, name: str, now: datetime) -> Object:
    cpu, size = source.machine(name)
    metadata = {"name": name, "creationTimestamp": timing.stamp(now)}
    return {
        "metadata": metadata | {"labels": dict(source.labels(name))},
        "timestamp": timing.stamp(now),
        "window": _WINDOW,
        "usage": _use(cpu, size),
    }


def _pod(containers: Sequence[usage.Container], now: datetime) -> Object:
    first = containers[0]
    return {
        "metadata": {
            "name": first.pod,
            "namespace": first.namespace,
            "creationTimestamp": timing.stamp(now),
            "labels": dict(first.labels),
        },
        "timestamp": timing.stamp(now),
        "window": _WINDOW,
        "containers": [
            {"name": one.name, "usage": _use(one.cpu, one.working_set)} for one in containers
        ],
    }


def _use(cpu: int, size: int) -> Object:
    return {"cpu": f"{cpu * 1_000_000}n", "memory": f"{size // 1024}Ki"}


def _scraped(source: Source, node: str, path: str, now: datetime) -> Iterator[str]:
    if node not in source.nodes():
        raise errors.StatusError(
            503, "ServiceUnavailable", f"error trying to reach the kubelet of {node}", details={}
        )
    if path == "metrics/cadvisor":
        return _cadvisor(list(source.containers(node)), now)
    if path == "metrics/resource":
        return _resource(list(source.containers(node)), source.machine(node), now)
    raise errors.StatusError(404, "NotFound", "the server could not find the path", details={})


def _cadvisor(containers: Sequence[usage.Container], now: datetime) -> Iterator[str]:
    stamp = int(now.timestamp() * 1000)
    metrics = (
        ("container_memory_working_set_bytes", "gauge", lambda one: one.working_set),
        ("container_memory_max_usage_bytes", "gauge", lambda one: one.max_usage),
        ("container_spec_memory_limit_bytes", "gauge", lambda one: one.limit),
        # Dies with the container that it counts for, so it stays 0 (cadvisor #3015).
        ("container_oom_events_total", "counter", lambda _one: 0),
    )
    for name, kind, value in metrics:
        yield f"# TYPE {name} {kind}"
        for one in containers:
            pod = {"namespace": one.namespace, "pod": one.pod}
            group = f"/kubepods.slice/pod{one.uid}"
            labels = {
                "container": one.name, "id": f"{group}/cri-{one.id}.scope", "image": one.image,
                "name": one.id, **pod,
            }  # fmt: skip
            yield _line(name, labels, value(one), stamp)
            whole = {"container": "", "id": group, "image": "", "name": "", **pod}
            yield _line(name, whole, value(one), stamp)


def _resource(
    containers: Sequence[usage.Container], machine: tuple[int, int], now: datetime
) -> Iterator[str]:
    stamp = int(now.timestamp() * 1000)
    name = "container_memory_working_set_bytes"
    yield f"# TYPE {name} gauge"
    for one in containers:
        labels = {"container": one.name, "namespace": one.namespace, "pod": one.pod}
        yield _line(name, labels, one.working_set, stamp)
    yield "# TYPE node_memory_working_set_bytes gauge"
    yield _line("node_memory_working_set_bytes", {}, machine[1], stamp)


def _kube_state(pods: Iterable[Object]) -> Iterator[str]:
    told: dict[str, list[str]] = {
        "kube_pod_info": [],
        "kube_pod_container_resource_limits": [],
        "kube_pod_container_status_restarts_total": [],
        "kube_pod_container_status_last_terminated_reason": [],
    }

    def add(name: str, labels: Mapping[str, str], value: float) -> None:
        told[name].append(_line(name, labels, value))

    for pod in pods:
        metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
        whose = {
            "namespace": metadata["namespace"],
            "pod": metadata["name"],
            "uid": metadata["uid"],
        }
        node = spec.get("nodeName", "")
        add("kube_pod_info", {**whose, "node": node, "host_ip": status.get("hostIP", "")}, 1)
        for container in spec["containers"]:
            inside = {**whose, "container": container["name"]}
            limit = (container.get("resources") or {}).get("limits", {}).get("memory")
            if limit is not None:
                size = memory.limit_mib(container["resources"])
                measured = {**inside, "node": node, "resource": "memory", "unit": "byte"}
                add("kube_pod_container_resource_limits", measured, int((size or 0) * 2**20))
        for entry in status.get("containerStatuses") or ():
            inside = {**whose, "container": entry["name"]}
            add("kube_pod_container_status_restarts_total", inside, entry["restartCount"])
            ended = (entry.get("lastState") or {}).get("terminated")
            if ended:
                why = {**inside, "reason": ended.get("reason", "Error")}
                add("kube_pod_container_status_last_terminated_reason", why, 1)
    for name, lines in told.items():
        yield f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}"
        yield from lines


def _line(name: str, labels: Mapping[str, str], value: float, stamp: int | None = None) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    at = "" if stamp is None else f" {stamp}"
    return f"{name}{{{inside}}} {value}{at}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _text(lines: Iterable[str]) -> web.Response:
    body = "\n".join(lines) + "\n"
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return http_context.reply(body.encode(), content_type=kind)


def _json(body: Object) -> web.Response:
    return http_context.reply(http_forms.encode(body))
