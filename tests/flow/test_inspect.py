"""Looking at nodes: shared, bounded, by the best way that works, and honest about it."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot import checks
from bot.domain import errors
from bot.domain import snapshot as snapshots
from bot.flannel import netconf
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import FdbEntry, Kernel, Link, Neighbour
from bot.flow import inspect, lanes, ports, veths
from tests.flow import fakes

pytestmark = pytest.mark.looptime

NOW = fakes.START
READY = (snapshots.Condition(type="Ready", status="True"),)
NEVER = timedelta()
AN_HOUR = timedelta(hours=1)
NO_MATCH = (
    "E0102 15:04:05.000000 1 main.go:190] Failed to find interface to use that matches the "
    "interfaces and/or regexes provided\n"
)
LISTED = (
    "I0102 15:04:05.000000 1 main.go:400] Could not find valid interface matching eth9: Could not "
    "match pattern eth9 to any of the available network interfaces (lo:127.0.0.1, eth0:59.1.2.3, "
    "veth17f90f70:)\n" + NO_MATCH
)


@dataclass
class Cluster:
    """Nodes with a flannel pod each, seen; and a way onto them that a test bends."""

    names: Sequence[str] = ("node-1", "node-2", "node-3")
    cluster: str = "prod"
    waiting: set[str] = field(default_factory=set)
    reason: str = "CrashLoopBackOff"
    phase: snapshots.Phase = snapshots.Phase.WAITING
    deleting: bool = False
    age: timedelta = timedelta()
    bare: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)
    seconds: float = 1.0
    log: str = ""
    pods: Sequence[ports.PodAddress] = ()
    unlisted: bool = False
    numbers: dict[str, int | str] = field(default_factory=dict)
    """By container what its iflink says; one that is not here hangs."""
    pattern: str = "eth1"
    unlearned: bool = False
    asked: list[str] = field(default_factory=list)
    touched: list[tuple[str, ...]] = field(default_factory=list)
    at_once: int = 0
    most: int = 0
    confs: int = 0

    def snapshot(self) -> snapshots.Snapshot:
        container = snapshots.ContainerSpec(
            "kube-flannel", "flannel/flannel:v0.25.1", args=(f"--iface-regex={self.pattern}",)
        )
        daemonset = snapshots.DaemonSet(
            uid="ds",
            namespace="kube-flannel",
            name="kube-flannel-ds",
            created_at=NOW,
            generation=1,
            observed_generation=1,
            template=snapshots.Template(containers=(container,)),
        )
        return snapshots.Snapshot(
            cluster=self.cluster,
            taken_at=NOW,
            nodes={name: self._node(name) for name in self.names},
            pods={
                ("kube-flannel", f"flannel-{name}"): self._pod(name)
                for name in self.names
                if name not in self.bare
            },
            daemonsets={("kube-flannel", "kube-flannel-ds"): daemonset},
        )

    def _node(self, name: str) -> snapshots.Node:
        silent = (snapshots.Condition(type="Ready", status="Unknown"),)
        return snapshots.Node(
            uid=name,
            name=name,
            created_at=NOW,
            conditions=silent if name in self.silent else READY,
            internal_ips=(f"10.0.0.{name[-1]}",),
        )

    def _pod(self, name: str) -> snapshots.Pod:
        phase = self.phase if name in self.waiting else snapshots.Phase.RUNNING
        state = snapshots.ContainerState(phase, reason=self.reason if name in self.waiting else "")  # fmt: skip
        return snapshots.Pod(
            uid=f"pod-{name}",
            namespace="kube-flannel",
            name=f"flannel-{name}",
            node=name,
            phase="Running",
            created_at=NOW - self.age,
            deleting_since=NOW if self.deleting else None,
            containers=(
                snapshots.Container(
                    "kube-flannel", "flannel/flannel:v0.25.1", True, 0, state, None
                ),
            ),
            owner=snapshots.Owner("DaemonSet", "kube-flannel-ds", "ds"),
        )

    async def by_exec(
        self, namespace: str, pod: str, container: str, *, touch: Sequence[str], within: float
    ) -> ports.Look:
        name = pod.removeprefix("flannel-")
        self.asked.append(name)
        self.touched.append(tuple(touch))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(1_000 if name in self.hanging else self.seconds)
        finally:
            self.at_once -= 1
        if name in self.failing:
            raise errors.Unavailable(self.failing[name])
        links = (Link("eth0", index=2), Link("vethab12cd34", index=9))
        near = (Neighbour("10.244.1.7", "cni0", "aa:bb:cc:00:00:01", "REACHABLE"),)
        fdb = (FdbEntry("aa:bb:cc:00:00:01", "vethab12cd34", master="cni0"),)
        if self.unlearned:
            fdb = ()
        return ports.Look(Kernel(links=links, neighbours=near, fdb=fdb))

    async def iflink(self, namespace: str, pod: str, container: str, *, within: float) -> int:
        self.asked.append(f"{pod}/{container}")
        if container not in self.numbers:
            await asyncio.sleep(1_000)
        found = self.numbers[container]
        if isinstance(found, str):
            raise errors.Unavailable(found)
        return found

    async def pods_on(self, node: str) -> list[ports.PodAddress]:
        if self.unlisted:
            raise errors.Unavailable("not allowed to list pods")
        return list(self.pods)

    async def net_conf(self, namespace: str) -> netconf.NetConf | None:
        self.confs += 1
        if self.unlisted:
            raise errors.Unavailable("not allowed")
        return netconf.NetConf(network="10.244.0.0/16")

    async def tail(
        self, namespace: str, pod: str, container: str, *, previous: bool, lines: int
    ) -> str:
        if not self.log:
            raise errors.Unavailable("no such log")
        return self.log

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def relist(self) -> None:
        return None

    def ages(self) -> Sequence[ports.ResourceAge]:
        return ()


def inspector(cluster: Cluster, **options: object) -> inspect.Inspector:
    return inspect.Inspector(
        cluster,
        cluster,
        cluster,
        clock=fakes.LoopClock(),
        options=replace(inspect.Options(), **options),  # type: ignore[arg-type]
    )


async def test_a_node_is_looked_at_by_exec_and_its_pods_are_named() -> None:
    cluster = Cluster(pods=[ports.PodAddress("shop", "web-0", "10.244.1.7")])
    found = await inspector(cluster).node("node-2", max_age=NEVER)
    assert found.way is Way.EXEC
    assert found.node == "node-2"
    assert found.taken_at == NOW + timedelta(seconds=1)
    assert found.pods_behind == {"vethab12cd34": "shop/web-0"}
    assert cluster.touched == [("10.244.1.7",)]
    assert not found.problems


async def test_those_who_ask_at_once_share_one_look_and_one_who_leaves_takes_it_from_nobody() -> (
    None
):
    cluster = Cluster()
    looks = inspector(cluster)
    asking = [asyncio.create_task(looks.node("node-1", max_age=NEVER)) for _ in range(5)]
    await asyncio.sleep(0.5)
    asking[0].cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert cluster.asked == ["node-1"]
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(one, Inspection) for one in found[1:])


async def test_a_look_that_everybody_left_is_still_remembered() -> None:
    looks = inspector(Cluster())
    asking = asyncio.create_task(looks.node("node-1", max_age=NEVER))
    await asyncio.sleep(0.5)
    asking.cancel()
    await asyncio.sleep(2)
    assert set(looks.latest()) == {"node-1"}


async def test_a_fresh_look_is_not_repeated_and_an_old_one_is() -> None:
    cluster = Cluster()
    looks = inspector(cluster)
    for wait, count in ((0, 1), (10, 1), (30, 2)):
        await asyncio.sleep(wait)
        await looks.node("node-1", max_age=timedelta(seconds=30))
        assert len(cluster.asked) == count


async def test_a_node_that_hangs_is_given_up_and_holds_up_nobody() -> None:
    cluster = Cluster(hanging={"node-2"})
    looks = inspector(cluster, within=timedelta(seconds=5))
    seen: list[tuple[int, int]] = []
    began = asyncio.get_running_loop().time()
    found = await looks.nodes(
        ["node-1", "node-2", "node-3"], max_age=NEVER, progress=lambda a, b: seen.append((a, b))
    )
    assert asyncio.get_running_loop().time() - began < 10
    assert isinstance(found["node-1"], Inspection)
    assert isinstance(found["node-3"], Inspection)
    assert "did not answer within" in str(found["node-2"])
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert list(found) == ["node-1", "node-2", "node-3"]


async def test_nodes_that_hang_make_room_for_the_others() -> None:
    names = [f"node-{i:02}" for i in range(20)]
    cluster = Cluster(names=names, hanging=set(names[:6]))
    looks = inspector(cluster, at_once=4, within=timedelta(seconds=15))
    clock = asyncio.get_running_loop().time
    began, done = clock(), list[float]()
    await looks.nodes(names, max_age=NEVER, progress=lambda *_: done.append(clock() - began))
    assert done[13] < 12, "the fourteen that answer wait for none of those that hang"
    assert done[19] < 25
    assert cluster.most <= 4 + 6


async def test_no_more_step_aside_than_may() -> None:
    held = lanes.Lanes(1, aside=2, patience=1.0)
    running = most = 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(10)
        running -= 1

    async def before() -> None: ...

    await asyncio.gather(*(held.run(work, before=before) for _ in range(9)))
    assert most == 3


async def test_whoever_is_cancelled_leaves_nothing_running_and_its_place() -> None:
    held = lanes.Lanes(1, aside=1, patience=1.0)
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("")

    async def before() -> None: ...

    for wait in (0.5, 5.0):
        doing = asyncio.create_task(held.run(work, before=before))
        await asyncio.sleep(wait)
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        await asyncio.sleep(0)
    assert len(ended) == 2
    assert not held._places.locked()
    assert not held._aside.locked()


async def test_no_more_than_some_at_once_and_not_too_many_a_minute() -> None:
    cluster = Cluster(names=[f"node-{i}" for i in range(30)])
    looks = inspector(cluster, at_once=4, a_minute=20)
    began = asyncio.get_running_loop().time()
    await looks.nodes(cluster.names, max_age=NEVER)
    assert cluster.most == 4
    assert 60 <= asyncio.get_running_loop().time() - began < 75


async def test_while_flannel_crash_loops_its_log_tells_the_nics() -> None:
    cluster = Cluster(waiting={"node-1"}, log=LISTED)
    found = await inspector(cluster).node("node-1", max_age=NEVER)
    assert found.way is Way.LOG
    assert cluster.asked == []
    assert [one.name for one in found.kernel.links or ()] == ["lo", "eth0", "veth17f90f70"]
    assert found.kernel.routes is None
    assert "CrashLoopBackOff" in found.problems[0]
    assert "`inspection.probe_pods`" in found.problems[0], "it is said how more could be had"


class NoProbes:
    """Probe pods of which none may be made."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a probe pod was wanted ({name})")

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(
    ("bend", "options"),
    [
        ({"silent": {"node-1"}, "waiting": {"node-1"}}, {}),
        ({"failing": {"node-1": "not allowed to create exec (403)"}}, {}),
        ({"hanging": {"node-1"}}, {"within": timedelta(seconds=1)}),
        ({"waiting": {"node-1"}}, {"exec": False}),
        ({"waiting": {"node-1"}, "reason": "ContainerCreating"}, {}),
        ({"waiting": {"node-1"}, "phase": snapshots.Phase.TERMINATED, "reason": "Error"}, {}),
        ({"waiting": {"node-1"}, "deleting": True}, {}),
    ],
    ids=[
        "kubelet silent",
        "exec refused",
        "node hangs",
        "exec off",
        "it starts",
        "it has just ended",
        "it is being deleted",
    ],
)
async def test_no_pod_is_made_where_it_could_not_see_more(
    bend: dict[str, object], options: dict[str, object]
) -> None:
    looks = inspector(Cluster(log=LISTED, **bend), **options)  # type: ignore[arg-type]
    looks._probes = NoProbes()  # type: ignore[assignment]
    found = await looks.node("node-1", max_age=NEVER)
    assert found.way is Way.LOG
    assert "probe" not in found.problems[0]


