"""Reading once: a container's last words, and a whole snapshot for `flannel-bot check`."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from urllib import parse

from bot.adapters.cluster import client, discovery, kinds, listing, shelf
from bot.domain import errors, snapshot
from bot.flow import ports


class Logs:
    """Containers' logs: implements `bot.flow.ports.Logs`."""

    def __init__(self, api: client.Client) -> None:
        self._api = api

    async def tail(
        self, namespace: str, pod: str, container: str, *, previous: bool, lines: int
    ) -> str:
        """Return the last lines, undecodable bytes replaced.

        Raises:
            Unavailable: if the pod is gone, the node does not answer, or there is no such log.
            Misconfigured: if the credentials' files are wrong.
        """
        query = [
            ("container", container),
            ("tailLines", str(lines)),
            # Counted from the first of those lines: it must not cut off the last ones.
            ("limitBytes", str(self._api.options.log_bytes)),
        ]
        if previous:
            query.append(("previous", "true"))
        path = (
            f"/api/v1/namespaces/{parse.quote(namespace, safe='')}"
            f"/pods/{parse.quote(pod, safe='')}/log"
        )
        body = await self._api.send(
            client.Ask(
                verb="get",
                resource="pods/log",
                what=f"the log of {namespace}/{pod}",
                grant="pods/log",
                path=path,
                query=tuple(query),
            )
        )
        # Go programs write UTF-8; whatever a dying process wrote besides must not hide the rest.
        return body.decode("utf-8", errors="replace")


async def read_once(
    api: client.Client,
    *,
    clock: ports.Clock,
    is_flannel: discovery.IsFlannel,
    deadline: float,
) -> snapshot.Snapshot:
    """List everything once, within `deadline` seconds. Whatever fails becomes a gap.

    `Client.verify` first tells a wrong configuration from a cluster that does not answer.
    """
    shelves = shelf.Shelves(api.options.name)
    gaps: list[snapshot.Gap] = []
    end = asyncio.get_running_loop().time() + deadline
    where = discovery.Discovery(api, is_flannel, clock=clock)
    async with asyncio.TaskGroup() as group:
        for kind, namespace in _places(api.options.namespaces):
            group.create_task(_read(api, kind, namespace, shelves, gaps, clock=clock, end=end))
        try:
            async with asyncio.timeout_at(end):
                await where.refresh()
        except TimeoutError:
            where.reason = f"no answer in {deadline:g} s"
        for kind, namespace in _places(set(where.namespaces) - set(api.options.namespaces)):
            if namespace:
                group.create_task(_read(api, kind, namespace, shelves, gaps, clock=clock, end=end))
    return shelves.snapshot(
        taken_at=clock.now(),
        gaps=(*sorted(gaps, key=_order), *where.gaps()),
    )


async def _read(
    api: client.Client,
    kind: kinds.Kind,
    namespace: str,
    shelves: shelf.Shelves,
    gaps: list[snapshot.Gap],
    *,
    clock: ports.Clock,
    end: float,
) -> None:
    began = clock.now()
    try:
        async with asyncio.timeout_at(end):
            listed = await listing.collect(api, kind, namespace)
    except TimeoutError:
        gaps.append(snapshot.Gap(kind.resource, "no answer in time", began, namespace))
    except errors.BotError as failure:
        gaps.append(snapshot.Gap(kind.resource, str(failure), began, namespace))
    else:
        shelves.of(kind).replace(namespace, listed.objects)
        gaps.extend(
            snapshot.Gap(kind.resource, f"cannot be understood: {why}", began, *place)
            for place, why in listed.bad.items()
        )


def _places(namespaces: Iterable[str]) -> list[tuple[kinds.Kind, str]]:
    inside = [(kind, namespace) for namespace in namespaces for kind in kinds.IN_NAMESPACES]
    return [(kinds.NODES, ""), *inside]


def _order(gap: snapshot.Gap) -> tuple[str, str, str, datetime]:
    return gap.resource, gap.namespace, gap.name, gap.since
