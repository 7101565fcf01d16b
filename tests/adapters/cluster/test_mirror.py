"""Listing and watching, over the wire, against everything a stream can do wrong.

Covered: what a list and each kind of event does to the snapshot; what wakes the cycle; pages and
expired tokens; resuming, 410, errors, silence, instant ends, half frames, garbage; bad objects;
gaps; discovery; asking anew; stopping. Credentials are in test_client.py.
"""

import asyncio
import gc
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.adapters.cluster import mirror, watching
from bot.domain import errors
from tests.adapters.cluster import objects
from tests.adapters.cluster.conftest import Clock, World
from tests.adapters.cluster.scripted import (
    ALL_DAEMONSETS,
    DAEMONSETS,
    NODES,
    PODS,
    Answer,
    Drop,
    End,
    Hold,
    Server,
    eventually,
    serving,
    within,
    write_kubeconfig,
)

EMPTY_NODE = {
    "spec": {},
    "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}, "nodeInfo": {"machineID": ""}},
}
EMPTY_DAEMONSET = {
    "spec": {"selector": None, "template": {"spec": {"containers": None}}, "updateStrategy": {}},
    "status": {"currentNumberScheduled": 0},
}


async def quiet(seen: mirror.Mirror) -> None:
    """Swallow wake-ups until none comes for a while."""
    while True:
        try:
            await within(0.08, seen.changed())
        except TimeoutError:
            return


async def test_what_is_listed_and_then_changes_is_in_the_snapshot(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a"), objects.node("b")]))
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p")]))
    async with world.mirrored() as seen:
        assert set(seen.snapshot().nodes) == {"a", "b"}
        assert seen.snapshot().pods["kube-system", "p"].containers[0].restart_count == 0
        world.server.push(
            PODS, objects.event("MODIFIED", objects.pod("p", version=101, restarts=3))
        )
        world.server.push(NODES, objects.event("DELETED", objects.node("a", version=102)))
        world.server.push(NODES, objects.event("ADDED", objects.node("c", version=103)))
        await eventually(lambda: set(seen.snapshot().nodes) == {"b", "c"})
        await eventually(
            lambda: seen.snapshot().pods["kube-system", "p"].containers[0].restart_count == 3
        )
        last = seen.snapshot().pods["kube-system", "p"].containers[0].last_state
        assert last is not None
        assert (last.reason, last.exit_code) == ("OOMKilled", 137)
        assert last.finished_at == datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC)


async def test_an_end_that_is_overwritten_between_two_snapshots_is_still_told(
    world: World,
) -> None:
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p")]))
    async with world.mirrored() as seen:
        killed = objects.pod("p", version=101, restarts=1)
        crashed = objects.pod("p", version=102, restarts=2)
        (status,) = crashed["status"]["containerStatuses"]
        status["lastState"]["terminated"] |= {
            "reason": "Error",
            "exitCode": 1,
            "finishedAt": "2026-01-02T03:05:06Z",
            "containerID": "containerd://second",
        }
        world.server.push(
            PODS, objects.event("MODIFIED", killed) + objects.event("MODIFIED", crashed)
        )
        await eventually(
            lambda: seen.snapshot().pods["kube-system", "p"].containers[0].restart_count == 2
        )
        container = seen.snapshot().pods["kube-system", "p"].containers[0]
        assert [end.reason for end in container.trail] == ["OOMKilled"]
        before = seen.snapshot().pods["kube-system", "p"]
        world.server.lists(PODS, objects.listed("Pod", [crashed], version=110))
        await seen.relist()
        assert seen.snapshot().pods["kube-system", "p"] is before


@pytest.mark.parametrize("way", ["deleted", "replaced", "not listed any more"])
async def test_a_pod_that_goes_right_after_an_end_is_shown_once_more(
    world: World, way: str
) -> None:
    before = [objects.pod("p"), objects.pod("calm")]
    world.server.lists(PODS, objects.listed("Pod", before))
    async with world.mirrored() as seen:
        killed = objects.event("MODIFIED", objects.pod("p", version=101, restarts=1))
        calm = objects.event("DELETED", objects.pod("calm", version=102))
        last = {
            "deleted": objects.event("DELETED", objects.pod("p", version=103, restarts=1)),
            "replaced": objects.event(
                "ADDED",
                objects.pod("p", version=103)
                | {"metadata": objects.pod("p", version=103)["metadata"] | {"uid": "another"}},
            ),
            "not listed any more": b"",
        }[way]
        world.server.push(PODS, killed + calm + last)
        if way == "not listed any more":
            await eventually(lambda: ("kube-system", "calm") not in seen.snapshot().pods)
            world.server.lists(PODS, objects.listed("Pod", [], version=110))
            await seen.relist()
        (gone,) = await eventually(lambda: seen.snapshot().departed)
        assert gone.name == "p"
        end = gone.containers[0].last_state
        assert end is not None
        assert end.reason == "OOMKilled"


