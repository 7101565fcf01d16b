"""Tables as `kubectl get` prints them: columns and cells of each resource."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources as files
from typing import Any

from bot.sim.cluster import durations, objects, resources, tables_access, tables_pods

Object = objects.Object
Cell = Any
NONE = "<none>"
_SHOWN_ENDPOINTS = 3


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `wide` ones are printed only with `-o wide`."""

    name: str
    kind: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a resource and how an object fills them."""

    columns: Sequence[Column]
    cells: Callable[[Object], list[Cell]]


def layout(row: resources.Resource) -> Layout:
    """The layout of a resource; name and age for those without their own."""
    return _LAYOUTS.get(row.plural, _PLAIN)


def definitions(row: resources.Resource) -> list[Object]:
    """The columns of a resource as its Tables declare them."""
    texts = _descriptions()
    return [
        {
            "name": column.name,
            "type": column.kind,
            "format": "name" if column.name == "Name" else "",
            "description": texts.get((row.plural, column.name))
            or texts.get(("*", column.name), column.name),
            "priority": 1 if column.wide else 0,
        }
        for column in layout(row).columns
    ]


@functools.cache
def _descriptions() -> Mapping[tuple[str, str], str]:
    """The columns' descriptions by resource and column, from `columns.txt`."""
    text = files.files("bot.sim.cluster").joinpath("columns.txt").read_text(encoding="utf-8")
    lines = [line.split("|", 2) for line in text.splitlines() if not line.startswith("#")]
    return {(plural, name): words.replace("\\n", "\n") for plural, name, words in lines}


def _created(obj: Object) -> str:
    return durations.age(obj["metadata"].get("creationTimestamp"))


def _name(obj: Object) -> str:
    return str(obj["metadata"].get("name", ""))


def _plain(obj: Object) -> list[Cell]:
    return [_name(obj), _created(obj)]


def _pod(obj: Object) -> list[Cell]:
    return tables_pods.cells(obj, age=_created(obj))


def _node(obj: Object) -> list[Cell]:
    status = obj.get("status") or {}
    info = status.get("nodeInfo") or {}
    words = [
        "Ready" if condition.get("status") == "True" else "NotReady"
        for condition in status.get("conditions") or ()
        if condition.get("type") == "Ready"
    ] or ["Unknown"]
    if (obj.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))
    addresses = {item["type"]: item["address"] for item in reversed(status.get("addresses") or [])}
    kernel = info.get("kernelVersion") or "<unknown>"
    if info.get("architecture") and info.get("kernelVersion"):
        kernel = f"{kernel} ({info['architecture']})"
    return [
        _name(obj),
        ",".join(words),
        ",".join(roles) or NONE,
        _created(obj),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or "<unknown>",
        kernel,
        info.get("containerRuntimeVersion") or "<unknown>",
    ]


def _containers(obj: Object) -> list[Cell]:
    spec = ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
    found = spec.get("containers") or ()
    return [
        ",".join(item.get("name", "") for item in found),
        ",".join(item.get("image", "") for item in found),
        selector_text((obj.get("spec") or {}).get("selector")),
    ]


def selector_text(selector: Object | None) -> str:
    """A label selector in one line."""
    parts = [
        f"{key}={value}" for key, value in sorted((selector or {}).get("matchLabels", {}).items())
    ]
    for item in (selector or {}).get("matchExpressions") or ():
        key, operator, values = item["key"], item["operator"], ",".join(item.get("values") or ())
        word = {"In": "in", "NotIn": "notin"}.get(operator)
        if word:
            parts.append(f"{key} {word} ({values})")
        else:
            parts.append(key if operator == "Exists" else f"!{key}")
    return ",".join(parts) or NONE


def _daemon_set(obj: Object) -> list[Cell]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    node_selector = ((spec.get("template") or {}).get("spec") or {}).get("nodeSelector") or {}
    return [
        _name(obj),
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        ",".join(f"{key}={value}" for key, value in sorted(node_selector.items())) or NONE,
        _created(obj),
        *_containers(obj),
    ]


