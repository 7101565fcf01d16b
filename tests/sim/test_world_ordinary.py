"""The ordinary pods of the pretend cluster: objects of the API, and veths of their machines."""

from typing import Any

import pytest

from bot.adapters.cluster import script
from bot.flannel import kernel
from bot.flow import inspect, ports
from bot.sim.cluster import errors, execution, hosts, store, world
from bot.sim.cluster import logs as pod_logs
from tests.sim import worlds
from tests.sim.test_node_network import look, striking

CONTROLLED = ("replicasets", "daemonsets")


def on(one: world.World, node: str) -> list[dict[str, Any]]:
    """The pods of a node that have a network of their own."""
    return [pod for pod in one.ctx.index.on_node(node) if not pod["spec"].get("hostNetwork")]


def plugged(host: hosts.Host) -> dict[str, str]:
    """Pod address to veth."""
    return {ip: veth for veth, ip in host.pod_ips.items()}


def movable(one: world.World, node: str) -> list[dict[str, Any]]:
    """Those that a drain would evict."""
    return [
        pod for pod in on(one, node) if pod["metadata"]["ownerReferences"][0]["kind"] != "DaemonSet"
    ]


def evict_all(one: world.World, node: str) -> None:
    one.api.patch("nodes", "", node, {"spec": {"unschedulable": True}}, kind="merge")
    for pod in movable(one, node):
        one.api.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])


def status_of(one: world.World) -> dict[tuple[str, str, str], Any]:
    return {
        (plural, *store.key_of(obj)): obj["status"]
        for plural in ("deployments", "replicasets", "daemonsets")
        for obj in one.api.store.list(plural)
    }


@pytest.mark.parametrize(("nodes", "seed"), [(1, 2), (6, 1), (40, 5)])
async def test_behind_every_veth_is_one_pod_of_the_api(nodes: int, seed: int) -> None:
    async with worlds.living(nodes=nodes, seed=seed) as one:
        names = set()
        for node, each in one.kubelets.items():
            pods = on(one, node)
            names |= {store.key_of(pod) for pod in pods}
            assert sorted(pod["status"]["podIP"] for pod in pods) == sorted(plugged(each.host))
            base = each.host.pod_cidr.rpartition(".")[0] + "."
            assert all(pod["status"]["podIP"].startswith(base) for pod in pods)
        assert len(names) == sum(len(each.host.veths) for each in one.kubelets.values())


async def test_the_kernel_leads_from_each_pod_to_its_veth_and_the_bot_names_it() -> None:
    async with worlds.living(nodes=6) as one:
        for node, each in one.kubelets.items():
            here = look(one, node).kernel
            listed = [
                ports.PodAddress(*store.key_of(pod), pod["status"]["podIP"])
                for pod in on(one, node)
            ]
            found = inspect.behind(here, listed)
            assert set(found) == set(each.host.veths)
            for pod in on(one, node):
                veth = kernel.port_of(here, pod["status"]["podIP"])
                assert found[veth] == "/".join(store.key_of(pod))


async def test_pods_ask_of_their_node_what_it_has_and_have_owners_that_know_them() -> None:
    async with worlds.living(nodes=12) as one:
        owners = {
            obj["metadata"]["uid"]: (plural, obj)
            for plural in CONTROLLED
            for obj in one.api.store.list(plural)
        }
        kinds = set()
        for node in one.kubelets:
            for pod in on(one, node):
                (reference,) = pod["metadata"]["ownerReferences"]
                plural, owner = owners[reference["uid"]]
                assert reference["name"] == owner["metadata"]["name"]
                assert owner["metadata"]["namespace"] == pod["metadata"]["namespace"]
                kinds.add((plural, pod["metadata"]["namespace"]))
                assert all(one["resources"]["requests"] for one in pod["spec"]["containers"])
        assert {("replicasets", "shop"), ("daemonsets", "monitoring")} <= kinds
        before = status_of(one)
        for plural in ("deployments", *CONTROLLED):
            for obj in one.api.store.list(plural):
                body = {"metadata": {"annotations": {"touched": "yes"}}}
                one.api.patch(plural, *store.key_of(obj), body, kind="merge")
        made = [store.key_of(pod) for pod in one.api.store.built("pods")]
        await worlds.pass_time(one, 5)
        assert status_of(one) == before, "controllers find all as it should be"
        assert [store.key_of(pod) for pod in one.api.store.built("pods")] == made


