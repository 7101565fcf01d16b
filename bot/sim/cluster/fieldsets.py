"""Which fields an object has, as sets of paths, the way server-side apply counts them.

A path is a tuple of elements in the spelling of `FieldsV1`: `f:spec` is a field or a map's key,
`k:{"name":"main"}` an item of a list that is told apart by keys, `v:"x"` an item of a set.
Everything is read along `schema.txt`; what it calls a list or an object, and is not named here, is
atomic and owned as a whole.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bot.sim.cluster import objects, schemas

Path = tuple[str, ...]
Json = objects.Json
SELF = "."
"""How `FieldsV1` says that a node is owned itself, beside what is in it."""

LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "addresses": ("type",),
    "claims": ("name",),
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "matchConditions": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "variables": ("name",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""Lists whose items are owned one by one, by field name; `ports` differ by their owner."""
_PORT_KEYS = {
    "Container": ("containerPort", "protocol"),
    "EphemeralContainer": ("containerPort", "protocol"),
    "ServiceSpec": ("port", "protocol"),
}
_KEY_DEFAULTS: Mapping[str, str] = {"protocol": "TCP"}
_SETS = frozenset({"finalizers", "podCIDRs", "validationActions"})
_ATOMIC_KINDS = frozenset(
    {
        "ConfigMapKeySelector",
        "LabelSelector",
        "LocalObjectReference",
        "NamedRuleWithOperations",
        "NodeSelector",
        "NodeSelectorTerm",
        "ObjectFieldSelector",
        "ObjectReference",
        "ParamKind",
        "ParamRef",
        "ResourceFieldSelector",
        "RoleRef",
        "SecretKeySelector",
    }
)
_ATOMIC_FIELDS = frozenset({"nodeSelector", "selector"})
_VALUES = frozenset(
    {"containers", "metadata", "spec", "status", "strategy", "template", "updateStrategy"}
)
"""What Go writes even when it is empty, so that nobody comes to own it by filling it."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and what the schema says of it: its type, and the field it stands in."""

    value: Json
    kind: str
    owner: str = ""
    field: str = ""


def children(node: Node) -> dict[str, Node] | None:
    """What is owned one by one inside a value; None for one that is owned as a whole."""
    value, kind = node.value, node.kind
    if node.field in _ATOMIC_FIELDS or kind in _ATOMIC_KINDS:
        return None
    if isinstance(value, dict) and kind[0].isupper():
        fields = schemas.structs().get(kind, {})
        return {
            f"f:{key}": Node(item, fields.get(key, "any"), kind, key)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, dict) and kind[0] == "{":
        return {f"f:{key}": Node(item, kind[1:-1]) for key, item in value.items()}
    if isinstance(value, list) and kind[0] == "[":
        return _items(value, node)
    return None


def _items(value: list[Json], node: Node) -> dict[str, Node] | None:
    kind = node.kind[1:-1]
    if node.field in _SETS:
        return {f"v:{_compact(item)}": Node(item, "any") for item in value}
    keys = _keys(node)
    if keys is None or not all(isinstance(item, dict) for item in value):
        return None
    return {_element(item, keys): Node(item, kind) for item in value}


def _keys(node: Node) -> tuple[str, ...] | None:
    """By which fields the items of a list are told apart, if they are."""
    return _PORT_KEYS.get(node.owner) if node.field == "ports" else LIST_KEYS.get(node.field)


def _element(item: Mapping[str, Json], keys: Iterable[str]) -> str:
    identity = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in keys}
    return f"k:{_compact(identity)}"


def faults(root: Node) -> list[str]:
    """What cannot be told apart in an applied object, in the real server's words."""
    found: list[str] = []

    def visit(node: Node, path: Path) -> None:
        keys = _keys(node) if isinstance(node.value, list) else None
        seen: set[str] = set()
        for position, item in enumerate(node.value if keys else ()):
            found.extend(
                f"{text(path)}: element {position}: associative list with keys has an element "
                f'that omits key field "{key}" (and doesn\'t have default value)'
                for key in keys or ()
                if key not in item and key not in _KEY_DEFAULTS
            )
            element = _element(item, keys or ())
            if element in seen:
                found.append(f"{text(path)}: duplicate entries for key {text((element,))}")
            seen.add(element)
        for element, child in (children(node) or {}).items():
            visit(child, (*path, element))

    visit(root, ())
    return found