def _deployment(obj: Object) -> list[Cell]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    return [
        _name(obj),
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        _created(obj),
        *_containers(obj),
    ]


def _replica_set(obj: Object) -> list[Cell]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    return [
        _name(obj),
        spec.get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        _created(obj),
        *_containers(obj),
    ]


def _controller_revision(obj: Object) -> list[Cell]:
    owners = obj["metadata"].get("ownerReferences") or ()
    owner = next((item for item in owners if item.get("controller")), None)
    group = (owner or {}).get("apiVersion", "").rpartition("/")[0]
    kind = (owner or {}).get("kind", "").lower()
    text = f"{kind}.{group}/{owner['name']}" if owner and group else NONE
    return [_name(obj), text, obj.get("revision", 0), _created(obj)]


def _config_map(obj: Object) -> list[Cell]:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return [_name(obj), count, _created(obj)]


def _secret(obj: Object) -> list[Cell]:
    return [_name(obj), obj.get("type", ""), len(obj.get("data") or ()), _created(obj)]


def _namespace(obj: Object) -> list[Cell]:
    return [_name(obj), (obj.get("status") or {}).get("phase", ""), _created(obj)]


def _service(obj: Object) -> list[Cell]:
    spec = obj.get("spec") or {}
    ports = [f"{item['port']}/{item.get('protocol', 'TCP')}" for item in spec.get("ports") or ()]
    return [
        _name(obj),
        spec.get("type", ""),
        spec.get("clusterIP") or NONE,
        NONE,
        ",".join(ports) or NONE,
        _created(obj),
        selector_text({"matchLabels": spec.get("selector") or {}}),
    ]


def _lease(obj: Object) -> list[Cell]:
    return [_name(obj), (obj.get("spec") or {}).get("holderIdentity", ""), _created(obj)]


def _service_account(obj: Object) -> list[Cell]:
    return [_name(obj), len(obj.get("secrets") or ()), _created(obj)]


def _endpoints(obj: Object) -> list[Cell]:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    shown = ",".join(found[:_SHOWN_ENDPOINTS]) or NONE
    more = len(found) - _SHOWN_ENDPOINTS
    return [_name(obj), f"{shown} + {more} more..." if more > 0 else shown, _created(obj)]


def _disruption_budget(obj: Object) -> list[Cell]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    return [
        _name(obj),
        "N/A" if least is None else str(least),
        "N/A" if most is None else str(most),
        status.get("disruptionsAllowed", 0),
        _created(obj),
    ]


def _policy(obj: Object) -> list[Cell]:
    spec = obj.get("spec") or {}
    return [_name(obj), len(spec.get("validations") or ()), "<unset>", _created(obj)]


def _policy_binding(obj: Object) -> list[Cell]:
    bound = (obj.get("spec") or {}).get("policyName", "")
    return [_name(obj), bound, "<unset>", _created(obj)]


def _role(obj: Object) -> list[Cell]:
    return [_name(obj), obj["metadata"].get("creationTimestamp", "")]


def _binding(obj: Object) -> list[Cell]:
    return [_name(obj), *tables_access.bound(obj, age=_created(obj))]


def _event(obj: Object) -> list[Cell]:
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    series = obj.get("series") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or first
    component = source.get("component") or obj.get("reportingComponent", "")
    place = source.get("host") or obj.get("reportingInstance", "")
    return [
        durations.age(last),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(part for part in (component, place) if part),
        str(obj.get("message", "")).strip(),
        durations.age(first),
        series.get("count") or obj.get("count") or 1,
        _name(obj),
    ]


