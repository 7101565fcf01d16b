"""Questions about a cluster's network: honest about what was seen, sparing with the nodes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import errors
from bot.domain.snapshot import Gap
from bot.flannel import aspects, logs, recent
from bot.flannel.faults import Fault
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import Kernel, Route
from bot.flannel.matrix import Cell
from bot.flannel.outlook import Verdict
from bot.flannel.rehearsal import Asked
from bot.flow import quota
from tests.checks import networks as looked
from tests.checks import worlds
from tests.flannel import kernels
from tests.flow import networks

STORY = worlds.STORY_FLAGS
MINUTE = timedelta(minutes=1)
BLIND = Gap("nodes", "the API server does not answer", worlds.LONG_AGO)


async def test_nics_of_a_node_tell_now_after_a_restart_and_what_to_do() -> None:
    world = networks.cluster(flags=STORY, bends={"n2": [looked.trapped]})
    told = await world.network.nics("n2")
    assert told.outlook.present.nic == "eth1"
    assert told.outlook.verdict is Verdict.FAILS
    assert [hit.pod for hit in told.outlook.hits] == ["shop/web-1"]
    assert "--iface-regex=^(?:eth1|bond1)$" in told.cures[0]
    assert [nic.name for nic in told.nics.shown] == ["eth0", "eth1", "flannel.1", "cni0"]
    assert told.nics.pods == 1
    assert (told.look.way, told.look.taken_at) == (Way.EXEC, networks.NOW)
    assert told.about.flags == STORY


async def test_looks_are_as_fresh_as_the_question_needs() -> None:
    """People ask again right after they mended something; NICs change seldom."""
    world = networks.cluster(1)
    network = world.network
    await network.routes("n1")
    await network.nics("n1")
    await network.verify("n1")
    await network.all_nics("U1")
    await network.verify_all("U1")
    await network.simulate("U1", asked=Asked(iface=("eth1",)))
    await network.all_routes("U1", max_age=timedelta(minutes=10))
    assert [age.total_seconds() for _, age in world.looks.asked] == [2, 2, 2, 10, 10, 60, 600]


@pytest.mark.parametrize("verb", ["nics", "routes", "logs", "verify"])
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("n22", "the nearest are n2"),
        ("nothing", "there is no node 'nothing'"),
        ("", "no node"),
        ("n2;reboot", "there is no node 'n2;reboot'; the nearest are n2"),
        ("n2" * 999, "there is no node '(n2){30}…'"),
    ],
)
async def test_a_node_that_is_none_is_answered_with_the_nearest(
    verb: str, word: str, said: str
) -> None:
    world = networks.cluster()
    with pytest.raises(errors.Refused, match=said):
        await getattr(world.network, verb)(word)
    assert not world.looks.asked


async def test_a_node_is_known_by_its_address_and_its_short_name() -> None:
    world = networks.cluster(1)
    full = worlds.node("n1.example.com", internal_ips=("192.168.0.9",))
    world.taken = worlds.world(
        full, worlds.daemonset(), worlds.pod("kube-flannel-x", node=full.name)
    )
    world.looks.given = {full.name: looked.look("n1.example.com", peers=())}
    for word in ("192.168.0.9", "n1", "N1.EXAMPLE.COM"):
        assert (await world.network.nics(word)).look.node == full.name


async def test_a_node_that_flannel_does_not_serve_is_told_so() -> None:
    world = networks.cluster(2)
    windows = worlds.node("w1", os="windows")
    world.taken = replace(world.taken, nodes={**world.taken.nodes, "w1": windows})
    with pytest.raises(errors.Refused) as refused:
        await world.network.nics("w1")
    assert refused.value.reasons[:2] == (
        "no flannel DaemonSet serves w1",
        "the nearest that have one are n1",
    )
    assert "Windows" in str(refused.value)


async def test_a_cluster_without_flannel_is_told_so_with_what_is_not_seen() -> None:
    world = networks.cluster()
    world.taken = worlds.world(*worlds.nodes(2), gaps=[Gap("daemonsets", "403", worlds.NOW)])
    with pytest.raises(errors.Refused, match=r"no flannel DaemonSet is seen in prod.*403"):
        await world.network.nics("n1")


async def test_a_node_that_hangs_is_said_and_the_others_are_answered() -> None:
    world = networks.cluster(4)
    world.looks.given["n3"] = "the node did not answer within 15 s"
    with pytest.raises(errors.Unavailable, match="15 s"):
        await world.network.routes("n3")
    told = await world.network.all_routes("U1", max_age=MINUTE)
    assert told.coverage.unseen == {"n3": "the node did not answer within 15 s"}
    assert (told.coverage.seen, told.coverage.population) == (3, 4)
    assert told.right == 3
    assert not told.groups


async def test_all_nics_tell_deviants_and_count_the_rest() -> None:
    bends = {"n2": [looked.trapped], "n3": [looked.changed("eth1", flags=())], "n5": []}
    world = networks.cluster(5, flags=STORY, bends=bends)
    told = await world.network.all_nics("U1")
    assert [(one.what, [m.node for m in one.members]) for one in told.groups] == [
        ("NIC down", ["n3"]),
        ("Would crash-loop at a restart", ["n2"]),
    ]
    assert (told.rest.nodes, told.rest.nics, told.rest.near) == (3, {"eth1": 3}, 3)


async def test_routes_of_a_node_tell_each_fault_with_cause_and_cure() -> None:
    world = networks.cluster(4, bends={"n3": [looked.without_entries]})
    told = await world.network.routes("n3")
    assert told.judgement is not None
    (one,) = told.judgement.deviations
    assert one.fault is Fault.DEVICE_BOUNCED
    assert "set down and up" in one.cause
    assert "Restart flannel" in one.cure
    assert (told.judgement.expected, told.judgement.missing, told.peers) == (9, 6, 3)


async def test_routes_by_a_log_alone_are_not_called_right() -> None:
    world = networks.cluster(3)
    read = logs.read("Using interface with name eth1 and address 10.0.0.2")
    world.looks.given["n1"] = Inspection("n1", worlds.NOW, Way.LOG, Kernel(), log=read)
    assert (await world.network.routes("n1")).judgement is None
    told = await world.network.all_routes("U1", max_age=MINUTE)
    assert told.right == 2
    assert "holds no tables" in told.partly["n1"]
    assert told.matrix.cell("n1", "n2") is Cell.UNSEEN


async def test_routes_are_right_also_where_the_file_for_pods_was_not_read() -> None:
    """A probe pod cannot read it, and it leads to no peer."""
    world = networks.cluster(3, bends={"n1": [lambda here: replace(here, subnet=None)]})
    told = (await world.network.routes("n1")).judgement
    assert told is not None
    assert (told.whole, told.unseen) == (True, ("not read: subnet.env",))
    fleet = await world.network.all_routes("U1", max_age=MINUTE)
    assert fleet.right == 3
    assert not fleet.partly
    world = networks.cluster(3, bends={"n1": [lambda here: replace(here, fdb=None)]})
    assert (await world.network.all_routes("U1", max_age=MINUTE)).right == 2


async def test_routes_of_all_hold_the_matrix_for_a_picture() -> None:
    world = networks.cluster(3, bends={"n3": [looked.without_entries]})
    told = await world.network.all_routes("U1", max_age=MINUTE)
    assert told.matrix.nodes == ("n1", "n2", "n3")
    assert told.matrix.troubled == ("n3",)
    assert told.matrix.cell("n1", "n3") is Cell.RIGHT
    assert (told.expected, told.missing) == (18, 4)


@pytest.mark.parametrize("verb", ["routes", "verify"])
async def test_without_the_list_of_nodes_nothing_is_compared(verb: str) -> None:
    """A peer that is not listed would make its route one too many."""
    world = networks.cluster()
    world.taken = replace(world.taken, gaps=(BLIND,))
    with pytest.raises(errors.Unavailable, match="nothing can be compared"):
        await getattr(world.network, verb)("n1")
    with pytest.raises(errors.Unavailable, match="nothing can be compared"):
        await world.network.all_routes("U1", max_age=MINUTE)


async def test_what_makes_an_answer_less_than_whole_is_noted() -> None:
    world = networks.cluster()
    world.taken = replace(world.taken, gaps=(BLIND,))
    world.looks.conf = None
    notes = (await world.network.nics("n1")).about.notes
    assert any("the API server does not answer" in note for note in notes)
    assert any("net-conf.json of kube-system could not be read" in note for note in notes)


async def test_a_node_that_left_or_came_anew_while_it_was_looked_at_is_not_judged_by_that() -> None:
    world = networks.cluster(3)
    young = worlds.node("n2", created=networks.NOW + timedelta(seconds=1))
    nodes = {**world.taken.nodes, "n2": young}
    del nodes["n3"]
    before = world.taken
    network = world.network
    network._sight._mirror = Moving([before, replace(before, nodes=nodes)])  # type: ignore[assignment]
    told = await network.all_nics("U1")
    assert told.coverage.population == 2
    assert told.coverage.unseen == {"n2": "the node was made anew while it was looked at"}


class Moving(networks.StillMirror):
    def __init__(self, states: list) -> None:
        super().__init__(states[-1])
        self.states = states

    def snapshot(self) -> object:  # type: ignore[override]
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


async def test_what_a_node_has_announced_just_now_is_held_against_nobody() -> None:
    world = networks.cluster(4)
    moved = worlds.node("n2", annotations=worlds.announces("n2", public_ip="10.0.0.99"))
    world.taken = replace(world.taken, nodes={**world.taken.nodes, "n2": moved})
    for ago, found in ((-1, ["n1", "n3", "n4"]), (5, []), (59, []), (61, ["n1", "n3", "n4"])):
        at = None if ago < 0 else networks.NOW - timedelta(seconds=ago)
        world.lately = recent.Recent(changed={"n2": at} if at else {})
        told = await world.network.all_routes("U1", max_age=MINUTE)
        wrong = [
            member.node
            for group in told.groups
            if group.what == "FDB wrong"
            for member in group.members
        ]
        assert wrong == found, ago
        assert told.settling == (() if found else ("n2",))
    world.lately = recent.Recent(changed={"n2": networks.NOW - timedelta(seconds=5)})
    alone = (await world.network.routes("n1")).judgement
    assert alone is not None
    assert alone.settling == ("n2",)


async def test_after_a_change_no_look_of_before_it_will_do() -> None:
    world = networks.cluster(1)
    changed = {"n1": networks.NOW - timedelta(seconds=5), "n9": networks.NOW - MINUTE}
    world.lately = recent.Recent(changed=changed)
    await world.network.all_routes("U1", max_age=timedelta(minutes=10))
    await world.network.routes("n1")
    assert [age.total_seconds() for _, age in world.looks.asked] == [5, 2]


async def test_a_route_to_a_node_that_has_just_left_is_held_against_nobody() -> None:
    world = networks.cluster(3)
    nodes = {name: node for name, node in world.taken.nodes.items() if name != "n3"}
    world.taken = replace(world.taken, nodes=nodes)
    for minutes, right in ((1, 2), (6, 0)):
        gone = recent.Departed("n3", ("10.244.3.0/24",), networks.NOW - minutes * MINUTE)
        world.lately = recent.Recent(departed=(gone,))
        told = await world.network.all_routes("U1", max_age=MINUTE)
        assert told.right == right
    assert [group.what for group in told.groups] == ["Route stale"]
    assert "of n3, which is deleted" in told.groups[0].members[0].evidence[0]


async def test_other_flags_are_played_through_and_nothing_is_changed() -> None:
    world = networks.cluster(4, flags=STORY, bends={"n2": [looked.trapped]})
    told = await world.network.simulate("U1", asked=Asked(regex=("^(?:eth1|bond1)$",)))
    (effect,) = told.rehearsal.effects
    assert (effect.verdict, len(effect.nodes)) == (Verdict.UNCHANGED, 4)
    assert told.rehearsal.now == {Verdict.UNCHANGED: 3, Verdict.FAILS: 1}
    assert told.flags == ("--iface-regex=^(?:eth1|bond1)$",)
    assert not told.rehearsal.advice


async def test_a_loose_pattern_is_answered_with_a_safe_one() -> None:
    world = networks.cluster(3, flags=STORY, bends={"n2": [looked.trapped]})
    told = await world.network.simulate("U1", asked=Asked(regex=("eth1|bond1",)))
    assert told.rehearsal.advice == ("--iface-regex=^(?:eth1|bond1)$",)
    assert told.rehearsal.count(Verdict.FAILS) == 1


async def test_ordered_names_are_simulated_as_well() -> None:
    world = networks.cluster(2, flags=STORY)
    told = await world.network.simulate("U1", asked=Asked(iface=("bond1", "eth0")))
    (effect,) = told.rehearsal.effects
    assert (effect.verdict, effect.was, effect.becomes) == (Verdict.CHANGES, "eth1", "eth0")


async def test_the_way_to_an_address_is_that_of_each_nodes_routes() -> None:
    """Where they were not read it cannot be told, and an older flannel exits at the flag."""
    reach = Asked(once={"iface-can-reach": "10.0.0.200"})
    bends = {"n1": [direct], "n2": [unread], "n3": [direct, roundabout], "n4": [direct]}
    world = networks.cluster(4, bends=bends)
    old = await world.network.simulate("U1", asked=reach)
    (effect,) = old.rehearsal.effects
    assert (effect.verdict, len(effect.nodes)) == (Verdict.FAILS, 4)
    assert effect.error == "flag provided but not defined: -iface-can-reach"
    newer = worlds.daemonset(desired=4, spec=worlds.flannel_spec(image="flannel:v0.22.3"))
    key = (newer.namespace, newer.name)
    world.taken = replace(world.taken, daemonsets={key: newer})
    told = await world.network.simulate("U1", asked=reach)
    assert told.flags == ("--iface-can-reach=10.0.0.200",)
    found = {one.verdict: (one.nodes, one.becomes) for one in told.rehearsal.effects}
    assert found == {
        Verdict.UNCHANGED: (("n1", "n4"), "eth1"),
        Verdict.UNKNOWN: (("n2",), ""),
        Verdict.CHANGES: (("n3",), "eth0"),
    }
    assert "other tables (`ip rule`) are not read" in told.about.notes[-1]


def unread(here: Kernel) -> Kernel:
    return replace(here, routes=None)


def direct(here: Kernel) -> Kernel:
    return replace(here, routes=(*(here.routes or ()), Route("10.0.0.0/24", "", "eth1")))


def roundabout(here: Kernel) -> Kernel:
    """Towards the private network by the public NIC."""
    way = Route("10.0.0.200/32", "59.0.0.1", "eth0")
    return replace(here, routes=(*(here.routes or ()), way))


async def test_flags_that_are_not_in_question_stay_and_are_named() -> None:
    given = ("--iface-can-reach=10.0.0.1", "--public-ip=10.0.0.7")
    world = networks.cluster(1, flags=given)
    told = await world.network.simulate("U1", asked=Asked(iface=("eth1",)))
    assert told.about.notes[0] == f"these stay in force beside them: `{' '.join(given)}`"
    other = Asked(once={"public-ip": "10.0.0.8"})
    (note, *_) = (await world.network.simulate("U1", asked=other)).about.notes
    assert note == "these stay in force beside them: `--iface-can-reach=10.0.0.1`"


async def test_a_pattern_that_does_not_compile_asks_no_node() -> None:
    world = networks.cluster(2)
    told = await world.network.simulate("U1", asked=Asked(regex=("a)b", "eth1")))
    assert told.malformed == (("a)b", "error parsing regexp: unexpected ): `a)b`"),)
    assert not world.looks.asked


FAILED = (
    "I0102 15:04:05.000000       1 main.go:200] Could not find valid interface matching "
    "eth1|bond1: failed to find IPv4 address for interface veth17f90f70\n"
    "E0102 15:04:05.000000       1 main.go:289] Failed to find interface to use that matches "
    "the interfaces and/or regexes provided\n"
)


async def test_a_log_tells_the_last_failure_also_where_flannel_runs_again() -> None:
    world = networks.cluster(1)
    pod = worlds.pod("kube-flannel-n1", worlds.container(restarts=3))
    world.taken = replace(world.taken, pods={(pod.namespace, pod.name): pod})
    world.logs.kept = {
        ("kube-flannel-n1", False): "I0102 15:04:05.000000 1 main.go:386] Running backend.\n",
        ("kube-flannel-n1", True): FAILED,
    }
    told = await world.network.logs("n1")
    assert [title for title, _ in told.runs] == ["the newest run", "the run before"]
    assert told.runs[0][1].outcome is logs.Outcome.RUNNING
    final = told.runs[1][1].final
    assert final is not None
    assert "veth17f90f70" in final.line


async def test_a_log_is_read_without_its_secrets_and_what_is_not_had_is_said() -> None:
    world = networks.cluster(1)
    pod = worlds.pod("kube-flannel-n1", worlds.container(restarts=1))
    world.taken = replace(world.taken, pods={(pod.namespace, pod.name): pod})
    secret = "E0102 15:04:05.000000 1 main.go:1] Failed to create SubnetManager: token=hunter2\n"
    world.logs.kept = {
        ("kube-flannel-n1", False): secret,
        ("kube-flannel-n1", True): errors.Unavailable("password=hunter3"),
    }
    told = await world.network.logs("n1")
    assert "hunter" not in repr(told)
    assert told.unread == ("the run before could not be read: password=[redacted]",)


@pytest.mark.parametrize("verb", ["nics", "routes", "logs"])
async def test_a_node_without_a_flannel_pod_is_answered_with_the_nearest_that_have_one(
    verb: str,
) -> None:
    world = without_pod("n1")
    with pytest.raises(errors.Refused) as refused:
        await getattr(world.network, verb)("n1")
    assert refused.value.reasons == WITHOUT_POD
    assert not world.looks.asked


async def test_verify_tells_of_a_node_without_a_flannel_pod_what_is_known() -> None:
    told = await without_pod("n1").network.verify("n1")
    assert told.points[0].text == "no flannel pod on this node"
    assert told.points[0].state is aspects.State.WRONG
    assert told.unseen == "; ".join(WITHOUT_POD)


WITHOUT_POD = ("node n1 has no flannel pod now", "the nearest that have one are n2, n3")


def without_pod(name: str) -> networks.World:
    world = networks.cluster(3)
    pods = {key: pod for key, pod in world.taken.pods.items() if pod.node != name}
    world.taken = replace(world.taken, pods=pods)
    return world


async def test_verify_goes_through_a_node_also_where_it_cannot_be_looked_at() -> None:
    world = networks.cluster(3, bends={"n1": [looked.without_entries]})
    world.looks.given["n2"] = "exec is forbidden"
    bent = await world.network.verify("n1")
    assert {one.aspect for one in bent.points if one.state is aspects.State.WRONG} == {
        aspects.Aspect.ROUTES,
        aspects.Aspect.NEIGHBOURS,
    }
    blind = await world.network.verify("n2")
    assert blind.look is None
    assert blind.unseen == "exec is forbidden"
    whole = await world.network.verify_all("U1")
    assert whole.right == 1
    assert whole.coverage.unseen == {"n2": "exec is forbidden"}


async def test_progress_is_told_node_by_node() -> None:
    steps: list[tuple[int, int]] = []
    await networks.cluster(3).network.all_nics("U1", lambda *step: steps.append(step))
    assert steps == [(1, 3), (2, 3), (3, 3)]


async def test_one_question_to_all_nodes_for_a_person_and_cluster_at_a_time() -> None:
    world = networks.cluster(2)
    world.looks.hold = asyncio.Event()
    network = world.network
    first = asyncio.create_task(network.all_nics("U1"))
    await world.looks.begun.wait()
    with pytest.raises(errors.Refused, match="under way already"):
        await network.verify_all("U1")
    assert (await network.nics("n1")).look.node == "n1", "single nodes are answered meanwhile"
    second = asyncio.create_task(network.all_nics("U2"))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    world.looks.hold.set()
    assert (await network.all_nics("U1")).coverage.seen == 2, "a cancelled one gives its place back"
    await second


RECORDED = {
    "vxlan-01-steady": set(),
    "vxlan-06-device-bounced": {"Device bounced"},
    "vxlan-07-restart-repairs": set(),
    "host-gw-01-steady": set(),
    "vxlan-12-direct-routing": set(),
}


@pytest.mark.parametrize(("story", "troubles"), RECORDED.items(), ids=list(RECORDED))
async def test_recorded_hosts_are_told_as_they_were(story: str, troubles: set[str]) -> None:
    world = recorded(story)
    told = await world.network.all_routes("U1", max_age=MINUTE)
    assert {one.what for one in told.groups} == troubles
    for name in world.looks.given:
        single = await world.network.nics(name)
        assert single.outlook.present.best is not None, name
        assert single.nics.shown
        judged = (await world.network.routes(name)).judgement
        assert judged is not None
        mine = {m.node for one in told.groups for m in one.members}
        assert judged.right is (name not in mine)


def recorded(story: str) -> networks.World:
    """A cluster made of one recorded story: what nodes announced, and their kernels."""
    held = kernels.story(story)["nodes_of_the_api"]
    nodes = [
        worlds.node(one["name"], annotations=one["annotations"], pod_cidrs=(one["podCIDR"],))
        for one in held  # type: ignore[attr-defined]
    ]
    states = {state.node: state for state in kernels.stories()[story]}
    looks = {
        name: Inspection(name, worlds.NOW, Way.EXEC, state.kernel())
        for name, state in states.items()
    }
    spec = worlds.flannel_spec(image="flannel:v0.16.0")
    taken = worlds.world(
        *nodes,
        worlds.daemonset(spec=spec),
        *(worlds.pod(f"kube-flannel-{node.name}", node=node.name) for node in nodes),
    )
    return networks.World(taken, networks.Looks(dict(looks), conf=None))


def test_so_many_at_once_in_a_cluster_and_no_more_and_none_keeps_off_another() -> None:
    allowed = quota.Quota(2)
    with allowed.taken("U1", "a"), allowed.taken("U2", "a"):
        with pytest.raises(errors.Refused, match="2 questions to all nodes of a"):
            with allowed.taken("U3", "a"):
                pass
        with allowed.taken("U1", "b"), allowed.taken("U3", "b"):
            pass
    with allowed.taken("U3", "a"):
        pass