async def test_an_exec_that_is_refused_falls_back_to_the_log_and_says_why() -> None:
    cluster = Cluster(failing={"node-1": "not allowed to create exec (403)"}, log=LISTED)
    found = await inspector(cluster).node("node-1", max_age=NEVER)
    assert found.way is Way.LOG
    assert "403" in found.problems[0]


async def test_with_exec_switched_off_nothing_is_ever_run() -> None:
    cluster = Cluster(log=LISTED)
    found = await inspector(cluster, exec=False).node("node-1", max_age=NEVER)
    assert found.way is Way.LOG
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Cluster(bare={"node-1"}), "no flannel pod"),
        (Cluster(silent={"node-1"}), "silent"),
        (Cluster(waiting={"node-1"}), "no such log"),
    ],
)
async def test_a_node_that_cannot_be_looked_at_is_told_and_not_remembered(
    given: Cluster, said: str
) -> None:
    looks = inspector(given)
    with pytest.raises(errors.BotError, match=said):
        await looks.node("node-1", max_age=AN_HOUR)
    assert looks.latest() == {}


@pytest.mark.parametrize(
    ("text", "node"), [("node-2", "node-2"), (" node-3 ", "node-3"), ("10.0.0.1", "node-1")]
)
async def test_a_node_is_found_by_name_and_address(text: str, node: str) -> None:
    assert inspect.named(Cluster().snapshot(), text) == node


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node", "the nearest are node-1"),
        ("nodr-1", "node-1"),
        ("", "no node"),
        ("x" * 5_000, "no node"),
        ("$(reboot)", "no node"),
        ("node-1; rm", "node-1"),
    ],
)
async def test_what_is_no_node_is_answered_with_the_nearest(text: str, said: str) -> None:
    with pytest.raises(errors.Refused) as caught:
        inspect.named(Cluster().snapshot(), text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


async def test_nodes_that_are_gone_are_forgotten() -> None:
    cluster = Cluster()
    looks = inspector(cluster)
    await looks.nodes(cluster.names, max_age=NEVER)
    cluster.names = ("node-1",)
    assert set(looks.latest()) == {"node-1"}


async def test_pods_that_cannot_be_listed_cost_only_their_names() -> None:
    found = await inspector(Cluster(unlisted=True)).node("node-1", max_age=NEVER)
    assert found.way is Way.EXEC
    assert found.pods_behind == {}
    assert "not allowed to list pods" in found.problems[0]


async def test_flannels_configuration_is_remembered_for_a_while() -> None:
    cluster = Cluster()
    looks = inspector(cluster)
    for _ in range(3):
        conf = await looks.net_conf("kube-flannel")
        assert conf
        assert conf.network == "10.244.0.0/16"
    assert cluster.confs == 1
    await asyncio.sleep(301)
    cluster.unlisted = True
    assert await looks.net_conf("kube-flannel") == conf, "what was known stands"
    assert await looks.net_conf("elsewhere") is None


async def test_closing_ends_the_looks_under_way() -> None:
    looks = inspector(Cluster(hanging={"node-1"}))
    asking = asyncio.create_task(looks.node("node-1", max_age=NEVER))
    await asyncio.sleep(0.1)
    await looks.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


WEB, API = (
    ports.PodAddress("shop", name, f"10.244.1.{number}", (f"of-{name}",))
    for number, name in ((7, "web"), (8, "api"))
)


def unmapped(**more: object) -> Cluster:
    """A node on which a pattern hits a veth that no table names a pod of."""
    given = {"pods": [WEB, API], "pattern": "veth", "unlearned": True, **more}
    return Cluster(**given)  # type: ignore[arg-type]


async def asked(cluster: Cluster, **options: object) -> Inspection:
    looks = inspector(cluster, **{"exec_in_pods": True, **options})
    return await looks.node("node-1", max_age=NEVER)


async def test_a_veth_that_no_table_tells_of_is_told_by_its_pod() -> None:
    cluster = unmapped(numbers={"of-web": 9, "of-api": 12})
    found = await asked(cluster)
    assert found.pods_behind == {"vethab12cd34": "shop/web"}
    assert not found.problems


@pytest.mark.parametrize(
    ("bend", "options"),
    [
        ({}, {"exec_in_pods": False}),
        ({"pattern": "eth1$"}, {}),
        ({"unlearned": False}, {}),
        ({"pods": []}, {}),
    ],
    ids=["not allowed", "no pattern hits it", "known already", "nobody to ask"],
)
async def test_no_pod_is_asked_without_need(
    bend: dict[str, object], options: dict[str, object]
) -> None:
    cluster = unmapped(**bend)
    await asked(cluster, **options)
    assert cluster.asked == ["node-1"]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"of-web": "no cat there", "of-api": 12}, "shop/web could not be asked which NIC is its: no cat"),
        ({"of-web": 4, "of-api": 12}, "no pod that was asked has vethab12cd34"),
        ({"of-api": 12}, "shop/web could not be asked which NIC is its: no answer within 15 s"),
    ],
)  # fmt: skip
async def test_what_pods_do_not_tell_is_said_and_never_guessed(
    numbers: dict[str, int | str], said: str
) -> None:
    found = await asked(unmapped(numbers=numbers))
    assert found.pods_behind == {}
    assert found.way is Way.EXEC
    assert any(said in one for one in found.problems), found.problems
    assert not any("shop/api" in one for one in found.problems), "it has answered"