async def test_a_snapshot_is_not_changed_by_what_comes_later(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a")]))
    async with world.mirrored() as seen:
        before = seen.snapshot()
        world.server.push(NODES, objects.event("DELETED", objects.node("a", version=102)))
        await eventually(lambda: not seen.snapshot().nodes)
        assert set(before.nodes) == {"a"}
        with pytest.raises(TypeError):
            before.nodes["x"] = None  # type: ignore[index]


async def test_unchanged_objects_keep_their_identity_between_snapshots_and_lists(
    world: World,
) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a"), objects.node("b")]))
    async with world.mirrored() as seen:
        one = seen.snapshot()
        assert seen.snapshot().nodes is one.nodes
        world.server.push(NODES, objects.event("ADDED", objects.node("c", version=103)))
        await eventually(lambda: "c" in seen.snapshot().nodes)
        await seen.relist()
        two = seen.snapshot()
        assert "c" not in two.nodes
        assert two.nodes["a"] is one.nodes["a"]
        assert two.taken_at > one.taken_at


async def test_heartbeats_neither_wake_the_cycle_nor_replace_the_object(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a")]))
    async with world.mirrored() as seen:
        await quiet(seen)
        before = seen.snapshot()
        for beat in range(1, 20):
            world.server.push(
                NODES, objects.event("MODIFIED", objects.node("a", version=100 + beat, beat=beat))
            )
        watch = seen._watches["nodes", ""]
        await eventually(lambda: watch.heartbeats == 19)
        assert seen.snapshot().nodes is before.nodes
        with pytest.raises(TimeoutError):
            await within(0.1, seen.changed())
        world.server.push(
            NODES, objects.event("MODIFIED", objects.node("a", version=200, ready="Unknown"))
        )
        await within(2, seen.changed())
        assert seen.snapshot().nodes["a"].condition("Ready").status == "Unknown"  # type: ignore[union-attr]


async def test_a_change_while_nobody_waits_is_told_to_the_next_who_does(world: World) -> None:
    async with world.mirrored() as seen:
        await quiet(seen)
        world.server.push(NODES, objects.event("ADDED", objects.node("a", version=101)))
        await eventually(lambda: seen.snapshot().nodes)
        await within(0.5, seen.changed())


async def test_an_object_that_leaves_comes_as_deleted_in_its_old_state_and_is_gone(
    world: World,
) -> None:
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p", version=5)]))
    async with world.mirrored() as seen:
        # The old state, and a resource version that is new.
        world.server.push(PODS, objects.event("DELETED", objects.pod("p", version=140)))
        await eventually(lambda: not seen.snapshot().pods)


async def test_bookmarks_with_empty_required_fields_only_move_the_version(world: World) -> None:
    world.server.watch(NODES, [objects.bookmark(150, **EMPTY_NODE), 0.15, End()])
    world.server.watch(DAEMONSETS, [objects.bookmark(160, **EMPTY_DAEMONSET), 0.15, End()])
    async with world.mirrored() as seen:
        for path, version in ((NODES, "150"), (DAEMONSETS, "160")):
            await eventually(lambda path=path: len(world.server.asked(path, watch=True)) > 1)
            assert world.server.asked(path, watch=True)[1].query["resourceVersion"] == version
        assert not seen.snapshot().nodes
        assert not seen.snapshot().daemonsets
        assert not seen.snapshot().gaps


async def test_a_watch_asks_for_bookmarks_and_ends_within_the_range(world: World) -> None:
    async with world.mirrored():
        query = world.server.asked(NODES, watch=True)[0].query
        assert query["allowWatchBookmarks"] == "true"
        assert query["resourceVersion"] == "100"
        assert 20 <= int(query["timeoutSeconds"]) <= 30


async def test_items_that_are_null_are_an_empty_list(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", None))
    async with world.mirrored() as seen:
        assert seen.snapshot().nodes == {}


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"NodeList","metadata":{"resourceVersion":"1"}}',
        b'{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}',
        b'{"kind":"NodeList","metadata":{},"items":[]}',
        b'{"kind":"Status","metadata":{},"status":"Success"}',
        b"[]",
        b"{}",
        b"",
        b"<html><body>please log in</body></html>",
        b'{"kind":"NodeList","metadata":{"resourceVersion":"1"},"items":[{"meta',
    ],
)
async def test_an_answer_that_is_no_list_is_a_gap_and_never_an_empty_cluster(
    world: World, body: bytes
) -> None:
    good = Answer(objects.listed("Node", [objects.node("a")]))
    world.server.lists(NODES, good, Answer(body))
    async with world.mirrored() as seen:
        expired = objects.event("ERROR", objects.status(410, "too old resource version"))
        world.server.push(NODES, expired, End())
        await eventually(lambda: not seen.snapshot().sees("Node", "", "a"))
        assert set(seen.snapshot().nodes) == {"a"}
        with pytest.raises(errors.Unavailable, match="no NodeList"):
            await seen.relist()


