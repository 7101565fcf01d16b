"""The lease by which several replicas agree who leads: implements `bot.flow.leading.Lock`.

The official client's elector is not used: it cannot make its lock, and lets the work go on after
a lost connection. Nothing here repeats a request; whoever decides looks again first.

Source of the forms: a recorded Kubernetes 1.36 API server. Times must have six digits after the
point, an update must name the resourceVersion, an empty holder is allowed, no duration of zero.
"""

import math
from datetime import UTC, datetime
from urllib import parse

import msgspec

from bot.adapters.cluster import actuator, client, failures, outcomes
from bot.domain import errors
from bot.domain.leadership import Record

GROUP = "coordination.k8s.io"

RIGHTS = (
    actuator.Right("get", GROUP, "leases"),
    actuator.Right("create", GROUP, "leases"),
    actuator.Right("update", GROUP, "leases"),
)
"""All that this module asks for, in the lease's namespace. `get` and `update` need only that one
name; `create` cannot be narrowed to a name, since a request to create has none."""


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    resource_version: str = ""


class _Spec(msgspec.Struct, gc=False, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Lease(msgspec.Struct, gc=False):
    metadata: _Meta
    spec: _Spec | None = None


_LEASE = msgspec.json.Decoder(_Lease)


class Lease:
    """One lease in one cluster."""

    def __init__(self, api: client.Client, *, namespace: str, name: str) -> None:
        self._api = api
        self._namespace, self._name = namespace, name

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"lease {self._namespace}/{self._name} in {self._api.options.name}"

    async def read(self) -> Record | None:
        """Return what it says, None where there is none.

        Raises Unavailable, and Refused where the bot may not read it.
        """
        ask = self._ask("get")
        try:
            return _record(await self._api.send(ask), ask)
        except failures.Failure as failure:
            if outcomes.gone(failure):
                return None
            raise outcomes.of_read(failure) from failure

    async def write(self, record: Record) -> Record:
        """Create it, or replace the version that the record names; return what was kept.

        Raises:
            Conflict: somebody was faster; nothing was done.
            Unavailable: perhaps done. Look before trying again.
            Refused: the bot may not.
        """
        verb = "update" if record.version else "create"
        ask = self._ask(verb, body=self._document(record))
        try:
            return _record(await self._api.send(ask), ask)
        except failures.Failure as failure:
            raise outcomes.of_write(failure, ask) from failure

    def _ask(self, verb: str, *, body: object = None) -> client.Ask:
        where = f"/apis/{GROUP}/v1/namespaces/{parse.quote(self._namespace, safe='')}/leases"
        return client.Ask(
            verb=verb,
            resource="leases",
            what=f"lease {self._namespace}/{self._name}",
            grant=f"leases.{GROUP}",
            path=where if verb == "create" else f"{where}/{parse.quote(self._name, safe='')}",
            method={"get": "GET", "create": "POST", "update": "PUT"}[verb],
            body=body,
        )

    def _document(self, record: Record) -> dict[str, object]:
        metadata = {"name": self._name, "namespace": self._namespace}
        if record.version:
            metadata["resourceVersion"] = record.version
        return {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": record.holder,
                # Whole seconds are all that it can say; others must not take it too early.
                "leaseDurationSeconds": max(1, math.ceil(record.lasts)),
                "acquireTime": _told(record.acquired_at),
                "renewTime": _told(record.renewed_at),
                "leaseTransitions": record.transitions,
            },
        }


def _record(body: bytes, ask: client.Ask) -> Record:
    try:
        found = _LEASE.decode(body)
    except msgspec.DecodeError as error:
        raise errors.Unavailable(f"{ask.what}: the answer is no lease: {error}") from error
    spec = found.spec or _Spec()
    return Record(
        holder=spec.holder_identity or "",
        lasts=float(spec.lease_duration_seconds or 1),
        acquired_at=_moment(spec.acquire_time),
        renewed_at=_moment(spec.renew_time),
        transitions=spec.lease_transitions or 0,
        version=found.metadata.resource_version,
    )


def _told(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    # A time that cannot be read is none: nothing is decided by it.
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
