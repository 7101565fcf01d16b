"""Nodes' networks in the pretend cluster: what an exec sees is what the bot reads and judges."""

import dataclasses
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cluster import client, execution, failures, looking, options, script
from bot.flannel import drift, faults, fleet, kernel, lease, versions
from bot.flow import inspect
from bot.sim.cluster import errors, misbehaviour, serve, shell
from bot.sim.cluster import execution as runs
from bot.sim.cluster import faults as switches
from bot.sim.cluster import world as worlds_
from tests.adapters.cluster.conftest import Clock, Telemetry
from tests.sim import worlds

IMAGES = {"text of an old iproute2": "quay.io/coreos/flannel:v0.10.0-amd64", "JSON": "flannel/flannel:v0.25.1"}  # fmt: skip


def look(one: worlds_.World, node: str) -> script.Reading:
    pod = worlds.flannel_on(one, node)
    container = pod["spec"]["containers"][0]["name"]
    result = runs.Source(one).exec(
        "kube-system", pod["metadata"]["name"], container, script.command()
    )
    assert result
    assert result.code == 0, result.err
    return script.read(result.out)


def announced(one: worlds_.World) -> fleet.Fleet:
    return fleet.gather(
        [
            lease.of(
                node["metadata"]["name"],
                (node["spec"]["podCIDR"],),
                node["metadata"]["annotations"],
            )
            for node in one.api.store.list("nodes")
        ],
        version=versions.Version(0, 12, 0),
    )


def judged(one: worlds_.World, node: str) -> drift.Judgement:
    return drift.judge(announced(one), node, look(one, node).kernel)


def striking(one: worlds_.World) -> switches.Faults:
    return switches.Faults(one, misbehaviour.Switchboard(rng=random.Random(1)))


async def test_every_node_of_a_healthy_fleet_is_read_whole_and_found_right() -> None:
    async with worlds.living(nodes=12) as one:
        for node in one.kubelets:
            reading = look(one, node)
            assert reading.problems == ()
            assert reading.kernel.odd == ()
            found = drift.judge(announced(one), node, reading.kernel)
            assert found.deviations == ()
            assert found.unseen == ()
            assert found.expected == 3 * 11
            assert found.nic == one.host(node).private_nic


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
async def test_old_and_new_images_tell_the_same(image: str) -> None:
    async with worlds.living(nodes=6) as one:
        node = next(iter(one.kubelets))
        host = one.host(node)
        found = one.kubelets[node].flannel_container()
        assert found
        found[1].spec["image"] = image
        reading = look(one, node)
        as_json = reading.sections["route"].command.startswith("ip -j")
        assert as_json == ("0.25" in image)
        names = [link.name for link in reading.kernel.links or ()]
        assert names == [link.name for link in host.dump()], "in the order of the dump"
        assert drift.judge(announced(one), node, reading.kernel).deviations == ()
        private = reading.kernel.link(host.private_nic)
        assert private
        assert private.ips() == (host.private_ip,)
        device = reading.kernel.link("flannel.1")
        assert device
        assert device.tunnel
        assert (device.tunnel.lower, device.tunnel.local) == (host.private_nic, host.private_ip)


STRUCK = {
    "route_missing": "route",
    "neighbour_missing": "neighbour",
    "fdb_missing": "fdb",
    "fdb_wrong": "fdb",
    "device_bounced": "device",
    "device_gone": "device",
    "mac_rewritten": "mac",
    "stale_route": "stale",
    "nic_down": "nic",
    "nic_without_address": "nic",
    "subnet_env_missing": "subnet",
}


@pytest.mark.parametrize("name", STRUCK)
async def test_each_fault_shows_itself_and_is_healed(name: str) -> None:
    async with worlds.living(nodes=8) as one:
        struck = striking(one)
        struck.set(name)
        node = struck.describe_one(name)["nodes"][0]
        found = judged(one, node)
        assert found.deviations, name
        assert any(STRUCK[name] in str(each.fault).lower() for each in found.deviations), [
            str(each.fault) for each in found.deviations
        ]
        others = [each for each in one.kubelets if each != node]
        assert all(not judged(one, each).deviations for each in others if name != "mac_rewritten")
        struck.clear(name)
        assert judged(one, node).deviations == ()


