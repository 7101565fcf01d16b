"""Probe pods: each one written down before and removed after, whatever comes between."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.adapters.store import memory
from bot.domain import errors
from bot.flannel.kernel import Kernel
from bot.flow import ports, probes
from bot.flow.probe_ports import Phase, Probe, State, Wanted
from tests.flow import fakes

pytestmark = pytest.mark.looptime

ERRAND = probes.Errand("node-1", "kube-flannel", "flannel-1", "kube-flannel", "it loops", "allowed")


@dataclass
class Cluster:
    """Probe pods of a pretend API server, and all that a test may bend."""

    clock: fakes.LoopClock = field(default_factory=fakes.LoopClock)
    there: dict[str, Probe] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    most: int = 0
    starts_after: float = 1.0
    never: State | None = None
    looks_for: float = 1.0
    lose_answer: bool = False
    refusals: int = 0
    on_create: Callable[[], None] = lambda: None

    async def create(self, wanted: Wanted) -> Probe:
        self.on_create()
        if wanted.node in self.there:
            raise errors.Conflict("there is one already")
        self.made.append(wanted.node)
        probe = Probe(
            wanted.namespace, f"probe-{wanted.node}", f"uid-{len(self.made)}", wanted.node, "look",
            self.clock.now(),
        )  # fmt: skip
        self.there[wanted.node] = probe
        self.most = max(self.most, len(self.there))
        if self.lose_answer:
            raise errors.Unavailable("the connection broke")
        return probe

    async def state(self, probe: Probe) -> State:
        if self.never is not None:
            return self.never
        late = self.clock.now() - probe.created_at >= timedelta(seconds=self.starts_after)
        return State(Phase.RUNNING) if late else State(Phase.STARTING, "ContainerCreating")

    async def remove(self, probe: Probe) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise errors.Unavailable("the API server is away")
        return self.there.pop(probe.node, None) is not None

    async def all(self, namespace: str) -> Sequence[Probe]:
        return [one for one in self.there.values() if one.namespace == namespace]

    async def by_exec(
        self, namespace: str, pod: str, container: str, *, touch: Sequence[str], within: float
    ) -> ports.Look:
        assert pod in {one.name for one in self.there.values()}
        await asyncio.sleep(self.looks_for)
        return ports.Look(Kernel(links=()))

    async def iflink(self, namespace: str, pod: str, container: str, *, within: float) -> int:
        raise AssertionError("no pod was to be asked")

    async def pods_on(self, node: str) -> list[ports.PodAddress]:
        return []

    async def net_conf(self, namespace: str) -> None:
        return None


@dataclass
class Bot:
    cluster: Cluster
    probes: probes.Probes
    store: memory.MemoryStore

    async def deeds(self) -> list[str]:
        return [one.kind for one in await self.store.remedy.latest_deeds(1_000)]

    async def settled(self) -> None:
        await self.probes.close()
        assert self.cluster.there == {}


def bot(cluster: Cluster | None = None, **bounds: object) -> Bot:
    cluster, store = cluster or Cluster(), memory.MemoryStore()
    made = probes.Probes(
        cluster,
        cluster,
        store,
        cluster="prod",
        clock=cluster.clock,
        within=timedelta(seconds=15),
        options=replace(probes.Options(), **bounds),  # type: ignore[arg-type]
    )
    return Bot(cluster, made, store)


async def test_a_look_is_taken_in_a_pod_that_is_written_down_and_removed() -> None:
    one = bot()
    look = await one.probes.look(ERRAND)
    assert look.kernel == Kernel(links=())
    await one.settled()
    deeds = await one.store.remedy.latest_deeds(10)
    assert [(each.actor, each.subject, each.kind) for each in deeds] == [
        ("flannel-bot", "prod/node-1", "probe_pod_begun"),
        ("flannel-bot", "prod/node-1", "probe_pod_removed"),
    ]
    assert "it loops; allowed" in deeds[0].text


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        ({"never": State(Phase.OVER, "ErrImageNeverPull: no image")}, "ErrImageNeverPull"),
        ({"never": State(Phase.STARTING, "ContainerCreating")}, "did not start within 30 s"),
        ({"looks_for": 1_000.0}, "did not answer within 15 s"),
        ({"lose_answer": True}, "the connection broke"),
        ({"lose_answer": True, "refusals": 2}, "the connection broke"),
        ({"refusals": 3}, ""),
    ],
)
async def test_whatever_fails_is_told_and_nothing_is_left(
    bend: dict[str, object], said: str
) -> None:
    one = bot(replace(Cluster(), **bend))  # type: ignore[arg-type]
    if said:
        with pytest.raises(errors.Unavailable, match=said):
            await one.probes.look(ERRAND)
    else:
        await one.probes.look(ERRAND)
    await asyncio.sleep(60)
    await one.settled()
    assert await one.deeds() == ["probe_pod_begun", "probe_pod_removed"]


@pytest.mark.parametrize("after", [0.0, 0.5, 1.5, 1.9])
async def test_a_look_that_is_broken_off_at_any_moment_leaves_nothing(after: float) -> None:
    one = bot()
    task = asyncio.create_task(one.probes.look(ERRAND))
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await one.settled()


async def test_what_cannot_be_written_down_is_not_done() -> None:
    one = bot()

    def broken() -> object:
        raise errors.Unavailable("the database is locked")

    one.store.unit = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(errors.Unavailable, match="locked"):
        await one.probes.look(ERRAND)
    assert one.cluster.made == []


async def test_a_pod_is_removed_though_that_cannot_be_written_down() -> None:
    one = bot()

    def broken() -> object:
        raise errors.Unavailable("the database is locked")

    def breaks() -> None:
        one.store.unit = broken  # type: ignore[method-assign,assignment]

    one.cluster.on_create = breaks
    await one.probes.look(ERRAND)
    await one.settled()


async def test_another_ones_pod_is_left_alone() -> None:
    one = bot()
    other = await one.cluster.create(Wanted("kube-flannel", "node-1", "flannel-1", "x", 60))
    with pytest.raises(errors.Unavailable, match="already"):
        await one.probes.look(ERRAND)
    await one.probes.close()
    assert one.cluster.there == {"node-1": other}
    assert await one.deeds() == ["probe_pod_begun", "probe_pod_refused"]


async def test_no_more_than_some_at_once_not_even_while_one_is_being_removed() -> None:
    one = bot(replace(Cluster(), refusals=2), at_once=2, patience=timedelta(minutes=5))
    nodes = [replace(ERRAND, node=f"node-{number}") for number in range(6)]
    await asyncio.gather(*(one.probes.look(each) for each in nodes))
    await one.settled()
    assert one.cluster.most == 2
    assert len(one.cluster.made) == 6


async def test_who_would_wait_for_others_for_long_goes_without() -> None:
    one = bot(replace(Cluster(), looks_for=12.0), at_once=1)
    first = asyncio.create_task(one.probes.look(ERRAND))
    await asyncio.sleep(0)
    with pytest.raises(errors.Unavailable, match="looking at other nodes"):
        await one.probes.look(replace(ERRAND, node="node-2"))
    await first
    await one.probes.close()
    await one.probes.look(replace(ERRAND, node="node-2"))  # it was not the node's fault
    await one.settled()


async def test_no_more_than_some_in_an_hour() -> None:
    one = bot(an_hour=2)
    for number in (7, 8):
        await one.probes.look(replace(ERRAND, node=f"node-{number}"))
    with pytest.raises(errors.Unavailable, match="within the last hour"):
        await one.probes.look(ERRAND)
    await asyncio.sleep(3_601)
    await one.probes.look(ERRAND)
    await one.settled()


async def test_a_node_has_peace_for_a_while() -> None:
    one = bot()
    await one.probes.look(ERRAND)
    with pytest.raises(errors.Unavailable, match="less than 2 min ago"):
        await one.probes.look(ERRAND)
    await asyncio.sleep(121)
    await one.probes.look(ERRAND)
    await one.settled()


async def test_a_node_where_they_fail_has_longer_and_longer_peace() -> None:
    cluster = replace(Cluster(), never=State(Phase.OVER, "ErrImageNeverPull"))
    one = bot(cluster, an_hour=1_000)
    for _ in range(6 * 60):
        with contextlib.suppress(errors.Unavailable):
            await one.probes.look(ERRAND)
        await asyncio.sleep(60)
    assert len(cluster.made) <= 5 + 6 * 2, "every half an hour in the end"
    assert len(cluster.made) >= 6
    cluster.never = None
    await asyncio.sleep(3_600)
    await one.probes.look(ERRAND)
    await asyncio.sleep(121)
    await one.probes.look(ERRAND)
    await one.settled()


async def test_nodes_that_are_no_more_are_forgotten() -> None:
    one = bot(an_hour=1_000)
    for number in range(100):
        await one.probes.look(replace(ERRAND, node=f"node-{number}"))
        await asyncio.sleep(240)
    await one.settled()
    assert len(one.probes._rests) < 30, "of nearly seven hours the last one matters"


async def test_a_start_removes_what_was_left_and_from_then_on_only_what_is_too_old() -> None:
    one = bot()
    wanted = Wanted("kube-flannel", "node-7", "flannel-7", "x", 60)
    await one.cluster.create(wanted)
    places: list[str] = []
    running = asyncio.create_task(one.probes.run(lambda: places, forever=True))
    await asyncio.sleep(5)
    assert one.cluster.there, "it is not known yet where flannel is"
    places.append("kube-flannel")
    await asyncio.sleep(5)
    assert one.cluster.there == {}
    await one.cluster.create(wanted)
    await asyncio.sleep(60)
    assert one.cluster.there, "another bot may be at it"
    await asyncio.sleep(600)
    assert one.cluster.there == {}
    running.cancel()
    assert await one.deeds() == ["probe_pod_removed"] * 2


async def test_leftovers_are_looked_for_again_until_they_are_gone() -> None:
    one = bot(replace(Cluster(), refusals=1))
    await one.cluster.create(Wanted("kube-flannel", "node-7", "flannel-7", "x", 60))
    async with asyncio.timeout(30):
        await one.probes.run(lambda: ["kube-flannel"], forever=False)
    assert one.cluster.there == {}


async def test_a_pod_that_cannot_be_removed_is_told_and_left_to_the_sweep() -> None:
    one = bot(replace(Cluster(), refusals=99), at_once=1)
    await one.probes.look(ERRAND)
    await asyncio.sleep(60)
    assert await one.deeds() == ["probe_pod_begun", "probe_pod_left"]
    one.cluster.refusals = 0
    await one.probes.look(replace(ERRAND, node="node-2"))
    assert await one.probes.sweep(["kube-flannel"], everything=True)
    await one.settled()
