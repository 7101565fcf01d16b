"""What an object must be like to be stored: names, required fields, limits, immutability.

Not all of Kubernetes' validation: the rules a client of this cluster can run into, with the real
server's words (taken from the recordings).
"""

import json
import re
from collections.abc import Iterator

from bot.sim.cluster import (
    errors,
    objects,
    policyspecs,
    quantities,
    resources,
    validation_access,
)

Object = objects.Object
Cause = errors.Cause

_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def check_names(row: resources.Resource, obj: Object, *, namespace: str, name: str) -> None:
    """Refuse an object that is another one than the path names.

    Raises:
        errors.StatusError: 400.
    """
    metadata = obj.get("metadata") or {}
    said = metadata.get("name") or name
    if said != name:
        raise errors.bad_request(
            f"the name of the object ({said}) does not match the name on the URL ({name})"
        )
    if row.namespaced and (metadata.get("namespace") or namespace) != namespace:
        raise errors.bad_request(
            f"the namespace of the object ({metadata['namespace']}) does not match the namespace "
            f"on the URL ({namespace})"
        )


def check(row: resources.Resource, obj: Object, *, old: Object | None = None) -> None:
    """Judge an object as it would be stored; with `old`, as a change of it.

    Raises:
        errors.StatusError: 422 with a cause for every fault.
    """
    causes = list(_causes(row, obj, old))
    if causes:
        raise errors.invalid(row.kind, row.group, obj["metadata"].get("name") or "", causes)


def _causes(row: resources.Resource, obj: Object, old: Object | None) -> Iterator[Cause]:
    # Names of roles are free: those of the system have colons.
    free = row.kind == "Event" or row.group == resources.ACCESS
    yield from _metadata(obj, old, free=free)
    if row.kind == "Pod":
        yield from _pod_spec(obj.get("spec") or {}, "spec")
        if old is not None:
            yield from _pod_change(obj, old)
    elif row.kind in {"DaemonSet", "Deployment", "ReplicaSet"}:
        yield from _workload(row.kind, obj, old)
    elif row.kind == "ConfigMap":
        yield from _config_map(obj)
    elif row.kind == "Event":
        yield from _event(obj)
    elif row.kind == "Lease":
        yield from _lease(obj)
    elif row.kind == "PodDisruptionBudget":
        yield from _budget(obj)
    elif row.kind == "ValidatingAdmissionPolicy":
        yield from policyspecs.of_policy(obj)
    elif row.kind == "ValidatingAdmissionPolicyBinding":
        yield from policyspecs.of_binding(obj)
    elif row.group == resources.ACCESS:
        yield from validation_access.causes(row, obj, old)


def _metadata(obj: Object, old: Object | None, *, free: bool) -> Iterator[Cause]:
    metadata = obj["metadata"]
    name = metadata.get("name") or ""
    if not name:
        message = "Required value: name or generateName is required"
        yield "FieldValueRequired", message, "metadata.name"
    elif not free and not errors.valid_subdomain(name):
        message = f'Invalid value: "{name}": a lowercase RFC 1123 subdomain is required'
        yield "FieldValueInvalid", message, "metadata.name"
    for key, value in (metadata.get("labels") or {}).items():
        if len(str(value)) > 63 or not _LABEL_VALUE.fullmatch(str(value)):
            message = f'Invalid value: "{value}": a valid label is required (key {key})'
            yield "FieldValueInvalid", message, "metadata.labels"
    if old is not None and old["metadata"].get("deletionTimestamp"):
        added = set(metadata.get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
        if added:
            shown = ", ".join(f'"{one}"' for one in sorted(added))
            message = (
                "Forbidden: no new finalizers can be added if the object is being deleted, found "
                f"new finalizers []string{{{shown}}}"
            )
            # The real server looks twice, too.
            yield "FieldValueForbidden", message, "metadata.finalizers"
            yield "FieldValueForbidden", message, "metadata.finalizers"


def _workload(kind: str, obj: Object, old: Object | None) -> Iterator[Cause]:
    spec = obj["spec"]
    selector, template = spec.get("selector"), spec.get("template") or {}
    if old is not None and not objects.same(selector, old["spec"].get("selector")):
        message = f"Invalid value: {_shown(selector)}: field is immutable"
        yield "FieldValueInvalid", message, "spec.selector"
    if not selector:
        yield "FieldValueRequired", "Required value", "spec.selector"
    labels = (template.get("metadata") or {}).get("labels") or {}
    wanted = (selector or {}).get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        message = f"Invalid value: {_shown(labels)}: `selector` does not match template `labels`"
        yield "FieldValueInvalid", message, "spec.template.metadata.labels"
    yield from _pod_spec(template.get("spec") or {}, "spec.template.spec")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy != "Always":
        yield errors.unsupported(policy, ("Always",), "spec.template.spec.restartPolicy")
    if spec.get("minReadySeconds", 0) < 0:
        message = f"Invalid value: {spec['minReadySeconds']}: must be greater than or equal to 0"
        yield "FieldValueInvalid", message, "spec.minReadySeconds"
    if kind == "DaemonSet":
        yield from _update_strategy(spec.get("updateStrategy") or {})


def _update_strategy(strategy: Object) -> Iterator[Cause]:
    kind = strategy.get("type")
    if kind not in {"RollingUpdate", "OnDelete"}:
        yield errors.unsupported(kind, ("OnDelete", "RollingUpdate"), "spec.updateStrategy.type")
    rolling = strategy.get("rollingUpdate") or {}
    zero = (0, "0", "0%")
    none = rolling.get("maxUnavailable") in zero and rolling.get("maxSurge", 0) in zero
    if kind == "RollingUpdate" and none:
        message = "Required value: cannot be 0 when `maxSurge` is 0"
        field = "spec.updateStrategy.rollingUpdate.maxUnavailable"
        yield "FieldValueRequired", message, field


def _pod_spec(spec: Object, path: str) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield "FieldValueRequired", "Required value", f"{path}.containers"
    for field in ("initContainers", "containers"):
        seen: set[str] = set()
        for index, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{index}]"
            name = container.get("name")
            if not name:
                yield "FieldValueRequired", "Required value", f"{where}.name"
            elif name in seen:
                yield "FieldValueDuplicate", f'Duplicate value: "{name}"', f"{where}.name"
            seen.add(name or "")
            if not container.get("image"):
                yield "FieldValueRequired", "Required value", f"{where}.image"
            yield from _amounts(container.get("resources") or {}, f"{where}.resources")


