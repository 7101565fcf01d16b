"""What containers use now, by metrics.k8s.io: implements `bot.flow.memory_ports.UsageSource`."""

from datetime import datetime
from urllib import parse

import msgspec

from bot.adapters.cluster import client, failures, quantities
from bot.flow import memory_ports

_GROUP = "/apis/metrics.k8s.io/v1beta1"


class _Meta(msgspec.Struct, gc=False):
    name: str


class _Usage(msgspec.Struct, gc=False):
    memory: str | int | float | None = None


class _Container(msgspec.Struct, gc=False):
    name: str
    usage: _Usage = msgspec.field(default_factory=_Usage)


class _Pod(msgspec.Struct, gc=False):
    metadata: _Meta
    timestamp: datetime
    containers: list[_Container] | None = None


class _Pods(msgspec.Struct, gc=False):
    kind: str
    items: list[_Pod] | None


_PODS = msgspec.json.Decoder(_Pods)


class Usages:
    """One cluster's metrics-server, or whatever else serves its API."""

    def __init__(self, api: client.Client) -> None:
        self._api = api

    async def of(self, namespace: str) -> list[memory_ports.Usage]:
        """Return the use of every container in a namespace; unreadable quantities are left out.

        Raises:
            Absent: the API is not there: no metrics-server, or none that answers for it.
            Unavailable: it does not answer, may not be read, or answers something else.
        """
        ask = client.Ask(
            verb="list",
            resource="pods.metrics.k8s.io",
            what=f"memory use of pods in {namespace}",
            grant="pods.metrics.k8s.io",
            path=f"{_GROUP}/namespaces/{parse.quote(namespace, safe='')}/pods",
        )
        try:
            body = await self._api.send(ask)
        except failures.Failure as failure:
            if failure.status == 404:
                raise memory_ports.Absent(
                    "the cluster has no metrics.k8s.io: install metrics-server"
                ) from failure
            raise
        try:
            page = _PODS.decode(body)
        except msgspec.DecodeError as exc:
            raise failures.Failure(f"cannot {ask.verb} {ask.what}: odd answer") from exc
        if page.kind != "PodMetricsList":
            raise failures.Failure(f"cannot {ask.verb} {ask.what}: the answer is no list of them")
        return [
            memory_ports.Usage(pod.metadata.name, one.name, pod.timestamp, size)
            for pod in page.items or ()
            for one in pod.containers or ()
            if (size := _size(one.usage.memory)) is not None
        ]


def _size(text: str | float | None) -> int | None:
    """Return bytes; None for what is no quantity, or below nothing."""
    try:
        size = quantities.whole("" if text is None else text)
    except ValueError:
        return None
    return size if size >= 0 else None
