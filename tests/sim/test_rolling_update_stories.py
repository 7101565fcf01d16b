"""The recorded rollouts 04a to 04d, played again by the simulated controllers and kubelets.

In the recordings a script stood for the kubelets, so the pods' statuses in between differ; what
the controllers write must not. Compared are: the DaemonSet's statuses without the moments in which
a node has no pod (the recordings themselves have them "in some status writes and not in others"),
what happens to the old and to the new pod of each node, and the order of deletions.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sim.cluster import daemonsets, store, world
from tests.sim import worlds

pytestmark = pytest.mark.looptime  # deterministic, and no waiting

RECORDED = Path(__file__).parent.parent / "recorded" / "kubernetes-1.36"
COUNTS = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
)


def story(beginning: str) -> dict[str, Any]:
    (found,) = RECORDED.glob(f"{beginning}*.json")
    return json.loads(found.read_text())


def body_of(recorded: dict[str, Any], name: str) -> Any:
    return next(
        one["request"]["body"]
        for one in recorded["exchanges"]
        if one["name"].startswith(name) and "body" in one["request"]
    )


def statuses(timeline: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the DaemonSet said, in order, generations counted from the first one seen."""
    base = min(row["generation"] for row in timeline if row["kind"] == "DaemonSet")
    found: list[tuple[Any, ...]] = []
    for row in timeline:
        if row["kind"] != "DaemonSet":
            continue
        if row["currentNumberScheduled"] < row["desiredNumberScheduled"]:
            continue
        status = tuple(
            row[name] - base if name == "observedGeneration" else row.get(name) for name in COUNTS
        )
        if not found or found[-1] != (row["generation"] - base, status):
            found.append((row["generation"] - base, status))
    return found


