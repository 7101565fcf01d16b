"""One way to write an object, so that equal things are equal and nothing forbidden changes."""

from typing import Any

from bot.sim.cluster import errors, objects, quantities, resources

Object = dict[str, Any]

_SYSTEM = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
"""Metadata a writer cannot change; what it sends for them is overwritten."""

_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def created_metadata(obj: Object, row: resources.Resource, namespace: str) -> Object:
    """The metadata of a new object, in place: what only the server gives is taken out.

    Raises:
        errors.StatusError: 400 when the object names another namespace than the path.
    """
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        metadata = obj["metadata"] = {}
    if row.namespaced:
        if metadata.get("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    for field in (*_SYSTEM, "managedFields", "selfLink"):
        metadata.pop(field, None)
    if row.kind == "DaemonSet":
        metadata["annotations"] = (metadata.get("annotations") or {}) | {TEMPLATE_GENERATION: "1"}
    return metadata


def ordered(row: resources.Resource, obj: Object) -> Object:
    """The object with kind and apiVersion first and without empty metadata, as Go writes it."""
    given = obj["metadata"]
    metadata = {
        field: given[field]
        for field in _METADATA_ORDER
        if field in given and given[field] not in ({}, [], "", None)
    }
    result: Object = {"kind": row.kind, "apiVersion": row.api_version, "metadata": metadata}
    for field, value in obj.items():
        if field not in result:
            result[field] = value
    return result


def updated(row: resources.Resource, old: Object, fresh: Object, *, subresource: str) -> Object:
    """The new state with everything this writer may not touch put back."""
    given = fresh.get("metadata") or {}
    system = {field: old["metadata"][field] for field in _SYSTEM if field in old["metadata"]}
    metadata = {field: value for field, value in given.items() if field not in _SYSTEM}
    # Whose field is whose is noted afterwards, by who knows the writer.
    metadata.pop("managedFields", None)
    if "managedFields" in old["metadata"]:
        metadata["managedFields"] = old["metadata"]["managedFields"]
    metadata |= system
    if "namespace" in old["metadata"]:
        metadata["namespace"] = old["metadata"]["namespace"]
    if "generateName" in old["metadata"]:
        metadata["generateName"] = old["metadata"]["generateName"]
    if subresource == "status":
        # Labels and annotations may be written beside the status, as kubelets do.
        return old | {"metadata": metadata, "status": fresh.get("status") or {}}
    result = objects.copied({key: value for key, value in fresh.items() if key != "status"})
    result["metadata"] = objects.copied(metadata)
    if "status" in old and row.status:
        result["status"] = old["status"]
    elif "status" in fresh and not row.status:
        result["status"] = fresh["status"]
    return dict(result)


def count_generation(row: resources.Resource, old: Object, fresh: Object) -> None:
    """Raise the generation when the spec has changed, and a DaemonSet's template generation."""
    if not row.generation or objects.same(old.get("spec"), fresh.get("spec")):
        if row.kind == "DaemonSet":
            _count_template(old, fresh, changed=False)
        return
    fresh["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    if row.kind == "DaemonSet":
        changed = not objects.same(old["spec"].get("template"), fresh["spec"].get("template"))
        _count_template(old, fresh, changed=changed)


def _count_template(old: Object, fresh: Object, *, changed: bool) -> None:
    count = int((old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "1"))
    annotations = dict(fresh["metadata"].get("annotations") or {})
    annotations[TEMPLATE_GENERATION] = str(count + changed)
    fresh["metadata"]["annotations"] = annotations


def quantities_of(kind: str, obj: Object) -> None:
    """Write all quantities of an object one way, in place."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    if kind != "Pod":
        spec = (spec.get("template") or {}).get("spec")
    if not isinstance(spec, dict):
        return
    for container in objects.containers(spec):
        amounts = container.get("resources") or {}
        for field in ("limits", "requests"):
            if isinstance(amounts.get(field), dict):
                quantities.canonicalise(amounts[field])


def storage_key(row: resources.Resource, obj: Object) -> str:
    """Where the real server keeps an object; it names the place in some refusals."""
    metadata = obj["metadata"]
    plural = "minions" if row.plural == "nodes" else row.plural
    parts = (plural, metadata.get("namespace", ""), metadata["name"])
    return "/registry/" + "/".join(part for part in parts if part)
