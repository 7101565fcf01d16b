"""Recorded stories whose parts act in the recorded order, which a real cluster leaves to chance.

In such a story a controller, the scheduler and the kubelets write at the same time. Here the
simulation's own controller and scheduler run on a clock that stands still: a `Conductor` lets
whoever wrote next in the recording do its next write, and plays the kubelets. What each of them
writes is its own: whatever differs is seen in the recorded watches.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sim.cluster import (
    daemonsets,
    index,
    placement,
    podstate,
    resources,
    scheduling,
    store,
)
from tests.sim import parts, recorded, stories

Object = dict[str, Any]

CLIENT, CONTROLLER, SCHEDULER, KUBELET = "client", "controller", "scheduler", "kubelet"
WATCHES = (2, 3)
"""The exchanges that watch the DaemonSet and its pods."""
WATCHED = ("DaemonSet", "Pod")


@dataclass(frozen=True)
class Step:
    """One recorded write.

    Args:
        who: wrote it.
        what: ADDED, MODIFIED or DELETED.
        object: as it was written.
    """

    who: str
    what: str
    object: Object

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def node(self) -> str:
        """Where the pod is, or is meant to be."""
        spec = self.object["spec"]
        return str(spec.get("nodeName") or placement.target(spec))

    @property
    def counts(self) -> bool:
        """Whether the controller has written how many pods there are."""
        return self.who == CONTROLLER and self.object["kind"] == "DaemonSet"

    @property
    def ended(self) -> bool:
        """Whether the pod leaves room for its successor."""
        return podstate.over(self.object) and podstate.terminating(self.object)


class LateIndex(index.Index):
    """What a controller knows of the pods: some changes a moment late, as real caches do."""

    def __init__(self, storage: store.Store) -> None:
        self.unseen: set[str] = set()
        """Pods that it does not know yet."""
        self.outdated: dict[str, Object] = {}
        """Pods that it knows in an older state, by name."""
        super().__init__(storage)

    def owned_by(self, uid: str) -> list[Object]:
        return [
            self.outdated.get(pod["metadata"]["name"], pod)
            for pod in super().owned_by(uid)
            if pod["metadata"]["name"] not in self.unseen
        ]


class Stage(stories.NamesInOrder):
    """A registry in which whoever wants to write lets those write first whose turn it is."""

    def __init__(self, conductor: "Conductor", names: Mapping[str, Sequence[str]]) -> None:
        self._conductor = conductor
        super().__init__(names)

    def _removed(self, row: resources.Resource, obj: Object) -> Object:
        if self.meanwhile is None or row.kind != "Pod":
            return super()._removed(row, obj)
        remove = super()._removed
        self._conductor.leaves(obj["metadata"]["name"], lambda: remove(row, obj))
        return obj


class Conductor:
    """Lets everybody of a recorded rolling update write in turn.

    Args:
        name: of the story.
    """

    def __init__(self, name: str) -> None:
        self.exchanges = recorded.story(name)["exchanges"]
        self.steps = _steps(self.exchanges)
        self._beginning = _beginning(self.exchanges, self.steps)
        written = (*self._beginning, *(step.object for step in self.steps))
        self._revisions = {obj["metadata"]["resourceVersion"] for obj in written}
        self.known: dict[str, str] = {}
        """What the placeholders of the beginning stand for."""
        self._leaving: dict[str, Callable[[], Any]] = {}
        self._living: dict[str, Object] = {}
        self._at = 0
        self._acting = [CLIENT]
        daemonset = self.exchanges[0]["response"]["body"]
        self._key = daemonset["metadata"]["namespace"], daemonset["metadata"]["name"]
        created = [step.name[-5:] for step in self.steps if step.what == "ADDED"]
        self.objects = Stage(self, {f"{self._key[1]}-": created})
        self._clock = parts.StoppedClock()
        self._index = LateIndex(self.objects.store)

    @contextlib.contextmanager
    def controllers(self) -> Iterator[None]:
        """The controller and the scheduler, who see the world as the story found it."""
        self._begin()
        tools = parts.tools(
            self.objects,
            self._clock,
            pods=self._index,
            drawn={"daemonsets": parts.Drawn(self._order())},
        )
        observers = (daemonsets.DaemonSets(tools), scheduling.Scheduler(tools))

        def changed(change: store.Change) -> None:
            pod = change.object
            if change.resource == "pods" and not (podstate.over(pod) and podstate.terminating(pod)):
                self._living[pod["metadata"]["name"]] = pod
            for observer in observers:
                observer.observe(change)

        unsubscribe = self.objects.store.subscribe(changed)
        self.objects.meanwhile = self.let_others_write_before
        try:
            yield
        finally:
            unsubscribe()
            self._index.unsubscribe()
            self._clock.close()

    def let_others_write_before(self, kind: str, _: Mapping[str, Any]) -> None:
        """Called before a write: it is the turn of those who wrote earlier in the recording."""
        if kind not in WATCHED:
            return
        while self._at < len(self.steps) and self.steps[self._at].who != self._acting[-1]:
            self._perform()
        self._count()

    def leaves(self, name: str, removal: Callable[[], Any]) -> None:
        """Called by a kubelet's last deletion, whose second write has its own turn."""
        self._leaving[name] = removal

    async def before(self, replay: recorded.Replay) -> None:
        """Everything happens that was recorded before a client's next request."""
        body = self.exchanges[replay.position]["response"].get("body")
        if replay.position > WATCHES[-1]:
            while self._at < len(self.steps) and self.steps[self._at].who != CLIENT:
                self._perform()
        if body and body["metadata"]["resourceVersion"] not in self._revisions:
            # Somewhere else in the cluster, which only the list's own revision tells.
            self.objects.create("configmaps", "default", {"metadata": {"generateName": "other-"}})

    def _begin(self) -> None:
        """What earlier stories have left behind, written in their order."""
        for node in stories.recorded_nodes():
            stories.leave(self.objects, {"kind": "Node", **node}, of="01-nodes")
        for obj in sorted(self._beginning, key=_revision):
            self.known |= stories.leave(self.objects, obj)

    def _order(self) -> list[float]:
        """What puts the nodes in the order in which their pods are deleted."""
        nodes = [
            step.node
            for step in self.steps
            if step.who == CONTROLLER and step.what == "MODIFIED" and step.object["kind"] == "Pod"
        ]
        names = [node["metadata"]["name"] for node in stories.recorded_nodes()]
        order = list(dict.fromkeys([*nodes, *names]))
        return [order.index(name) / len(names) for name in sorted(names)]

    def _count(self) -> None:
        if self._at == len(self.steps):
            return
        step = self.steps[self._at]
        self._at += 1
        self._index.outdated = {}
        if step.what == "ADDED" and self._comes_late():
            self._index.unseen.add(step.name)
        elif step.counts:
            self._index.unseen.clear()

    def _comes_late(self) -> bool:
        """Whether the controller counted its pods once more before it knew of the new one."""
        end = next(at for at in range(self._at, len(self.steps)) if self.steps[at].counts)
        last = {step.name: step for step in self.steps[:end] if step.object["kind"] == "Pod"}
        gone = sum(step.ended for step in last.values())
        added = sum(step.what == "ADDED" for step in self.steps[:end])
        status = self.steps[end].object["status"]
        present = status["desiredNumberScheduled"] - gone + added
        return bool(status["currentNumberScheduled"] < present)

    def _ended_a_moment_ago(self) -> dict[str, Object]:
        """Pods whose end the controller did not know when it began, as it knew them."""
        end = next((at for at in range(self._at, len(self.steps)) if self.steps[at].counts), 0)
        made = {step.node for step in self.steps[:end] if step.what == "ADDED"}
        last = {step.name: step for step in self.steps[: self._at] if step.object["kind"] == "Pod"}
        return {
            name: self._living[name]
            for name, step in last.items()
            if step.ended and step.what != "DELETED" and step.node not in made
        }

    def _perform(self) -> None:
        step, before = self.steps[self._at], self._at
        self._acting.append(step.who)
        try:
            if step.who == CONTROLLER:
                self._index.outdated = self._ended_a_moment_ago()
                self._clock.strike(f"daemonset {self._key}")
            elif step.who == SCHEDULER:
                self._clock.strike(f"scheduling {(self._key[0], step.name)}")
            elif step.what == "DELETED":
                self._count()
                self._leaving.pop(step.name)()
            elif step.ended and not step.object["metadata"]["deletionGracePeriodSeconds"]:
                self.objects.delete("pods", self._key[0], step.name, grace_seconds=0)
            else:
                stories.run(self.objects, self._key[0], step.name, step.object)
        finally:
            self._acting.pop()
        assert self._at > before, f"the {step.who} did not write {step.what} {step.object}"


