"""What is kept of flannel's memory, and what is told of it."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from bot import checks
from bot.adapters.store import memory as stores
from bot.domain import death, errors, ledger, story
from bot.flannel.forecast import Verdict
from bot.flow import memory, memory_history, memory_ports, sampling, sight
from tests.checks import worlds
from tests.flow import networks

NOW = networks.NOW
MI = 2**20
MINUTE = timedelta(minutes=1)
FLANNEL = "kube-system/kube-flannel-ds-amd64"


@dataclass
class Source:
    """What containers use, by pod; an error instead says why nothing is known."""

    sizes: dict[str, int] = field(default_factory=dict)
    error: errors.BotError | None = None
    at: datetime = NOW

    async def of(self, namespace: str) -> list[memory_ports.Usage]:
        if self.error is not None:
            raise self.error
        return [
            memory_ports.Usage(pod, container, self.at, size * MI if container else 999 * MI)
            for pod, size in self.sizes.items()
            for container in ("kube-flannel", "sidecar")
        ]


class Scene:
    """A cluster, who measures it, where that is kept, and who tells it."""

    def __init__(self, count: int = 3, *, limit: str = "50Mi") -> None:
        self.world = networks.cluster(count)
        self.names = sorted(self.world.taken.nodes)
        self.clock = networks.StillClock(NOW)
        self.store = stores.MemoryStore()
        self.source = Source({f"kube-flannel-{name}": 20 for name in self.names})
        self.mirror = networks.StillMirror(self.world.taken)
        self.sampler = sampling.Sampler(
            self.mirror, self.source, self.store, clock=self.clock, options=sampling.Options()
        )
        self.own = memory_history.Own("prod", self.store, self.sampler)

    @property
    def memory(self) -> memory.Memory:
        return memory.Memory(
            sight.Sight(self.mirror, self.world.looks, limits=checks.Limits()),
            self.own, self.store, clock=self.clock, options=memory.Options(),
        )  # fmt: skip

    async def sample(self, ago: timedelta = timedelta(0), **sizes: int) -> None:
        """Take a sample at a time before now."""
        self.clock.at = self.source.at = NOW - ago
        self.source.sizes |= {f"kube-flannel-{name}": size for name, size in sizes.items()}
        await self.sampler.run()
        self.clock.at = NOW

    async def line(self, node: str, *, hours: float = 8, begin: float = 20, a_day: float = 0):
        """Keep a straight line of one node, and of the others a flat one."""
        steps = int(hours * 12)
        samples = [
            memory_ports.Sample(
                at=NOW - MINUTE * 5 * (steps - step), workload=FLANNEL, node=name,
                pod_uid=name, limit=50 * MI,
                working_set=int(MI * (begin + (a_day * step / 288 if name == node else 0))),
            )
            for step in range(steps + 1)
            for name in self.names
        ]  # fmt: skip
        await self.store.samples.keep("prod", samples, slot=5 * MINUTE, kills=())

    async def killed(self, node: str, *ago: float, uid: str = "uid-kube-flannel-n1") -> None:
        """Let the ledger know of kills, so many hours ago."""
        deaths = tuple(
            death.Death(number=n, noticed_at=NOW, reason="OOMKilled", exit_code=137,
                        finished_at=NOW - timedelta(hours=hours), container_id=str(n))
            for n, hours in enumerate(ago)
        )  # fmt: skip
        record = ledger.Record(
            uid=uid, container="kube-flannel", namespace="kube-system", node=node,
            workload_kind="DaemonSet", workload_name="kube-flannel-ds-amd64",
            story=story.Story(restarts=len(ago), deaths=deaths),
        )  # fmt: skip
        async with self.store.unit() as unit:
            await unit.save_records("prod", [record])


async def test_flannels_containers_are_sampled_and_no_others() -> None:
    scene = Scene()
    scene.source.sizes["coredns-1"] = 300
    await scene.sample()
    (one, *others) = await scene.store.samples.series("prod", FLANNEL, since=NOW - MINUTE * 9,
                                                      step=MINUTE)  # fmt: skip
    assert (one.node, one.newest, one.newest_at) == ("n1", 20 * MI, NOW)
    assert [other.node for other in others] == ["n2", "n3"]


async def test_what_is_not_measured_is_told_and_what_was_kept_stays() -> None:
    scene = Scene()
    await scene.sample(MINUTE * 10)
    scene.source.error = memory_ports.Absent("no metrics here")
    await scene.sampler.run()
    found = await scene.memory.node("n1")
    assert found.series is not None
    assert found.told.notes == ("no new samples: no metrics here",)
    fresh = Scene()
    fresh.source.error = memory_ports.Absent("no metrics here")
    await fresh.sampler.run()
    found = await fresh.memory.node("n1")
    assert found.series is None
    assert found.told.notes == ("no metrics here", memory_history.NEEDED)
    fleet = await fresh.memory.fleet()
    assert (fleet.known, fleet.newest, fleet.over_time) == (0, None, ())
    assert fleet.unknown == ("n1", "n2", "n3")


async def test_before_the_first_sample_it_is_said_that_there_will_be_one() -> None:
    (note,) = (await Scene().memory.node("n1")).told.notes
    assert "just begun" in note


async def test_samples_switched_off_are_named() -> None:
    scene = Scene()
    scene.own = memory_history.Own("prod", scene.store, None)
    notes = (await scene.memory.node("n1")).told.notes
    assert "schedule.samples" in notes[0]
    assert notes[1] == memory_history.NEEDED


async def test_kills_outlive_the_pods_that_the_ledger_forgets() -> None:
    scene = Scene()
    await scene.killed("n1", 1.0, 3.0)
    await scene.sample()
    async with scene.store.unit() as unit:
        await unit.forget_records("prod", [("uid-kube-flannel-n1", "kube-flannel")])
    found = await scene.memory.node("n1")
    assert found.kills == (NOW - timedelta(hours=3), NOW - timedelta(hours=1))
    assert (await scene.memory.node("n2")).kills == ()
    assert [one.node for one in (await scene.memory.fleet()).kills] == ["n1", "n1"]


async def test_a_kill_of_which_ledger_and_samples_tell_is_one() -> None:
    scene = Scene()
    await scene.killed("n1", 1.0001)
    await scene.sample()
    assert len((await scene.memory.node("n1")).kills) == 1


async def test_old_samples_and_kills_are_forgotten() -> None:
    scene = Scene()
    await scene.killed("n1", 24 * 4)
    await scene.sample(timedelta(days=3, minutes=10))
    await scene.sample()
    (one, *_) = await scene.store.samples.series("prod", FLANNEL, since=NOW - timedelta(days=9),
                                                 step=MINUTE)  # fmt: skip
    assert len(one.points) == 1
    assert await scene.store.samples.kills("prod", since=NOW - timedelta(days=9)) == []


async def test_growth_is_forecast_to_the_limit_in_force() -> None:
    scene = Scene()
    await scene.line("n2", a_day=24)
    grows, flat = await scene.memory.node("n2"), await scene.memory.node("n1")
    assert grows.limit == 50 * MI
    assert grows.ahead.verdict is Verdict.REACHES
    assert grows.ahead.at is not None
    assert timedelta(hours=21) < grows.ahead.at - NOW < timedelta(hours=23)
    assert flat.ahead.verdict is Verdict.NO_GROWTH
    fleet = await scene.memory.fleet()
    assert [one.node for one in fleet.growing] == ["n2"]
    assert fleet.too_short == 0


async def test_a_gap_is_told_and_the_newest_value_is_the_newest() -> None:
    scene = Scene()
    for minutes in (60, 55, 50, 10, 5, 0):
        await scene.sample(minutes * MINUTE, n1=60 - minutes)
    found = await scene.memory.node("n1")
    assert found.series is not None
    assert (found.series.newest, found.series.peak) == (60 * MI, 60 * MI)
    ((begin, end),) = found.told.gaps
    assert begin <= NOW - 40 * MINUTE
    assert end >= NOW - 15 * MINUTE
    assert found.told.step == timedelta(minutes=5)


async def test_nodes_near_their_limit_are_named_the_fullest_first() -> None:
    scene = Scene(count=5)
    await scene.sample(n1=41, n2=49, n3=40)
    found = await scene.memory.fleet()
    assert [(one.node, round(one.share, 2)) for one in found.near] == [("n2", 0.98), ("n1", 0.82)]
    assert found.limits == {50 * MI: 5}
    assert found.newest is not None
    assert (found.newest.p50, found.newest.p90, found.newest.highest, found.newest.nodes) == (
        40 * MI, 49 * MI, 49 * MI, 5,
    )  # fmt: skip


async def test_a_node_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(errors.Refused, match="n1"):
        await Scene().memory.node("n1x")


async def test_the_memory_of_a_node_without_a_flannel_pod_is_told_as_far_as_it_is_kept() -> None:
    scene = Scene()
    await scene.sample()
    pods = {key: pod for key, pod in scene.mirror.taken.pods.items() if pod.node != "n1"}
    scene.mirror.taken = replace(scene.mirror.taken, pods=pods)
    told = await scene.memory.node("n1")
    assert told.series is not None
    assert told.told.notes[:2] == (
        "node n1 has no flannel pod now",
        "the nearest that have one are n2, n3",
    )


@dataclass
class Better:
    """A source that is asked first."""

    found: memory_ports.History | errors.BotError

    async def of(self, wanted: memory_ports.Wanted) -> memory_ports.History:
        if isinstance(self.found, errors.BotError):
            raise self.found
        return self.found


def told(*series: memory_ports.Series) -> memory_ports.History:
    return memory_ports.History(series, "Prometheus", MINUTE)


async def test_the_better_source_is_preferred_and_own_samples_stand_in() -> None:
    scene = Scene()
    await scene.sample()
    point = memory_ports.Point(NOW, 7 * MI, 7 * MI)
    series = memory_ports.Series("n1", (point,), newest=7 * MI, newest_at=NOW)
    own = scene.own
    cases = [
        (told(series), 7, ()),
        (told(), 20, ("Prometheus has no memory of",)),
        (errors.Unavailable("it hangs"), 20, ("Prometheus could not be asked: it hangs",)),
    ]
    for better, size, notes in cases:
        scene.own = memory_history.Preferred(Better(better), own, name="Prometheus")  # type: ignore[assignment]
        found = await scene.memory.node("n1")
        assert found.series is not None
        assert found.series.newest == size * MI
        assert len(found.told.notes) == len(notes)
        assert all(note in found.told.notes[0] for note in notes)


async def test_where_neither_knows_both_are_told() -> None:
    scene = Scene()
    scene.source.error = memory_ports.Absent("no metrics here")
    await scene.sampler.run()
    better = Better(errors.Unavailable("it hangs"))
    scene.own = memory_history.Preferred(better, scene.own, name="Prometheus")  # type: ignore[assignment]
    notes = (await scene.memory.node("n1")).told.notes
    assert notes[0] == "Prometheus could not be asked: it hangs; and no metrics here"


async def test_the_limit_of_the_pod_that_runs_counts_not_that_of_the_template() -> None:
    """With OnDelete, a pod keeps the limit that it was made with."""
    scene = Scene()
    pod = worlds.pod("kube-flannel-n1", worlds.container(memory=100 * MI), node="n1")
    taken = scene.mirror.taken
    scene.mirror.taken = replace(taken, pods={**taken.pods, (pod.namespace, pod.name): pod})
    await scene.sample()
    assert (await scene.memory.node("n1")).limit == 100 * MI
    assert (await scene.memory.fleet()).limits == {50 * MI: 2, 100 * MI: 1}


def test_hundreds_of_nodes_are_told() -> None:
    async def told() -> None:
        scene = Scene(count=300)
        await scene.line("n7", hours=4, a_day=60)
        found = await scene.memory.fleet()
        assert found.known == 300
        assert [one.node for one in found.growing] == ["n7"]

    asyncio.run(told())