async def test_pages_are_followed_and_belong_together(world: World) -> None:
    world.server.lists(
        NODES,
        objects.listed("Node", [objects.node("a")], version=70, token="t+/=&1"),
        objects.listed("Node", [objects.node("b")], version=70, token="t2"),
        objects.listed("Node", [objects.node("c")], version=70),
    )
    async with world.mirrored(page_size=1) as seen:
        assert set(seen.snapshot().nodes) == {"a", "b", "c"}
        asked = [r.query for r in world.server.asked(NODES, watch=False)]
        assert [q.get("continue") for q in asked] == [None, "t+/=&1", "t2"]
        assert {q["limit"] for q in asked} == {"1"}
        assert world.server.asked(NODES, watch=True)[0].query["resourceVersion"] == "70"


async def test_a_token_that_expires_between_pages_restarts_the_list_once(world: World) -> None:
    world.server.lists(
        NODES,
        objects.listed("Node", [objects.node("old")], version=70, token="t1"),
        Answer(objects.status(410, "The provided continue parameter is too old", "Expired"), 410),
        objects.listed("Node", [objects.node("a")], version=80, token="t2"),
        objects.listed("Node", [objects.node("b")], version=80),
    )
    async with world.mirrored() as seen:
        assert set(seen.snapshot().nodes) == {"a", "b"}
        assert world.server.asked(NODES, watch=True)[0].query["resourceVersion"] == "80"


async def test_a_list_whose_second_page_fails_changes_nothing(world: World) -> None:
    world.server.lists(
        NODES,
        Answer(objects.listed("Node", [objects.node("a"), objects.node("b")])),
        Answer(objects.listed("Node", [objects.node("a")], token="t1")),
        Answer("oops", 500),
    )
    async with world.mirrored() as seen:
        with pytest.raises(errors.Unavailable, match="500"):
            await seen.relist()
        assert set(seen.snapshot().nodes) == {"a", "b"}


async def test_a_clean_end_resumes_from_the_last_version_without_a_gap(world: World) -> None:
    world.server.watch(NODES, [objects.event("ADDED", objects.node("a", version=120)), 0.15, End()])
    async with world.mirrored() as seen:
        await eventually(lambda: len(world.server.asked(NODES, watch=True)) == 2)
        assert world.server.asked(NODES, watch=True)[1].query["resourceVersion"] == "120"
        assert len(world.server.asked(NODES, watch=False)) == 1
        assert not seen.snapshot().gaps


HOPELESS: dict[str, list[object]] = {
    "clean end": [End()],
    "bookmark then end": [objects.bookmark(101), End()],
    "event then end": [objects.event("ADDED", objects.node("a", version=101)), End()],
    "dropped": [Drop()],
    "half a frame, dropped": [objects.event("ADDED", objects.node("a"))[:-20], Drop()],
    "half a frame, clean end": [objects.event("ADDED", objects.node("a"))[:-20], End()],
    "html": [b"<html>Bad Gateway</html>\n", End()],
    "garbage": [b"garbage\n", End()],
    "no object": [b'{"type":"ADDED"}\n', End()],
    "bytes": [b"\xff\xfe\x00\n", End()],
    "error 410": [objects.event("ERROR", objects.status(410, "too old", "Expired")), End()],
    "error 500": [objects.event("ERROR", objects.status(500, "leader changed")), End()],
    "error without a status": [objects.event("ERROR", "what"), End()],
    "502": [Answer("<html>502</html>", 502, {"Content-Type": "text/html"})],
    "500": [Answer(objects.status(500, "resourceVersion: Invalid value"), 500)],
    "410": [Answer(objects.status(410, "gone", "Gone"), 410)],
    "429": [Answer(objects.status(429, "slow down"), 429)],
}


async def test_a_watch_that_fails_again_and_again_is_never_a_tight_loop(tmp_path: Path) -> None:
    async def suffer(name: str, steps: list[object]) -> tuple[str, int, int, int]:
        async with serving(Server()) as server:
            kubeconfig = write_kubeconfig(tmp_path / name, server.url)
            server.watch_always(NODES, *steps)  # type: ignore[arg-type]
            world = World(server, kubeconfig)
            async with world.mirrored(synced=False, backoff=(0.1, 0.8), settle_after=0.5) as seen:
                await eventually(lambda: len(server.asked(NODES, watch=True)) >= 2, within=10)
                await asyncio.sleep(1.2)
                watches, lists = (len(server.asked(NODES, watch=w)) for w in (True, False))
                # The others are not disturbed.
                assert len(server.asked(PODS, watch=True)) == 1, name
                assert seen.snapshot().sees("Pod", "kube-system", "p"), name
                return name, watches, lists, seen.ages()[0].failures

    results = await asyncio.gather(*(suffer(*case) for case in HOPELESS.items()))
    for name, watches, lists, failures in results:
        # 0.1, 0.2, 0.4, 0.8 … less half by jitter: about six, and one or two more at once.
        assert 2 <= watches <= 10, name
        assert 1 <= lists <= 10, name
        assert failures, name


