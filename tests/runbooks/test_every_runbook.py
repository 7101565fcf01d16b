"""What holds for every plan of every runbook."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import guards, runbooks, settings
from bot.domain import drain, patch
from bot.domain.access import Person, Role
from bot.domain.plan import Effect, Plan, StepKind
from bot.runbooks import ALL_RUNBOOKS, Case, NoPlan, Wishes
from tests.checks import worlds
from tests.checks.worlds import MI
from tests.runbooks import cases

HOSTS = {
    "fine": cases.host,
    "trapped": lambda number: cases.host(number, trap=cases.VETH),
    "strayed": lambda number: cases.host(number, now="eth0"),
    "bonded": lambda number: cases.host(
        number, own="bond1", before=(cases.nic(3, "eth1", master="bond1"),)
    ),
    "other": lambda number: cases.host(number, own="ens9"),
    "unseen": lambda number: None,
}
ARGS = st.sampled_from(
    [
        ("--kube-subnet-mgr", "--iface-regex=eth1|bond1"),
        ("--kube-subnet-mgr", "-iface-regex", "eth1|bond1"),
        ("--iface-regex=bond1", "--iface-regex=eth1", "--kube-subnet-mgr"),
        ("--kube-subnet-mgr", "--iface-regex=^(?:eth1|bond1)$"),
        ("--kube-subnet-mgr", "--iface=eth1", "--iface-regex=bond1"),
        ("--kube-subnet-mgr", "--iface-regex=eth.*"),
        ("--kube-subnet-mgr",),
    ]
)


PODS = (
    cases.flannels_own(),
    cases.pod("web-7", ip="10.244.1.7"),
    cases.pod("cache", empty_dir=True),
    cases.pod("shipper", owner="DaemonSet/shipper"),
)


@st.composite
def some_cases(draw: st.DrawFn) -> Case:
    number = draw(st.integers(1, 6))
    kinds = [draw(st.sampled_from(sorted(HOSTS))) for _ in range(number)]
    memory = draw(st.sampled_from([None, 50, 512]))
    broken = draw(st.sets(st.integers(1, number)))
    return cases.case(
        nodes=number,
        hosts={i: HOSTS[kind](i) for i, kind in enumerate(kinds, start=1)},
        spec=worlds.flannel_spec(*draw(ARGS), memory_limit=memory and memory * MI),
        broken=tuple(broken),
        logged=tuple(draw(st.sets(st.sampled_from(sorted(broken)))) if broken else ()),
        strategy=draw(st.sampled_from(["RollingUpdate", "OnDelete"])),
        max_unavailable=draw(st.sampled_from(["1", "30%"])),
        own_node=draw(st.sampled_from(["", "n1"])),
        pods=draw(st.sampled_from([{}, {"n1": PODS}])),
        incident=draw(st.sampled_from([None, cases.trouble("oom_killed", "n1")])),
    )


def drafts(case: Case, **wishes: Any) -> list[tuple[str, Plan | NoPlan]]:
    asked = Wishes(**{"node": "n1", "lose_empty_dirs": True, **wishes})
    return [(name, draft(case, asked)) for name, draft in ALL_RUNBOOKS.items()]


@given(some_cases())
def test_every_draft_holds_what_all_must(case: Case) -> None:
    for name, found in drafts(case):
        if isinstance(found, NoPlan):
            assert found.reason
            assert set(found.instead) <= ALL_RUNBOOKS.keys() - {name}
            continue
        assert found.runbook == name
        _complete(found)
        _reversible(found, case)
        _honest(found, case)
        _judged(found, case)


def _complete(plan: Plan) -> None:
    assert plan.steps
    assert [one.batch for one in plan.steps] == sorted(one.batch for one in plan.steps)
    assert all(one.timeout.total_seconds() > 0 and one.text for one in plan.steps)
    assert all(one.uid for one in plan.steps if one.kind.writes and one.target.name)
    assert plan.title
    assert plan.reasoning
    assert plan.undo
    assert plan.brake
    assert plan.side_effects or not plan.restarts
    assert plan.criteria
    assert plan.expected.total_seconds() > 0
    assert plan.expires_at > plan.created_at
    assert len(set(plan.restarts)) == len(plan.restarts)


def _reversible(plan: Plan, case: Case) -> None:
    live = case.documents
    for step in plan.steps:
        if step.kind is StepKind.PATCH_DAEMONSET:
            name = f"{step.target.namespace}/{step.target.name}"
            changed = patch.apply(step.change, live[name])
            assert changed != live[name]
            assert patch.apply(step.undo, changed) == live[name]
            with pytest.raises(patch.Mismatch):
                patch.apply(step.undo, live[name])


def _honest(plan: Plan, case: Case) -> None:
    """Nothing that nobody saw is called unchanged, and every restart is foretold."""
    for one in plan.predictions:
        look = case.inspections.get(one.node)
        if look is None or look.kernel.links is None:
            assert one.effect is Effect.UNKNOWN
    assert set(plan.restarts) <= {one.node for one in plan.predictions}
    moved = [one for one in plan.predictions if one.effect is Effect.CHANGES]
    assert plan.moves_nics == bool([one for one in moved if one.node in plan.nodes])
    assert plan.quorum == (2 if plan.moves_nics else 1)


def _judged(plan: Plan, case: Case) -> None:
    """The guards that judge a plan's shape accept it."""
    verdicts = guards.judge(
        guards.Situation(
            now=case.now,
            stage=guards.Stage.PROPOSE,
            plan=plan,
            snapshot=case.snapshot,
            enabled=True,
            runbooks=frozenset(ALL_RUNBOOKS),
            requester=Person("UREQ", frozenset({Role.REQUESTER})),
            others=(),
            incidents=(),
            drains={"n1": drain.decide(PODS, delete_empty_dir=True)},
            budgets={},
            homeless=(),
            refusals=(),
            own_node=case.own_node,
        )
    )
    no = {one.guard for one in verdicts if not one.allowed}
    unknown = {one.node for one in plan.predictions if one.effect is Effect.UNKNOWN}
    assert no <= {"min_healthy", "nic_prediction"}
    assert ("nic_prediction" in no) == bool(unknown & set(plan.restarts))


@given(some_cases())
def test_the_same_case_gives_the_same_digest(case: Case) -> None:
    first, second = drafts(case), drafts(case)
    assert first == second
    digests = [(a.digest, b.digest) for (_, a), (_, b) in zip(first, second, strict=True)
               if isinstance(a, Plan) and isinstance(b, Plan)]  # fmt: skip
    assert all(a == b for a, b in digests)


def test_every_runbook_is_one_that_settings_name_and_is_summed_up() -> None:
    assert ALL_RUNBOOKS.keys() == set(settings.RUNBOOKS)
    assert runbooks.SUMMARIES.keys() == ALL_RUNBOOKS.keys()
    assert all(text and not text.endswith(".") for text in runbooks.SUMMARIES.values())