async def test_nobody_pays_for_pods_that_nobody_looks_at() -> None:
    async with worlds.living(nodes=6) as one:
        kept = one.api.store.built("pods")
        assert {pod["metadata"]["namespace"] for pod in kept} == {"kube-system"}
        assert sum(len(each.workers) for each in one.kubelets.values()) == len(kept)


@pytest.mark.looptime
async def test_a_deleted_pod_takes_its_veth_along_and_another_comes_elsewhere() -> None:
    async with worlds.living(nodes=6) as one:
        node = next(name for name in one.kubelets if name.startswith("phys"))
        one.api.patch("nodes", "", node, {"spec": {"unschedulable": True}}, kind="merge")
        pod = movable(one, node)[0]
        veth = plugged(one.host(node))[pod["status"]["podIP"]]
        owner = pod["metadata"]["ownerReferences"][0]["uid"]
        before = {found["metadata"]["uid"] for found in one.ctx.index.owned_by(owner)}
        one.api.delete("pods", *store.key_of(pod), uid=pod["metadata"]["uid"])
        await worlds.pass_time(one, 30)
        assert veth not in one.host(node).veths
        assert veth not in {link.name for link in look(one, node).kernel.links or ()}
        after = {found["metadata"]["uid"]: found for found in one.ctx.index.owned_by(owner)}
        (fresh,) = (found for uid, found in after.items() if uid not in before)
        assert len(after) == len(before)
        assert fresh["status"]["phase"] == "Running"
        place = fresh["spec"]["nodeName"]
        assert place != node
        new = plugged(one.host(place))[fresh["status"]["podIP"]]
        assert kernel.port_of(look(one, place).kernel, fresh["status"]["podIP"]) == new


@pytest.mark.looptime
@pytest.mark.parametrize("hashes", [True, False], ids=["bucket order", "number order"])
async def test_moving_the_pods_off_a_crash_looping_node_lets_flannel_start(hashes: bool) -> None:
    async with worlds.living(nodes=30, seed=4, name="story", first_burst=None) as one:
        node = next(
            name
            for name, each in one.kubelets.items()
            if name.startswith("phys") and each.host.hashes is hashes
        )
        switches = striking(one)
        switches.set("matching_veth", nodes=[node])
        await worlds.pass_time(one, 120)
        each = one.kubelets[node]
        assert each.flanneld() is None
        assert "failed to find IPv4 address for interface veth1" in each.flannel.last_error
        guilty = {ip for veth, ip in each.host.pod_ips.items() if veth.startswith("veth1")}
        assert guilty & {pod["status"]["podIP"] for pod in movable(one, node)}
        evict_all(one, node)
        await worlds.pass_time(one, 40)
        assert movable(one, node) == []
        assert len(each.host.veths) == len(on(one, node)), "those of DaemonSets stay"
        pod = worlds.flannel_on(one, node)
        one.api.delete("pods", "kube-system", pod["metadata"]["name"])
        await worlds.pass_time(one, 60)
        running = each.flanneld()
        assert running
        assert running.announced
        assert running.choice
        assert running.choice.address == each.host.private_ip