@pytest.mark.parametrize(
    "steps",
    [
        [objects.event("ADDED", objects.node("b", version=101))[:-30], Drop()],
        [objects.event("ADDED", objects.node("b", version=101))[:-30], End()],
        [Drop()],
        [objects.event("ERROR", objects.status(500, "leader changed")), End()],
        [Answer("<html>502</html>", 502)],
    ],
)
async def test_after_one_fault_the_watch_resumes_and_misses_nothing(
    world: World, steps: list[object]
) -> None:
    world.server.watch(
        NODES,
        [objects.event("ADDED", objects.node("a", version=110)), 0.15, *steps],  # type: ignore[list-item]
        [objects.event("ADDED", objects.node("b", version=111)), Hold()],
    ) if not isinstance(steps[0], Answer) else world.server.watch(
        NODES,
        [objects.event("ADDED", objects.node("a", version=110)), 0.15, End()],
        steps,  # type: ignore[arg-type]
        [objects.event("ADDED", objects.node("b", version=111)), Hold()],
    )
    async with world.mirrored(gap_after=5.0) as seen:
        await eventually(lambda: set(seen.snapshot().nodes) == {"a", "b"})
        assert world.server.asked(NODES, watch=True)[-1].query["resourceVersion"] == "110"
        assert len(world.server.asked(NODES, watch=False)) == 1
        assert not seen.snapshot().gaps, "a short fault is no gap"


async def test_half_a_frame_before_a_clean_end_is_a_failure_and_is_told(world: World) -> None:
    half = objects.event("ADDED", objects.node("a", version=101))[:-20]
    world.server.watch(NODES, [0.15, half, End()])
    async with world.mirrored(synced=False, backoff=(5.0, 5.0), gap_after=0.0) as seen:
        await eventually(
            lambda: any("middle of an event" in g.reason for g in seen.snapshot().gaps)
        )
        assert not seen.snapshot().nodes


async def test_a_version_that_the_server_cannot_read_is_given_up_for_a_fresh_list(
    world: World,
) -> None:
    """A watch from a resource version that is no number of this server's is answered with 500."""
    refused = Answer(objects.status(500, 'resourceVersion: Invalid value: "abc"'), 500)
    world.server.lists(
        NODES, objects.listed("Node", [], version=7), objects.listed("Node", [], version=8)
    )
    world.server.watch(NODES, [refused], [refused])
    async with world.mirrored():
        await eventually(lambda: len(world.server.asked(NODES, watch=True)) == 3)
        versions = [r.query["resourceVersion"] for r in world.server.asked(NODES, watch=True)]
        assert versions == ["7", "7", "8"]


async def test_410_as_an_event_after_200_lists_anew_at_once_and_notices_what_vanished(
    world: World,
) -> None:
    world.server.lists(
        NODES,
        objects.listed("Node", [objects.node("a"), objects.node("b")], version=100),
        objects.listed("Node", [objects.node("b"), objects.node("c")], version=200),
    )
    expired = objects.event("ERROR", objects.status(410, "too old resource version", "Expired"))
    world.server.watch(NODES, [0.15, expired, End()])
    async with world.mirrored() as seen:
        await eventually(lambda: set(seen.snapshot().nodes) == {"b", "c"})
        await eventually(lambda: len(world.server.asked(NODES, watch=True)) == 2)
        assert world.server.asked(NODES, watch=True)[1].query["resourceVersion"] == "200"
        assert not seen.snapshot().gaps


async def test_a_silent_watch_is_resumed_and_if_silent_again_listed_anew(world: World) -> None:
    """As after a restored etcd, where our version lies in the server's future."""
    world.server.lists(
        NODES,
        objects.listed("Node", [objects.node("a")], version=900),
        objects.listed("Node", [objects.node("b")], version=10),
    )
    world.server.watch(NODES, [Hold()], [Hold()], [objects.bookmark(11), Hold()])
    async with world.mirrored(silence_after=0.3) as seen:
        await eventually(lambda: set(seen.snapshot().nodes) == {"b"})
        versions = [r.query["resourceVersion"] for r in world.server.asked(NODES, watch=True)]
        assert versions[:2] == ["900", "900"]
        await eventually(lambda: len(world.server.asked(NODES, watch=True)) >= 3)
        assert world.server.asked(NODES, watch=True)[2].query["resourceVersion"] == "10"


