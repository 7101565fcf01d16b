"""Cordons, the scheduler's view of them, and a silent node, as a real cluster was recorded."""

from collections.abc import Mapping
from typing import Any

from bot.sim.cluster import daemonsets
from tests.sim import api, parts, recorded, stories
from tests.sim.recorded import Replay

NAME = "06-cordon"
FLANNEL = "kube-flannel-ds-amd64"
SHELF = {
    "pod01": "node-3",
    "pod02": "node-4",
    "pod03": "node-2",
    "pod04": "node-6",
    "pod06": "node-5",
    "pod05": "node-4",
}
"""Where the scheduler put the Deployment's pods, in an order that it could have had."""
CHOSEN = ["node-3", "node-4", "node-2", "node-6", "node-4"]
"""Where there was a choice: the fifth pod had none."""
UP = ("pod01", "pod06", "pod03", "pod02", "pod05", "pod04")
"""The order in which they came up."""
MOMENT = 2.0
"""Seconds in which controllers and scheduler have done what there is to do."""
LONGER = 6.0
"""Seconds in which all nodes were looked at, too."""

Object = dict[str, Any]


async def test_cordons_and_a_silent_node_are_told_as_recorded() -> None:
    story = recorded.story(NAME)["exchanges"]
    running = story[8]["response"]["body"]["items"][0]
    objects = stories.NamesInOrder({f"{FLANNEL}-": ["pod02"], "shelf-": [*SHELF, "pod07"]})
    known = _left_behind(objects, story)
    silent, clock = parts.Silence(), parts.StoppedClock()

    def shelf(end: str) -> str:
        names = [pod["metadata"]["name"] for pod in objects.store.list("pods", "shop")]
        return next(name for name in names if name.endswith(end))

    def cordon(numbers: range, *, wanted: bool) -> None:
        change = {"spec": {"unschedulable": wanted or None}}
        for number in numbers:
            objects.patch("nodes", "", f"node-{number}", change, kind="merge")
        clock.run(MOMENT)

    async def a_moment_later(_: Replay) -> None:
        clock.run(MOMENT)

    async def something_else_changes(_: Replay) -> None:
        objects.create("configmaps", "default", {"metadata": {"generateName": "other-"}})

    async def its_pods_come_up(replay: Replay) -> None:
        clock.run(MOMENT)
        for end in UP:
            node = SHELF[end]
            ip = f"10.240.{node[-1]}.9"
            like = stories.elsewhere(running, node)
            like["status"] |= {"podIP": ip, "podIPs": [{"ip": ip}]}
            stories.run(objects, "shop", shelf(end), like)
        clock.run(MOMENT)
        await something_else_changes(replay)

    async def it_is_replaced(_: Replay) -> None:
        objects.delete("pods", "kube-system", f"{FLANNEL}-pod01", grace_seconds=0)
        clock.run(MOMENT)
        stories.run(objects, "kube-system", f"{FLANNEL}-pod02", running)
        clock.run(MOMENT)

    async def all_nodes_are_cordoned(_: Replay) -> None:
        cordon(range(2, 7), wanted=True)

    async def a_moment_and_something_else(replay: Replay) -> None:
        clock.run(MOMENT)
        await something_else_changes(replay)

    async def node_6_falls_silent(_: Replay) -> None:
        cordon(range(3, 7), wanted=False)
        for pod in objects.store.list("pods", "shop"):
            objects.delete("pods", "shop", pod["metadata"]["name"], grace_seconds=0)
        silent.silent = True
        clock.run(LONGER)

    async def it_speaks(_: Replay) -> None:
        silent.silent = False

    async def the_next_look_at_all_nodes_is_over(_: Replay) -> None:
        clock.run(LONGER)

    async with api.serving(objects=objects) as server:
        with parts.controllers(
            objects,
            clock=clock,
            kubelets={"node-6": silent},
            drawn={"scheduler": parts.Drawn(CHOSEN)},
        ):
            replay = Replay(
                NAME,
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                known=known,
                before={
                    2: a_moment_later,
                    3: something_else_changes,
                    6: its_pods_come_up,
                    8: it_is_replaced,
                    9: all_nodes_are_cordoned,
                    10: a_moment_later,
                    11: something_else_changes,
                    13: a_moment_later,
                    17: node_6_falls_silent,
                    21: it_speaks,
                    22: the_next_look_at_all_nodes_is_over,
                },
            )
            stories.check(await replay.run(), NAME)


def _left_behind(objects: stories.NamesInOrder, story: list[Object]) -> dict[str, str]:
    """Nodes and the DaemonSet with a pod on each; returns what their placeholders stand for."""
    cordoned, *others = (row["object"]["metadata"] for row in story[3]["response"]["body"]["rows"])
    whole = {node["metadata"]["name"]: node for node in stories.recorded_nodes()}
    for metadata in (cordoned, *sorted(others, key=_revision)):
        node = {"kind": "Node", "apiVersion": "v1", **whole[metadata["name"]]}
        stories.leave(objects, node, of="01-nodes")
    objects.create("namespaces", "", {"metadata": {"name": "shop"}})
    daemonset = story[19]["response"]["body"]
    pods = [_before(story[7]["response"]["body"]), _before(_only(story[18]))]
    first = pods[0]["metadata"]
    digest = first["labels"][daemonsets.HASH]
    metadata = {
        "name": f"{FLANNEL}-{digest}",
        "namespace": "kube-system",
        "uid": "uid-90",
        "labels": {daemonsets.HASH: digest},
        "ownerReferences": first["ownerReferences"],
    }
    for number in range(2, 6):
        pod = stories.elsewhere(pods[0], f"node-{number}")
        pod["metadata"] |= {"name": f"{FLANNEL}-pod9{number}", "uid": f"uid-9{number}"}
        pods.append(pod)
    known = {"pod07": "pod07"}
    revision = stories.revision(metadata, daemonset["spec"]["template"], 10)
    for obj in (revision, *pods, daemonset):
        known |= stories.leave(objects, obj)
    return known


def _only(exchange: Object) -> Object:
    (found,) = exchange["response"]["body"]["items"]
    return dict(found)


def _revision(metadata: Object) -> int:
    return int(metadata["resourceVersion"].removeprefix("rv-"))


def _before(pod: Mapping[str, Any]) -> Object:
    """A pod of the DaemonSet before anything happened to it."""
    later = ("deletionTimestamp", "deletionGracePeriodSeconds")
    metadata = {key: value for key, value in pod["metadata"].items() if key not in later}
    conditions = [one | {"status": "True"} for one in pod["status"]["conditions"]]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        **pod,
        "metadata": metadata | {"generation": 1},
        "status": pod["status"] | {"conditions": conditions},
    }
