"""Who owns which field: `metadata.managedFields`, and what server-side apply makes of it.

Only clients are noted. The simulated controllers and kubelets write in-process and own nothing, as
if their objects were older than field management: a client's first write to such an object finds
the fields that are there in the hands of `before-first-apply`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bot.sim.cluster import errors, fieldsets, objects, resources, schemas

Object = objects.Object
Fields = frozenset[fieldsets.Path]
BEFORE = "before-first-apply"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"
_ANCIENT = "ancient-changes"
_MOST_UPDATERS = 10
_SERVERS_OWN = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Metadata that nobody owns."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A client that writes.

    Attributes:
        name: its `fieldManager`, or the beginning of its user agent.
        operation: how it writes.
        force: of an apply: take fields from others instead of being refused.
    """

    name: str
    operation: Literal["Apply", "Update"] = "Update"
    force: bool = False


@dataclass(frozen=True, slots=True, order=True)
class _Manager:
    operation: str
    name: str
    subresource: str
    api_version: str

    def __str__(self) -> str:
        shown = f'"{self.name}"'
        if self.subresource:
            shown += f' with subresource "{self.subresource}"'
        return f"{shown} using {self.api_version}" if self.operation == "Update" else shown


@dataclass(frozen=True, slots=True)
class _Owned:
    fields: Fields
    time: str


_Managed = dict[_Manager, _Owned]


def noted(
    row: resources.Resource,
    old: Object | None,
    fresh: Object,
    writer: Writer,
    *,
    now: str,
    subresource: str = "",
    given: objects.Json = None,
) -> list[Object]:
    """The `managedFields` of an object that was created or updated.

    Args:
        row: its resource.
        old: its state before; None if it is new.
        fresh: its state as it will be stored.
        writer: who writes.
        now: the time, as objects carry it.
        subresource: `status`, or empty for the object itself.
        given: `managedFields` that the writer sent: one entry without content resets them.
    """
    before = (old or {}).get("metadata", {}).get("managedFields") or []
    if row.kind not in schemas.structs():
        return list(before)
    managed = _decoded(before)
    if given and not subresource:
        managed = {} if given == [{}] else _decoded(given) or managed
    blank: Object = {"metadata": {}}
    if old is not None and not before:
        everything = fieldsets.change(_root(row, blank), _root(row, old)).written
        managed[_manager(row, Writer(BEFORE), "")] = _Owned(everything, now)
    changed = fieldsets.change(
        _root(row, old or blank, subresource), _root(row, fresh, subresource)
    )
    if not changed and not given:
        return list(before)
    mine = _manager(row, writer, subresource)
    managed = _taken(managed, changed.written | changed.removed, but=mine)
    fields = (_fields(managed, mine) | changed.written) - changed.removed
    if changed and fields:
        managed[mine] = _Owned(fields, now)
    return _encoded(managed)


def applied(
    row: resources.Resource,
    live: Object | None,
    wanted: Object,
    writer: Writer,
    *,
    now: str,
    subresource: str = "",
) -> tuple[Object, list[Object]]:
    """What an apply makes of an object, and its `managedFields` then.

    Fields that this manager applied before and names no more are taken away, unless somebody else
    owns them, too.

    Raises:
        errors.StatusError: 409, another manager owns a field that would change.
    """
    before: Object = live or {"metadata": {}}
    managed = _decoded(before["metadata"].get("managedFields") or [])
    if live is not None and not managed:
        everything = fieldsets.change(_root(row, {"metadata": {}}), _root(row, live)).written
        managed[_manager(row, Writer(BEFORE), "")] = _Owned(everything, now)
    mine = _manager(row, writer, subresource)
    own = _root(row, wanted, subresource)
    fields = fieldsets.of(own)
    result = fieldsets.merged(fieldsets.Node(before, row.kind), own)
    changed = fieldsets.change(_root(row, before, subresource), _root(row, result, subresource))
    others = (pair for pair in managed.items() if pair[0] != mine)
    theirs = changed.written - _from_its_own_file(row, before, writer)
    conflicts = {
        manager: owned.fields & theirs for manager, owned in others if owned.fields & theirs
    }
    if conflicts and not writer.force:
        raise _conflict(conflicts)
    managed = _taken(managed, changed.written, but=mine)
    kept = fields.union(*(owned.fields for key, owned in managed.items() if key != mine))
    dropped = {
        path
        for path in _fields(managed, mine) - fields
        if not any(other[: len(path)] == path for other in kept)
    }
    if dropped:
        result = fieldsets.without(fieldsets.Node(result, row.kind), dropped)
    if _fields(managed, mine) != fields:
        managed[mine] = _Owned(fields, now)
    if not fields:
        managed.pop(mine, None)
    if writer.name == _KUBECTL and _last_applied(before) is not None:
        # So that who goes back to applying from the client's side finds what was applied last.
        annotations = result["metadata"].get("annotations") or {}
        text = json.dumps(wanted, separators=(",", ":"), sort_keys=True) + "\n"
        result["metadata"]["annotations"] = annotations | {LAST_APPLIED: text}
    return result, _encoded(managed)


