"""Answers about networks, as Slack takes them and as people read them on a phone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.slack import (
    blocks,
    logs_view,
    nics_view,
    prose,
    routes_view,
    simulation_view,
    verify_view,
)
from bot.flannel import rehearsal
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import FdbEntry, Kernel, Neighbour, Route
from tests.adapters.slack import judge
from tests.checks import networks as looked
from tests.checks import worlds
from tests.flow import networks

MINUTE = timedelta(minutes=1)
EVIL = "<!channel> *x* `y` <https://evil|ok>\u202e&\n\x00 @here"


def story(count: int = 6) -> networks.World:
    """Six nodes: one trapped, one that lost its routes, one without its NIC, one not seen."""
    world = networks.cluster(
        count,
        flags=worlds.STORY_FLAGS,
        bends={
            "n2": [looked.trapped],
            "n3": [looked.without_entries],
            "n4": [looked.dropped("eth1")],
        },
        at=networks.NOW + timedelta(seconds=3),
    )
    world.looks.given["n5"] = "the node did not answer within 15 s"
    world.logs.kept["kube-flannel-n2", False] = (
        "I0102 15:04:05.000000       1 main.go:200] Could not find valid interface matching "
        "eth1|bond1: failed to find IPv4 address for interface veth17f90f70\n"
        "E0102 15:04:05.000000       1 main.go:289] Failed to find interface to use that matches "
        "the interfaces and/or regexes provided\n"
    )
    return world


Asking = Callable[[networks.World], Awaitable[prose.Page]]


async def nics(world: networks.World, node: str = "n2") -> prose.Page:
    return nics_view.node(await world.network.nics(node))


async def all_nics(world: networks.World) -> prose.Page:
    return nics_view.fleet(await world.network.all_nics("U1"))


async def routes(world: networks.World, node: str = "n3") -> prose.Page:
    return routes_view.node(await world.network.routes(node))


async def all_routes(world: networks.World) -> prose.Page:
    return routes_view.fleet(await world.network.all_routes("U1", max_age=MINUTE))


async def simulate(world: networks.World, *regex: str, iface: tuple[str, ...] = ()) -> prose.Page:
    asked = rehearsal.Asked(iface=iface, regex=regex or (() if iface else ("eth1",)))
    found = await world.network.simulate("U1", asked=asked)
    return simulation_view.simulation(found)


async def log(world: networks.World, node: str = "n2") -> prose.Page:
    return logs_view.log(await world.network.logs(node))


async def verify(world: networks.World, node: str = "n3") -> prose.Page:
    return verify_view.node(await world.network.verify(node))


async def verify_all(world: networks.World) -> prose.Page:
    return verify_view.fleet(await world.network.verify_all("U1"))


EVERY = (nics, all_nics, routes, all_routes, simulate, log, verify, verify_all)


def shown(page: prose.Page) -> str:
    rendered = blocks.render(page)
    judge.judge(rendered)
    judge.judge_plain(blocks.plain(page))
    return judge.seen(rendered)


@pytest.mark.parametrize("ask", EVERY, ids=lambda ask: ask.__name__)
async def test_slack_takes_every_answer_and_it_says_how_it_was_had(ask: Asking) -> None:
    text = shown(await ask(story()))
    assert "kube-system/kube-flannel-ds-amd64 · v0.12.0 · vxlan" in text
    if ask is not log:
        assert "3.0 s ago" in text
        assert "exec" in text


async def test_nics_say_first_what_matters_most() -> None:
    lines = shown(await nics(story())).splitlines()
    assert lines[0] == "n2 · NICs · 🔴 would crash-loop at a restart"
    assert lines[1].startswith("Now  eth1 10.0.0.3 · flannel.1 is bound to eth1")
    assert "veth17f90f70 (pod shop/web-1)" in lines[2]
    text = "\n".join(lines)
    assert "--iface-regex=^(?:eth1|bond1)$" in text
    assert "eth1 10.0.0.3 · MTU 1500 · up · flannel's NIC" in text
    assert "eth0 59.10.0.3 · MTU 1500 · up · default route" in text
    assert "· veth17f90f70 of pod shop/web-1, hit by eth1|bond1" in text


async def test_a_pod_that_no_list_names_is_told_by_its_address() -> None:
    world = story()
    seen = world.looks.given["n2"]
    assert isinstance(seen, Inspection)
    here = replace(
        seen.kernel,
        fdb=(
            *(seen.kernel.fdb or ()),
            FdbEntry("aa:00:00:00:00:01", "veth17f90f70", master="cni0", state="permanent"),
            FdbEntry("aa:00:00:00:00:02", "veth17f90f70", master="cni0"),
        ),
        neighbours=(
            *(seen.kernel.neighbours or ()),
            Neighbour("10.244.2.9", "cni0", "aa:00:00:00:00:02", "STALE"),
        ),
    )
    world.looks.given["n2"] = replace(seen, kernel=here, pods_behind={})
    assert "· veth17f90f70 of the pod with IP 10.244.2.9, hit by" in shown(await nics(world))
    blind = replace(seen, pods_behind={})
    world.looks.given["n2"] = blind
    assert "· veth17f90f70 of a pod that is not known, hit by" in shown(await nics(world))


async def test_flannels_own_words_are_quoted_where_it_would_fail() -> None:
    page = await nics(story())
    (quoted,) = [part for part in page.parts if isinstance(part, prose.Verbatim)]
    assert quoted.text.endswith(
        "Failed to find interface to use that matches the interfaces and/or regexes provided"
    )


async def test_a_node_that_is_right_only_by_the_order_of_its_nics_is_not_called_safe() -> None:
    text = shown(await nics(story(), "n1"))
    assert text.startswith("n1 · NICs · 🟡 stays as it is at a restart, for now")
    assert "only as long as" in text


async def test_a_crash_looping_node_says_first_that_flannel_does_not_run_and_why() -> None:
    world = story()
    loops = worlds.container(state=worlds.waiting("CrashLoopBackOff"), restarts=1604)
    pod = worlds.pod("kube-flannel-n2", loops, node="n2")
    world.taken = replace(world.taken, pods={**world.taken.pods, (pod.namespace, pod.name): pod})
    page = await nics(world)
    lines = shown(page).splitlines()
    assert lines[0] == "n2 · NICs · 🔴 flannel does not run"
    assert "CrashLoopBackOff, 1604 restarts" in lines[1]
    assert lines[2].startswith("Cause  The NIC pattern also matched a pod's virtual NIC")
    assert lines[3].startswith("Do  Anchor the pattern")
    assert lines[4].startswith("Before  eth1 10.0.0.3")
    (quoted,) = [part for part in page.parts if isinstance(part, prose.Verbatim)]
    assert "veth17f90f70" in quoted.text


async def test_what_was_not_seen_of_a_crash_looping_node_is_said_once() -> None:
    world = story()
    world.looks.given["n2"] = Inspection("n2", networks.NOW, Way.LOG, Kernel())
    assert shown(await nics(world)).count("the node's interfaces were not read") == 1


async def test_a_look_by_log_says_what_it_cannot_show() -> None:
    world = story()
    world.looks.given["n1"] = Inspection(
        "n1", networks.NOW, Way.LOG, Kernel(), problems=("flannel is not running there",)
    )
    for page in (await nics(world, "n1"), await routes(world, "n1")):
        text = shown(page)
        assert "by flannel's log only" in text
        assert "flannel is not running there" in text
        assert "🟢" not in text.splitlines()[0]


async def test_all_nics_group_deviants_count_the_rest_and_name_the_unseen() -> None:
    text = shown(await all_nics(story()))
    assert text.startswith("prod · NICs · 🔴 wrong on 2 nodes")
    assert "🔴 Would crash-loop at a restart · 2 nodes" in text
    assert "Nothing wrong on 3 nodes: eth1 on 3." in text
    assert "On 3 of these the pattern hits a pod's NIC too" in text
    assert "Not seen  n5: the node did not answer within 15 s" in text
    assert "5 of 6 nodes" in text


async def test_where_all_is_right_but_not_all_was_seen_it_is_not_called_right() -> None:
    world = networks.cluster(3)
    world.looks.given["n3"] = "no"
    for page in (await all_nics(world), await all_routes(world), await verify_all(world)):
        assert "🟢" not in page.title
        assert "not seen" in page.title
    world = networks.cluster(3)
    for page in (await all_nics(world), await all_routes(world), await verify_all(world)):
        assert "🟢" in page.title


async def test_routes_tell_cause_and_cure() -> None:
    text = shown(await routes(story()))
    assert text.startswith("n3 · routes · 🔴 1 fault\n5 of 15 entries right · 5 peers")
    assert "Cause  flannel's device was set down and up" in text
    assert "Do  Restart flannel on the node" in text
    assert "n1: no route to 10.244.1.0/24, no neighbour 10.244.1.0" in text


async def test_a_node_with_many_faults_loses_none_of_them() -> None:
    """Every route to a peer was bent in its own way."""
    world = networks.cluster(60)
    seen = world.looks.given["n1"]
    assert isinstance(seen, Inspection)
    here = seen.kernel
    strays = tuple(Route(f"10.244.{one}.0/24", f"10.1.{one}.1", "eth0") for one in range(2, 30))
    kept = tuple(one for one in here.routes or () if one.dst not in {s.dst for s in strays})
    shadows = tuple(Route(f"10.244.{one}.0/25", "", "docker0") for one in range(30, 50))
    bent = replace(here, routes=(*kept, *strays, *shadows))
    world.looks.given["n1"] = replace(seen, kernel=bent)
    page = await routes(world, "n1")
    text = shown(page)
    judged = (await world.network.routes("n1")).judgement
    assert judged is not None
    assert judged.deviations
    whole = blocks.document(page.whole or page)
    for one in judged.deviations:
        assert one.summary in whole
        for peer in one.peers:
            assert peer in whole
    assert len(text) < 12_000


async def test_a_cure_that_would_make_it_worse_is_told_with_its_danger() -> None:
    bends = {"n1": [looked.trapped, looked.without_entries], "n2": [looked.without_entries]}
    world = networks.cluster(3, flags=worlds.STORY_FLAGS, bends=bends)
    trapped = shown(await routes(world, "n1"))
    assert "Careful  a restart now would take veth17f90f70" in trapped
    assert "see what nics n1 says" in trapped
    assert "Careful" not in shown(await routes(world, "n2"))
    assert "Careful  n1: a restart of flannel would not be safe" in shown(await all_routes(world))


async def test_a_simulation_tells_the_worst_first_and_that_nothing_was_changed() -> None:
    text = shown(await simulate(story(), "^(?:eth1|bond1)$"))
    assert text.startswith("prod · simulation · 🔴 Fails 1 · 🟢 Unchanged 4")
    assert "1 of them by the flags in force too" in text
    assert "Nothing was changed." in text
    assert "In force  3 unchanged, 2 fails" in text


async def test_a_bad_pattern_is_told_in_flannels_words() -> None:
    text = shown(await simulate(story(), "a)b"))
    assert "error parsing regexp: unexpected ): a)b" in text
    assert "Nothing was changed." in text


async def test_a_log_is_classified_quoted_and_cured() -> None:
    page = await log(story())
    text = shown(page)
    assert text.startswith("n2 · flannel's log · 🔴 failed")
    assert "The NIC pattern also matched a pod's virtual NIC" in text
    assert "moving that pod off the node" in text
    assert any("veth17f90f70" in p.text for p in page.parts if isinstance(p, prose.Verbatim))
    assert "No log of it could be read" in shown(await log(story(), "n1"))


async def test_verify_has_a_line_for_every_point() -> None:
    lines = shown(await verify(story())).splitlines()
    assert lines[0] == "n3 · verification · 🔴 2 points wrong"
    assert [line.split("  ")[0] for line in lines[1:10]] == [
        "🟢 pod", "🟢 NIC", "🟢 restart", "🟢 announced", "🟢 device", "🔴 routes",
        "🔴 neighbours", "🟢 forwarding", "🟢 subnet.env",
    ]  # fmt: skip


@pytest.mark.parametrize("ask", [all_nics, all_routes, simulate, verify_all])
async def test_with_many_deviants_the_message_is_short_and_the_file_whole(ask: Asking) -> None:
    count = 240
    bends = {f"n{one}": [looked.trapped, looked.without_entries] for one in range(1, 200)}
    world = networks.cluster(count, flags=worlds.STORY_FLAGS, bends=bends)
    for one in range(200, 230):
        world.looks.given[f"n{one}"] = f"n{one} did not answer"
    page = await ask(world)
    text = shown(page)
    assert len(text) < 8_000
    assert page.whole is not None
    whole = blocks.document(page.whole)
    for one in range(1, count - 10):
        assert f"n{one}" in whole, one
    assert "more" in text


def hostile(world: networks.World) -> networks.World:
    """The same where everything that a cluster may name is named to hurt."""
    names = [f"{EVIL}{one}" for one in range(3)]
    nodes = [
        replace(worlds.node(f"n{one}"), name=name, internal_ips=(f"10.9.9.{one}",))
        for one, name in enumerate(names)
    ]
    pods = [worlds.pod(f"{EVIL}{name}", node=name) for name in names]
    world.taken = worlds.world(
        *nodes, *pods,
        worlds.daemonset(spec=worlds.flannel_spec(f"--iface-regex={EVIL}", "--iface-regex=eth1")),
    )  # fmt: skip
    world.looks.given = {}
    for one, name in enumerate(names):
        seen = looked.look(f"n{one}", looked.trapped, looked.without_entries)
        links = tuple(
            replace(link, name=f"{link.name}{EVIL}") if link.name == "eth0" else link
            for link in seen.kernel.links or ()
        )
        world.looks.given[name] = replace(
            seen, node=name, kernel=replace(seen.kernel, links=links), problems=(EVIL,),
            pods_behind={"veth17f90f70": EVIL},
        )  # fmt: skip
    world.looks.given[names[2]] = EVIL
    for pod in pods:
        world.logs.kept[pod.name, False] = f"E0102 15:04:05.0 1 main.go:1] panic: {EVIL}\n" * 50
    return world


@pytest.mark.parametrize("ask", EVERY, ids=lambda ask: ask.__name__)
async def test_no_name_out_of_a_cluster_can_mention_link_or_format(ask: Asking) -> None:
    world = hostile(networks.cluster(3))
    arguments = ["10.9.9.0"] if ask in (nics, routes, log, verify) else []
    page = await ask(world, *arguments)  # type: ignore[call-arg]
    shown(page)
    if page.whole is not None:
        judge.inert(blocks.document(page.whole))
        assert "\u202e" not in blocks.document(page.whole)


@settings(max_examples=40)
@given(st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=4))
def test_whatever_is_simulated_slack_takes_the_answer(patterns: list[str]) -> None:
    async def asked() -> prose.Page:
        return await simulate(networks.cluster(2), *patterns)

    shown(asyncio.run(asked()))


async def test_the_only_run_of_a_pod_is_not_called_one_of_two() -> None:
    world = networks.cluster(3)
    line = "I0102 15:04:05.000000       1 main.go:491] Running backend.\n"
    world.logs.kept["kube-flannel-n1", False] = line
    told = blocks.render(await log(world, "n1")).text
    assert "Its only run has not failed." in told
    assert "run before" not in told
