"""A cluster whose network can be asked: a still mirror, looks that are given, logs that are kept."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot import checks
from bot.domain import errors
from bot.domain.snapshot import Snapshot
from bot.flannel import recent
from bot.flannel.inspection import Inspection
from bot.flannel.netconf import NetConf
from bot.flow import network, ports, quota, sight
from tests.checks import networks as looked
from tests.checks import worlds

NOW = worlds.NOW
CONF = NetConf(network="10.244.0.0/16", direct_routing=False)


@dataclass
class StillMirror:
    """A cluster that is what it is."""

    taken: Snapshot
    cluster: str = "prod"

    def snapshot(self) -> Snapshot:
        return self.taken

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def relist(self) -> None: ...

    def ages(self) -> Sequence[ports.ResourceAge]:
        return ()


@dataclass
class StillClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Looks:
    """Gives the looks that it was given; a sentence instead of one says why there is none."""

    given: dict[str, Inspection | str]
    conf: NetConf | None = CONF
    asked: list[tuple[str, timedelta]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    tell: ports.Progress = lambda _done, _total: None

    def latest(self) -> Mapping[str, Inspection]:
        return {k: v for k, v in self.given.items() if isinstance(v, Inspection)}

    async def node(self, name: str, *, max_age: timedelta) -> Inspection:
        self.asked.append((name, max_age))
        found = self.given.get(name, "it was not looked at")
        if isinstance(found, str):
            raise errors.Unavailable(found)
        return found

    async def nodes(
        self, names: Sequence[str], *, max_age: timedelta, progress: ports.Progress | None = None
    ) -> Mapping[str, Inspection | str]:
        found = {}
        self.tell = progress or self.tell
        for done, name in enumerate(names, start=1):
            self.asked.append((name, max_age))
            found[name] = self.given.get(name, "it was not looked at")
            if progress:
                progress(done, len(names))
            self.begun.set()
            if self.hold is not None:
                await self.hold.wait()
        return found

    async def net_conf(self, namespace: str) -> NetConf | None:
        return self.conf


@dataclass
class PodLogs:
    """Logs by pod and whether it is the run before."""

    kept: dict[tuple[str, bool], str | errors.BotError] = field(default_factory=dict)

    async def tail(
        self, namespace: str, pod: str, container: str, *, previous: bool, lines: int
    ) -> str:
        found = self.kept.get((pod, previous), "")
        if isinstance(found, errors.BotError):
            raise found
        return found


@dataclass
class World:
    """Everything that a test may bend, and the network over it."""

    taken: Snapshot
    looks: Looks
    logs: PodLogs = field(default_factory=PodLogs)
    allowed: quota.Quota = field(default_factory=lambda: quota.Quota(network.MAX_ALL))
    private: tuple[str, ...] = ()
    at: datetime = NOW
    lately: recent.Recent = field(default_factory=recent.Recent)

    @property
    def network(self) -> network.Network:
        return network.Network(
            sight.Sight(
                StillMirror(self.taken),
                self.looks,
                limits=checks.Limits(),
                private=self.private,
                lately=lambda _: self.lately,
            ),
            self.logs,
            clock=StillClock(self.at),
            allowed=self.allowed,
            options=network.Options(),
        )


def cluster(
    count: int = 3,
    *,
    prefix: str = "n",
    flags: tuple[str, ...] = worlds.SAFE_FLAGS,
    bends: Mapping[str, Sequence[looked.Bend]] | None = None,
    **more: object,
) -> World:
    """So many right nodes, those bent that `bends` names."""
    names = [f"{prefix}{one}" for one in range(1, count + 1)]
    taken = worlds.world(
        *map(worlds.node, names),
        worlds.daemonset(desired=count, spec=worlds.flannel_spec(*flags)),
        *(worlds.pod(f"kube-flannel-{name}", node=name) for name in names),
    )
    given: dict[str, Inspection | str] = {
        name: looked.look(name, *(bends or {}).get(name, ()), peers=names) for name in names
    }
    return replace(World(taken, Looks(given)), **more)  # type: ignore[arg-type]
