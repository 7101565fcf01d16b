"""What holds for every check, whatever it is about."""

import inspect
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import checks
from bot.domain.snapshot import Condition, ContainerState, Gap, Node, Owner, Pod, Snapshot
from bot.flannel.inspection import Unseen
from tests.checks.networks import (
    dropped,
    look,
    looks,
    trapped,
    without_entries,
    without_env,
)
from tests.checks.worlds import (
    FLANNEL,
    MI,
    PROXY,
    STORY_FLAGS,
    all_findings,
    announces,
    at,
    container,
    daemonset,
    deployment,
    ended,
    flannel_spec,
    node,
    oom,
    pod,
    running,
    waiting,
    watched,
    world,
)

NAMES = [
    "oom_killed",
    "crash_loop",
    "pod_not_ready",
    "daemonset_short",
    "rollout_stuck",
    "deployment_unavailable",
    "node_not_ready",
    "flannel_missing",
    "nic_at_restart",
    "node_device",
    "node_routes",
    "subnet_env",
    "node_unseen",
    "pod_cidr",
    "public_ip",
    "announcement",
    "nic_pattern",
    "memory_headroom",
    "update_strategy",
    "version_hazard",
    "blind_spot",
]


def test_the_list_is_complete_and_each_check_lives_in_a_file_of_its_name() -> None:
    assert list(checks.ALL_CHECKS) == NAMES
    for name, check in checks.ALL_CHECKS.items():
        assert check.__module__ == f"bot.checks.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_check_says_when_it_speaks_and_how_bad_that_is(name: str) -> None:
    doc = sys.modules[f"bot.checks.{name}"].__doc__ or ""
    assert "Severity:" in doc
    assert len(doc) > 200


MINUTES = st.integers(min_value=-700, max_value=0)
OWNERS = st.sampled_from(
    [
        FLANNEL,
        PROXY,
        Owner("ReplicaSet", "coredns-5d78c9869d", "rs"),
        Owner("Node", "n1", "u"),
        None,
    ]
)
ENDS = st.builds(
    lambda reason, code, minutes: ended(reason, code, finished=at(minutes)),
    st.sampled_from(["OOMKilled", "Error", "Completed", ""]),
    st.sampled_from([0, 1, 137, 143]),
    MINUTES,
)
STATES: st.SearchStrategy[ContainerState] = st.one_of(
    st.builds(lambda minutes: running(at(minutes)), MINUTES),
    st.builds(waiting, st.sampled_from(["CrashLoopBackOff", "ImagePullBackOff", ""])),
    ENDS,
)
CONTAINERS = st.builds(
    lambda name, restarts, state, last, init: container(
        name, restarts=restarts, state=state, last=last, init=init
    ),
    st.sampled_from(["kube-flannel", "other"]),
    st.integers(min_value=0, max_value=9),
    STATES,
    st.one_of(st.none(), ENDS),
    st.booleans(),
)
PODS: st.SearchStrategy[Pod] = st.builds(
    lambda name, one, owner, on, phase, minutes, deleting: pod(
        name,
        one,
        owner=owner,
        node=on,
        phase=phase,
        ready_since=at(minutes),
        deleting_since=at(minutes) if deleting else None,
    ),
    st.sampled_from([f"p{n}" for n in range(6)]),
    CONTAINERS,
    OWNERS,
    st.sampled_from(["n1", "n2", "n3", "gone", ""]),
    st.sampled_from(["Running", "Pending", "Failed", "Succeeded"]),
    MINUTES,
    st.booleans(),
)
NODES: st.SearchStrategy[Node] = st.builds(
    lambda name, ready, minutes: node(name, ready=ready, since=at(minutes)),
    st.sampled_from(["n1", "n2", "n3"]),
    st.sampled_from(["True", "False", "Unknown"]),
    MINUTES,
)
GAPS = st.builds(
    lambda resource, minutes, namespace: Gap(resource, "403", at(minutes), namespace),
    st.sampled_from(["*", "pods", "nodes", "daemonsets", "deployments", "controllerrevisions"]),
    MINUTES,
    st.sampled_from(["", "kube-system"]),
)
COUNTS = st.integers(min_value=0, max_value=3)
WORLDS: st.SearchStrategy[Snapshot] = st.builds(
    lambda hosts, pods, short, updated, available, gaps, minutes: world(
        *hosts,
        *pods,
        daemonset(desired=3, available=short, updated=updated),
        daemonset(PROXY, desired=3, available=short),
        deployment(available=min(2, available)),
        gaps=gaps,
        taken=at(minutes),
    ),
    st.lists(NODES, max_size=3),
    st.lists(PODS, max_size=6),
    COUNTS,
    COUNTS,
    COUNTS,
    st.lists(GAPS, max_size=2),
    st.integers(min_value=0, max_value=60),
)