def _amounts(amounts: Object, path: str) -> Iterator[Cause]:
    limits, requests = amounts.get("limits") or {}, amounts.get("requests") or {}
    for name, request in requests.items():
        limit = limits.get(name)
        try:
            exceeds = limit is not None and quantities.parsed(request) > quantities.parsed(limit)
        except ValueError:
            message = f'Invalid value: "{request}": quantities must match the regular expression'
            yield "FieldValueInvalid", f"{message} '{quantities.PATTERN}'", f"{path}.requests"
            continue
        if exceeds:
            message = f'Invalid value: "{request}": must be less than or equal to {name} limit of '
            yield "FieldValueInvalid", message + str(limit), f"{path}.requests"


def _pod_change(obj: Object, old: Object) -> Iterator[Cause]:
    if not objects.same(_fixed(obj["spec"]), _fixed(old["spec"])):
        message = (
            "Forbidden: pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
            "previously negative)"
        )
        yield "FieldValueForbidden", message, "spec"


def _fixed(spec: Object) -> Object:
    """The part of a pod's spec that nobody may change."""
    kept = {
        key: value
        for key, value in spec.items()
        if key not in {"tolerations", "activeDeadlineSeconds"}
    }
    for field in ("initContainers", "containers"):
        if field in kept:
            kept[field] = [item | {"image": ""} for item in kept[field]]
    return kept


def _config_map(obj: Object) -> Iterator[Cause]:
    for key in obj.get("data") or {}:
        if not _CONFIG_KEY.fullmatch(key) or key in {".", ".."}:
            message = (
                f'Invalid value: "{key}": a valid config key must consist of alphanumeric '
                "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
                "regex used for validation is '[-._a-zA-Z0-9]+')"
            )
            yield "FieldValueInvalid", message, f"data[{key}]"


def _event(obj: Object) -> Iterator[Cause]:
    about = (obj.get("involvedObject") or {}).get("namespace") or ""
    own = obj["metadata"].get("namespace")
    if (about or "default") != own:
        message = f'Invalid value: "{about}": does not match event.namespace'
        yield "FieldValueInvalid", message, "involvedObject.namespace"


def _lease(obj: Object) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        message = f"Invalid value: {duration}: must be greater than 0"
        yield "FieldValueInvalid", message, "spec.leaseDurationSeconds"
    if transitions is not None and transitions < 0:
        message = f"Invalid value: {transitions}: must be greater than or equal to 0"
        yield "FieldValueInvalid", message, "spec.leaseTransitions"


def _budget(obj: Object) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        message = (
            f"Invalid value: {_shown(spec)}: minAvailable and maxUnavailable cannot be both set"
        )
        yield "FieldValueInvalid", message, "spec"


def _shown(value: objects.Json) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