async def test_bookmarks_keep_a_quiet_watch_from_being_called_silent(world: World) -> None:
    world.server.watch(NODES, [step for n in range(8) for step in (0.1, objects.bookmark(101 + n))])
    async with world.mirrored(silence_after=0.35):
        await asyncio.sleep(0.7)
        assert len(world.server.asked(NODES, watch=True)) == 1


async def test_a_server_that_hangs_without_closing_anything_is_found_out(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a")]))
    async with world.mirrored(probe_after=0.2, request_timeout=0.3) as seen:
        assert seen.snapshot().sees("Node", "", "a")
        world.server.hung = True
        await eventually(lambda: not seen.snapshot().sees("Node", "", "a"))
        gap = next(g for g in seen.snapshot().gaps if g.resource == "nodes")
        assert "did not answer in time" in gap.reason or "no answer" in gap.reason


@pytest.mark.parametrize("clocks", ["both", "wall only"])
async def test_after_standing_still_nothing_is_trusted_before_the_server_was_heard(
    world: World, clocks: str
) -> None:
    """Stopped or suspended, the bot would judge old states by the time of now."""

    class Suspended(Clock):
        slept = 0.0

        def now(self) -> datetime:
            return super().now() + timedelta(seconds=self.slept)

        def monotonic(self) -> float:
            return super().monotonic() + (self.slept if clocks == "both" else 0)

    world.clock = Suspended()
    world.server.lists(NODES, objects.listed("Node", [objects.node("a")], version=100))
    async with world.mirrored() as seen:
        world.clock.slept = 600.0
        woken = seen.snapshot()
        assert not woken.sees("Node", "", "a")
        assert not woken.sees("Pod", "kube-system", "")
        ages = [woken.taken_at - gap.since for gap in woken.gaps]
        assert max(ages) < timedelta(seconds=60), "blind only since it woke"
        await eventually(lambda: not seen.snapshot().gaps)
        again = world.server.asked(NODES, watch=True)
        assert [one.query["resourceVersion"] for one in again] == ["100", "100"]
        assert len(world.server.asked(NODES, watch=False)) == 1, "resumed, not listed anew"


async def test_a_quiet_server_that_answers_the_probe_is_left_in_peace(world: World) -> None:
    async with world.mirrored(probe_after=0.1) as seen:
        await eventually(lambda: len(world.server.asked("/version", watch=False)) >= 3)
        assert not seen.snapshot().gaps
        assert len(world.server.asked(NODES, watch=True)) == 1


async def test_a_failing_resource_becomes_a_gap_that_keeps_its_last_objects_and_then_heals(
    world: World,
) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a")]))
    async with world.mirrored() as seen:
        await quiet(seen)
        broken = True
        world.server.guard = lambda r: (
            Answer(objects.status(503, "apiserver is shutting down"), 503)
            if broken and r.path == NODES
            else None
        )
        began = datetime.now(UTC)
        world.server.push(NODES, Drop())
        await eventually(lambda: not seen.snapshot().sees("Node", "", "a"))
        await within(1, seen.changed())
        (gap,) = seen.snapshot().gaps
        assert gap.resource == "nodes"
        assert "503" in gap.reason
        assert "apiserver is shutting down" in gap.reason
        assert abs((gap.since - began).total_seconds()) < 0.5
        assert set(seen.snapshot().nodes) == {"a"}
        assert seen.snapshot().sees("Pod", "kube-system", "p")
        (age,) = [age for age in seen.ages() if age.resource == "nodes"]
        assert age.synced
        assert age.failures > 0
        assert "503" in age.error
        await quiet(seen)
        broken = False
        await eventually(lambda: not seen.snapshot().gaps)
        await within(1, seen.changed())
        await eventually(lambda: seen.ages()[0].failures == 0)


async def test_before_the_first_list_everything_is_a_gap(world: World) -> None:
    world.server.guard = lambda r: Answer(objects.status(403, "no"), 403)
    async with world.mirrored(synced=False) as seen:
        gaps = seen.snapshot().gaps
        assert {(g.resource, g.namespace) for g in gaps} == {
            ("nodes", ""),
            ("pods", "kube-system"),
            ("daemonsets", "kube-system"),
            ("deployments", "kube-system"),
            ("controllerrevisions", "kube-system"),
        }
        assert all("not listed yet" in gap.reason for gap in gaps)
        await eventually(lambda: all("403" in gap.reason for gap in seen.snapshot().gaps))
        gap = next(g for g in seen.snapshot().gaps if g.resource == "daemonsets")
        assert "grant get, list and watch on daemonsets.apps" in gap.reason


async def test_a_mirror_that_does_not_run_says_so(world: World) -> None:
    async with world.client() as api:
        seen = mirror.Mirror(
            api, clock=world.clock, telemetry=world.telemetry, is_flannel=lambda _: False
        )
        assert not seen.snapshot().sees("Node", "", "a")
        with pytest.raises(errors.Unavailable, match="not running"):
            await seen.relist()


async def test_one_bad_object_in_a_list_costs_only_itself(world: World) -> None:
    bad = objects.node("bad")
    bad["status"] = "garbage"
    world.server.lists(NODES, objects.listed("Node", [objects.node("a"), bad, objects.node("c")]))
    async with world.mirrored(synced=False) as seen:
        await eventually(lambda: set(seen.snapshot().nodes) == {"a", "c"})
        await eventually(lambda: len(seen.snapshot().gaps) == 1)
        (gap,) = seen.snapshot().gaps
        assert (gap.resource, gap.namespace, gap.name) == ("nodes", "", "bad")
        assert "$.status" in gap.reason
        assert not seen.snapshot().sees("Node", "", "bad")
        assert seen.snapshot().sees("Node", "", "a")
        assert world.telemetry.counts["bad_objects_total", "test", "nodes"] == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pod: pod["metadata"].update(creationTimestamp="yesterday"),
        lambda pod: pod["metadata"].update(creationTimestamp=None),
        lambda pod: pod["metadata"].update(uid=""),
        lambda pod: pod["spec"].update(containers={"not": "a list"}),
        lambda pod: pod["spec"]["containers"][0]["resources"]["limits"].update(memory="lots"),
        lambda pod: pod["status"]["containerStatuses"][0].update(restartCount="many"),
        lambda pod: pod["status"]["containerStatuses"][0].pop("name"),
    ],
)
async def test_a_bad_object_in_a_watch_is_a_gap_over_its_last_good_state_until_it_is_good(
    world: World, spoil: object
) -> None:
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p"), objects.pod("q")]))
    async with world.mirrored() as seen:
        await quiet(seen)
        bad = objects.pod("p", version=120)
        spoil(bad)  # type: ignore[operator]
        world.server.push(PODS, objects.event("MODIFIED", bad))
        await within(1, seen.changed())
        (gap,) = seen.snapshot().gaps
        assert (gap.resource, gap.namespace, gap.name) == ("pods", "kube-system", "p")
        assert "p" in {name for _, name in seen.snapshot().pods}
        assert seen.snapshot().sees("Pod", "kube-system", "q")
        world.server.push(PODS, objects.event("MODIFIED", objects.pod("p", version=121)))
        await eventually(lambda: not seen.snapshot().gaps)
        assert len(world.server.asked(PODS, watch=True)) == 1, "the watch went on"


