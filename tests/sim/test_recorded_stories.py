"""The simulated API server against what a real one was recorded to answer.

Stories 01 and 02 need the controllers, so they run with them; the others are the API server's
own. Every difference must be listed below with its reason, and every entry must be needed.
"""

import base64
import dataclasses
import itertools
import random
from typing import Any

import pytest

from bot.sim.cluster import ownership, registry, store
from tests.sim import api, recorded
from tests.sim.recorded import Deviation

FLANNEL = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-flannel-ds-amd64"

DEVIATIONS = [
    Deviation(
        "02-daemonset",
        r"\$\.metadata\.resourceVersion",
        "a race between two controllers: here the status is written before the pods are bound",
        exchanges=(2,),
    ),
    Deviation(
        "03-patches",
        r"\$\.(items\[\d+\]|metadata\.resourceVersion)",
        "this replay runs without the DaemonSet controller, which makes the revisions",
        exchanges=(63,),
    ),
    Deviation(
        "10-events-and-discovery",
        r"\$\.items\[\d+\]",
        "this replay runs without the DaemonSet controller, which makes these events",
        exchanges=(4,),
    ),
    Deviation(
        "10-events-and-discovery",
        r"\$\.groups\[\d+\]",
        "groups without a resource that anybody here needs are not served",
        exchanges=(10,),
    ),
    Deviation(
        "10-events-and-discovery",
        r"\$\.groups\[\d+\]\.versions",
        "the recording is trimmed to names and preferred versions",
        exchanges=(10,),
    ),
    Deviation(
        "10-events-and-discovery",
        r".*(sub)?resources\[\d+\]",
        "subresources that are not served: attach, ephemeralcontainers, finalize, "
        "portforward, proxy, resize",
        exchanges=(11, 12, 15),
    ),
]
DEVIATIONS += [
    Deviation(
        name,
        r".*columnDefinitions\[\d+\]\.description",
        "the columns' descriptions are texts of the real server's API reference; ours are short",
    )
    for name in ("01-nodes", "02-daemonset", "07-watches", "10-events-and-discovery")
]


def _check(differences: list[recorded.Difference], name: str) -> None:
    listed = [dataclasses.replace(item) for item in DEVIATIONS if item.story == name]
    left = recorded.unlisted(differences, listed)
    assert not left, "\n".join(str(item) for item in left[:40])
    idle = [item for item in listed if not item.used]
    assert not idle, f"listed, but they do not occur: {idle}"


async def test_nodes_are_registered_listed_and_shown_as_recorded() -> None:
    story = recorded.story("01-nodes")["exchanges"]
    async with api.serving() as server:
        with recorded.controllers(server.registry):

            async def the_other_nodes_come_up(_: recorded.Replay) -> None:
                await _come_up(server, story[5]["response"]["body"]["items"][1:])

            async def a_node_is_cordoned(_: recorded.Replay) -> None:
                cordoned = {"spec": {"unschedulable": True}}
                server.registry.patch("nodes", "", "node-4", cordoned, kind="merge")
                await api.until(lambda: not _untainted(server, "node-4"))

            async def and_uncordoned(_: recorded.Replay) -> None:
                free = {"spec": {"unschedulable": None}}
                server.registry.patch("nodes", "", "node-4", free, kind="merge")

            async def its_taint_is_taken_away(_: recorded.Replay) -> None:
                await api.until(lambda: _untainted(server, "node-4"))

            replay = recorded.Replay(
                "01-nodes",
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                before={
                    5: the_other_nodes_come_up,
                    15: a_node_is_cordoned,
                    17: and_uncordoned,
                    20: its_taint_is_taken_away,
                },
            )
            _check(await replay.run(), "01-nodes")


async def _come_up(server: api.Api, nodes: list[dict[str, Any]]) -> None:
    """Kubelets register their nodes, Ready but for the taint that admission adds."""
    for node in nodes:
        status = recorded.concrete(node["status"])
        server.registry.create("nodes", "", {"metadata": _own(node["metadata"]), "status": status})
    names = [node["metadata"]["name"] for node in nodes]
    await api.until(lambda: all(_untainted(server, name) for name in names))