def lives(timeline: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """For each pod, in order of its first sight: what was seen of it, without repetitions."""
    seen: dict[str, list[str]] = {}
    for row in timeline:
        if row["kind"] != "Pod":
            continue
        words = seen.setdefault(row["name"], [])
        if row["type"] == "DELETED":
            word = "gone"
        elif row["phase"] == "Pending":
            word = "made" if row["node"] is None else "placed"
        else:
            word = "ends" if row["phase"] == "Succeeded" else f"runs, ready {row['ready']}"
            word += ", terminating" if row["terminating"] else ""
        if not words or words[-1] != word:
            words.append(word)
    return [tuple(words) for words in seen.values()]


class Recorder:
    """A timeline in the recordings' form, from the changes of the store."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def note(self, change: store.Change) -> None:
        obj = change.object
        metadata = obj["metadata"]
        if change.resource == "daemonsets" and metadata["name"] == worlds.FLANNEL:
            status = {name: obj["status"][name] for name in COUNTS if name in obj["status"]}
            self.rows.append({"kind": "DaemonSet", "generation": metadata["generation"]} | status)
        elif change.resource == "pods" and metadata["labels"].get("app") == "flannel":
            self.rows.append(
                {
                    "kind": "Pod",
                    "type": change.type,
                    "name": metadata["name"],
                    "node": obj["spec"].get("nodeName"),
                    "hash": metadata["labels"][daemonsets.HASH],
                    "phase": obj["status"]["phase"],
                    "ready": worlds.condition(obj, "Ready").get("status"),
                    "terminating": "deletionTimestamp" in metadata,
                }
            )


@contextlib.contextmanager
def recording(one: world.World) -> Iterator[Recorder]:
    recorder = Recorder()
    stop = one.api.store.subscribe(recorder.note)
    try:
        yield recorder
    finally:
        stop()


def patch(one: world.World, body: Any) -> dict[str, Any]:
    kind = "json" if isinstance(body, list) else "merge"
    return one.api.patch("daemonsets", "kube-system", worlds.FLANNEL, body, kind=kind)


def settled(one: world.World, *, updated: int | None = 6) -> bool:
    found = worlds.daemonset(one)
    status = found["status"]
    return (
        status.get("observedGeneration") == found["metadata"]["generation"]
        and status.get("updatedNumberScheduled") == updated
        and status.get("numberAvailable") == 6
    )


def unavailable(one: world.World) -> int:
    return worlds.daemonset(one)["status"].get("numberUnavailable", 0)


def with_limit(limit: str) -> list[dict[str, str]]:
    path = "/spec/template/spec/containers/0/resources/limits/memory"
    return [{"op": "replace", "path": path, "value": limit}]


@contextlib.asynccontextmanager
async def cluster_with(limit: str) -> Any:
    """Six nodes whose flannel has this limit, all up to date."""
    async with worlds.living(nodes=6, name="story", first_burst=None) as one:
        if limit != "50Mi":
            patch(one, with_limit(limit))
            await worlds.eventually(lambda: settled(one))
        yield one


async def test_04a_a_template_change_takes_one_node_after_another() -> None:
    recorded = story("04a")
    async with cluster_with("50Mi") as one:
        with recording(one) as found:
            patch(one, body_of(recorded, "raise the limit"))
            await worlds.eventually(lambda: settled(one))
    assert statuses(found.rows) == statuses(recorded["timeline"])
    known = set(lives(recorded["timeline"]))
    assert {life[-1] for life in lives(found.rows)} == {life[-1] for life in known}
    old = [life for life in lives(found.rows) if life[-1] == "gone"]
    assert set(old) == {life for life in known if life[-1] == "gone"}
    new = [life for life in lives(found.rows) if life[-1] != "gone"]
    assert {(life[0], life[1], life[-1]) for life in new} == {
        life for life in known if life[-1] != "gone"
    }
    assert _most_missing(found.rows) == 1


async def test_04b_unavailable_old_pods_go_first_and_all_at_once() -> None:
    recorded = story("04b")
    async with cluster_with("60Mi") as one:
        broken = worlds.pods(one)[1::3]
        with recording(one) as found:
            for count, pod in enumerate(broken, start=1):
                _unready(one, pod)
                await worlds.eventually(lambda: unavailable(one) == count)  # noqa: B023
            patch(one, body_of(recorded, "raise the limit"))
            await worlds.eventually(lambda: settled(one))
    # Whether the two come back at the same moment is chance, so the moment between is left out.
    one_is_back = (2, 5)
    assert [row for row in statuses(found.rows) if (row[1][5], row[1][6]) != one_is_back] == [
        row for row in statuses(recorded["timeline"]) if (row[1][5], row[1][6]) != one_is_back
    ]
    going = [row["name"] for row in found.rows if row["kind"] == "Pod" and row["terminating"]]
    order = list(dict.fromkeys(going))
    assert set(order[:2]) == {pod["metadata"]["name"] for pod in broken}
    back = _first(found.rows, lambda row: row.get("numberAvailable") == 6)
    assert (
        _first(found.rows, lambda row: row.get("name") == order[2] and row["terminating"]) <= back
    )


async def test_04c_a_bad_template_stalls_and_the_inverse_patch_repairs_only_what_it_broke() -> None:
    recorded = story("04c")
    async with cluster_with("70Mi") as one:
        before = {pod["metadata"]["name"] for pod in worlds.pods(one)}
        revisions = {row["metadata"]["name"] for row in one.api.store.list("controllerrevisions")}
        with recording(one) as found:
            patch(one, body_of(recorded, "a template whose pods never"))
            await worlds.eventually(
                lambda: (
                    worlds.daemonset(one)["status"].get("updatedNumberScheduled") == 1
                    and [
                        pod
                        for pod in worlds.pods(one)
                        if worlds.container_of(pod)["restartCount"] > 2
                    ]
                )
            )
            stalled = worlds.daemonset(one)["status"]
            assert stalled["numberUnavailable"] == 1
            assert len(before & {pod["metadata"]["name"] for pod in worlds.pods(one)}) == 5
            repaired = patch(one, body_of(recorded, "the inverse patch"))
            await worlds.eventually(lambda: settled(one))
        after = worlds.pods(one)
        assert len(before & {pod["metadata"]["name"] for pod in after}) == 5
        assert len({pod["metadata"]["labels"][daemonsets.HASH] for pod in after}) == 1
        generations = sorted(pod["metadata"]["labels"][daemonsets.GENERATION] for pod in after)
        assert len(set(generations)) == 2, "five keep their old generation label"
        # The old template got its old revision back, with a new highest number.
        (current,) = [
            row
            for row in one.api.store.list("controllerrevisions")
            if row["metadata"]["labels"][daemonsets.HASH]
            == after[0]["metadata"]["labels"][daemonsets.HASH]
        ]
        assert current["metadata"]["name"] in revisions
        highest = max(
            row["revision"]
            for row in one.api.store.list("controllerrevisions")
            if row["metadata"]["labels"].get("app") == "flannel"
            and row["metadata"]["ownerReferences"][0]["uid"] == repaired["metadata"]["uid"]
        )
        assert current["revision"] == highest
    assert statuses(found.rows) == statuses(recorded["timeline"])


async def test_04d_on_delete_replaces_nothing_until_pods_are_deleted() -> None:
    recorded = story("04d")
    async with cluster_with("70Mi") as one:
        with recording(one) as found:
            both = patch(one, body_of(recorded, "updateStrategy OnDelete without"))
            assert "rollingUpdate" in both["spec"]["updateStrategy"]
            patch(one, {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}})
            await worlds.eventually(lambda: settled(one))
            found.rows.clear()
            patch(one, body_of(recorded, "raise the limit"))
            await worlds.eventually(lambda: settled(one, updated=None))
            assert not [row for row in found.rows if row["kind"] == "Pod"]
            victim = worlds.pods(one)[2]["metadata"]["name"]
            one.api.delete("pods", "kube-system", victim)
            await worlds.eventually(lambda: settled(one, updated=1))
            rolling = patch(one, body_of(recorded, "updateStrategy RollingUpdate"))
            assert rolling["spec"]["updateStrategy"]["rollingUpdate"] == {
                "maxUnavailable": 1,
                "maxSurge": 0,
            }
            await worlds.eventually(lambda: settled(one))
    # The recording shows the second change of strategy, too, in its first two rows.
    mine = [(generation, row) for generation, row in statuses(found.rows)]
    theirs = [
        (generation - 1, (*row[:4], row[4] - 1, *row[5:]))
        for generation, row in statuses(recorded["timeline"])[2:]
    ]
    assert mine == theirs


async def test_percentages_and_larger_budgets_are_used_up_and_not_exceeded() -> None:
    async with cluster_with("50Mi") as one:
        patch(one, {"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "34%"}}}})
        await worlds.eventually(lambda: settled(one))
        with recording(one) as found:
            patch(one, with_limit("90Mi"))
            await worlds.eventually(lambda: settled(one))
    assert _most_missing(found.rows) == 3  # 34 % of six, rounded up


async def test_deleted_daemonsets_take_their_pods_and_revisions_with_them() -> None:
    async with cluster_with("50Mi") as one:
        uid = worlds.daemonset(one)["metadata"]["uid"]
        one.api.delete("daemonsets", "kube-system", worlds.FLANNEL)
        await worlds.eventually(lambda: not worlds.pods(one))
        assert not [
            row
            for row in one.api.store.list("controllerrevisions")
            if row["metadata"]["ownerReferences"][0]["uid"] == uid
        ]


def _unready(one: world.World, pod: dict[str, Any]) -> None:
    """What the recording script did: the pod's Ready turns False, and its kubelet says no more."""
    conditions = [
        item | ({"status": "False"} if item["type"] == "Ready" else {})
        for item in pod["status"]["conditions"]
    ]
    body = {"status": {"conditions": conditions}}
    name = pod["metadata"]["name"]
    one.api.patch("pods", "kube-system", name, body, kind="merge", subresource="status")


def _most_missing(rows: list[dict[str, Any]]) -> int:
    return max(row.get("numberUnavailable", 0) for row in rows if row["kind"] == "DaemonSet")


def _first(rows: list[dict[str, Any]], holds: Any) -> int:
    return next(number for number, row in enumerate(rows) if holds(row))
