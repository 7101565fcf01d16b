"""Making, watching and removing probe pods. Implements `bot.flow.probe_ports.Prober`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib import parse

import msgspec

from bot.adapters.cluster import client, failures, probepod
from bot.domain import errors
from bot.domain import probe as marks
from bot.flow import probe_ports

_PAGE = 500


class _Owner(msgspec.Struct, gc=False):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    owner_references: list[_Owner] | None = None


class _Container(msgspec.Struct, gc=False):
    name: str = ""
    image: str = ""


class _Named(msgspec.Struct, gc=False):
    name: str = ""


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    node_name: str = ""
    containers: list[_Container] | None = None
    image_pull_secrets: list[_Named] | None = None


class _Detail(msgspec.Struct, gc=False):
    reason: str | None = None
    message: str | None = None


class _States(msgspec.Struct, gc=False):
    waiting: _Detail | None = None
    running: _Detail | None = None
    terminated: _Detail | None = None


class _ContainerStatus(msgspec.Struct, gc=False):
    name: str = ""
    state: _States | None = None


class _Status(msgspec.Struct, gc=False, rename="camel"):
    phase: str = ""
    reason: str | None = None
    message: str | None = None
    container_statuses: list[_ContainerStatus] | None = None


class _Pod(msgspec.Struct, gc=False):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class _Pods(msgspec.Struct, gc=False):
    items: list[_Pod] | None = None


_POD = msgspec.json.Decoder(_Pod)
_PODS = msgspec.json.Decoder(_Pods)

_HOPELESS = frozenset(
    {
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "InvalidImageName",
        "ImageInspectError",
    }
)
"""Reasons to wait that waiting does not mend within a probe's life."""


class Prober:
    """One cluster's probe pods."""

    def __init__(self, api: client.Client) -> None:
        self._api = api

    async def create(self, wanted: probe_ports.Wanted) -> probe_ports.Probe:
        """Make the one probe pod of a node, of the image that flannel's pod has there."""
        source = await self._source(wanted)
        pod = probepod.manifest(
            namespace=wanted.namespace, node=wanted.node, source=source, lasts=wanted.lasts
        )
        name = probepod.name_of(wanted.node)
        what = f"probe pod {name} in {wanted.namespace} on node {wanted.node}"
        ask = client.Ask(
            verb="create",
            resource="pods",
            what=what,
            grant="pods",
            path=_path(wanted.namespace),
            # A field that the server does not know must not be dropped silently.
            query=(("fieldValidation", "Strict"),),
            method="POST",
            body=dict(pod),
        )
        try:
            body = await self._api.send(ask)
        except failures.Failure as failure:
            if failure.said is not None and failure.said.reason == "AlreadyExists":
                raise errors.Conflict(f"there is a {what} already") from failure
            raise
        return _probe(_decoded(body, ask))

    async def state(self, probe: probe_ports.Probe) -> probe_ports.State:
        """Read how it is now."""
        try:
            pod = await self._pod(probe.namespace, probe.name)
        except failures.Failure as failure:
            if failure.status != 404:
                raise
            return probe_ports.State(probe_ports.Phase.OVER, "it was deleted")
        if pod.metadata.uid != probe.uid or pod.metadata.deletion_timestamp is not None:
            return probe_ports.State(probe_ports.Phase.OVER, "it was deleted")
        return _state(pod)

    async def remove(self, probe: probe_ports.Probe) -> bool:
        """Delete it; another one of the same name is left alone."""
        ask = client.Ask(
            verb="delete",
            resource="pods",
            what=f"probe pod {probe.name} in {probe.namespace}",
            grant="pods",
            path=_path(probe.namespace, probe.name),
            method="DELETE",
            body={
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": probe.uid},
            },
        )
        try:
            await self._api.send(ask)
        except failures.Failure as failure:
            if failure.status in (404, 409):
                return False
            raise
        return True

    async def all(self, namespace: str) -> Sequence[probe_ports.Probe]:
        """List every probe pod of a namespace that is not being deleted already."""
        ask = client.Ask(
            verb="list",
            resource="pods",
            what=f"probe pods in {namespace}",
            grant="pods",
            path=_path(namespace),
            query=(
                ("labelSelector", f"{marks.LABEL}={marks.VALUE}"),
                ("limit", str(_PAGE)),
            ),
        )
        body = await self._api.send(ask)
        try:
            pods = _PODS.decode(body).items or []
        except msgspec.DecodeError as exc:
            raise failures.Failure(f"{ask.what}: the answer cannot be understood") from exc
        return [_probe(pod) for pod in pods if pod.metadata.deletion_timestamp is None]

    async def _source(self, wanted: probe_ports.Wanted) -> probepod.Source:
        """Read flannel's pod now: its image may have changed since the mirror saw it."""
        place = f"flannel's pod {wanted.namespace}/{wanted.flannel_pod}"
        try:
            pod = await self._pod(wanted.namespace, wanted.flannel_pod)
        except failures.Failure as failure:
            if failure.status == 404:
                raise errors.Conflict(f"{place} is gone") from failure
            raise
        image = next(
            (one.image for one in pod.spec.containers or () if one.name == wanted.container), ""
        )
        owner = next((one for one in pod.metadata.owner_references or () if one.controller), None)
        if not image or owner is None or owner.kind != "DaemonSet":
            raise errors.Conflict(f"{place} is not as it was")
        if pod.spec.node_name != wanted.node:
            raise errors.Conflict(f"{place} is not on node {wanted.node}")
        return probepod.Source(
            image=image,
            pull_secrets=[one.name for one in pod.spec.image_pull_secrets or () if one.name],
            daemonset=owner.name,
            daemonset_uid=owner.uid,
        )

    async def _pod(self, namespace: str, name: str) -> _Pod:
        ask = client.Ask(
            verb="get",
            resource="pods",
            what=f"pod {namespace}/{name}",
            grant="pods",
            path=_path(namespace, name),
        )
        return _decoded(await self._api.send(ask), ask)


