"""Draining: decided as kubectl decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import drain, probe
from bot.domain.drain import Answer, NodePod


def pod(name: str = "p", owner: str = "ReplicaSet/web", **changes: object) -> NodePod:
    return NodePod("default", name, f"uid-{name}", "n1", owner=owner, **changes)  # type: ignore[arg-type]


DS = "DaemonSet/exporter"
LOOK = {probe.LABEL: probe.VALUE}
CASES = [
    ("a replicated pod goes", pod(), Answer.EVICT),
    ("a DaemonSet's stays", pod(owner=DS), Answer.STAYS),
    ("a finished one of a DaemonSet goes", pod(owner=DS, finished=True), Answer.EVICT),
    ("one of a DaemonSet that is gone forbids", pod(owner=DS, owner_missing=True), Answer.FORBIDS),
    ("a static pod stays", pod(owner="Node/n1", mirror=True), Answer.STAYS),
    ("a static pod stays though it has finished", pod(owner="", mirror=True, finished=True), Answer.STAYS),
    ("one with an emptyDir forbids", pod(empty_dir=True), Answer.FORBIDS),
    ("a finished one with an emptyDir goes", pod(empty_dir=True, finished=True), Answer.EVICT),
    ("one without a controller forbids", pod(owner=""), Answer.FORBIDS),
    ("a finished one without a controller goes", pod(owner="", finished=True), Answer.EVICT),
    ("an emptyDir is asked before the controller", pod(owner="", empty_dir=True), Answer.FORBIDS),
    ("the bot's own look stays", pod(owner="", host_network=True, labels=LOOK), Answer.STAYS),
    ("one that only says it were one forbids", pod(owner="", labels=LOOK), Answer.FORBIDS),
    ("one that is being deleted is waited for", pod(deleting=True), Answer.EVICT),
]  # fmt: skip


@pytest.mark.parametrize(("why", "given_pod", "answer"), CASES, ids=[case[0] for case in CASES])
def test_each_pod_is_judged_as_kubectl_does(why: str, given_pod: NodePod, answer: Answer) -> None:
    decision = drain.decide([given_pod])
    by = {
        Answer.EVICT: decision.evict,
        Answer.STAYS: decision.stays,
        Answer.FORBIDS: decision.forbids,
    }
    assert [one.pod for one in by[answer]] == [given_pod]
    assert sum(len(each) for each in by.values()) == 1


def test_data_of_an_empty_dir_is_lost_only_where_somebody_ticked_it() -> None:
    assert drain.decide([pod(empty_dir=True)]).forbids
    ticked = drain.decide([pod(empty_dir=True)], delete_empty_dir=True)
    assert ticked.evict[0].reason == "its emptyDir's data is lost"
    assert drain.decide([pod(owner="", empty_dir=True)], delete_empty_dir=True).forbids


def test_pods_that_stay_and_hold_a_veth_are_named() -> None:
    decision = drain.decide([pod("a", DS), pod("b", DS, host_network=True), pod("c")])
    assert [one.name for one in decision.veths_left] == ["a"]


PODS = st.builds(
    pod,
    name=st.text("abc", min_size=1, max_size=3),
    owner=st.sampled_from(["", DS, "ReplicaSet/r", "Job/j"]),
    owner_missing=st.booleans(),
    mirror=st.booleans(),
    finished=st.booleans(),
    deleting=st.booleans(),
    empty_dir=st.booleans(),
    host_network=st.booleans(),
)


@given(st.lists(PODS), st.booleans())
def test_every_pod_gets_one_answer_and_the_tick_forbids_nothing_more(
    pods: list[NodePod], tick: bool
) -> None:
    decision = drain.decide(pods, delete_empty_dir=tick)
    told = (*decision.evict, *decision.stays, *decision.forbids)
    assert sorted(one.pod.uid for one in told) == sorted(one.uid for one in pods)
    assert all(one.reason for one in (*decision.stays, *decision.forbids))
    ticked = drain.decide(pods, delete_empty_dir=True)
    assert len(ticked.forbids) <= len(drain.decide(pods).forbids)
