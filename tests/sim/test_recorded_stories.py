"""The simulated API server against what a real one was recorded to answer.

Stories 01 and 02 need the controllers, so they run with them; the others are the API server's
own. Every difference must be listed in `deviations`, and every entry must be needed.
"""

import base64
import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from bot.sim.cluster import daemonsets, ownership, registry, store
from tests.sim import api, deviations, parts, recorded, stories

DECIDED_BY = (
    "status",
    "ended",
    "headers.retry-after",
    "headers.warning",
    "$.code",
    "$.reason",
    "$.details.causes[0].reason",
    "$.metadata.name",
    "events[0]",
    "events[0].type",
    "events[0].object.metadata.name",
)
"""What no deviation may reach."""


def test_the_list_of_deviations_only_shrinks_and_spares_what_clients_decide_by() -> None:
    assert len(deviations.DEVIATIONS) == deviations.MOST
    here = "".join(path.read_text() for path in Path(__file__).parent.glob("test_recorded_*.py"))
    for deviation in deviations.DEVIATIONS:
        assert f'"{deviation.story}"' in here, f"no test replays {deviation.story}"
        for path in DECIDED_BY:
            assert re.fullmatch(deviation.path, path) is None, deviation


async def test_nodes_are_registered_listed_and_shown_as_recorded() -> None:
    clock = parts.StoppedClock()
    async with api.serving() as server:

        def cordon(wanted: bool | None) -> None:
            change = {"spec": {"unschedulable": wanted}}
            server.registry.patch("nodes", "", "node-4", change, kind="merge")

        async def a_moment_later(_: recorded.Replay) -> None:
            clock.run(2.0)

        async def the_other_nodes_come_up(_: recorded.Replay) -> None:
            stories.nodes_come_up(server.registry, stories.recorded_nodes()[1:], clock)

        async def a_node_is_cordoned(_: recorded.Replay) -> None:
            cordon(True)
            clock.run(2.0)

        async def and_uncordoned(_: recorded.Replay) -> None:
            cordon(None)

        with parts.controllers(server.registry, clock=clock):
            replay = recorded.Replay(
                "01-nodes",
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                before={
                    1: a_moment_later,
                    3: a_moment_later,
                    5: the_other_nodes_come_up,
                    15: a_node_is_cordoned,
                    17: and_uncordoned,
                    20: a_moment_later,
                },
            )
            stories.check(await replay.run(), "01-nodes")


async def test_a_daemonset_is_created_and_rolled_out_as_recorded() -> None:
    story = recorded.story("02-daemonset")["exchanges"]
    nodes = recorded.story("01-nodes")["exchanges"][5]["response"]["body"]["items"]
    pods = story[5]["response"]["body"]["items"]
    names = {pod["spec"]["nodeName"]: pod["metadata"]["name"][-5:] for pod in pods}
    objects, clock = stories.NamesByNode(names), parts.StoppedClock()
    for node in nodes:
        stories.leave(objects, {"kind": "Node", "apiVersion": "v1", **node}, of="01-nodes")

    def the_scheduler_is_faster(kind: str, obj: Any) -> None:
        if kind == "DaemonSet" and obj["status"].get("observedGeneration"):
            for key in map(store.key_of, objects.store.list("pods", "kube-system")):
                clock.strike(f"scheduling {key}")

    async def they_are_made_and_bound(_: recorded.Replay) -> None:
        clock.run(2.0)
        objects.create("configmaps", "default", {"metadata": {"name": "something-else"}})

    async def the_other_pods_turn_ready(_: recorded.Replay) -> None:
        for pod in sorted(pods, key=lambda pod: int(_version(pod)[3:])):
            status = {"status": recorded.concrete(pod["status"])}
            name = pod["metadata"]["name"]
            objects.patch("pods", "kube-system", name, status, kind="merge", subresource="status")
        clock.run(2.0)

    async with api.serving(objects=objects) as server:
        with parts.controllers(objects, clock=clock):
            objects.meanwhile = the_scheduler_is_faster
            replay = recorded.Replay(
                "02-daemonset",
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                before={1: they_are_made_and_bound, 4: the_other_pods_turn_ready},
            )
            stories.check(await replay.run(), "02-daemonset")