async def test_a_bad_object_that_is_deleted_takes_its_gap_along(world: World) -> None:
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p")]))
    async with world.mirrored() as seen:
        bad = {**objects.pod("p", version=120), "status": 3}
        world.server.push(PODS, objects.event("MODIFIED", bad))
        await eventually(lambda: seen.snapshot().gaps)
        world.server.push(PODS, objects.event("DELETED", {**bad}))
        await eventually(lambda: not seen.snapshot().gaps)
        assert not seen.snapshot().pods


async def test_an_object_that_turns_bad_between_lists_has_not_vanished(world: World) -> None:
    bad = {**objects.pod("p", version=120), "status": 3}
    world.server.lists(
        PODS, objects.listed("Pod", [objects.pod("p")]), objects.listed("Pod", [bad])
    )
    async with world.mirrored() as seen:
        await seen.relist()
        assert ("kube-system", "p") in seen.snapshot().pods
        assert not seen.snapshot().sees("Pod", "kube-system", "p")


async def test_an_object_without_a_name_blinds_its_namespace(world: World) -> None:
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("p"), None, 7]))
    async with world.mirrored(synced=False) as seen:
        await eventually(lambda: seen.snapshot().pods)
        await eventually(lambda: len(seen.snapshot().gaps) == 1)
        assert not seen.snapshot().sees("Pod", "kube-system", "anything")


async def test_events_larger_than_any_buffer_arrive_and_those_beyond_reason_do_not(
    world: World,
) -> None:
    large = objects.node("a", version=101)
    large["metadata"]["managedFields"] = ["x" * 6_000_000]
    async with world.mirrored(line_limit=8_000_000) as seen:
        world.server.push(NODES, objects.event("ADDED", large))
        await eventually(lambda: seen.snapshot().nodes)
        large["metadata"]["managedFields"] = ["x" * 9_000_000]
        world.server.push(NODES, objects.event("MODIFIED", large))
        await eventually(lambda: len(world.server.asked(NODES, watch=True)) == 2)
        assert "more than 8000000 bytes" in seen.ages()[0].error or not seen.ages()[0].failures