def _compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def of(root: Node) -> frozenset[Path]:
    """Every field that an applied object names."""
    found: set[Path] = set()

    def visit(node: Node, path: Path) -> None:
        inside = children(node)
        if not inside:
            found.add(path)
            return
        if path and path[-1].startswith("k:"):
            found.add(path)
        for element, child in inside.items():
            visit(child, (*path, element))

    visit(root, ())
    return frozenset(found - {()})


@dataclass(frozen=True, slots=True)
class Change:
    """The fields in which two states differ."""

    written: frozenset[Path]
    removed: frozenset[Path]

    def __bool__(self) -> bool:
        return bool(self.written or self.removed)


def change(old: Node, new: Node) -> Change:
    """What is new, changed or gone between two states of the same kind."""
    written: set[Path] = set()
    removed: set[Path] = set()

    def visit(before: Node | None, after: Node | None, path: Path) -> None:
        if before is None and after is not None:
            written.update(_whole(after, path))
            return
        if before is not None and after is None:
            removed.update(_whole(before, path))
            return
        assert before is not None
        assert after is not None
        if objects.same(before.value, after.value):
            return
        earlier, later = children(before), children(after)
        if earlier is None or later is None:
            written.add(path)
            return
        for element in (*earlier, *(element for element in later if element not in earlier)):
            visit(earlier.get(element), later.get(element), (*path, element))

    visit(old, new, ())
    return Change(frozenset(written - {()}), frozenset(removed - {()}))


def _whole(node: Node, path: Path) -> Iterable[Path]:
    inside = children(node)
    if not inside:
        yield path
        return
    if node.field not in _VALUES:
        yield path
    for element, child in inside.items():
        yield from _whole(child, (*path, element))


def merged(live: Node | None, wanted: Node) -> Json:
    """The live value with everything in it that is wanted; nothing is taken away."""
    ours, theirs = children(wanted), children(live) if live is not None else None
    if ours is None or theirs is None:
        return objects.copied(wanted.value)
    values = {element: objects.copied(node.value) for element, node in theirs.items()}
    for element, node in ours.items():
        values[element] = merged(theirs.get(element), node)
    if isinstance(wanted.value, list):
        return list(values.values())
    return {element[2:]: value for element, value in values.items()}


def without(root: Node, paths: Collection[Path]) -> Json:
    """A value without what stands at these paths."""
    inside = children(root)
    if inside is None:
        return objects.copied(root.value)
    kept: dict[str, Json] = {}
    for element, node in inside.items():
        if (element,) in paths:
            continue
        below = {path[1:] for path in paths if path[0] == element and len(path) > 1}
        kept[element] = without(node, below) if below else objects.copied(node.value)
    if isinstance(root.value, list):
        return list(kept.values())
    return {element[2:]: value for element, value in kept.items()}


def encoded(paths: Iterable[Path]) -> dict[str, Json]:
    """The tree that `fieldsV1` holds."""
    tree: dict[str, Json] = {}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node[SELF] = {}
    return _trimmed(tree)


def _trimmed(tree: dict[str, Json]) -> dict[str, Json]:
    if tree.keys() == {SELF}:
        return {}
    return {key: _trimmed(inside) for key, inside in tree.items()}


def decoded(tree: Json) -> frozenset[Path]:
    """The paths of a `fieldsV1` tree."""
    found: set[Path] = set()

    def visit(node: Json, path: Path) -> None:
        if not isinstance(node, dict) or not node:
            found.add(path)
            return
        for element, inside in node.items():
            if element == SELF:
                found.add(path)
            else:
                visit(inside, (*path, element))

    visit(tree, ())
    return frozenset(found - {()})


def text(path: Path) -> str:
    """A path as people read it: `.spec.containers[name="main"].image`."""
    pieces: list[str] = []
    for element in path:
        if element.startswith("f:"):
            pieces.append(f".{element[2:]}")
        elif element.startswith("k:"):
            keys = json.loads(element[2:])
            pieces.append(f"[{','.join(f'{key}={_compact(keys[key])}' for key in sorted(keys))}]")
        else:
            pieces.append(f"[={element[2:]}]")
    return "".join(pieces)
