"""Pods as a drain and the search for room see them: few fields, whole pages, of any namespace."""

from collections.abc import AsyncIterator
from sys import intern
from typing import Literal

import msgspec

from bot.adapters.cluster import client, failures, listing, quantities, wire
from bot.domain.drain import NodePod

_MIRROR = "kubernetes.io/config.mirror"
_FINISHED = ("Succeeded", "Failed")


class _Meta(wire.Object):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: wire.PodAnnotations | None = None
    owner_references: list[wire.OwnerReference] | None = None


class _Amounts(wire.Object):
    cpu: str | int | float | None = None
    memory: str | int | float | None = None


class _Resources(wire.Object):
    requests: _Amounts | None = None


class _Container(wire.Object):
    resources: _Resources | None = None
    restart_policy: str | None = None


class _Volume(wire.Object):
    empty_dir: msgspec.Raw = msgspec.Raw()


class _Spec(wire.Object):
    node_name: str | None = None
    host_network: bool | None = None
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    volumes: list[_Volume] | None = None
    overhead: _Amounts | None = None
    resources: _Resources | None = None


class _Status(wire.Object):
    phase: str | None = None
    pod_ip: str | None = msgspec.field(name="podIP", default=None)


class _Pod(wire.Object):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class _Page(wire.Object):
    kind: Literal["PodList"]
    metadata: wire.ListMeta
    items: list[_Pod] | None


_PAGE = msgspec.json.Decoder(_Page)


async def listed(api: client.Client, *, node: str = "") -> AsyncIterator[NodePod]:
    """Give the pods of a node, or of the whole cluster, consistently and page by page.

    A list is whole or it is none: one pod that cannot be read fails it, since a pod that is not
    seen would not be moved. `owner_missing` is not looked up.

    Raises:
        Failure: if any page could not be read.
        Misconfigured: if the credentials' files are wrong.
    """
    what = f"pods on node {node}" if node else "pods of all namespaces"
    token = ""
    while True:
        query = [("limit", str(api.options.page_size))]
        if node:
            query.append(("fieldSelector", f"spec.nodeName={node}"))
        if token:
            query.append(("continue", token))
        ask = client.Ask(
            verb="list",
            resource="pods",
            what=what,
            grant="pods",
            path="/api/v1/pods",
            query=tuple(query),
        )
        body = await listing.patiently(api, ask)
        try:
            page = _PAGE.decode(body)
            pods = [_pod(each) for each in page.items or ()]
        except (msgspec.DecodeError, ValueError) as exc:
            why = failures.short(str(exc))
            raise failures.Failure(f"cannot list {what}: {why}") from exc
        for pod in pods:
            yield pod
        token = page.metadata.continue_ or ""
        if not token:
            return


def _pod(value: _Pod) -> NodePod:
    meta, spec, status = value.metadata, value.spec, value.status
    owner = next((one for one in meta.owner_references or () if one.controller), None)
    cpu, memory = _requests(spec)
    annotations = meta.annotations or wire.PodAnnotations()
    return NodePod(
        namespace=intern(meta.namespace),
        name=meta.name,
        uid=meta.uid,
        node=intern(spec.node_name or ""),
        owner=intern(f"{owner.kind}/{owner.name}") if owner else "",
        mirror=annotations.mirror is not None,
        finished=status.phase in _FINISHED,
        deleting=meta.deletion_timestamp is not None,
        empty_dir=any(
            bytes(volume.empty_dir) not in (b"", b"null") for volume in spec.volumes or ()
        ),
        host_network=bool(spec.host_network),
        ip=status.pod_ip or "",
        memory_request=memory,
        cpu_request=cpu,
        labels=meta.labels or {},
    )


def _requests(spec: _Spec) -> tuple[int, int]:
    """Return millicores and bytes as the scheduler counts them (resourcehelper.PodRequests).

    The containers that run at once count together, sidecars among them; an init container counts
    with the sidecars that began before it, where that is more.
    """
    at_once = [0, 0]
    for container in spec.containers or ():
        _add(at_once, _asked(container.resources))
    peak, sidecars = [0, 0], [0, 0]
    for container in spec.init_containers or ():
        asked = _asked(container.resources)
        if container.restart_policy == "Always":
            _add(sidecars, asked)
            asked = (0, 0)
        peak = [max(peak[n], sidecars[n] + asked[n]) for n in (0, 1)]
    _add(at_once, (sidecars[0], sidecars[1]))
    whole = [max(at_once[n], peak[n]) for n in (0, 1)]
    # What is set for the pod as a whole replaces what its containers ask for.
    amounts = (spec.resources.requests if spec.resources else None) or _Amounts()
    if amounts.cpu is not None:
        whole[0] = quantities.thousandths(amounts.cpu)
    if amounts.memory is not None:
        whole[1] = quantities.whole(amounts.memory)
    _add(whole, _amounts(spec.overhead))
    return whole[0], whole[1]


def _asked(resources: _Resources | None) -> tuple[int, int]:
    return _amounts(resources.requests if resources else None)


def _amounts(value: _Amounts | None) -> tuple[int, int]:
    value = value or _Amounts()
    return (
        quantities.thousandths(value.cpu) if value.cpu is not None else 0,
        quantities.whole(value.memory) if value.memory is not None else 0,
    )


def _add(total: list[int], more: tuple[int, int]) -> None:
    total[0] += more[0]
    total[1] += more[1]