_NAME, _AGE = Column("Name"), Column("Age")
_WORKLOAD = (
    Column("Containers", wide=True),
    Column("Images", wide=True),
    Column("Selector", wide=True),
)
_PLAIN = Layout((_NAME, _AGE), _plain)
_ROLE = Layout((_NAME, Column("Created At")), _role)
_BINDING = Layout(
    (
        _NAME,
        Column("Role"),
        _AGE,
        Column("Users", wide=True),
        Column("Groups", wide=True),
        Column("ServiceAccounts", wide=True),
    ),
    _binding,
)
_LAYOUTS = {
    "nodes": Layout(
        (
            _NAME,
            Column("Status"),
            Column("Roles"),
            _AGE,
            Column("Version"),
            Column("Internal-IP", wide=True),
            Column("External-IP", wide=True),
            Column("OS-Image", wide=True),
            Column("Kernel-Version", wide=True),
            Column("Container-Runtime", wide=True),
        ),
        _node,
    ),
    "pods": Layout(
        (
            _NAME,
            Column("Ready"),
            Column("Status"),
            Column("Restarts"),
            _AGE,
            Column("IP", wide=True),
            Column("Node", wide=True),
            Column("Nominated Node", wide=True),
            Column("Readiness Gates", wide=True),
        ),
        _pod,
    ),
    "daemonsets": Layout(
        (
            _NAME,
            Column("Desired", "integer"),
            Column("Current", "integer"),
            Column("Ready", "integer"),
            Column("Up-to-date", "integer"),
            Column("Available", "integer"),
            Column("Node Selector"),
            _AGE,
            *_WORKLOAD,
        ),
        _daemon_set,
    ),
    "deployments": Layout(
        (
            _NAME,
            Column("Ready"),
            Column("Up-to-date", "integer"),
            Column("Available", "integer"),
            _AGE,
            *_WORKLOAD,
        ),
        _deployment,
    ),
    "replicasets": Layout(
        (
            _NAME,
            Column("Desired", "integer"),
            Column("Current", "integer"),
            Column("Ready", "integer"),
            _AGE,
            *_WORKLOAD,
        ),
        _replica_set,
    ),
    "controllerrevisions": Layout(
        (_NAME, Column("Controller"), Column("Revision"), _AGE), _controller_revision
    ),
    "configmaps": Layout((_NAME, Column("Data"), _AGE), _config_map),
    "secrets": Layout((_NAME, Column("Type"), Column("Data"), _AGE), _secret),
    "namespaces": Layout((_NAME, Column("Status"), _AGE), _namespace),
    "services": Layout(
        (
            _NAME,
            Column("Type"),
            Column("Cluster-IP"),
            Column("External-IP"),
            Column("Port(s)"),
            _AGE,
            Column("Selector", wide=True),
        ),
        _service,
    ),
    "serviceaccounts": Layout((_NAME, Column("Secrets"), _AGE), _service_account),
    "endpoints": Layout((_NAME, Column("Endpoints"), _AGE), _endpoints),
    "poddisruptionbudgets": Layout(
        (
            _NAME,
            Column("Min Available"),
            Column("Max Unavailable"),
            Column("Allowed Disruptions", "integer"),
            _AGE,
        ),
        _disruption_budget,
    ),
    "validatingadmissionpolicies": Layout(
        (_NAME, Column("Validations", "integer"), Column("ParamKind"), _AGE), _policy
    ),
    "validatingadmissionpolicybindings": Layout(
        (_NAME, Column("PolicyName"), Column("ParamRef"), _AGE), _policy_binding
    ),
    "roles": _ROLE,
    "clusterroles": _ROLE,
    "rolebindings": _BINDING,
    "clusterrolebindings": _BINDING,
    "leases": Layout((_NAME, Column("Holder"), _AGE), _lease),
    "events": Layout(
        (
            Column("Last Seen"),
            Column("Type"),
            Column("Reason"),
            Column("Object"),
            Column("Subobject", wide=True),
            Column("Source", wide=True),
            Column("Message"),
            Column("First Seen", wide=True),
            Column("Count", wide=True),
            Column("Name", wide=True),
        ),
        _event,
    ),
}