async def test_events_cut_at_any_byte_and_unicode_arrive_whole(world: World) -> None:
    pod = objects.pod("p", version=101)
    pod["status"]["message"] = "Speicher voll — 💥 \u2028 ende"
    body = json.dumps({"type": "ADDED", "object": pod}, ensure_ascii=False).encode() + b"\n"
    start = body.index("💥".encode())
    async with world.mirrored() as seen:
        for piece in (body[: start + 1], body[start + 1 : start + 3], body[start + 3 :]):
            world.server.push(PODS, piece, 0.01)
        await eventually(lambda: seen.snapshot().pods)
        assert seen.snapshot().pods["kube-system", "p"].message == pod["status"]["message"]


async def test_a_slow_server_is_given_up_on_in_time_and_told_as_a_gap(world: World) -> None:
    world.server.lists(NODES, Answer(objects.listed("Node", []), after=60))
    async with world.mirrored(synced=False, request_timeout=0.2) as seen:
        await eventually(
            lambda: any("did not answer in time" in g.reason for g in seen.snapshot().gaps)
        )
        assert seen.snapshot().sees("Pod", "kube-system", "p")


async def test_retry_after_is_honoured(world: World) -> None:
    busy = Answer(objects.status(429, "too many requests"), 429, {"Retry-After": "1"})
    world.server.lists(NODES, busy, objects.listed("Node", [objects.node("a")]))
    async with world.mirrored() as seen:
        assert seen.snapshot().nodes
        first, second = (r.at for r in world.server.asked(NODES, watch=False))
        assert second - first >= 1


async def test_a_watch_refused_with_retry_after_is_not_asked_for_before(world: World) -> None:
    busy = Answer(objects.status(503, "busy"), 503, {"Retry-After": "1"})
    world.server.watch(NODES, [busy])
    async with world.mirrored(synced=False):
        await eventually(lambda: len(world.server.asked(NODES, watch=True)) == 2)
        first, second = (r.at for r in world.server.asked(NODES, watch=True))
        assert second - first >= 1


async def test_flannel_in_another_namespace_is_found_and_mirrored(world: World) -> None:
    elsewhere = [
        objects.daemonset("calico", namespace="calico-system", container="calico-node"),
        objects.daemonset("canal", namespace="network"),
    ]
    world.server.lists(ALL_DAEMONSETS, objects.listed("DaemonSet", elsewhere))
    world.server.lists(
        "/apis/apps/v1/namespaces/network/daemonsets", objects.listed("DaemonSet", elsewhere[1:])
    )
    async with world.mirrored(discover=True) as seen:
        await eventually(lambda: ("network", "canal") in seen.snapshot().daemonsets)
        assert seen.namespaces == ("kube-system", "network")


async def test_flannel_installed_later_is_found_by_asking_anew(world: World) -> None:
    world.server.lists(
        ALL_DAEMONSETS,
        objects.listed("DaemonSet", []),
        objects.listed("DaemonSet", [objects.daemonset("canal", namespace="network")]),
    )
    async with world.mirrored(discover=True, discovery_interval=60.0) as seen:
        assert seen.namespaces == ("kube-system",)
        await seen.relist()
        assert seen.namespaces == ("kube-system", "network")
        assert not seen.snapshot().gaps


async def test_until_flannel_has_been_looked_for_nothing_anywhere_counts_as_gone(
    world: World,
) -> None:
    world.server.lists(ALL_DAEMONSETS, Answer("oops", 500))
    async with world.mirrored(synced=False, discover=True) as seen:
        await eventually(lambda: all(age.synced for age in seen.ages()))
        assert not seen.snapshot().sees("DaemonSet", "network", "canal")
        assert not seen.snapshot().sees("Pod", "network", "canal-x")
        assert seen.snapshot().sees("Node", "", "a")


async def test_without_the_right_to_look_everywhere_only_elsewhere_is_a_gap(world: World) -> None:
    refused = objects.status(403, "daemonsets.apps is forbidden", "Forbidden")
    world.server.lists(ALL_DAEMONSETS, Answer(refused, 403))
    async with world.mirrored(synced=False, discover=True) as seen:
        await eventually(lambda: len(seen.snapshot().gaps) == 1)
        (gap,) = seen.snapshot().gaps
        assert gap.what == "daemonsets in namespaces not mirrored"
        assert "grant" in gap.reason
        assert seen.snapshot().sees("DaemonSet", "kube-system", "kube-flannel-ds")


async def test_asking_anew_replaces_what_events_have_missed(world: World) -> None:
    world.server.lists(
        NODES,
        objects.listed("Node", [objects.node("a"), objects.node("b")]),
        objects.listed("Node", [objects.node("b", ready="False")], version=300),
    )
    async with world.mirrored() as seen:
        await quiet(seen)
        await within(2, seen.relist())
        assert set(seen.snapshot().nodes) == {"b"}
        assert not seen.snapshot().gaps
        await within(0.5, seen.changed())
        await eventually(lambda: len(world.server.asked(NODES, watch=True)) == 2)
        assert world.server.asked(NODES, watch=True)[1].query["resourceVersion"] == "300"


