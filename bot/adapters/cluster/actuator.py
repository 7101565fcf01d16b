"""Every write that the bot can make in a cluster: implements `bot.flow.actuation.Actuator`.

A write names the uid of what it means, and goes out once: only a server that says "too many
requests" is asked again, since it has done nothing. `outcomes` tells what became of the others.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, TypeVar
from urllib import parse

import msgspec
import structlog

from bot.adapters.cluster import client, failures, listing, nodepods, outcomes
from bot.domain import errors, patch
from bot.domain.drain import NodePod
from bot.domain.plan import StepKind
from bot.domain.target import Target
from bot.flow import actuation, ports

_log = structlog.get_logger(__name__)

T = TypeVar("T")

MANAGER = "flannel-bot"
"""Whom managed fields and Events name."""

OPERATION = "flannel-bot.io/operation-id"
"""The annotation that tells which run changed a DaemonSet, or cordoned a node."""

_MARK = patch.pointer("metadata", "annotations", OPERATION)
_UNSCHEDULABLE = "/spec/unschedulable"
_LONGEST_MESSAGE = 1_024
_API_VERSIONS = {"DaemonSet": "apps/v1", "Node": "v1", "Pod": "v1"}


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that the bot's service account must be allowed to do, as RBAC writes it."""

    verb: str
    group: str
    resource: str


READS = (
    Right("get", "apps", "daemonsets"),
    Right("get", "", "pods"),
    Right("list", "", "pods"),
)
"""What is read right before any write. A drain reads pods and DaemonSets in every namespace."""

TELLS = (Right("create", "", "events"),)
"""For the Event that tells of a run."""

FOR_STEP: Mapping[StepKind, tuple[Right, ...]] = {
    StepKind.PATCH_DAEMONSET: (Right("patch", "apps", "daemonsets"),),
    StepKind.CORDON: (Right("get", "", "nodes"), Right("patch", "", "nodes")),
    StepKind.UNCORDON: (Right("get", "", "nodes"), Right("patch", "", "nodes")),
    StepKind.EVICT_POD: (Right("create", "", "pods/eviction"),),
    StepKind.DELETE_POD: (Right("delete", "", "pods"),),
}
"""What each kind of step writes, with the read that is its own."""

RIGHTS = tuple(dict.fromkeys([*READS, *itertools.chain(*FOR_STEP.values()), *TELLS]))
"""All that this module asks for."""


class _NodeMeta(msgspec.Struct, gc=False, rename="camel"):
    uid: str
    annotations: dict[str, str] | None = None
    managed_fields: list[dict[str, Any]] | None = None


class _NodeSpec(msgspec.Struct, gc=False):
    unschedulable: bool | None = None


class _Node(msgspec.Struct, gc=False):
    metadata: _NodeMeta
    spec: _NodeSpec = msgspec.field(default_factory=_NodeSpec)


class _PodMeta(msgspec.Struct, gc=False, rename="camel"):
    uid: str
    deletion_timestamp: str | None = None


class _PodSpec(msgspec.Struct, gc=False, rename="camel"):
    node_name: str | None = None


class _Pod(msgspec.Struct, gc=False):
    metadata: _PodMeta
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)


_NODE = msgspec.json.Decoder(_Node)
_POD = msgspec.json.Decoder(_Pod)