def _untainted(server: api.Api, name: str) -> bool:
    spec = server.registry.get("nodes", "", name)["spec"]
    return "podCIDR" in spec and "taints" not in spec


async def test_a_daemonset_is_created_and_rolled_out_as_recorded() -> None:
    story = recorded.story("02-daemonset")["exchanges"]
    nodes = recorded.story("01-nodes")["exchanges"][5]["response"]["body"]["items"]
    pods = story[5]["response"]["body"]["items"]
    names = {pod["spec"]["nodeName"]: pod["metadata"]["name"][-5:] for pod in pods}
    objects = recorded.NamesAsRecorded(store.Store(), rng=random.Random(7), names=names)
    async with api.serving(objects=objects) as server:
        with recorded.controllers(server.registry):
            await _come_up(server, nodes)

            async def the_other_pods_turn_ready(_: recorded.Replay) -> None:
                for pod in sorted(pods, key=lambda pod: int(_version(pod)[3:])):
                    server.registry.patch(
                        "pods",
                        "kube-system",
                        pod["metadata"]["name"],
                        {"status": recorded.concrete(pod["status"])},
                        kind="merge",
                        subresource="status",
                    )

            replay = recorded.Replay(
                "02-daemonset",
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                before={4: the_other_pods_turn_ready},
                patient={1, 2, 4, 5},
                patience=1.0,
            )
            _check(await replay.run(), "02-daemonset")


async def test_the_answer_to_every_kind_of_patch_is_the_recorded_one() -> None:
    story = recorded.story("03-patches")
    async with api.serving() as server:
        first = story["exchanges"][0]["response"]["body"]
        spec = first["spec"]
        server.registry.create(
            "daemonsets",
            "kube-system",
            {"metadata": _own(first["metadata"]), "spec": spec},
            writer=ownership.Writer(recorded.RECORDER),
        )
        _write_status(server, first)

        async def status_as_recorded(replay: recorded.Replay) -> None:
            """The DaemonSet controller's writes, which happened between the exchanges."""
            exchange = story["exchanges"][replay.position]
            body = exchange["response"].get("body", {})
            own = exchange["request"]["path"].endswith("/status")
            if body.get("kind") == "DaemonSet" and not own:
                _write_status(server, body)

        async def after_the_apply(_: recorded.Replay) -> None:
            _write_status(server, story["exchanges"][55]["response"]["body"])

        before = dict.fromkeys(range(len(story["exchanges"])), status_as_recorded)
        replay = recorded.Replay(
            "03-patches",
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
            before=before | {53: after_the_apply},
        )
        _check(await replay.run(), "03-patches")


@pytest.mark.parametrize("name", ["11-metrics-absent"])
async def test_a_story_that_needs_nothing_before_it_is_answered_as_recorded(name: str) -> None:
    async with api.serving() as server:
        replay = recorded.Replay(
            name, url=server.server.url, authority=api.CERTIFICATES.authority, token=api.TOKEN
        )
        _check(await replay.run(), name)


async def test_a_config_map_is_guarded_as_recorded() -> None:
    async with api.serving() as server:
        replay = recorded.Replay(
            "12-configmap",
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
        )
        _check(await replay.run(), "12-configmap")


async def test_events_and_discovery_are_answered_as_recorded() -> None:
    async with api.serving() as server:
        server.registry.create("namespaces", "", {"metadata": {"name": "shop"}})
        about = server.registry.create(
            "daemonsets", "kube-system", api.daemonset("kube-flannel-ds-amd64")
        )
        replay = recorded.Replay(
            "10-events-and-discovery",
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
            known={"uid-1": about["metadata"]["uid"]},
        )
        _check(await replay.run(), "10-events-and-discovery")


