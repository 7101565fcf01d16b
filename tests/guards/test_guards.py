"""Guards: each says yes to the plain case, no to its own, and no where it cannot see."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot import guards
from bot.domain import drain, incident, snapshot
from bot.domain.access import Person, Role
from bot.domain.drain import NodePod
from bot.domain.finding import Severity
from bot.domain.freeze import Closed
from bot.domain.plan import Binding, Effect, Plan, Prediction, StepKind
from bot.domain.target import Target
from bot.guards import Limits, Other, Situation, Stage
from tests.domain import plans
from tests.domain.plans import FLANNEL, START

NODES = tuple(f"n{i}" for i in range(10))
READY = (snapshot.Condition(type="Ready", status="True"),)
SILENT = (snapshot.Condition(type="Ready", status="Unknown"),)
OWNER = snapshot.Owner(kind="DaemonSet", name=FLANNEL.name, uid="u1")
REQUESTER = Person("UREQ", frozenset({Role.VIEWER, Role.REQUESTER}))


def node(name: str, **changes: Any) -> snapshot.Node:
    made = snapshot.Node(uid=f"uid-{name}", name=name, created_at=START, conditions=READY)
    return replace(made, **changes)


def pod(name: str, *, ready: bool = True) -> snapshot.Pod:
    return snapshot.Pod(
        uid=f"pod-{name}",
        namespace=FLANNEL.namespace,
        name=f"kube-flannel-{name}",
        node=name,
        phase="Running",
        created_at=START,
        containers=(),
        conditions=READY if ready else (),
        owner=OWNER,
    )


def seen(*, ready: int = 10, generation: int = 4, uid: str = "u1", **changes: Any) -> Any:
    daemonset = snapshot.DaemonSet(
        uid=uid,
        namespace=FLANNEL.namespace,
        name=FLANNEL.name,
        created_at=START,
        generation=generation,
        observed_generation=generation,
        template=snapshot.Template(containers=()),
    )
    made = snapshot.Snapshot(
        cluster="prod",
        taken_at=START,
        nodes={name: node(name) for name in NODES},
        pods={
            (FLANNEL.namespace, f"kube-flannel-{name}"): pod(name, ready=i < ready)
            for i, name in enumerate(NODES)
        },
        daemonsets={(FLANNEL.namespace, FLANNEL.name): daemonset},
    )
    return replace(made, **changes)


def raising(**changes: Any) -> Plan:
    """A plan that patches the DaemonSet, so that every flannel restarts."""
    made = plans.plan(
        plans.step(StepKind.PATCH_DAEMONSET),
        plans.step(StepKind.WAIT_ROLLOUT, batch=1),
        restarts=NODES,
        predictions=tuple(Prediction(n, Effect.UNCHANGED, "eth1", "eth1") for n in NODES),
    )
    return replace(made, **changes)


def draining(**changes: Any) -> Plan:
    """A plan that drains one node."""
    made = plans.plan(
        plans.step(StepKind.CORDON, "n3"),
        plans.step(StepKind.EVICT_POD, "n3", batch=1),
        plans.step(StepKind.DELETE_POD, "n3", batch=2),
        plans.step(StepKind.UNCORDON, "n3", batch=3),
        restarts=("n3",),
        predictions=(Prediction("n3", Effect.UNCHANGED, "eth1", "eth1"),),
        bindings=(Binding(Target("prod", "Node", "", "n3", "n3"), "uid-n3"),),
    )
    return replace(made, **changes)


def situation(plan: Plan | None = None, **changes: Any) -> Situation:
    plan = plan or raising()
    made = Situation(
        now=START + timedelta(seconds=30),
        stage=Stage.PROPOSE,
        plan=plan,
        snapshot=seen(),
        enabled=True,
        runbooks=frozenset({plan.runbook}),
        requester=REQUESTER,
        others=(),
        incidents=(),
        drains={"n3": drain.decide([NodePod("d", "p", "u", "n3", owner="ReplicaSet/r")])},
        budgets={"d/p": ""},
        homeless=(),
        refusals=(),
    )
    return replace(made, **changes)


def other(name: str = "RUN-3", **changes: Any) -> Other:
    return replace(Other(name, FLANNEL, ()), **changes)


def trouble(number: int = 9, **changes: Any) -> incident.Incident:
    workload = Target("prod", "Deployment", "kube-system", "coredns")
    made = incident.Incident(
        id=number,
        fingerprint="f",
        check="deployment_unavailable",
        cluster="prod",
        workload=workload,
        state=incident.State.OPEN,
        severity=Severity.CRITICAL,
        summary="CoreDNS is unavailable",
        cure="",
        opened_at=START,
        changed_at=START,
    )
    return replace(made, **changes)


def predicted(effect: Effect, node_name: str = "n4") -> tuple[Prediction, ...]:
    return tuple(
        Prediction(n, effect if n == node_name else Effect.UNCHANGED, "eth1", "veth17f90f70")
        for n in NODES
    )


def denied(given: Situation) -> dict[str, str]:
    return {v.guard: v.reason for v in guards.judge(given) if not v.allowed}


@pytest.mark.parametrize("plan", [raising(), draining()], ids=["patch", "drain"])
@pytest.mark.parametrize("stage", list(Stage))
def test_the_plain_case_is_allowed_with_reasons(plan: Plan, stage: Stage) -> None:
    verdicts = guards.judge(situation(plan, stage=stage))
    assert not [v for v in verdicts if not v.allowed]
    assert all(v.reason for v in verdicts)
    assert len(verdicts) >= 10


PAST = START - timedelta(minutes=3)
CP = {"node-role.kubernetes.io/control-plane": ""}
MANY = tuple(f"m{i}" for i in range(1_001))
DENIED: list[tuple[str, str, str, Situation]] = [
    ("observing only", "enabled", "only observes", situation(enabled=False)),
    ("a runbook switched off", "enabled", "switched off", situation(runbooks=frozenset({"x"}))),
    ("a viewer asked", "role", "no requester", situation(requester=Person("U", frozenset({Role.VIEWER})))),
    ("an approver asked", "role", "no requester", situation(requester=Person("U", frozenset({Role.APPROVER})))),
    ("who asked is not known", "role", "cannot be looked up", situation(requester=None)),
    ("a freeze", "freeze", "release", situation(closed=Closed("release", START + timedelta(hours=1)))),
    ("a right is lacking", "permitted", "cannot patch", situation(refusals=("bot cannot patch daemonsets",))),
    ("no dry run of its writes", "permitted", "cannot be told", situation(refusals=None)),
    ("an old picture", "readable", "last seen", situation(now=START + timedelta(minutes=5))),
    ("a gap over DaemonSets", "readable", "cannot be seen", situation(snapshot=seen(gaps=(snapshot.Gap("daemonsets", "403", START),)))),
    ("a gap over nodes", "readable", "cannot be seen", situation(draining(), snapshot=seen(gaps=(snapshot.Gap("nodes", "403", START),)))),
    ("changed since", "unchanged", "generation 5", situation(snapshot=seen(generation=5))),
    ("replaced since", "unchanged", "replaced", situation(snapshot=seen(uid="u9"))),
    ("gone since", "unchanged", "gone", situation(snapshot=seen(daemonsets={}))),
    ("a node replaced", "unchanged", "replaced", situation(draining(), snapshot=seen(nodes={n: node(n, uid="x") for n in NODES}))),
    ("a node gone", "unchanged", "gone", situation(draining(), snapshot=seen(nodes={"n1": node("n1")}))),
    ("a node would not start", "nic_prediction", "would not start", situation(raising(predictions=predicted(Effect.FAILS)))),
    ("a node would change NIC", "nic_prediction", "another NIC", situation(raising(predictions=predicted(Effect.CHANGES)))),
    ("a node is not known", "nic_prediction", "not known", situation(raising(predictions=predicted(Effect.UNKNOWN)))),
    ("a node has no prediction", "nic_prediction", "n9", situation(raising(predictions=raising().predictions[:-1]))),
    ("nodes without any prediction", "nic_prediction", "not known", situation(raising(predictions=()))),
    ("a failing node, though NICs are meant to move", "nic_prediction", "would not start", situation(raising(predictions=predicted(Effect.FAILS), moves_nics=True))),
    ("a run on the workload", "one_at_a_time", "RUN-3", situation(others=(other(),))),
    ("a run on the node", "one_at_a_time", "RUN-3", situation(draining(), others=(other(workload=Target("prod", "Node", "", "n3"), nodes=("n3",)),))),
    ("another drain", "one_at_a_time", "draining already", situation(draining(), others=(other(workload=Target("prod", "Node", "", "n8"), nodes=("n8",), drains=True),))),
    ("runs not known", "one_at_a_time", "cannot be told", situation(others=None)),
    ("a run just ended", "cooldown", "RUN-3", situation(others=(other(ended_at=PAST),))),
    ("when runs ended is not known", "cooldown", "cannot be told", situation(others=None)),
    ("a fire elsewhere", "other_trouble", "INC-9", situation(incidents=(trouble(),))),
    ("an acknowledged fire elsewhere", "other_trouble", "INC-9", situation(incidents=(trouble(state=incident.State.ACKNOWLEDGED),))),
    ("incidents not known", "other_trouble", "cannot be told", situation(incidents=None)),
    ("too many nodes", "blast_radius", "1002 nodes", situation(raising(restarts=MANY, predictions=()))),
    ("few are healthy", "min_healthy", "5 of 10", situation(snapshot=seen(ready=5))),
    ("many at once", "min_healthy", "6 at a time", situation(raising(at_once=6))),
    ("many at once though it is a cure", "min_healthy", "6 at a time", situation(raising(at_once=6, incident=1))),
    ("nodes silent", "min_healthy", "0 of 10", situation(snapshot=seen(nodes={n: node(n, conditions=SILENT) for n in NODES}))),
    ("no nodes seen", "min_healthy", "no node", situation(snapshot=seen(nodes={}))),
    ("a control-plane node", "control_plane", "n3", situation(draining(), snapshot=seen(nodes={n: node(n, labels=CP) for n in NODES}))),
    ("the bot's node is drained", "own_node", "itself runs", situation(draining(), own_node="n3")),
    ("the bot's node is not last", "own_node", "come last", situation(plans.plan(plans.step(name="n1"), plans.step(name="n2")), own_node="n1")),
    ("a pod without controller", "movable", "no controller", situation(draining(), drains={"n3": drain.decide([NodePod("d", "p", "u", "n3")])})),
    ("pods not listed", "movable", "could not be listed", situation(draining(), drains=None)),
    ("a budget", "budgets", "web-pdb", situation(draining(), budgets={"d/p": "web-pdb allows none", "d/q": ""})),
    ("no dry run", "budgets", "dry-run", situation(draining(), budgets=None)),
    ("no room", "room", "d/p", situation(draining(), homeless=("d/p",))),
    ("room not seen", "room", "could not be seen", situation(draining(), homeless=None)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("why", "guard", "reason", "given"), DENIED, ids=[case[0] for case in DENIED]
)
def test_each_guard_denies_its_own_case(
    why: str, guard: str, reason: str, given: Situation
) -> None:
    found = denied(given)
    assert guard in found, found
    assert reason in found[guard]


ALLOWED: list[tuple[str, str, Situation]] = [
    ("its own patch has raised the generation", "unchanged", situation(stage=Stage.WRITE, snapshot=seen(generation=5))),
    ("its own run is at work", "one_at_a_time", situation(others=(other(),), own_run="RUN-3")),
    ("a run in another cluster", "one_at_a_time", situation(others=(other(workload=replace(FLANNEL, cluster="x")),))),
    ("a run on another node", "one_at_a_time", situation(draining(), others=(other(workload=Target("prod", "Node", "", "n8"), nodes=("n8",)),))),
    ("a run that ended long ago", "cooldown", situation(others=(other(ended_at=START - timedelta(hours=1)),))),
    ("its own incident", "other_trouble", situation(raising(incident=9), incidents=(trouble(),))),
    ("a warning elsewhere", "other_trouble", situation(incidents=(trouble(severity=Severity.WARNING),))),
    ("a resolved one", "other_trouble", situation(incidents=(trouble(state=incident.State.RESOLVED),))),
    ("another cluster's", "other_trouble", situation(incidents=(trouble(cluster="x"),))),
    ("trouble of what it is bound to", "other_trouble", situation(draining(bindings=(*draining().bindings, Binding(FLANNEL, "u1", 4))), incidents=(trouble(workload=FLANNEL),))),
    ("NICs meant to move", "nic_prediction", situation(raising(predictions=predicted(Effect.CHANGES), moves_nics=True))),
    ("a cure of what is broken", "min_healthy", situation(raising(incident=1), snapshot=seen(ready=2))),
    ("a node without prediction has nothing to lose", "nic_prediction", situation(raising(predictions=predicted(Effect.UNKNOWN, "n9"), restarts=NODES[:-1]), snapshot=seen(ready=9))),
    ("the bot's node comes last", "own_node", situation(plans.plan(plans.step(name="n1"), plans.step(name="n2")), own_node="n2")),
    ("control plane where allowed", "control_plane", situation(draining(), limits=Limits(control_plane=True), snapshot=seen(nodes={n: node(n, labels=CP) for n in NODES}))),
]  # fmt: skip


@pytest.mark.parametrize(("why", "guard", "given"), ALLOWED, ids=[case[0] for case in ALLOWED])
def test_each_guard_allows_what_only_looks_like_its_case(
    why: str, guard: str, given: Situation
) -> None:
    assert guard not in denied(given)


def test_every_guard_has_a_case_that_it_denies() -> None:
    names = {v.guard for plan in (raising(), draining(), plans.plan(plans.step(name="n1"))) for v in guards.judge(situation(plan, own_node="n1"))}  # fmt: skip
    assert names == {guard for _, guard, _, _ in DENIED}


def test_denials_come_first_and_say_what_would_help() -> None:
    verdicts = guards.judge(situation(enabled=False, others=(other(),)))
    assert [v.allowed for v in verdicts] == sorted(v.allowed for v in verdicts)
    assert all(v.remedy for v in verdicts if not v.allowed)