class Actuator:
    """One cluster's writes.

    Args:
        api: the way to the API server.
        clock: time.
        leads: whether this process may change anything, asked just before each write: one that
            was frozen wakes in the middle of what it was about to do.
    """

    def __init__(
        self, api: client.Client, *, clock: ports.Clock, leads: Callable[[], bool] = lambda: True
    ) -> None:
        self._api = api
        self._clock = clock
        self._leads = leads

    @property
    def cluster(self) -> str:
        """The cluster's name in the settings."""
        return self._api.options.name

    async def daemonset(self, namespace: str, name: str) -> actuation.Live:
        """Read a DaemonSet now, past all caches."""
        ask = _ask("get", "daemonsets", namespace, name)
        return _live(await self._read(ask), ask)

    async def patch_daemonset(
        self, target: Target, change: patch.Patch, *, operation: str, dry_run: bool = False
    ) -> actuation.Live:
        """Apply a guarded JSON patch. One that does not test the object's uid is Refused."""
        if not any(each.op == "test" and each.path == "/metadata/uid" for each in change):
            raise errors.Refused(f"the change of {target} does not say which object it means")
        before = await self.daemonset(target.namespace, target.name)
        annotations = (before.document.get("metadata") or {}).get("annotations")
        ask = _patch(
            _ask("patch", "daemonsets", target.namespace, target.name),
            (*change, *_marking(operation, annotations)),
            dry_run=dry_run,
        )
        return _live(await self._write(ask), ask)

    async def node(self, name: str) -> actuation.NodeState:
        """Read a node now. Our mark on a cordon that somebody else has made since is not told."""
        return _state(await self._node(name))

    async def cordon(
        self, name: str, *, uid: str, operation: str, dry_run: bool = False
    ) -> actuation.NodeState:
        """Make a node unschedulable and mark that as ours; return the state it was in before."""
        found = await self._node(name)
        before = _state(found)
        _same(f"node {name}", uid, before.uid)
        if before.unschedulable:
            return before
        change = (
            patch.Operation("test", "/metadata/uid", uid),
            # Absent counts as null: a cordon that comes between fails this test, and stays theirs.
            patch.Operation("test", _UNSCHEDULABLE, None),
            patch.Operation("add", _UNSCHEDULABLE, True),
            *_marking(operation, found.metadata.annotations),
        )
        await self._write(_patch(_ask("patch", "nodes", "", name), change, dry_run=dry_run))
        return before

    async def uncordon(self, name: str, *, uid: str, operation: str) -> bool:
        """Lift a cordon of that operation; False where there is none.

        A mark of that operation whose cordon somebody else has lifted is taken away.
        """
        found = await self._node(name)
        state = _state(found)
        _same(f"node {name}", uid, state.uid)
        marked = (found.metadata.annotations or {}).get(OPERATION) == operation
        if not marked or (state.unschedulable and state.cordoned_by != operation):
            return False
        change = [
            patch.Operation("test", "/metadata/uid", uid),
            patch.Operation("test", _MARK, operation),
            patch.Operation("test", _UNSCHEDULABLE, state.unschedulable or None),
            patch.Operation("remove", _MARK),
        ]
        if state.unschedulable:
            change.append(patch.Operation("remove", _UNSCHEDULABLE))
        await self._write(_patch(_ask("patch", "nodes", "", name), tuple(change)))
        return state.unschedulable

    async def pods_on(self, node: str) -> list[NodePod]:
        """List the pods of a node now. DaemonSets that own some are asked for, as kubectl does."""
        try:
            pods = [pod async for pod in nodepods.listed(self._api, node=node)]
        except failures.Failure as failure:
            raise outcomes.of_read(failure) from failure
        owners = {
            (pod.namespace, pod.owner) for pod in pods if pod.of_daemonset and not pod.finished
        }
        missing = {owner for owner in sorted(owners) if not await self._exists(*owner)}
        return [
            replace(pod, owner_missing=True) if (pod.namespace, pod.owner) in missing else pod
            for pod in pods
        ]

    async def all_pods(self) -> list[NodePod]:
        """List the pods of the whole cluster, by pages. `owner_missing` is not looked up."""
        try:
            return [pod async for pod in nodepods.listed(self._api)]
        except failures.Failure as failure:
            raise outcomes.of_read(failure) from failure

    async def pod(self, namespace: str, name: str) -> actuation.PodState | None:
        """Read a pod now; None if there is none."""
        ask = _ask("get", "pods", namespace, name)
        try:
            found = _decoded(_POD, await self._read(ask), ask)
        except errors.Conflict:
            return None
        return actuation.PodState(
            uid=found.metadata.uid,
            deleting=found.metadata.deletion_timestamp is not None,
            node=found.spec.node_name or "",
        )

    async def evict(self, namespace: str, name: str, *, uid: str, dry_run: bool = False) -> bool:
        """Ask for an eviction; False if that pod is gone already.

        In a namespace that is being deleted none is granted. There, as in kubectl, a pod that is
        terminating counts as evicted, and any other is Unavailable until it is.
        """
        # Evict, do not delete: only eviction asks the PodDisruptionBudget.
        ask = _ask("create", "pods", namespace, name, subresource="eviction")
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        ask = _writing(ask, "POST", body, dry_run=dry_run)
        try:
            await self._send(ask)
        except failures.Failure as failure:
            if outcomes.gone(failure):
                return False
            if not outcomes.namespace_goes(failure):
                raise outcomes.of_write(failure, ask) from failure
            found = await self.pod(namespace, name)
            if found is None:
                return False
            _same(f"pod {namespace}/{name}", uid, found.uid)
            if not found.deleting:
                raise failures.Failure(str(failure), status=failure.status) from failure
        return True

    async def delete_pod(
        self, namespace: str, name: str, *, uid: str, dry_run: bool = False
    ) -> bool:
        """Delete a pod with its own grace period; False if it is gone already."""
        ask = _ask("delete", "pods", namespace, name)
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        # Beside a body the API server does not read the query: what runs dry must say so in it.
        dry = {"dryRun": ["All"]} if dry_run else {}
        ask = _writing(ask, "DELETE", body | dry, dry_run=dry_run)
        try:
            await self._send(ask)
        except failures.Failure as failure:
            if outcomes.gone(failure):
                return False
            raise outcomes.of_write(failure, ask) from failure
        return True

    async def tell(
        self, target: Target, *, uid: str, reason: str, text: str, warning: bool = False
    ) -> None:
        """Leave a Kubernetes Event on an object. Best effort; raises nothing but Misconfigured."""
        # Events of objects without a namespace are kept in "default", where kubectl looks.
        namespace = target.namespace or "default"
        now = self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{target.name}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": _API_VERSIONS.get(target.kind, "v1"),
                "kind": target.kind,
                "namespace": target.namespace,
                "name": target.name,
                "uid": uid,
            },
            "reason": reason,
            "message": _cut(text),
            "type": "Warning" if warning else "Normal",
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        ask = _writing(_ask("create", "events", namespace, ""), "POST", body)
        try:
            await self._send(ask)
        except failures.Failure as failure:
            _log.warning(
                "event_not_told", cluster=self.cluster, target=str(target), error=str(failure)
            )

    async def _node(self, name: str) -> _Node:
        ask = _ask("get", "nodes", "", name)
        return _decoded(_NODE, await self._read(ask), ask)

    async def _exists(self, namespace: str, owner: str) -> bool:
        try:
            await self.daemonset(namespace, owner.partition("/")[2])
        except errors.Conflict:
            return False
        return True

    async def _read(self, ask: client.Ask) -> bytes:
        try:
            return await listing.patiently(self._api, ask)
        except failures.Failure as failure:
            raise outcomes.of_read(failure) from failure

    async def _write(self, ask: client.Ask) -> bytes:
        try:
            return await self._send(ask)
        except failures.Failure as failure:
            raise outcomes.of_write(failure, ask) from failure

    async def _send(self, ask: client.Ask) -> bytes:
        if not (outcomes.dry(ask) or self._leads()):
            raise failures.Failure(f"cannot {ask.verb} {ask.what}: this replica leads no more")
        return await listing.patiently(
            self._api, ask, again=lambda found: outcomes.rate_limited(found) and self._leads()
        )


