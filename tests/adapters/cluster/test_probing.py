"""Probe pods over the wire, on a pretend cluster that really runs them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain import errors
from bot.flannel.inspection import Inspection, Way
from bot.flow import probe_ports
from tests.adapters.cluster import probing
from tests.adapters.cluster.probing import NAMESPACE, NEVER, NODE, Bot, Place
from tests.adapters.cluster.scripted import eventually


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with probing.crash_looping(tmp_path) as made:
        yield made


async def test_a_node_whose_flannel_crash_loops_is_seen_whole_by_a_pod_that_then_goes(
    place: Place,
) -> None:
    async with place.bot() as bot:
        found = await bot.inspector.node(NODE, max_age=NEVER)
        assert found.way is Way.PROBE
        host = place.cluster.world.host(NODE)
        links = {one.name for one in found.kernel.links or ()}
        assert links >= {host.private_nic, *host.veths}
        assert found.kernel.routes
        assert found.kernel.fdb
        assert found.kernel.subnet is None
        assert not found.kernel.subnet_missing, "it was not looked for"
        assert any("CrashLoopBackOff" in one for one in found.problems)
        await place.gone()
        deeds = await bot.deeds()
    assert [kind for kind, _ in deeds] == ["probe_pod_begun", "probe_pod_removed"]
    assert "CrashLoopBackOff" in deeds[0][1]
    assert "`inspection.probe_pods` is on" in deeds[0][1]
    assert "the look is done" in deeds[1][1]
    assert [method for method, _ in place.writes()] == ["POST", "DELETE"]


async def test_switched_off_nothing_is_ever_written(place: Place) -> None:
    async with place.bot(on=False) as bot:
        found = await bot.inspector.node(NODE, max_age=NEVER)
        assert found.way is Way.LOG
        assert any("`inspection.probe_pods`" in one for one in found.problems)
        await bot.probes.sweep([NAMESPACE], everything=True)
        assert await bot.deeds() == []
    assert place.writes() == []


async def test_those_who_ask_at_once_share_one_pod_and_the_next_is_told_what_it_showed(
    place: Place,
) -> None:
    async with place.bot() as bot:
        asking = [bot.inspector.node(NODE, max_age=NEVER) for _ in range(3)]
        found = await asyncio.gather(*asking)
        again = await bot.inspector.node(NODE, max_age=NEVER)
        assert {one.taken_at for one in (*found, again)} == {found[0].taken_at}
        assert [method for method, _ in place.writes()].count("POST") == 1
        await place.gone()


async def told(bot: Bot) -> str:
    """What the answer of a look that ended at the log says of the probe pod."""
    found = await bot.inspector.node(NODE, max_age=NEVER)
    assert found.way is Way.LOG
    return found.problems[0]


async def test_a_pod_that_hangs_is_given_up_told_and_removed(place: Place) -> None:
    place.cluster.faults.set("exec_hangs", nodes=[NODE])
    async with place.bot(within=0.3) as bot:
        said = await told(bot)
        assert "nor by a probe pod" in said
        assert "did not end within 0.3 s" in said
        await place.gone()
        assert "did not end within" in (await bot.deeds())[-1][1]
        assert "less than 2 min ago and failed" in await told(bot), "the node has peace"
    assert [method for method, _ in place.writes()] == ["POST", "DELETE"]


async def test_an_image_that_is_not_on_the_node_any_more_is_told_at_once(place: Place) -> None:
    place.cluster.world.kubelets[NODE].images.clear()
    async with place.bot(starts_within=timedelta(minutes=1)) as bot:
        said = await told(bot)
        assert "ErrImageNeverPull" in said
        await place.gone()


async def test_a_missing_right_is_named(place: Place) -> None:
    place.forbid("create", "pods")
    async with place.bot() as bot:
        said = await told(bot)
        assert "not allowed to create probe pod" in said
        assert "grant create on pods" in said
        await eventually(lambda: not bot.probes._removing)
        assert [kind for kind, _ in await bot.deeds()] == ["probe_pod_begun", "probe_pod_refused"]
        assert place.pods() == []


async def test_a_node_that_goes_meanwhile_takes_its_pod_along(place: Place) -> None:
    place.cluster.faults.set("exec_hangs", nodes=[NODE])
    async with place.bot(within=0.5) as bot:
        looking = asyncio.create_task(bot.inspector.node(NODE, max_age=NEVER))
        await eventually(place.pods)
        place.cluster.registry.delete("nodes", "", NODE)
        found = await looking
        assert found.way is Way.LOG
        assert "nor by a probe pod" in found.problems[0]
        await place.gone()


async def test_a_removal_that_fails_is_tried_again(place: Place) -> None:
    place.cluster.switchboard.set("error", {"code": 500, "verb": "delete", "count": 1})
    async with place.bot() as bot:
        assert (await bot.inspector.node(NODE, max_age=NEVER)).way is Way.PROBE
        await place.gone()
    assert [method for method, _ in place.writes()] == ["POST", "DELETE", "DELETE"]


async def test_a_bot_that_stops_takes_its_pod_along(place: Place) -> None:
    place.cluster.faults.set("exec_hangs", nodes=[NODE])
    async with place.bot(within=60) as bot:
        looking = asyncio.create_task(bot.inspector.node(NODE, max_age=NEVER))
        await eventually(place.running)
        await bot.inspector.close()
        with pytest.raises(asyncio.CancelledError):
            await looking
        assert [method for method, _ in place.writes()] == ["POST", "DELETE"]
        await place.gone()


async def test_what_a_killed_bot_left_is_removed_by_the_next_and_nothing_that_is_in_use(
    place: Place,
) -> None:
    async with place.bot(on=False) as killed:
        left = await killed.made()
    place.cluster.faults.set("exec_hangs", nodes=[NODE])
    async with place.bot() as bot:
        with pytest.raises(errors.Conflict, match="already"):
            await bot.made()
        await asyncio.wait_for(bot.probes.run(lambda: [NAMESPACE], forever=False), 5)
        await place.gone()
        looking = asyncio.create_task(bot.inspector.node(NODE, max_age=NEVER))
        await eventually(place.pods)
        assert place.pods()[0]["metadata"]["uid"] != left.uid
        assert await bot.probes.sweep([NAMESPACE], everything=True)
        assert place.pods(), "it is in use"
        looking.cancel()
    await place.gone()
    assert any("left over" in text for _, text in await bot.deeds())


async def test_a_pod_that_is_not_the_one_that_was_made_is_not_removed(place: Place) -> None:
    async with place.bot(on=False) as bot:
        made = await bot.made()
        other = probe_ports.Probe(
            made.namespace, made.name, "another", NODE, made.container, made.created_at
        )
        prober = bot.prober
        assert (await prober.state(other)).phase is probe_ports.Phase.OVER
        assert not await prober.remove(other)
        assert place.pods()
        assert await prober.remove(made)
        await place.gone()
        assert not await prober.remove(made), "it is gone already"


async def test_nothing_is_made_for_a_flannel_pod_that_is_gone_or_elsewhere(place: Place) -> None:
    async with place.bot(on=False) as bot:
        for change in ({"flannel_pod": "nowhere"}, {"container": "other"}, {"node": "vm-2"}):
            with pytest.raises(errors.Conflict):
                await bot.made(**change)
    assert place.writes() == []


async def test_a_pod_that_fails_at_one_node_costs_the_others_nothing(place: Place) -> None:
    place.cluster.faults.set("exec_hangs", nodes=[NODE])
    async with place.bot(within=0.5) as bot:
        found = await bot.inspector.nodes(sorted(bot.mirror.snapshot().nodes), max_age=NEVER)
        ways = {name: one.way for name, one in found.items() if isinstance(one, Inspection)}
        assert ways.pop(NODE) is Way.LOG
        assert set(ways.values()) == {Way.EXEC}
        await place.gone()


@pytest.mark.parametrize("whose", ["shop", "coredns"])
async def test_a_pod_tells_whose_veth_it_is_and_one_without_any_program_does_not(
    place: Place, whose: str
) -> None:
    world = place.cluster.world
    pod = next(
        one
        for one in place.cluster.registry.store.list("pods")
        if one["spec"].get("nodeName") == NODE
        and whose in (one["metadata"]["namespace"], one["metadata"]["name"].split("-")[0])
    )
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    container = pod["spec"]["containers"][0]["name"]
    host = world.host(NODE)
    veth = host.veth_of(pod["status"]["podIP"])
    async with place.bot(on=False) as bot:
        asking = bot.looker.iflink(namespace, name, container, within=2)
        if whose == "shop":
            assert await asking == host.veths[veth]
        else:
            with pytest.raises(errors.Unavailable, match="executable file not found"):
                await asking


async def test_where_the_bridge_knows_no_pod_the_hit_veth_is_named_by_asking(place: Place) -> None:
    pattern = next(iter(place.cluster.world.host("phys-1").veths))
    place.cluster.faults.set("pods_unlearned", nodes=["phys-1"])
    daemonset = place.cluster.world.api.get("daemonsets", NAMESPACE, "kube-flannel-ds-amd64")
    change = [
        {"op": "add", "path": "/spec/updateStrategy", "value": {"type": "OnDelete"}},
        {
            "op": "add",
            "path": "/spec/template/spec/containers/0/args/-",
            "value": f"--iface-regex={pattern}",
        },
    ]
    place.cluster.registry.patch(
        "daemonsets", NAMESPACE, daemonset["metadata"]["name"], change, kind="json"
    )
    async with place.bot(on=False, exec_in_pods=True) as bot:
        await eventually(lambda: pattern in str(bot.mirror.snapshot().daemonsets))
        found = await bot.inspector.node("phys-1", max_age=NEVER)
    host = place.cluster.world.host("phys-1")
    ip = host.pod_ips[pattern]
    (owner,) = [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in place.cluster.registry.store.list("pods")
        if (one.get("status") or {}).get("podIP") == ip
    ]
    assert found.pods_behind[pattern] == owner
    execs = [one["path"] for one in place.cluster.requests.since(place.began)]
    assert sum(one.endswith("/exec") for one in execs) <= 1 + 40