@pytest.mark.looptime
async def test_the_fault_of_a_matching_veth_is_a_pod_that_goes_when_it_is_healed() -> None:
    async with worlds.living(nodes=6, name="story", first_burst=None) as one:
        node = next(name for name in one.kubelets if name.startswith("phys"))
        before = len(one.host(node).veths)
        switches = striking(one)
        switches.set("matching_veth", nodes=[node], params={"restart": False})
        listed = [ports.PodAddress(*store.key_of(p), p["status"]["podIP"]) for p in on(one, node)]
        here = look(one, node).kernel
        first = next(link.name for link in here.links or () if "eth1" in link.name)
        namespace, _, name = inspect.behind(here, listed)[first].partition("/")
        assert one.api.get("pods", namespace, name)["spec"]["nodeName"] == node
        assert len(one.host(node).veths) == before
        switches.clear("matching_veth")
        await worlds.pass_time(one, 30)
        assert first not in one.host(node).veths
        with pytest.raises(errors.StatusError):
            one.api.get("pods", namespace, name)


@pytest.mark.looptime
async def test_pods_come_and_go_together_with_their_veths() -> None:
    async with worlds.living(nodes=4) as one:
        before = {store.key_of(pod) for node in one.kubelets for pod in on(one, node)}
        seen: list[store.Change] = []
        stop = one.api.store.subscribe(
            lambda change: seen.append(change) if change.resource == "pods" else None
        )
        await worlds.pass_time(one, 1800)
        stop()
        assert {change.type for change in seen} == {"ADDED", "DELETED"}
        for node, each in one.kubelets.items():
            assert sorted(pod["status"]["podIP"] for pod in on(one, node)) == sorted(
                plugged(each.host)
            )
        after = {store.key_of(pod) for node in one.kubelets for pod in on(one, node)}
        assert len(after) == len(before)
        gone = {store.key_of(change.object) for change in seen if change.type == "DELETED"}
        assert before - after == gone & before


@pytest.mark.looptime
async def test_pods_of_a_silent_node_are_not_ready_until_it_is_back() -> None:
    async with worlds.living(nodes=6) as one:
        node = next(name for name in one.kubelets if name.startswith("vm"))
        veths = dict(one.host(node).pod_ips)
        switches = striking(one)
        switches.set("node_down", nodes=[node])
        await worlds.pass_time(one, 70)
        assert {worlds.condition(pod, "Ready")["status"] for pod in on(one, node)} == {"False"}
        switches.clear("node_down")
        await worlds.pass_time(one, 10)
        assert {worlds.condition(pod, "Ready")["status"] for pod in on(one, node)} == {"True"}
        assert one.host(node).pod_ips == veths, "nothing was plugged out or in"


async def test_a_command_and_a_log_of_an_ordinary_pod_can_be_had() -> None:
    async with worlds.living(nodes=6) as one:
        pod = on(one, "vm-1")[0]
        place = (*store.key_of(pod), pod["spec"]["containers"][0]["name"])
        result = execution.Source(one).exec(*place, ["sh", "-c", "echo here"])
        assert result
        assert (result.out, result.code) == ("here\n", 0)
        other = on(one, "vm-1")[1]
        source = pod_logs.Source(one.book, look=one.worker_of)
        lines = source.read(*store.key_of(other), other["spec"]["containers"][0]["name"], False)
        assert lines == []
        assert script.read(result.out).problems, "no network of the machine is in it"


async def test_a_node_that_is_full_takes_no_more_pods() -> None:
    async with worlds.living(nodes=3) as one:
        asked = {name: one.ctx.index.asked_of(name).pods for name in one.kubelets}
        for name, count in asked.items():
            assert count == len(one.ctx.index.on_node(name))
            body = {"status": {"allocatable": {"pods": str(count)}}}
            one.api.patch("nodes", "", name, body, kind="merge", subresource="status")
        container = {"name": "more", "image": "registry.example/more:1"}
        one.api.create("pods", "default", {"metadata": {"name": "more"}, "spec": {"containers": [container]}})  # fmt: skip
        await worlds.pass_time(one, 2)
        pod = one.api.get("pods", "default", "more")
        assert "Too many pods" in worlds.condition(pod, "PodScheduled")["message"]
