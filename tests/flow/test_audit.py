"""Who is looked at, when, and what becomes of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot import checks
from bot.adapters.store import memory
from bot.domain import errors, incident, snapshot
from bot.domain.finding import Severity
from bot.flannel.faults import Fault
from bot.flannel.inspection import Inspection, Way
from bot.flannel.netconf import NetConf
from bot.flannel.outlook import Verdict
from bot.flow import audit, insight, memory_ports, ports
from tests.checks.networks import Bend, look, trapped, without_entries
from tests.checks.worlds import (
    FLANNEL,
    SAFE_FLAGS,
    STORY_FLAGS,
    announces,
    container,
    daemonset,
    flannel_spec,
    node,
    pod,
    world,
)
from tests.flow import fakes

pytestmark = pytest.mark.looptime

LONG_AGO = fakes.START - timedelta(days=3)


@dataclass
class Cluster:
    """A mirror and those who look, as a test says they are."""

    clock: fakes.LoopClock
    names: list[str]
    flags: tuple[str, ...] = SAFE_FLAGS
    bends: dict[str, tuple[Bend, ...]] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    created: dict[str, float] = field(default_factory=dict)
    gaps: tuple[snapshot.Gap, ...] = ()
    broken: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    """Where flannel does not run, so that a probe pod looks."""
    asked: list[list[str]] = field(default_factory=list)
    conf: NetConf | None = None
    peers: list[str] | None = None
    announced: dict[str, dict[str, str]] = field(default_factory=dict)
    _latest: dict[str, Inspection] = field(default_factory=dict)
    cluster = "prod"

    def snapshot(self) -> snapshot.Snapshot:
        nodes = [
            node(
                name,
                created=self._born(name),
                since=LONG_AGO,
                annotations=self.announced.get(name) or announces(name),
            )
            for name in self.names
        ]
        pods = [
            pod(
                f"f-{name}",
                container(restarts=self.restarts.get(name, 0), ready=name not in self.stopped),
                node=name,
            )
            for name in self.names
        ]
        flannel = daemonset(desired=len(nodes), spec=flannel_spec(*self.flags))
        return world(*nodes, flannel, *pods, taken=self.clock.now(), gaps=self.gaps)

    def _born(self, name: str):  # type: ignore[no-untyped-def]
        seconds = self.created.get(name)
        return LONG_AGO if seconds is None else fakes.START + timedelta(seconds=seconds)

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def relist(self) -> None:
        """Nothing is listed here."""

    def ages(self) -> Sequence[ports.ResourceAge]:
        return ()

    def latest(self) -> Mapping[str, Inspection]:
        return {name: one for name, one in self._latest.items() if name in self.names}

    async def node(self, name: str, *, max_age: timedelta) -> Inspection:
        found = (await self.nodes([name], max_age=max_age))[name]
        assert isinstance(found, Inspection)
        return found

    async def nodes(
        self, names: Sequence[str], *, max_age: timedelta, progress: ports.Progress | None = None
    ) -> Mapping[str, Inspection | str]:
        self.asked.append(list(names))
        found: dict[str, Inspection | str] = {}
        for name in names:
            if name in self.broken:
                found[name] = f"{name} does not answer"
                continue
            peers = self.names if self.peers is None else self.peers
            bends = self.bends.get(name, ())
            seen = look(name, *bends, at=self.clock.now(), peers=peers)
            if name in self.stopped:
                seen = replace(seen, way=Way.PROBE)
            found[name] = self._latest[name] = seen
        return found

    async def net_conf(self, namespace: str) -> NetConf | None:
        if self.conf is None:
            raise errors.Unavailable("not to be had")
        return self.conf


class Scene:
    """An audit of such a cluster, with a cycle that knows what the audit knows."""

    def __init__(self, count: int = 30, **options: object) -> None:
        self.clock = fakes.LoopClock()
        self.outside = Cluster(self.clock, [f"n{number}" for number in range(1, count + 1)])
        self.known = insight.Insight(self.outside.latest)
        self.store = memory.MemoryStore()
        options.setdefault("burst", options.get("sample", 50))
        self.sample = options.get("sample", 10)
        self.woken = 0
        self.audit = audit.Audit(
            self.outside,
            self.outside,
            self.known,
            self.store,
            clock=self.clock,
            options=audit.Options(**options),  # type: ignore[arg-type]
            told=self._wake,
        )

    async def _wake(self) -> None:
        self.woken += 1

    async def run(self, after: float = 60) -> list[str]:
        """Let time pass, judge as the cycle does, and run the audit; return who was asked."""
        await asyncio.sleep(after)
        self.known.known(self.outside.snapshot())
        before = len(self.outside.asked)
        await self.audit.run()
        return [name for names in self.outside.asked[before:] for name in names]

    async def calm(self) -> None:
        """Let the first pass over all nodes come to its end."""
        for _ in range(40):
            if len(await self.run()) == self.sample and not self.audit.due:
                return

    def studies(self) -> Mapping[str, object]:
        return self.known.known(self.outside.snapshot()).studies


async def test_all_are_seen_in_turn_the_oldest_look_first() -> None:
    scene = Scene(count=30, sample=10)
    asked = [await scene.run() for _ in range(6)]
    assert all(len(names) == 10 for names in asked)
    assert sorted(asked[0] + asked[1] + asked[2]) == sorted(scene.outside.names)
    assert [sorted(names) for names in asked[:3]] == [sorted(names) for names in asked[3:]]


async def test_a_bot_that_begins_looks_at_all_in_bigger_portions() -> None:
    scene = Scene(count=30, sample=5, burst=20)
    asked = [await scene.run() for _ in range(3)]
    assert [len(names) for names in asked] == [20, 10, 5]
    assert sorted(asked[0] + asked[1]) == sorted(scene.outside.names)


async def test_what_was_learned_wakes_the_cycle() -> None:
    scene = Scene(count=3)
    await scene.run()
    assert scene.woken == 1
    assert set(scene.studies()) == {"n1", "n2", "n3"}


async def test_nobody_is_looked_at_before_the_cluster_was_judged_once() -> None:
    scene = Scene()
    await scene.audit.run()
    assert scene.outside.asked == []


async def test_a_dark_cluster_is_left_alone() -> None:
    scene = Scene()
    kinds = ("nodes", "pods", "daemonsets")
    scene.outside.gaps = tuple(snapshot.Gap(kind, "refused", fakes.START) for kind in kinds)
    assert await scene.run() == []


async def test_a_restarted_flannel_is_looked_at_once_it_has_settled() -> None:
    scene = Scene(count=40, sample=4, restarted=timedelta(seconds=20))
    await scene.calm()
    scene.outside.restarts["n33"] = 1
    await scene.run(after=1)
    assert "n33" not in scene.outside.asked[-1]
    assert (await scene.run(after=21))[0] == "n33"
    assert "n33" not in await scene.run(after=21)


async def test_after_a_node_joined_all_are_due_in_bigger_portions_once_settled() -> None:
    scene = Scene(count=30, sample=5, burst=20)
    await scene.calm()
    scene.outside.created["n31"] = scene.clock.elapsed
    scene.outside.names.append("n31")
    assert len(await scene.run(after=10)) == 5
    assert len(await scene.run(after=30)) == 5
    first, second = await scene.run(after=40), await scene.run(after=60)
    assert (len(first), len(second)) == (20, 11)
    assert len({*first, *second}) == 31
    assert len(await scene.run(after=60)) == 5


async def test_after_a_node_left_the_others_have_five_minutes() -> None:
    scene = Scene(count=30, sample=5, burst=40)
    await scene.calm()
    scene.outside.names.remove("n7")
    assert len(await scene.run(after=60)) == 5
    assert len(await scene.run(after=200)) == 5
    assert len(await scene.run(after=120)) == 29


async def test_after_a_node_announced_something_else_all_are_due_once_settled() -> None:
    scene = Scene(count=30, sample=5, burst=40)
    await scene.calm()
    scene.outside.announced["n7"] = announces("n7", public_ip="10.0.0.99")
    assert len(await scene.run(after=10)) == 5
    drift = {study.drift for study in scene.studies().values()}
    assert not any(one.deviations for one in drift), "no look is held to what it could not know"
    assert len(await scene.run(after=30)) == 5
    assert len(await scene.run(after=40)) == 30
    assert len(await scene.run(after=60)) == 5


async def test_after_a_change_of_flags_all_are_due() -> None:
    scene = Scene(count=30, sample=5, burst=40)
    await scene.calm()
    scene.outside.flags = STORY_FLAGS
    assert len(await scene.run(after=60)) == 5
    assert len(await scene.run(after=60)) == 30


async def test_what_is_not_seen_has_not_changed() -> None:
    scene = Scene(count=30, sample=5, burst=40)
    await scene.calm()
    names, scene.outside.names = scene.outside.names, scene.outside.names[:3]
    scene.outside.gaps = (snapshot.Gap("nodes", "403", fakes.START),)
    await scene.run()
    scene.outside.names, scene.outside.gaps = names, ()
    for _ in range(8):
        assert len(await scene.run()) == 5


async def test_new_flags_are_judged_by_the_looks_there_are() -> None:
    scene = Scene(count=3, sample=1)
    scene.outside.bends["n1"] = (trapped,)
    for _ in range(3):
        await scene.run()
    before = scene.known.known(scene.outside.snapshot()).studies
    assert before["n1"].outlook.safe
    scene.outside.flags = STORY_FLAGS
    scene.outside.broken = set(scene.outside.names)
    await scene.run()
    after = scene.known.known(scene.outside.snapshot()).studies
    assert after["n1"].outlook.verdict is Verdict.FAILS
    assert after["n1"].taken_at == before["n1"].taken_at
    assert after["n1"].drift is before["n1"].drift


async def test_a_look_is_judged_once() -> None:
    scene = Scene(count=3, sample=1)
    for _ in range(3):
        await scene.run()
    first = scene.known.known(scene.outside.snapshot()).studies
    asked = await scene.run()
    later = scene.known.known(scene.outside.snapshot()).studies
    assert [name for name in first if first[name] is not later[name]] == asked


async def test_suspects_are_looked_at_each_time_and_leave_room_for_others() -> None:
    scene = Scene(count=40, sample=6)
    for name in scene.outside.names[:20]:
        scene.outside.bends[name] = (without_entries,)
    for _ in range(14):
        await scene.run()
    suspects = set(scene.known.suspects())
    assert len(suspects) == 20
    asked = await scene.run()
    assert len(suspects & set(asked[:3])) == 3
    seen = {name for _ in range(20) for name in await scene.run()}
    assert seen == set(scene.outside.names)


async def test_members_of_open_incidents_are_first_after_a_restart() -> None:
    scene = Scene(count=40, sample=4)
    context = checks.Context(
        snapshot=scene.outside.snapshot(),
        inspections={"n29": look("n29", without_entries, at=scene.clock.now())},
    )
    (told,) = checks.ALL_CHECKS["node_routes"](context)
    member = incident.Member(
        name="n29", fingerprint=told.fingerprint, target=told.target, severity=Severity.CRITICAL,
        summary=told.summary, evidence=(), first_seen_at=LONG_AGO, last_seen_at=LONG_AGO,
    )  # fmt: skip
    async with scene.store.unit() as unit:
        await unit.save_incident(
            incident.Incident(
                id=0,
                fingerprint=told.incident_fingerprint,
                check="node_routes",
                cluster="prod",
                workload=told.workload,
                state=incident.State.OPEN,
                severity=Severity.CRITICAL,
                summary=told.summary,
                cure="",
                opened_at=LONG_AGO,
                changed_at=LONG_AGO,
                members=(member,),
            )
        )
    assert (await scene.run())[0] == "n29"


async def test_a_node_that_does_not_answer_waits_for_its_turn_like_the_others() -> None:
    scene = Scene(count=12, sample=4)
    scene.outside.broken = {"n1", "n2"}
    seen = [name for _ in range(6) for name in await scene.run()]
    assert {name: seen.count(name) for name in scene.outside.names} == dict.fromkeys(
        scene.outside.names, 2
    )
    assert "n1" not in scene.studies()


async def test_a_peer_that_joined_or_left_just_now_is_no_fault() -> None:
    scene = Scene(count=3, sample=5)
    await scene.run()
    scene.outside.peers = ["n1", "n2", "n3"]
    scene.outside.created["n4"] = scene.clock.elapsed
    scene.outside.names = ["n1", "n2", "n4"]
    await scene.run(after=30)
    studies = scene.known.known(scene.outside.snapshot()).studies
    assert studies["n1"].drift is not None
    assert studies["n1"].drift.right
    await scene.run(after=400)
    studies = scene.known.known(scene.outside.snapshot()).studies
    assert studies["n1"].drift is not None
    found = {one.fault for one in studies["n1"].drift.deviations}
    assert Fault.PEER_NOT_SET_UP in found
    assert Fault.ROUTE_STALE in found


async def test_the_configuration_is_kept_while_it_cannot_be_read() -> None:
    scene = Scene(count=3)
    scene.outside.conf = NetConf(network="10.244.0.0/16")
    await scene.run()
    scene.outside.conf = None
    await scene.run()
    assert scene.known.net_confs["kube-system"].network == "10.244.0.0/16"


@dataclass
class History:
    series: tuple[memory_ports.Series, ...] = ()
    asked: list[memory_ports.Wanted] = field(default_factory=list)

    async def of(self, wanted: memory_ports.Wanted) -> memory_ports.History:
        self.asked.append(wanted)
        return memory_ports.History(self.series, "a test", wanted.step)


async def test_peaks_are_the_highest_working_set_and_not_asked_for_all_the_time() -> None:
    scene = Scene(count=3)
    now = scene.clock.now()
    points = (memory_ports.Point(now, 10, 10), memory_ports.Point(now, 20, 30))
    history = History(
        (
            memory_ports.Series("n1", points, newest=15, newest_at=now, mark=99),
            memory_ports.Series("n2", points[:1], newest=40, newest_at=now),
            memory_ports.Series("n3", ()),
        )
    )
    scene.audit = audit.Audit(
        scene.outside, scene.outside, scene.known, scene.store, clock=scene.clock,
        options=audit.Options(), memory=history, told=scene._wake,
    )  # fmt: skip
    scene.known.known(scene.outside.snapshot())
    await scene.audit.peaks()
    assert scene.known.peaks == {"n1": 30, "n2": 40}
    assert scene.woken == 1
    (asked,) = history.asked
    assert asked.since == now - timedelta(days=1)
    assert asked.pods == {"f-n1": "n1", "f-n2": "n2", "f-n3": "n3"}
    await scene.audit.peaks()
    assert len(history.asked) == 1
    await asyncio.sleep(301)
    await scene.audit.peaks()
    assert len(history.asked) == 2
    assert scene.woken == 1


async def test_a_cycle_judges_by_what_the_audit_learned() -> None:
    scene = Scene(count=3)
    scene.outside.flags = STORY_FLAGS
    scene.outside.bends["n2"] = (trapped,)
    await scene.run()
    taken = scene.outside.snapshot()
    known = scene.known.known(taken)
    context = checks.Context(
        snapshot=taken, inspections=known.inspections, studies=known.studies,
        gathered=known.gathered, found=known.flannels,
    )  # fmt: skip
    (found,) = checks.ALL_CHECKS["nic_at_restart"](context)
    assert found.member == "n2"
    assert context.looks["n2"] is known.studies["n2"]
    assert replace(FLANNEL, uid="x") != FLANNEL


async def test_probe_pods_are_left_to_people_most_of_the_time_and_recovery_is_seen_at_once() -> (
    None
):
    scene = Scene(3, sample=3)
    name = scene.outside.names
    scene.outside.stopped = {name[0]}
    looked = [one for _ in range(60) for one in await scene.run()]
    assert looked.count(name[0]) == 4, "every 15 minutes"
    assert looked.count(name[1]) == 60
    scene.outside.stopped = set()
    assert name[0] in await scene.run()


async def test_nodes_that_come_and_go_leave_nothing_behind() -> None:
    scene = Scene(count=3, sample=10)
    for number in range(40):
        scene.outside.names = [f"n{number + place}" for place in range(3)]
        await scene.run(after=1200)
    assert len(scene.studies()) == 3
    held = {**vars(scene.audit), **vars(scene.known), **vars(scene.known._fleets)}
    sizes = {name: len(one) for name, one in held.items() if isinstance(one, dict | set | list)}
    assert {name: size for name, size in sizes.items() if size > 10} == {}