def _ask(
    verb: str, resource: str, namespace: str, name: str, *, subresource: str = ""
) -> client.Ask:
    """Ask for one object; one without a name is yet to be made."""
    group = "apps" if resource == "daemonsets" else ""
    whole = f"{resource}/{subresource}" if subresource else resource
    parts = [f"apis/{group}/v1" if group else "api/v1"]
    parts += ["namespaces", parse.quote(namespace, safe="")] if namespace else []
    parts += [resource, *([parse.quote(name, safe="")] if name else []), subresource]
    place = "/".join(part for part in (namespace, name) if part)
    return client.Ask(
        verb=verb,
        resource=whole,
        what=f"{'eviction of pod' if subresource else resource.removesuffix('s')} {place}",
        grant=f"{whole}.{group}" if group else whole,
        path="/" + "/".join(part for part in parts if part),
    )


def _writing(
    ask: client.Ask, method: str, body: object, *, dry_run: bool = False, **query: str
) -> client.Ask:
    asked = {**query, **({"dryRun": "All"} if dry_run else {})}
    return replace(ask, method=method, body=body, query=tuple(asked.items()))


def _patch(ask: client.Ask, change: patch.Patch, *, dry_run: bool = False) -> client.Ask:
    written = _writing(
        ask,
        "PATCH",
        patch.document(change),
        dry_run=dry_run,
        fieldManager=MANAGER,
        fieldValidation="Strict",
    )
    return replace(written, content_type="application/json-patch+json")