@settings(max_examples=150)
@given(worlds=st.lists(WORLDS, min_size=1, max_size=3), one_pass=st.booleans())
def test_any_cluster_is_judged_without_a_fault_and_the_same_twice(
    worlds: list[Snapshot], one_pass: bool
) -> None:
    worlds = sorted(worlds, key=lambda one: one.taken_at)
    limits = checks.Limits(one_pass=one_pass)
    found = all_findings(*worlds, limits=limits)
    assert found == all_findings(*worlds, limits=limits)
    assert len({one.fingerprint for one in found}) == len(found)
    last = worlds[-1]
    for one in found:
        assert one.summary
        assert one.cure
        assert one.target.cluster == one.workload.cluster == last.cluster
        assert all(one.evidence)
        assert one.target.kind == "Cluster" or last.sees(
            one.target.kind, one.target.namespace, one.target.name
        )


@settings(max_examples=100)
@given(one=WORLDS)
def test_a_cluster_gone_dark_says_only_that(one: Snapshot) -> None:
    dark = replace(one, taken_at=at(120), gaps=(Gap("*", "refused", at(61)),))
    assert {found.check for found in all_findings(one, dark)} == {"blind_spot"}


def test_what_lasts_reads_the_same_from_cycle_to_cycle() -> None:
    """A finding that changes its words with the clock would rewrite its card for ever."""
    seen = world(
        node("n1"),
        node("n2", ready="False"),
        node("n3"),
        node("n4", pod_cidrs=()),
        node("n5", annotations=announces("n5", public_ip="10.0.0.2")),
        node("n6", annotations={}),
        *(pod(f"f{n}", node=f"n{n}") for n in (4, 5, 6, 7, 8, 9)),
        node("n7"),
        node("n8"),
        node("n9"),
        pod("a", container(restarts=9, state=waiting("CrashLoopBackOff"), last=oom()), node="n1"),
        pod("b", container(ready=False), owner=PROXY, node="n1", ready_since=at(-30)),
        daemonset(
            desired=9,
            available=4,
            updated=1,
            spec=flannel_spec(*STORY_FLAGS, image="quay.io/coreos/flannel:v0.10.0-amd64"),
            strategy="OnDelete",
        ),
        daemonset(PROXY, desired=9, available=1, updated=1),
        deployment(
            available=0, conditions=(Condition("Available", "False", "Minimum", since=at(-9)),)
        ),
        gaps=[Gap("pods", "403", at(-30), "elsewhere")],
    )
    early, late = (replace(seen, taken_at=at(minutes)) for minutes in (15, 25))
    known = {
        **looks(
            look("n5", trapped),
            look("n6", dropped("flannel.1")),
            look("n7", without_entries),
            look("n8", without_env),
        ),
        "peaks": {"n4": 49 * MI},
        "unseen": {"n9": Unseen(at(-300), "it did not answer")},
    }
    first = all_findings(seen, early, **known)
    assert {one.check for one in first} == set(NAMES)
    assert all_findings(seen, early, late, **known) == first


def test_who_judges_by_more_than_the_snapshot_says_what_it_could_see() -> None:
    modules = [sys.modules[f"bot.checks.{name}"] for name in NAMES]
    assert {one.NAME for one in modules if hasattr(one, "seen")} == set(checks.SIGHT)
    for name in NAMES:
        source = inspect.getsource(sys.modules[f"bot.checks.{name}"])
        deep = "by_looks" in source or "context.looks.items" in source or "context.peaks" in source
        assert deep == (name in checks.SIGHT), name


def test_a_context_without_a_ledger_still_judges_what_needs_none() -> None:
    seen = world(node(ready="False"))
    found = list(checks.ALL_CHECKS["node_not_ready"](checks.Context(seen)))
    assert len(found) == 1
    assert watched(seen).seen_until == seen.taken_at
