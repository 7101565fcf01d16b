"""Each kind of write, interrupted at each instant and by each answer: done once, or known not done.

The real actuator and the flow's own hands, over the simulated API server; what was written is
counted by the server's own store. The successor of a killed process does what the journal makes
it do: it looks what became of a begun step before it does anything.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.adapters.cluster import actuator
from bot.domain import errors, patch
from bot.domain.plan import Step, StepKind
from bot.domain.run import Seen, StepState
from bot.domain.target import Target
from bot.flow import hands
from bot.sim.cluster import store
from tests.adapters.cluster.conftest import Clock, World
from tests.adapters.cluster.scripted import Server
from tests.flow.plant import Gate, Gated
from tests.sim import api

RUN = "RUN-3"
MEMORY = "/spec/template/spec/containers/0/resources/limits/memory"
KINDS = (
    StepKind.PATCH_DAEMONSET,
    StepKind.CORDON,
    StepKind.UNCORDON,
    StepKind.EVICT_POD,
    StepKind.DELETE_POD,
)
ANSWERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "the connection ends before it is done": ("abort", {"count": 1}),
    "the connection ends after it was done": ("lose", {"count": 1}),
    "it is done long after we gave up": ("slow", {"count": 1, "seconds": 0.4}),
    "it never answers": ("hang", {"count": 1}),
    "409": ("error", {"count": 1, "code": 409}),
    "422": ("error", {"count": 1, "code": 422}),
    "429": ("throttle", {"count": 1, "retry_after": 0}),
    "500": ("error", {"count": 1, "code": 500}),
    "500 for ever": ("error", {"count": 100, "code": 500}),
    "503 by a proxy": ("html", {"count": 1, "code": 503}),
}


class Quick(Clock):
    """Waits hardly at all between tries."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