async def test_the_faults_are_told_apart() -> None:
    told: dict[str, frozenset[faults.Fault]] = {}
    async with worlds.living(nodes=8) as one:
        struck = striking(one)
        for name in STRUCK:
            struck.set(name)
            node = struck.describe_one(name)["nodes"][0]
            told[name] = frozenset(each.fault for each in judged(one, node).deviations)
            struck.clear(name)
    assert len(set(told.values())) == len(told), told


@pytest.mark.looptime
async def test_a_restart_of_flannel_sets_what_was_missing() -> None:
    async with worlds.living(nodes=6) as one:
        struck = striking(one)
        struck.set("device_bounced")
        node = struck.describe_one("device_bounced")["nodes"][0]
        assert judged(one, node).deviations
        found = one.kubelets[node].flannel_container()
        assert found
        found[0].kill(found[1], 0)
        await worlds.pass_time(one, 60)
        assert judged(one, node).deviations == ()


@pytest.mark.looptime
async def test_what_a_dead_flannel_missed_stays_stale_after_its_restart() -> None:
    async with worlds.living(nodes=6) as one:
        node, gone = list(one.kubelets)[-1], list(one.kubelets)[-2]
        struck = striking(one)
        struck.set("flannel_crash", nodes=[node])
        await worlds.pass_time(one, 5)
        cidr = one.host(gone).pod_cidr
        one.api.delete("nodes", "", gone)
        await worlds.pass_time(one, 5)
        struck.clear("flannel_crash")
        await worlds.pass_time(one, 60)
        routes = [route.dst for route in look(one, node).kernel.routes or ()]
        assert cidr in routes, "stale, and nobody removes it"
        other = next(iter(one.kubelets))
        assert cidr not in [route.dst for route in look(one, other).kernel.routes or ()]


async def test_pods_are_found_behind_their_veths() -> None:
    async with worlds.living(nodes=6) as one:
        for node, each in one.kubelets.items():
            here = look(one, node).kernel
            near = [n for n in here.neighbours or () if n.dev == "cni0"]
            assert {kernel.port_of(here, n.ip) for n in near} == set(each.host.veths)


async def test_nothing_of_the_real_machine_can_be_reached() -> None:
    async with worlds.living(nodes=6) as one:
        pod = worlds.flannel_on(one, next(iter(one.kubelets)))
        place = ("kube-system", pod["metadata"]["name"], pod["spec"]["containers"][0]["name"])
        source = runs.Source(one)
        for words, code in (
            (["cat", "/etc/passwd"], 1),
            (["sh", "-c", "cat /etc/passwd"], 1),
            (["sh", "-c", "echo x > /tmp/proof"], 2),
            (["sh", "-c", "/bin/ls /"], 127),
            (["python3", "-c", "print(1)"], 127),
            (["sh", "-c", "cat < /etc/passwd"], 2),
        ):
            result = source.exec(*place, words)
            assert result
            assert result.code == code, words
            assert "root:" not in result.out
        assert not Path("/tmp/proof").exists()


async def test_a_container_that_does_not_run_is_refused() -> None:
    async with worlds.living(nodes=6) as one:
        node = next(iter(one.kubelets))
        found = one.kubelets[node].flannel_container()
        assert found
        pod = worlds.flannel_on(one, node)
        found[0].kill(found[1], 1)
        with pytest.raises(errors.StatusError) as caught:
            runs.Source(one).exec(
                "kube-system", pod["metadata"]["name"], found[1].name, ["sh", "-c", ":"]
            )
        assert caught.value.code == 500
        assert "container not found" in caught.value.message


# Over the wire, by the bot's own exec