async def test_watches_are_answered_as_recorded() -> None:
    story = recorded.story("07-watches")["exchanges"]
    options = dataclasses.replace(api.FAST, bookmark_margin=0.1)
    async with api.serving(options=options) as server:
        objects = server.registry
        _recorded_nodes(objects, story)
        objects.create("namespaces", "", {"metadata": {"name": "shop"}})
        counter = itertools.count()

        async def something_else_changes(_: recorded.Replay) -> None:
            lease = {"metadata": {"name": f"other-{next(counter)}"}, "spec": {}}
            objects.create("leases", "kube-system", lease)

        async def another_config_map_changes(_: recorded.Replay) -> None:
            other = {"metadata": {"name": f"other-{next(counter)}"}}
            objects.create("configmaps", "kube-system", other)

        async def a_second_config_map(_: recorded.Replay) -> None:
            created = story[8]["response"]["events"][0]["object"]
            body = {"metadata": _own(created["metadata"]), "data": created["data"]}
            objects.create("configmaps", "shop", body)

        async def cordon_and_uncordon(_: recorded.Replay) -> None:
            for spec in (
                {"unschedulable": True},
                {"taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]},
                {"unschedulable": None},
                {"taints": None},
            ):
                objects.patch("nodes", "", "node-5", {"spec": spec}, kind="merge")

        async def three_changes_later(_: recorded.Replay) -> None:
            for number in range(3):
                touched = {"metadata": {"annotations": {"touched": str(number)}}}
                objects.patch("nodes", "", "node-2", touched, kind="merge")

        async def events_are_compacted(_: recorded.Replay) -> None:
            server.store.compact(server.store.revision, resource="events")

        async def the_server_restarts(replay: recorded.Replay) -> None:
            await something_else_changes(replay)
            server.store.compact(server.store.revision)
            await something_else_changes(replay)

        replay = recorded.Replay(
            "07-watches",
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
            scale=0.05,
            known={
                "rv-1": "1",
                "rv-2": "2",
                "rv-3": "3",
                "rv-41": "999999999",
                "continue-6": base64.urlsafe_b64encode(b"invalid").decode(),
            },
            before={
                8: a_second_config_map,
                10: something_else_changes,
                11: something_else_changes,
                12: something_else_changes,
                14: something_else_changes,
                19: something_else_changes,
                24: something_else_changes,
                29: three_changes_later,
                36: events_are_compacted,
                38: the_server_restarts,
            },
            during={11: another_config_map_changes, 19: cordon_and_uncordon},
        )
        _check(await replay.run(), "07-watches")


def _recorded_nodes(objects: registry.Registry, story: list[dict[str, Any]]) -> None:
    """The six nodes in the states and with the history that story 07 begins with."""
    template = recorded.concrete(
        story[14]["response"]["events"][0]["object"], dict.fromkeys(("uid-3", "rv-10"), "")
    )
    metadata = {
        event["object"]["metadata"]["name"]: event["object"]["metadata"]
        for event in story[15]["response"]["events"]
        if event["type"] == "ADDED"
    }

    def create(name: str) -> None:
        address = metadata[name]["annotations"]["flannel.alpha.coreos.com/public-ip"]
        status = template["status"] | {
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ]
        }
        node = {"metadata": _own(metadata[name]), "spec": template["spec"], "status": status}
        objects.create("nodes", "", node)

    def touch(name: str, *, ready: bool = False) -> None:
        taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
        stamped = {"key": "touched", "value": str(objects.store.revision), "effect": "NoSchedule"}
        taints = None if ready else [taint, stamped]
        objects.patch("nodes", "", name, {"spec": {"taints": taints}}, kind="merge")

    create("node-1")
    create("node-2")
    create("node-3")
    for _ in range(5):
        touch("node-3")
    touch("node-1", ready=True)
    touch("node-3")
    touch("node-2", ready=True)
    touch("node-3", ready=True)
    for name in ("node-4", "node-5", "node-6"):
        create(name)
    for name in ("node-4", "node-5", "node-6"):
        touch(name, ready=True)


def _version(obj: dict[str, Any]) -> str:
    return obj["metadata"]["resourceVersion"]


def _own(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}


def _write_status(server: api.Api, obj: dict[str, Any]) -> None:
    metadata = obj["metadata"]
    server.registry.patch(
        "daemonsets",
        metadata["namespace"],
        metadata["name"],
        {"status": obj["status"]},
        kind="merge",
        subresource="status",
    )