def _last_applied(obj: Object) -> str | None:
    text = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    return str(text) if text else None


def _from_its_own_file(row: resources.Resource, live: Object, writer: Writer) -> Fields:
    """Fields that kubectl may take over, since they are as it applied them from its own side.

    Only by its own name: this is how an object goes from the one way of applying to the other
    without conflicts.
    """
    text = _last_applied(live)
    if writer.name != _KUBECTL or text is None:
        return frozenset()
    try:
        last = json.loads(text)
    except ValueError:
        return frozenset()
    if not isinstance(last, dict) or last.get("apiVersion") != row.api_version:
        return frozenset()
    applied_then, now = _root(row, last), _root(row, live)
    differing = fieldsets.change(applied_then, now)
    return fieldsets.of(applied_then) - differing.written - differing.removed


def _manager(row: resources.Resource, writer: Writer, subresource: str) -> _Manager:
    return _Manager(writer.operation, writer.name, subresource, row.api_version)


def _fields(managed: _Managed, manager: _Manager) -> Fields:
    owned = managed.get(manager)
    return owned.fields if owned is not None else frozenset()


def _taken(managed: _Managed, fields: Fields, *, but: _Manager) -> _Managed:
    """The owners without these fields; those that have none left are no owners any more."""
    left = {
        manager: owned if manager == but else _Owned(owned.fields - fields, owned.time)
        for manager, owned in managed.items()
    }
    return {manager: owned for manager, owned in left.items() if owned.fields}


def _root(row: resources.Resource, obj: Object, subresource: str = "") -> fieldsets.Node:
    """The part of an object that can be owned by who writes it in this way."""
    kept = {key: value for key, value in obj.items() if key not in {"kind", "apiVersion"}}
    if subresource:
        kept = {key: kept[key] for key in ("metadata", "status") if key in kept}
    elif row.status:
        kept.pop("status", None)
    metadata = kept.pop("metadata", None) or {}
    owned = {key: value for key, value in metadata.items() if key not in _SERVERS_OWN and value}
    if owned:
        kept["metadata"] = owned
    return fieldsets.Node(kept, row.kind)


def _conflict(conflicts: Mapping[_Manager, Fields]) -> errors.StatusError:
    found = [
        (manager, fieldsets.text(path))
        for manager in sorted(conflicts, key=str)
        for path in sorted(conflicts[manager])
    ]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, path in found
    ]
    if len(found) == 1:
        message = f"Apply failed with 1 conflict: conflict with {found[0][0]}: {found[0][1]}"
    else:
        lines: list[str] = []
        for manager in sorted(conflicts, key=str):
            lines.append(f"conflicts with {manager}:")
            lines.extend(f"- {path}" for owner, path in found if owner == manager)
        message = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return errors.StatusError(409, "Conflict", message, details={"causes": causes})


def _decoded(entries: objects.Json) -> _Managed:
    managed: _Managed = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("operation"):
            manager = _Manager(
                str(entry["operation"]),
                str(entry.get("manager", "")),
                str(entry.get("subresource", "")),
                str(entry.get("apiVersion", "")),
            )
            fields = fieldsets.decoded(entry.get("fieldsV1") or {})
            managed[manager] = _Owned(fields, str(entry.get("time", "")))
    return managed


def _capped(managed: _Managed) -> _Managed:
    """Not more than so many updating managers: the oldest of them become one."""
    oldest = sorted(
        (manager for manager in managed if manager.operation == "Update"),
        key=lambda manager: (managed[manager].time, manager.name),
    )
    surplus = len(oldest) - _MOST_UPDATERS
    if surplus <= 0:
        return managed
    merged = {manager: managed[manager] for manager in oldest[: surplus + 1]}
    kept = {manager: owned for manager, owned in managed.items() if manager not in merged}
    ancient = _Manager("Update", _ANCIENT, "", oldest[0].api_version)
    fields = _fields(kept, ancient).union(*(owned.fields for owned in merged.values()))
    return kept | {ancient: _Owned(fields, max(owned.time for owned in merged.values()))}


def _encoded(managed: _Managed) -> list[Object]:
    managed = _capped(managed)
    order = sorted(managed, key=lambda m: (m.operation, managed[m].time, m.name, m.subresource))
    entries: list[Object] = []
    for manager in order:
        owned = managed[manager]
        entry: Object = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": owned.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fieldsets.encoded(owned.fields),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    return entries
