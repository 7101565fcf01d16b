"""Plans for tests of votes and runs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain import patch
from bot.domain.plan import Binding, Criterion, Effect, Plan, Prediction, Signal, Step, StepKind
from bot.domain.plan import State as PlanState
from bot.domain.target import Target

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = timedelta(minutes=1)
FLANNEL = Target("prod", "DaemonSet", "kube-flannel", "kube-flannel-ds")
OLD, NEW = "--iface-regex=eth1|bond1", "--iface-regex=^(?:eth1|bond1)$"
ARG = "/spec/template/spec/containers/0/args/2"


def step(kind: StepKind = StepKind.DELETE_POD, name: str = "n1", batch: int = 0) -> Step:
    target = Target("prod", "Node", "", name, name)
    change: patch.Patch = ()
    undo: patch.Patch = ()
    if kind is StepKind.PATCH_DAEMONSET:
        target = FLANNEL
        change = (patch.Operation("test", ARG, OLD), patch.Operation("replace", ARG, NEW))
        undo = (patch.Operation("test", ARG, NEW), patch.Operation("replace", ARG, OLD))
    return Step(
        kind=kind,
        target=target,
        timeout=timedelta(minutes=5),
        uid="u1",
        change=change,
        undo=undo,
        batch=batch,
    )


def plan(*steps: Step, **changes: object) -> Plan:
    made = Plan(
        id=7,
        cluster="prod",
        runbook="anchor_regex",
        title="Anchor the regex",
        workload=FLANNEL,
        requester="UREQ",
        created_at=START,
        expires_at=START + timedelta(minutes=15),
        steps=steps or (step(StepKind.PATCH_DAEMONSET),),
        bindings=(Binding(FLANNEL, "u1", 4),),
        criteria=(Criterion(Signal.NO_NEW_CRASH, FLANNEL, timedelta(minutes=5)),),
        predictions=(Prediction("n1", Effect.UNCHANGED, "eth1", "eth1"),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def approved(*steps: Step) -> Plan:
    return plan(*steps, state=PlanState.APPROVED, decided_at=START, decided_by=("UAPP",))
