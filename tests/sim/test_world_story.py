"""The story, from a healthy start to OOM kills and crash loops, and the truth about it."""

from typing import Any

import pytest

from bot.sim.cluster import truth, world
from tests.sim import worlds

pytestmark = pytest.mark.looptime


def from_api(one: world.World) -> dict[str, set[str]]:
    """What a client can tell from pods alone: who was OOM-killed, who loops."""
    found: dict[str, set[str]] = {"oom": set(), "loops": set()}
    for pod in worlds.pods(one):
        container = worlds.container_of(pod)
        node = pod["spec"]["nodeName"]
        for state in (container["state"], container["lastState"]):
            ended = state.get("terminated", {})
            if ended.get("reason") == "OOMKilled" and ended.get("exitCode") == 137:
                found["oom"].add(node)
        if container["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff":
            found["loops"].add(node)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_a_burst_kills_the_heavy_ones_and_some_then_find_a_veth(seed: int) -> None:
    async with worlds.living(nodes=120, seed=seed, name="story") as one:
        ever: set[str] = set()
        one.api.store.subscribe(lambda _: None)

        def watch(change: Any) -> None:
            if (
                change.resource == "pods"
                and change.object["metadata"]["labels"].get("app") == "flannel"
            ):
                ended = worlds.container_of(change.object)["state"].get("terminated", {})
                if ended.get("reason") == "OOMKilled":
                    ever.add(change.object["spec"]["nodeName"])

        one.api.store.subscribe(watch)
        begin = truth.of_world(one)
        assert begin["summary"] == {
            "oom_killed_nodes": [],
            "crash_looping_nodes": [],
            "not_ready_nodes": [],
        }
        for name, node in begin["nodes"].items():
            stored = one.api.get("nodes", "", name)
            annotations = stored["metadata"]["annotations"]
            assert annotations["flannel.alpha.coreos.com/public-ip"] == node["chosen_address"]
            assert node["chosen_nic"] == node["private_nic"]
        await worlds.pass_time(one, 99.0)
        assert not ever, "nothing happens before the first burst"
        await worlds.pass_time(one, 60.0)
        summary = truth.of_world(one)["summary"]
        assert 1 <= len(summary["oom_killed_nodes"]) <= 10
        assert set(summary["oom_killed_nodes"]) == ever
        # One that has just been tried again runs for a moment, and loops all the same.
        assert set(summary["crash_looping_nodes"]) >= from_api(one)["loops"] != set()
        assert [name for name in summary["crash_looping_nodes"] if name.startswith("phys")]
        status = worlds.daemonset(one)["status"]
        assert 1 <= status["numberUnavailable"] <= len(summary["crash_looping_nodes"])


@pytest.mark.parametrize(("nodes", "name"), [(20, "story"), (120, "healthy")])
async def test_small_or_roomy_clusters_live_in_peace(nodes: int, name: str) -> None:
    async with worlds.living(nodes=nodes, name=name) as one:
        for _ in range(3):
            one.relist()
            await worlds.pass_time(one, 60.0)
        found = truth.of_world(one)
        assert not any(found["summary"].values())
        assert not [one for one in found["nodes"].values() if one["restarts_total"]]


async def test_the_truth_tells_what_flannel_said_and_what_a_client_can_read() -> None:
    async with worlds.living(nodes=120, seed=2, name="story") as one:
        await worlds.pass_time(one, 100.0)
        found = truth.of_world(one)
        for name in found["summary"]["crash_looping_nodes"]:
            node = found["nodes"][name]
            worker, container = one.kubelets[name].flannel_container() or pytest.fail("none")
            lines = one.book.lines(worker.place(container))
            assert lines
            assert node["last_error"] in lines[-2][1] or node["last_exit_code"] == 137
            assert (
                node["restarts"]
                == worlds.container_of(worlds.flannel_on(one, name))["restartCount"]
            )
            assert node["flags"] == ["--ip-masq", "--kube-subnet-mgr", "--iface-regex=eth1|bond1"]
            assert node["oom_kills"] >= 1
            assert node["chosen_nic"] is None
            if node["last_exit_code"] == 1:
                (culprit,) = [
                    nic for nic in node["nics"] if nic["name"] in node["last_error"].split()
                ]
                assert culprit["name"].startswith("veth1")
                assert culprit["addresses"] == []
                before = [nic["name"] for nic in node["nics"]]
                assert before.index(culprit["name"]) < before.index(node["private_nic"])


async def test_a_higher_limit_and_an_anchored_regex_in_one_change_heal_everything() -> None:
    async with worlds.living(nodes=120, seed=3, name="story") as one:
        await worlds.pass_time(one, 150.0)
        assert truth.of_world(one)["summary"]["crash_looping_nodes"]
        spec = "/spec/template/spec/containers/0"
        one.api.patch(
            "daemonsets",
            "kube-system",
            worlds.FLANNEL,
            [
                {"op": "replace", "path": f"{spec}/resources/limits/memory", "value": "256Mi"},
                {
                    "op": "replace",
                    "path": f"{spec}/args/2",
                    "value": "--iface-regex=^(?:eth1|bond1)$",
                },
            ],
            kind="json",
        )
        await worlds.eventually(
            lambda: (
                worlds.daemonset(one)["status"].get("updatedNumberScheduled") == 120
                and worlds.daemonset(one)["status"].get("numberAvailable") == 120
            ),
            seconds=60,
        )
        one.relist()
        await worlds.pass_time(one, 30.0)
        found = truth.of_world(one)
        assert not found["summary"]["crash_looping_nodes"]
        for node in found["nodes"].values():
            assert node["chosen_nic"] == node["private_nic"]
            assert node["restarts"] == 0


async def test_only_raising_the_limit_restarts_everybody_into_the_second_fault() -> None:
    async with worlds.living(nodes=60, seed=3, name="story", first_burst=None) as one:
        path = "/spec/template/spec/containers/0/resources/limits/memory"
        strategy = {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "100%"}}}}
        one.api.patch("daemonsets", "kube-system", worlds.FLANNEL, strategy, kind="merge")
        body = [{"op": "replace", "path": path, "value": "256Mi"}]
        one.api.patch("daemonsets", "kube-system", worlds.FLANNEL, body, kind="json")
        await worlds.pass_time(one, 60.0)
        summary = truth.of_world(one)["summary"]
        assert not summary["oom_killed_nodes"]
        assert summary["crash_looping_nodes"]