def _marking(operation: str, annotations: object) -> patch.Patch:
    """Return what puts our mark on an object with those annotations, in the same patch."""
    mark = patch.Operation("add", _MARK, operation)
    if annotations is not None:
        return (mark,)
    # Somebody's first annotation that comes between fails the test instead of being overwritten.
    whole = patch.pointer("metadata", "annotations")
    return (patch.Operation("test", whole, None), patch.Operation("add", whole, {}), mark)


def _state(found: _Node) -> actuation.NodeState:
    meta = found.metadata
    unschedulable = bool(found.spec.unschedulable)
    ours = unschedulable and not _cordoned_by_another(meta.managed_fields or [])
    mark = (meta.annotations or {}).get(OPERATION, "")
    return actuation.NodeState(
        uid=meta.uid, unschedulable=unschedulable, cordoned_by=mark if ours else ""
    )


def _cordoned_by_another(entries: list[dict[str, Any]]) -> bool:
    """Whether the server says that others wrote the cordon: ours was lifted and another made.

    Our annotation survives that. A server that keeps no managed fields leaves only the annotation.
    """
    writers = {
        entry.get("manager")
        for entry in entries
        if "f:unschedulable" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }
    return bool(writers) and MANAGER not in writers


def _live(body: bytes, ask: client.Ask) -> actuation.Live:
    try:
        document = msgspec.json.decode(body)
        meta = document["metadata"]
        return actuation.Live(
            uid=str(meta["uid"]), generation=int(meta["generation"]), document=document
        )
    except (msgspec.DecodeError, LookupError, TypeError, ValueError) as exc:
        raise _odd(ask) from exc


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes, ask: client.Ask) -> T:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as exc:
        raise _odd(ask) from exc


def _odd(ask: client.Ask) -> errors.BotError:
    """A good answer that cannot be understood: of a write, it may well have been done."""
    text = f"the answer to {ask.verb} {ask.what} cannot be understood"
    dry = ("dryRun", "All") in ask.query
    return failures.Failure(text) if ask.method == "GET" or dry else actuation.Unsettled(text)


def _same(what: str, expected: str, found: str) -> None:
    if expected != found:
        raise errors.Conflict(f"{what} is another one by now: its uid is {found}")


def _cut(text: str) -> str:
    """Shorten to what an Event may hold, counted in bytes."""
    return text.encode()[:_LONGEST_MESSAGE].decode("utf-8", errors="ignore")