class HistoryOnly(daemonsets.DaemonSets):
    """The DaemonSet controller where a test writes the statuses itself."""

    def _write_status(self, *_: Any) -> None: ...


async def test_the_answer_to_every_kind_of_patch_is_the_recorded_one() -> None:
    story = recorded.story("03-patches")["exchanges"]
    async with api.serving() as server:
        objects = server.registry

        def known_in_history() -> bool:
            present = objects.get("daemonsets", "kube-system", "kube-flannel-ds-amd64")
            revisions = objects.store.list("controllerrevisions", "kube-system")
            newest = max(revisions, key=lambda one: int(one["revision"]), default={"data": None})
            return newest["data"] == daemonsets.revision_data(present["spec"]["template"])

        async def its_controller_has_written(replay: recorded.Replay) -> None:
            await api.until(known_in_history)
            # The status after the forced apply is seen only two exchanges later, and what was
            # written after the last change only in the revision of the list.
            exchange = story[{53: 55}.get(replay.position, replay.position)]
            body = exchange["response"].get("body", {})
            own = exchange["request"]["path"].endswith("/status")
            if body.get("kind") == "DaemonSet" and not own:
                _write_status(server, body)
            elif replay.position == len(story) - 1:
                last = story[62]["response"]["body"]
                observed = {"observedGeneration": last["metadata"]["generation"]}
                _write_status(server, last | {"status": last["status"] | observed})

        with parts.controllers(objects, only=HistoryOnly, speed=50.0):
            first = story[0]["response"]["body"]
            objects.create(
                "daemonsets",
                "kube-system",
                {"metadata": stories.own(first["metadata"]), "spec": first["spec"]},
                writer=ownership.Writer(recorded.RECORDER),
            )
            replay = recorded.Replay(
                "03-patches",
                url=server.server.url,
                authority=api.CERTIFICATES.authority,
                token=api.TOKEN,
                before=dict.fromkeys(range(len(story)), its_controller_has_written),
            )
            stories.check(await replay.run(), "03-patches")


@pytest.mark.parametrize("name", ["11-metrics-absent"])
async def test_a_story_that_needs_nothing_before_it_is_answered_as_recorded(name: str) -> None:
    async with api.serving() as server:
        replay = recorded.Replay(
            name, url=server.server.url, authority=api.CERTIFICATES.authority, token=api.TOKEN
        )
        stories.check(await replay.run(), name)


async def test_a_config_map_is_guarded_as_recorded() -> None:
    async with api.serving() as server:
        replay = recorded.Replay(
            "12-configmap",
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
        )
        stories.check(await replay.run(), "12-configmap")


async def test_events_and_discovery_are_answered_as_recorded() -> None:
    async with api.serving() as server:
        server.registry.create("namespaces", "", {"metadata": {"name": "shop"}})
        clock = parts.StoppedClock()
        with parts.controllers(server.registry, clock=clock):
            stories.nodes_come_up(server.registry, stories.recorded_nodes(), clock)
            about = server.registry.create(
                "daemonsets", "kube-system", api.daemonset("kube-flannel-ds-amd64")
            )
            clock.run(2.0)
            assert len(server.store.list("events", "kube-system")) >= 6
        replay = recorded.Replay(
            "10-events-and-discovery",
            url=server.server.url,
            authority=api.CERTIFICATES.authority,
            token=api.TOKEN,
            known={"uid-1": about["metadata"]["uid"]},
        )
        stories.check(await replay.run(), "10-events-and-discovery")


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
            body = {"metadata": stories.own(created["metadata"]), "data": created["data"]}
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
        stories.check(await replay.run(), "07-watches")


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
        node = {"metadata": stories.own(metadata[name]), "spec": template["spec"], "status": status}
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