async def test_asking_anew_while_everything_fails_fails_with_the_reason(world: World) -> None:
    async with world.mirrored(backoff=(60.0, 60.0)) as seen:
        world.server.guard = lambda r: Answer("<html>Bad Gateway</html>", 502)
        for _ in range(3):
            with pytest.raises(errors.Unavailable, match=r"502.*HTML page"):
                await within(20, seen.relist())


async def test_a_fault_of_our_own_blinds_one_resource_and_is_recovered_from(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = 2
    true_take = watching.Watch._take_event

    def take(self: watching.Watch, line: object) -> bool:
        nonlocal faults
        if faults:
            faults -= 1
            raise ZeroDivisionError
        return true_take(self, line)  # type: ignore[arg-type]

    monkeypatch.setattr(watching.Watch, "_take_event", take)
    world.server.lists(NODES, objects.listed("Node", []))
    async with world.mirrored(gap_after=0.0) as seen:
        world.server.push(NODES, objects.event("ADDED", objects.node("a", version=101)))
        await eventually(lambda: any("in the bot" in g.reason for g in seen.snapshot().gaps))
        assert seen.snapshot().sees("Pod", "kube-system", "p")
        await eventually(lambda: not seen.snapshot().gaps)
        await eventually(lambda: len(world.server.open[NODES]) == 1)
        world.server.push(NODES, objects.event("ADDED", objects.node("a", version=101)))
        await eventually(lambda: any("in the bot" in g.reason for g in seen.snapshot().gaps))
        await eventually(lambda: not seen.snapshot().gaps)


async def test_stopping_leaves_no_connection_open(world: World) -> None:
    async with world.mirrored():
        pass
    await eventually(lambda: not any(world.server.open.values()))


async def test_stopping_answers_those_who_wait_for_a_list(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", []), Answer(b"", after=60))
    async with world.mirrored(request_timeout=60.0) as seen:
        waiting = asyncio.create_task(seen.relist())
        await eventually(lambda: len(world.server.asked(NODES, watch=False)) == 2)
    with pytest.raises(errors.Unavailable):
        await within(1, waiting)


async def test_ages_and_numbers_are_told(world: World) -> None:
    world.server.lists(NODES, objects.listed("Node", [objects.node("a"), objects.node("b")]))
    async with world.mirrored() as seen:
        age = next(a for a in seen.ages() if a.resource == "nodes")
        assert (age.objects, age.synced, age.failures, age.error) == (2, True, 0, "")
        assert age.age_seconds is not None
        assert age.age_seconds < 2
        gauges = world.telemetry.gauges
        await eventually(lambda: gauges.get(("mirror_objects", "test", "nodes")) == 2)
        assert ("mirror_age_seconds", "test", "nodes") in gauges
        counts = world.telemetry.counts
        assert counts["kube_requests_total", "test", "200", "nodes", "list"] == 1
        assert counts["kube_requests_total", "test", "200", "nodes", "watch"] == 1


async def test_pods_that_come_and_go_without_end_leave_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of them dies first, and of another quarter each event cannot be understood."""
    # What is logged is kept by pytest until the test ends.
    monkeypatch.setattr(watching, "_log", SimpleNamespace(warning=lambda *_, **__: None))
    world.server.lists(PODS, objects.listed("Pod", [objects.pod("stays")]))

    def life(number: int) -> bytes:
        named = {"name": f"pod-{number}", "uid": f"uid-{number}", "version": 100 + number}
        odd = {"creationTimestamp": None} if number % 4 == 1 else {}
        events = (("ADDED", 0), ("MODIFIED", number % 4 // 3), ("DELETED", number % 4 // 3))
        return b"".join(
            objects.event(kind, objects.pod(**named, **odd, restarts=restarts))
            for kind, restarts in events
        )

    async def churned(numbers: range) -> int:
        for number in numbers:
            world.server.push(PODS, life(number))
            if number % 100 == 0:
                seen.snapshot()
        stays = objects.pod("stays", version=numbers.stop + 100, restarts=numbers.stop)
        world.server.push(PODS, objects.event("MODIFIED", stays))
        await eventually(
            lambda: (
                seen.snapshot().pods["kube-system", "stays"].containers[0].restart_count
                == numbers.stop
            ),
            within=30,
        )
        assert set(seen.snapshot().pods) == {("kube-system", "stays")}
        gc.collect()
        return len(gc.get_objects())

    async with world.mirrored() as seen:
        before = await churned(range(1_000))
        assert await churned(range(1_000, 3_000)) - before < 500