@dataclass
class Place:
    """A cluster with one object of a kind to be written to, and what became of it."""

    cluster: api.Api
    hand: actuator.Actuator
    number: int = 0
    written: list[tuple[str, str]] = field(default_factory=list)

    def heard(self, change: store.Change) -> None:
        if change.resource in ("daemonsets", "nodes", "pods"):
            self.written.append((change.type, change.object["metadata"]["uid"]))

    def step(self, kind: StepKind) -> Step:
        """Make an object of its own for each try."""
        self.number += 1
        name, objects = f"x{self.number}", self.cluster.registry
        change: patch.Patch = ()
        if kind is StepKind.PATCH_DAEMONSET:
            made = objects.create("daemonsets", "shop", api.daemonset(name))
            target = Target("test", "DaemonSet", "shop", name)
            change = (
                patch.Operation("test", "/metadata/uid", made["metadata"]["uid"]),
                patch.Operation("test", MEMORY, "50Mi"),
                patch.Operation("replace", MEMORY, "256Mi"),
            )
        elif kind in (StepKind.CORDON, StepKind.UNCORDON):
            made = objects.create("nodes", "", {"metadata": {"name": name}})
            target = Target("test", "Node", "", name, name)
        else:
            pod = api.pod(name, terminationGracePeriodSeconds=0)
            made = objects.create("pods", "shop", pod)
            target = Target("test", "Pod", "shop", name, "n")
        back = (
            patch.Operation("test", MEMORY, "256Mi"),
            patch.Operation("replace", MEMORY, "50Mi"),
        )
        uid = made["metadata"]["uid"]
        undo = back if change else ()
        return Step(kind, target, timedelta(seconds=5), uid=uid, change=change, undo=undo)

    def hands(self, gate: Gate | None = None) -> hands.Hands:
        means = Gated(self.hand, gate) if gate is not None else self.hand
        patience = hands.Options(tries=3, again=timedelta(milliseconds=1))
        return hands.Hands(cast("Any", means), cast("Any", None), clock=Quick(), options=patience)

    def times(self, step: Step) -> int:
        """How often the store took a write of that very object."""
        made = "DELETED" if step.kind in (StepKind.EVICT_POD, StepKind.DELETE_POD) else "MODIFIED"
        return self.written.count((made, step.uid))

    def holds(self, step: Step) -> bool:
        """Whether it is as the step would have it."""
        found = self.cluster.registry.store.get(
            _ROWS[step.kind], step.target.namespace, step.target.name
        )
        if step.kind in (StepKind.EVICT_POD, StepKind.DELETE_POD):
            return found is None or found["metadata"]["uid"] != step.uid
        assert found is not None
        if step.kind is StepKind.PATCH_DAEMONSET:
            limits = found["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
            return bool(limits["memory"] == "256Mi")
        return bool(found["spec"].get("unschedulable", False)) is (step.kind is StepKind.CORDON)


_ROWS = {
    StepKind.PATCH_DAEMONSET: "daemonsets",
    StepKind.CORDON: "nodes",
    StepKind.UNCORDON: "nodes",
    StepKind.EVICT_POD: "pods",
    StepKind.DELETE_POD: "pods",
}


@contextlib.asynccontextmanager
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with api.serving() as cluster:
        cluster.registry.create("namespaces", "", {"metadata": {"name": "shop"}})
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(json.dumps(cluster.server.kubeconfig(api.TOKEN)))
        world = World(Server(), kubeconfig)
        async with world.client(request_timeout=0.25) as client:
            made = Place(cluster, actuator.Actuator(client, clock=Quick()))
            ends = cluster.store.subscribe(made.heard)
            yield made
            cluster.server.switchboard.clear("hang")
            ends()


async def begun(one: Place, kind: StepKind) -> Step:
    step = one.step(kind)
    while kind is StepKind.UNCORDON:
        # Not under test, and a busy machine may need longer than the client waits here.
        with contextlib.suppress(errors.Unavailable):
            await one.hand.cordon(step.target.name, uid=step.uid, operation=RUN)
            break
    one.written.clear()
    return step


async def carried(own: hands.Hands, step: Step) -> StepState | None:
    """Do what a run does with one step; None where it is left to a person."""
    for _ in range(4):
        done = await own.do(
            step,
            operation=RUN,
            stop=lambda: False,
            held=lambda _: None,
            patience=lambda: 0,
        )
        if done is not None:
            return done.state
        found = await own.look(step, operation=RUN)
        if found.seen is Seen.DONE:
            return StepState.APPLIED
        if found.seen is Seen.UNCLEAR:
            return None
    return StepState.FAILED


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
async def test_whatever_answers_a_write_it_is_done_once_or_truly_said_not_to_be(
    kind: StepKind, tmp_path: Path
) -> None:
    ends: dict[str, StepState | None] = {}
    async with place(tmp_path) as one:
        for name, (fault, params) in ANSWERS.items():
            step = await begun(one, kind)
            verb = {"pods": "create" if kind is StepKind.EVICT_POD else "delete"}.get(
                _ROWS[kind], "patch"
            )
            one.cluster.server.switchboard.set(
                fault, params | {"verb": verb, "resource": _ROWS[kind]}
            )
            ends[name] = await carried(one.hands(), step)
            one.cluster.server.switchboard.clear(fault)
            if fault == "slow":
                await asyncio.sleep(0.25)
            assert one.times(step) <= 1, (name, one.written)
            assert one.times(step) == one.holds(step), name
            if ends[name] in (StepState.APPLIED, StepState.SKIPPED):
                assert one.holds(step), name
            elif ends[name] is StepState.FAILED and fault != "slow":
                assert not one.holds(step), name
    done = (StepState.APPLIED, StepState.SKIPPED)
    assert ends["the connection ends after it was done"] in done
    assert ends["500 for ever"] not in done


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
async def test_killed_at_each_instant_of_a_step_its_successor_does_it_once(
    kind: StepKind, tmp_path: Path
) -> None:
    killed = 0
    async with place(tmp_path) as one:
        while True:
            step, gate = await begun(one, kind), Gate(killed + 1)
            first = asyncio.create_task(carried(one.hands(gate), step))
            dead = asyncio.create_task(gate.dead.wait())
            await asyncio.wait({first, dead}, return_when="FIRST_COMPLETED")
            first.cancel()
            dead.cancel()
            await asyncio.gather(first, dead, return_exceptions=True)
            if not gate.dead.is_set():
                break
            killed += 1
            found = await one.hands().look(step, operation=RUN)
            if found.seen is Seen.NOT_STARTED:
                assert not one.holds(step)
                assert await carried(one.hands(), step) is StepState.APPLIED
            else:
                assert found.seen is Seen.DONE, found
            assert one.holds(step)
            assert one.times(step) == 1, (killed, one.written)
    assert killed >= 2