def _revision(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"].removeprefix("rv-"))


def _steps(exchanges: list[Object]) -> list[Step]:
    """Who wrote what, from the two watches in the order of the resourceVersions."""
    recorded_events = [event for at in WATCHES for event in exchanges[at]["response"]["events"]]
    recorded_events.sort(key=lambda event: _revision(event["object"]))
    asked = {
        exchange["response"]["body"]["metadata"].get("resourceVersion")
        for exchange in exchanges[4:]
        if exchange["request"]["method"] != "GET"
    }
    before: dict[str, Object] = {}
    steps = []
    for event in recorded_events:
        obj = event["object"]
        old = before.get(obj["metadata"]["name"], {"metadata": {}, "spec": obj["spec"]})
        who = KUBELET
        if obj["metadata"]["resourceVersion"] in asked:
            who = CLIENT
        elif obj["kind"] == "DaemonSet" or event["type"] == "ADDED":
            who = CONTROLLER
        elif obj["spec"].get("nodeName") != old["spec"].get("nodeName"):
            who = SCHEDULER
        elif "deletionTimestamp" in obj["metadata"] and "deletionTimestamp" not in old["metadata"]:
            who = CONTROLLER
        before[obj["metadata"]["name"]] = obj
        steps.append(Step(who, event["type"], obj))
    return steps


def _beginning(exchanges: list[Object], steps: list[Step]) -> list[Object]:
    """The DaemonSet, its pods and its revisions as the story found them."""
    daemonset = exchanges[0]["response"]["body"]
    first: dict[str, Object] = {}
    for step in steps:
        if step.object["kind"] == "Pod" and step.what != "ADDED":
            first.setdefault(step.name, step.object)
    model = next(iter(first.values()))
    pods = []
    for listed in exchanges[1]["response"]["body"]["items"]:
        metadata = listed["metadata"]
        pod = first.get(metadata["name"]) or stories.elsewhere(
            model, _place(exchanges, metadata["name"])
        )
        conditions = [one | {"status": "True"} for one in pod["status"]["conditions"]]
        status = pod["status"] | {"conditions": conditions}
        pods.append({**pod, "metadata": metadata, "status": status})
    table = exchanges[-1]["response"]["body"]["rows"]
    present = pods[0]["metadata"]["labels"][daemonsets.HASH]
    revisions = []
    for row in table:
        metadata, number = row["object"]["metadata"], row["cells"][2]
        template: Object = {"metadata": {"labels": {"once": str(number)}}}
        if metadata["labels"][daemonsets.HASH] == present:
            template = daemonset["spec"]["template"]
            if _revision({"metadata": metadata}) > _revision(daemonset):
                # It is found again in the story, which then raises its number.
                metadata, number = metadata | {"resourceVersion": "rv-0"}, number - 2
        elif _revision({"metadata": metadata}) > _revision(daemonset):
            continue
        revisions.append(stories.revision(metadata, template, number))
    return [*revisions, *pods, daemonset]


def _place(exchanges: list[Object], pod: str) -> str:
    """The node of a pod nothing happens to, from a table."""
    for exchange in exchanges[4:]:
        for row in exchange["response"].get("body", {}).get("rows", ()):
            if row["cells"][0] == pod:
                return str(row["cells"][6])
    raise AssertionError(f"where {pod} ran is not recorded")
