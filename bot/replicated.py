"""Several replicas put together: part of the composition root, for `app`."""

import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from bot import options, settings
from bot.adapters import clock as clocks
from bot.adapters.cluster import client, lease
from bot.adapters.store import sql
from bot.domain import errors, leadership
from bot.flow import leading, ports


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Replica:
    """This process among the others.

    Attributes:
        leader: whether it leads.
        store: as the leader writes it.
        run: campaigns until cancelled; None for the only one.
        release: lets another lead, once all work has stopped.
    """

    leader: leading.Leader
    store: sql.SqlStore
    run: Callable[[], Coroutine[Any, Any, None]] | None = None
    release: Callable[[], Awaitable[None]] = _nothing

    def told(self, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Return a job that is done where what it finds is told, and by no other replica."""

        async def once() -> None:
            if self.leader.tells():
                await run()

        return once


def build(
    given: settings.Settings,
    apis: Mapping[str, client.Client],
    store: sql.SqlStore,
    *,
    telemetry: ports.Telemetry,
    name: str,
) -> Replica:
    """Build this replica. `name` is what people call this process.

    Raises errors.Misconfigured where the lease is to be in a cluster that is not there.
    """
    named = given.replicas
    if not named.enabled:
        return Replica(leading.Alone(), store)
    # Those that speak with people and those that change things are led each by one of their own.
    chat = given.process.role == "chat"
    store = store.of_office("chat") if chat else store
    cluster = options.lease_holder(given)
    if cluster not in apis:
        raise errors.Misconfigured(
            f"replicas.cluster: there is no cluster {cluster!r}; known: {', '.join(apis)}"
        )
    elector = leading.Elector(
        lease.Lease(apis[cluster], namespace=named.namespace, name=options.lease(given)),
        store,
        # In a container every process is number 1, and a pod keeps its name over restarts.
        me=f"{name}/{secrets.token_hex(4)}",
        clock=clocks.WakefulClock(),
        telemetry=telemetry,
        terms=leadership.Terms(
            lasts=named.lasts.total_seconds(),
            renew_within=named.renew_within.total_seconds(),
            retry=named.retry.total_seconds(),
        ),
    )
    return Replica(
        elector, store.under(lambda: elector.epoch), run=elector.run, release=elector.release
    )
