"""Eviction and deletion, against what a real cluster was recorded to answer."""

from typing import Any

from tests.sim import api, parts, recorded, stories
from tests.sim.recorded import Replay

NAME = "05-eviction-and-deletion"
FLANNEL = "kube-flannel-ds-amd64"
NODES = {"pod01": "node-5", "pod03": "node-3", "pod04": "node-4", "pod02": "node-5"}
"""Where the web pods were, in the order of their creation."""


MOMENT = 2.0
"""Seconds in which the controllers have done what there is to do."""


async def test_evictions_and_deletions_are_answered_as_recorded() -> None:
    story = recorded.story(NAME)["exchanges"]
    running = story[17]["response"]["body"]
    flannel = f"{FLANNEL}-pod01"
    objects = stories.NamesInOrder({"web-": list(NODES), f"{FLANNEL}-": ["pod01"]})
    clock = parts.StoppedClock()
    for node in stories.recorded_nodes():
        stories.leave(objects, {"kind": "Node", "apiVersion": "v1", **node}, of="01-nodes")
    objects.create("namespaces", "", {"metadata": {"name": "shop"}})

    def web(end: str) -> str:
        names = [pod["metadata"]["name"] for pod in objects.store.list("pods", "shop")]
        return next(name for name in names if name.endswith(end))

    def come_up(end: str) -> None:
        clock.run(MOMENT)
        name, node = web(end), NODES[end]
        objects.bind("shop", name, node)
        stories.run(objects, "shop", name, running)
        number = node[-1]
        ips = {
            "hostIP": f"10.100.0.{number}",
            "hostIPs": [{"ip": f"10.100.0.{number}"}],
            "podIP": f"10.240.{number}.9",
            "podIPs": [{"ip": f"10.240.{number}.9"}],
        }
        objects.patch("pods", "shop", name, {"status": ips}, kind="merge", subresource="status")

    def want(least: int) -> None:
        change = {"spec": {"minAvailable": least}}
        objects.patch("poddisruptionbudgets", "shop", "web", change, kind="merge")

    def its_controller_looks_midway(kind: str, obj: Any) -> None:
        """Between the budget's change by an eviction and the pod's deletion."""
        if kind == "Pod" and "deletionTimestamp" in obj["metadata"]:
            clock.strike("budget ('shop', 'web')")

    async def the_pods_come_up(replay: Replay) -> None:
        for end in ("pod01", "pod03", "pod04"):
            come_up(end)
        digest = web("pod01").removeprefix("web-").removesuffix("-pod01")
        replay.bindings.values |= {end: end for end in NODES} | {"hash-0": digest}

    async def its_controller_looks(_: Replay) -> None:
        clock.run(MOMENT)

    async def it_is_changed_again_and_again(_: Replay) -> None:
        for least in (2, 3, 2, 3):
            clock.run(MOMENT)
            want(least)

    async def it_will_look_midway(_: Replay) -> None:
        clock.run(MOMENT)
        objects.meanwhile = its_controller_looks_midway

    async def the_evicted_pod_ends_and_one_is_not_ready(_: Replay) -> None:
        objects.meanwhile = None
        objects.delete("pods", "shop", web("pod01"), grace_seconds=0)
        come_up("pod02")
        name = web("pod04")
        ready = [
            one | ({"status": "False"} if one["type"] == "Ready" else {})
            for one in objects.get("pods", "shop", name)["status"]["conditions"]
        ]
        change = {"status": {"conditions": ready}}
        objects.patch("pods", "shop", name, change, kind="merge", subresource="status")
        want(3)
        clock.run(MOMENT)

    async def flannel_runs(_: Replay) -> None:
        daemonset = api.daemonset(FLANNEL)
        daemonset["spec"]["selector"] = {"matchLabels": {"app": "flannel"}}
        daemonset["spec"]["template"]["metadata"]["labels"] = {"app": "flannel"}
        objects.create("daemonsets", "kube-system", daemonset)
        clock.run(MOMENT)
        objects.bind("kube-system", flannel, "node-1")
        stories.run(objects, "kube-system", flannel, running)

    async def flannels_budget_is_given_up(_: Replay) -> None:
        objects.delete("poddisruptionbudgets", "kube-system", "flannel")

    async def the_held_pod_runs(_: Replay) -> None:
        stories.run(objects, "shop", "held", story[38]["response"]["body"])

    async def a_loose_pod_is_made(_: Replay) -> None:
        objects.create("pods", "shop", story[42]["response"]["body"] | {"status": {}})

    async def a_config_map_is_made(_: Replay) -> None:
        objects.create("configmaps", "shop", {"metadata": {"name": "x"}})

    async with api.serving(objects=objects) as server:
        with parts.controllers(objects, clock=clock, scheduler=False):
            replay = Replay(
                NAME,
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                before={
                    1: the_pods_come_up,
                    8: its_controller_looks,
                    11: it_is_changed_again_and_again,
                    13: its_controller_looks,
                    16: it_will_look_midway,
                    21: the_evicted_pod_ends_and_one_is_not_ready,
                    24: flannel_runs,
                    25: its_controller_looks,
                    27: flannels_budget_is_given_up,
                    37: the_held_pod_runs,
                    42: a_loose_pod_is_made,
                    44: a_config_map_is_made,
                },
                known={"rv-1": "1"},
            )
            stories.check(await replay.run(), NAME)