async def test_the_same_seed_tells_the_same_story() -> None:
    told = []
    for _ in range(2):
        async with worlds.living(nodes=120, seed=9, name="story") as one:
            await worlds.pass_time(one, 160.0)
            told.append(truth.of_world(one)["summary"])
    assert told[0] == told[1]


async def test_ordinary_pods_come_and_go() -> None:
    async with worlds.living(nodes=30, speed=1000.0) as one:
        before = {name: set(node.host.veths) for name, node in one.kubelets.items()}
        await worlds.pass_time(one, 2000.0)
        changed = [
            name for name, node in one.kubelets.items() if set(node.host.veths) != before[name]
        ]
        assert len(changed) > 10
        for name, node in one.kubelets.items():
            assert len(node.host.veths) == len(before[name])


async def test_in_the_bad_plan_any_other_limit_is_filled_and_the_first_one_is_not() -> None:
    async with worlds.living(nodes=6, name="bad-plan", first_burst=None) as one:

        def limit(value: str) -> None:
            path = "/spec/template/spec/containers/0/resources/limits/memory"
            change = [{"op": "replace", "path": path, "value": value}]
            one.api.patch("daemonsets", "kube-system", worlds.FLANNEL, change, kind="json")

        before = {pod["metadata"]["uid"] for pod in worlds.pods(one)}
        await worlds.pass_time(one, 120.0)
        assert {pod["metadata"]["uid"] for pod in worlds.pods(one)} == before
        limit("256Mi")
        await worlds.pass_time(one, 60.0)
        assert truth.of_world(one)["summary"]["oom_killed_nodes"]
        limit("50Mi")
        await worlds.pass_time(one, 120.0)
        kills = sum(node["oom_kills"] for node in truth.of_world(one)["nodes"].values())
        await worlds.pass_time(one, 300.0)
        after = truth.of_world(one)
        assert sum(node["oom_kills"] for node in after["nodes"].values()) == kills
        assert all(node["flannel_running"] for node in after["nodes"].values())
