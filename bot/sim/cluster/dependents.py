"""What belongs to an object that is deleted, when the caller says what is to become of it.

Background, the default, is the controllers' and the garbage collector's affair: the object goes
and what it owned follows. The other two hold the object with a finalizer first: Orphan until
nothing refers to it any more, Foreground until all that blocks its deletion is gone.
"""

from collections.abc import Iterator
from typing import Any

from bot.sim.cluster import resources, store

Object = dict[str, Any]

BACKGROUND, FOREGROUND, ORPHAN = "Background", "Foreground", "Orphan"
FINALIZERS = {FOREGROUND: "foregroundDeletion", ORPHAN: "orphan"}
"""By what an object is held, by the policy."""


def held(obj: Object, propagation: str) -> Object:
    """The object with the finalizer of this policy, and without that of the other."""
    metadata = obj["metadata"]
    others = [one for one in metadata.get("finalizers") or () if one not in FINALIZERS.values()]
    return obj | {"metadata": metadata | {"finalizers": [*others, FINALIZERS[propagation]]}}


def is_held(obj: Object) -> bool:
    """Whether one of the policies holds the object."""
    return not set(FINALIZERS.values()).isdisjoint(obj["metadata"].get("finalizers") or ())


def let_go(obj: Object) -> Object:
    """The object without the finalizers of any policy."""
    metadata = dict(obj["metadata"])
    left = [one for one in metadata.pop("finalizers", ()) if one not in FINALIZERS.values()]
    return obj | {"metadata": metadata | ({"finalizers": left} if left else {})}


def of(
    storage: store.Store, row: resources.Resource, owner: Object
) -> Iterator[tuple[resources.Resource, Object]]:
    """All that refers to an object as one of its owners, with its resource."""
    uid = owner["metadata"]["uid"]
    namespace = owner["metadata"]["namespace"] if row.namespaced else None
    for kind in resources.ALL:
        if kind.stored and (kind.namespaced or not row.namespaced):
            for obj in storage.list(kind.plural, namespace):
                if any(one["uid"] == uid for one in owners(obj)):
                    yield kind, obj


def owners(obj: Object) -> list[Object]:
    """The references to an object's owners."""
    return list(obj["metadata"].get("ownerReferences") or ())


def blocks(obj: Object, uid: str) -> bool:
    """Whether an owner that is deleted in the foreground waits for this object's end."""
    return any(one["uid"] == uid and one.get("blockOwnerDeletion") for one in owners(obj))


def released(obj: Object, uid: str) -> Object:
    """The object without its reference to this owner."""
    metadata = dict(obj["metadata"])
    left = [one for one in metadata.pop("ownerReferences", ()) if one["uid"] != uid]
    return obj | {"metadata": metadata | ({"ownerReferences": left} if left else {})}
