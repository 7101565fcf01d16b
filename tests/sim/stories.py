"""What the recorded stories with controllers in them have in common: nodes, kubelets, names."""

import dataclasses
import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.sim.cluster import daemonsets, placement, registry, resources, store
from tests.sim import api, deviations, parts, recorded
from tests.sim.recorded import Difference


def check(differences: list[Difference], name: str) -> None:
    """No difference that is not listed, and nothing listed that does not occur or grows."""
    listed = [dataclasses.replace(item) for item in deviations.DEVIATIONS if item.story == name]
    left = recorded.unlisted(differences, listed)
    assert not left, "\n".join(str(item) for item in left[:40])
    idle = [item for item in listed if not item.used]
    assert not idle, f"listed, but they do not occur: {idle}"
    grown = [item for item in listed if item.used > item.most]
    assert not grown, f"more differences than were listed: {grown}"


class Meanwhile(registry.Registry):
    """A registry in which others may write right before something is written."""

    meanwhile: Callable[[str, Mapping[str, Any]], None] | None = None
    """Told of what kind what is about to be written, by whomever."""

    def _stored(self, row: resources.Resource, obj: dict[str, Any]) -> dict[str, Any]:
        if self.meanwhile is not None:
            self.meanwhile(row.kind, obj)
        return super()._stored(row, obj)


class NamesByNode(Meanwhile):
    """A registry in which chance gives a DaemonSet's pods names that sort as recorded.

    Args:
        names: node -> the pod's placeholder (`pod01`), for its first pod.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        super().__init__(store.Store(), rng=random.Random(7))

    def create(self, resource: str, namespace: str, obj: Mapping[str, Any], **more: Any) -> Any:
        base = obj["metadata"].get("generateName")
        if resource == "pods" and base:
            node = placement.target(obj["spec"])
            if node in self._names:
                name = base + self._names.pop(node)
                obj = {**obj, "metadata": {**obj["metadata"], "name": name}}
        return super().create(resource, namespace, obj, **more)


class NamesInOrder(Meanwhile):
    """A registry in which chance makes pods' names end as recorded.

    Args:
        names: by what precedes the random part: the ends, in the order of creation.
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = {base: list(ends) for base, ends in names.items()}
        super().__init__(store.Store(), rng=random.Random(7))

    def create(self, resource: str, namespace: str, obj: Mapping[str, Any], **more: Any) -> Any:
        base = str(obj["metadata"].get("generateName", ""))
        for known, ends in self._names.items():
            if resource == "pods" and base.startswith(known) and ends:
                obj = {**obj, "metadata": {**obj["metadata"], "name": base + ends.pop(0)}}
        return super().create(resource, namespace, obj, **more)


def nodes_come_up(
    objects: registry.Registry, nodes: Sequence[Mapping[str, Any]], clock: parts.StoppedClock
) -> None:
    """Kubelets register their nodes, Ready but for the taint that admission adds."""
    for node in nodes:
        status = recorded.concrete(node["status"])
        objects.create("nodes", "", {"metadata": own(node["metadata"]), "status": status})
        clock.run(2.0)


def recorded_nodes() -> list[dict[str, Any]]:
    """The six nodes of every story."""
    found: list[dict[str, Any]] = recorded.story("01-nodes")["exchanges"][5]["response"]["body"][
        "items"
    ]
    return found


def leave(objects: registry.Registry, obj: Mapping[str, Any], of: str = "") -> dict[str, str]:
    """Store an object as an earlier story left it, for nobody to look at.

    Args:
        objects: where.
        obj: as recorded.
        of: the story it was recorded in, if its placeholders are not those of the others.

    Returns:
        What its placeholders stand for.
    """
    revision = {"resourceVersion": str(objects.store.next_revision())}
    fresh = {**obj, "metadata": {**obj["metadata"], **revision}}
    known = {
        name: str(uuid.uuid5(uuid.NAMESPACE_OID, of + name)) if name.startswith("uid-") else name
        for name in recorded.PLACEHOLDER.findall(json.dumps(fresh))
    }
    plural = resources.BY_KIND[obj["kind"]].plural
    objects.store.put(plural, recorded.concrete(fresh, known))
    return known


def revision(metadata: Any, template: Any, number: int) -> dict[str, Any]:
    """A ControllerRevision, of which only the metadata was recorded."""
    return {
        "kind": "ControllerRevision",
        "apiVersion": "apps/v1",
        "metadata": metadata,
        "data": daemonsets.revision_data(template),
        "revision": number,
    }


def elsewhere(pod: Mapping[str, Any], node: str) -> dict[str, Any]:
    """A pod like another, on its own node."""
    there = pod["spec"]["nodeName"]
    text = json.dumps(pod).replace(f'"{there}"', f'"{node}"')
    found: dict[str, Any] = json.loads(
        text.replace(f"10.100.0.{there[-1]}", f"10.100.0.{node[-1]}")
    )
    return found


def own(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What of the metadata somebody wrote; the rest is the server's."""
    return {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}


def run(objects: registry.Registry, namespace: str, name: str, like: Mapping[str, Any]) -> None:
    """A kubelet writes a pod's status, as it was recorded, beside what the server knows."""
    status = recorded.concrete(like["status"])
    present = objects.get("pods", namespace, name)["status"]
    others = [one for one in present.get("conditions") or () if one["type"] == "PodScheduled"]
    mine = [one for one in status["conditions"] if one["type"] not in NOT_OF_KUBELETS]
    status["conditions"] = [*others, *mine]
    objects.patch("pods", namespace, name, {"status": status}, kind="merge", subresource="status")


NOT_OF_KUBELETS = ("PodScheduled", "DisruptionTarget")


def bound(server: api.Api, namespace: str, app: str) -> list[dict[str, Any]]:
    """Pods of an app that have a node."""
    return [
        pod
        for pod in server.store.list("pods", namespace)
        if (pod["metadata"].get("labels") or {}).get("app") == app and pod["spec"].get("nodeName")
    ]