@pytest.fixture
async def cluster(tmp_path: Path):
    made = serve.SimulatedCluster(
        serve.ClusterOptions(
            nodes=8,
            seed=3,
            speed=50.0,
            scenario="healthy",
            write_kubeconfig=tmp_path / "kubeconfig",
        )
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def api(cluster: serve.SimulatedCluster, tmp_path: Path):
    given = options.Options(name="sim", kubeconfig=tmp_path / "kubeconfig")
    async with client.Client(given, clock=Clock(), telemetry=Telemetry()) as made:
        yield made


async def test_the_bot_looks_at_a_node_over_the_wire(
    cluster: serve.SimulatedCluster, api: client.Client
) -> None:
    node = next(iter(cluster.world.kubelets))
    pod = worlds.flannel_on(cluster.world, node)
    looker = looking.Looker(api)
    seen = await looker.by_exec(
        "kube-system", pod["metadata"]["name"], "kube-flannel", touch=["10.244.1.2"], within=10
    )
    assert seen.problems == ()
    assert drift.judge(announced(cluster.world), node, seen.kernel).deviations == ()
    conf = await looker.net_conf("kube-system")
    assert conf
    assert conf.backend == "vxlan"
    assert await looker.net_conf("default") is None
    pods = await looker.pods_on(node)
    assert set(inspect.behind(seen.kernel, pods)) == set(cluster.world.host(node).veths)
    small = dataclasses.replace(api.options, page_size=3)
    async with client.Client(small, clock=Clock(), telemetry=Telemetry()) as paging:
        assert await looking.Looker(paging).pods_on(node) == pods


async def test_exit_codes_both_streams_and_hangs_come_over_the_wire(
    cluster: serve.SimulatedCluster, api: client.Client
) -> None:
    node = next(iter(cluster.world.kubelets))
    pod = worlds.flannel_on(cluster.world, node)["metadata"]["name"]

    async def run(*words: str, within: float = 10, name: str = pod) -> execution.Result:
        return await execution.run(api, "kube-system", name, "kube-flannel", words, within=within)

    assert await run("sh", "-c", "echo out; nothing; exit 3") == execution.Result(
        "out\n", "sh: nothing: not found\n", 3
    )
    with pytest.raises(failures.Failure, match="404"):
        await run("ip", "addr", name="no-such-pod")
    cluster.faults.set("exec_hangs", nodes=[node])
    with pytest.raises(failures.Failure, match="did not end within"):
        await run("ip", "addr", within=0.3)


# The shell


@pytest.mark.parametrize(
    ("source", "out", "code"),
    [
        ("echo a; echo b", "a\nb\n", 0),
        ("false && echo a || echo b", "b\n", 0),
        ("true || echo a; echo c", "c\n", 0),
        ("x=$(echo hi; false); echo $? $x", "1 hi\n", 0),
        ("x='a  b'; echo $x; echo \"$x\"", "a b\na  b\n", 0),
        ("f() { echo $1; return 3; }; f q; echo $?", "q\n3\n", 0),
        ("for i in 1 2 3; do [ $i = 2 ] && break; echo $i; done", "1\n", 0),
        ("if [ a = b ]; then echo y; elif [ a = a ]; then echo z; else echo n; fi", "z\n", 0),
        ("for i; do echo $i; shift; done; echo $#", "one\ntwo\n0\n", 0),
        ("nothing 2>/dev/null; echo $?", "127\n", 0),
        ('x=$(nothing 2>&1); echo "$x"', "sh: nothing: not found\n", 0),
        ("{ echo a; nothing; } 2>/dev/null", "a\n", 127),
        ("printf '%s-%s\\n' a b", "a-b\n", 0),
        ("# a remark\necho a # another\n", "a\n", 0),
        ("timeout 1 echo a & wait", "a\n", 0),
        ("exit 7", "", 7),
        ("echo 'open", "", 2),
        ("for i in 1; do echo", "", 2),
        ("echo a | cat", "a\n", 2),
        ("echo $(", "", 2),
    ],
)  # fmt: skip
def test_what_the_small_shell_understands(source: str, out: str, code: int) -> None:
    result = shell.Shell({}).run(source, "sh", "one", "two")
    assert (result.out, result.code) == (out, code)


@given(st.text(alphabet="abx $(){}[];&|<>'\"\\\n=2>&1 forindoeif", max_size=60))
def test_whatever_a_script_is_the_shell_ends_with_a_code(source: str) -> None:
    result = shell.Shell({}).run(source)
    assert isinstance(result.code, int)


def test_a_loop_that_never_ends_ends() -> None:
    result = shell.Shell({}).run("f() { f; f; }; f")
    assert result.code == 2