def _path(namespace: str, name: str = "") -> str:
    pods = f"/api/v1/namespaces/{parse.quote(namespace, safe='')}/pods"
    return f"{pods}/{parse.quote(name, safe='')}" if name else pods


def _decoded(body: bytes, ask: client.Ask) -> _Pod:
    try:
        return _POD.decode(body)
    except msgspec.DecodeError as exc:
        raise failures.Failure(f"{ask.what}: the answer cannot be understood") from exc


def _probe(pod: _Pod) -> probe_ports.Probe:
    meta = pod.metadata
    return probe_ports.Probe(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        node=pod.spec.node_name,
        container=probepod.CONTAINER,
        created_at=meta.creation_timestamp or datetime.fromtimestamp(0, UTC),
    )


def _state(pod: _Pod) -> probe_ports.State:
    status = pod.status
    if status.phase in ("Succeeded", "Failed"):
        return probe_ports.State(probe_ports.Phase.OVER, _said(status.reason, status.message))
    states = next(
        (one.state for one in status.container_statuses or () if one.name == probepod.CONTAINER),
        None,
    )
    if states is None or (states.waiting is None and states.running is None):
        return probe_ports.State(probe_ports.Phase.STARTING)
    if states.running is not None:
        return probe_ports.State(probe_ports.Phase.RUNNING)
    waiting = states.waiting or _Detail()
    hopeless = (waiting.reason or "") in _HOPELESS
    return probe_ports.State(
        probe_ports.Phase.OVER if hopeless else probe_ports.Phase.STARTING,
        _said(waiting.reason, waiting.message),
    )


def _said(reason: str | None, message: str | None) -> str:
    return failures.short(": ".join(one for one in (reason, message) if one)) or "no reason given"