async def test_a_sidecar_may_tell_what_the_first_container_cannot() -> None:
    pod = replace(WEB, containers=("distroless", "of-web"))
    cluster = unmapped(pods=[pod], numbers={"distroless": "no cat", "of-web": 9})
    assert (await asked(cluster)).pods_behind == {"vethab12cd34": "shop/web"}


async def test_no_more_pods_are_asked_than_it_takes_and_than_is_bearable() -> None:
    names = [f"p{number:03}" for number in range(60)]
    pods = [ports.PodAddress("shop", name, "10.244.1.1", (name,)) for name in names]
    numbers: dict[str, int | str] = dict.fromkeys(names, 4)
    cluster = unmapped(pods=pods, numbers=numbers)
    found = await asked(cluster)
    assert len(cluster.asked) == 1 + veths.MOST
    assert any("20 pods were not asked" in one for one in found.problems)
    cluster = unmapped(pods=pods, numbers=numbers | {"p005": 9})
    assert (await asked(cluster)).pods_behind == {"vethab12cd34": "shop/p005"}
    assert len(cluster.asked) == 1 + 8


async def test_since_when_a_node_is_looked_at_in_vain_is_remembered_until_a_look_succeeds() -> None:
    cluster = Cluster(failing={"node-1": "it hangs"})
    looks = inspector(cluster)
    for wait in (0, 60):
        await asyncio.sleep(wait)
        with pytest.raises(errors.Unavailable):
            await looks.node("node-1", max_age=NEVER)
    await looks.node("node-2", max_age=NEVER)
    (told,) = looks.unseen().values()
    assert told.since - NOW < timedelta(seconds=10)
    assert told.why == "it hangs"
    cluster.log = LISTED
    assert (await looks.node("node-1", max_age=NEVER)).way is Way.LOG
    assert set(looks.unseen()) == {"node-1"}, "a log shows no tables"
    cluster.failing.clear()
    await asyncio.sleep(1)
    await looks.node("node-1", max_age=NEVER)
    assert looks.unseen() == {}
    cluster.failing = {"node-3": "it hangs"}
    with contextlib.suppress(errors.Unavailable):
        await looks.node("node-3", max_age=NEVER)
    cluster.names = ("node-1",)
    assert looks.unseen() == {}


@pytest.mark.parametrize(
    ("reason", "age", "worth"),
    [
        ("CrashLoopBackOff", timedelta(), True),
        ("ImagePullBackOff", timedelta(), True),
        ("ContainerCreating", timedelta(minutes=1), False),
        ("ContainerCreating", timedelta(minutes=3), True),
    ],
)
async def test_a_pod_is_worth_it_where_flannel_will_not_be_there_in_a_moment(
    reason: str, age: timedelta, worth: bool
) -> None:
    cluster = Cluster(waiting={"node-1"}, reason=reason, age=age)
    where = checks.Context(snapshot=cluster.snapshot())
    assert inspect.flannel_on(where, "node-1").probeable is worth
