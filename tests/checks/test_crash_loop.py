"""Crash loops: judged on counters, so that flapping is one lasting finding."""

from dataclasses import replace

import pytest

from bot.domain.finding import Finding, Severity
from bot.domain.snapshot import Container, Gap, Owner, Snapshot
from tests.checks.worlds import (
    FLANNEL,
    NOW,
    PROXY,
    STORY_FLAGS,
    at,
    container,
    daemonset,
    ended,
    flannel_spec,
    judge,
    node,
    oom,
    pod,
    quiet_before,
    running,
    waiting,
    world,
)


def crash(number: int, minutes: float, code: int = 1, reason: str = "Error") -> Snapshot:
    """The container was just restarted for the nth time, six seconds after it died."""
    one = container(
        restarts=number,
        state=running(at(minutes)),
        last=ended(reason, code, started=at(minutes - 1), finished=at(minutes - 0.1)),
    )
    return look(one, minutes)


def look(one: Container, minutes: float = 0, **more: object) -> Snapshot:
    return world(
        node(),
        daemonset(),
        pod("kube-flannel-ds-amd64-a", one, **more),
        taken=at(minutes),
    )


def the_one(*snapshots: Snapshot) -> Finding:
    (found,) = judge("crash_loop", *snapshots, start=quiet_before(snapshots[0]))
    return found


def test_it_says_since_when_how_often_and_the_last_exit() -> None:
    found = the_one(crash(1, 0), crash(2, 2), crash(3, 5))
    assert "kube-flannel is crash-looping on n1" in found.summary
    assert "3 restarts since 2026-03-01T11:59:54Z" in found.summary
    assert "last exit code 1 (Error)" in found.summary
    assert found.since == at(-0.1)
    assert found.happened_at == at(4.9)
    assert (found.occurrences, found.container, found.member) == (3, "kube-flannel", "n1")
    assert found.severity is Severity.CRITICAL
    text = " ".join(found.evidence)
    assert "lastState.terminated.reason=Error exitCode=1" in text
    assert "restartCount 0 -> 3" in text


def test_at_first_sight_it_owns_that_it_began_earlier() -> None:
    """The story's card: 1,604 restarts before anyone looked."""
    state = waiting("CrashLoopBackOff")
    seen = look(container(restarts=1604, state=state, last=ended(finished=at(-3))))
    (found,) = judge("crash_loop", seen)
    assert "1604 restarts, begun before I watched" in found.summary
    assert found.occurrences == 1604
    assert "1604 restarts before I watched" in found.evidence


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([crash(1, 0)], id="one restart"),
        pytest.param([crash(1, 0), crash(1, 5)], id="the same restart again"),
        pytest.param([crash(1, 0, 137, "OOMKilled")], id="an OOM kill and a restart"),
        pytest.param([look(container())], id="all well"),
        pytest.param([look(container(state=waiting("ContainerCreating")))], id="starting"),
        pytest.param(
            [look(container(restarts=1, state=waiting("CrashLoopBackOff"), last=ended()))],
            id="first back-off",
        ),
        pytest.param(
            [look(container(restarts=2, state=running(at(-30)), last=ended(finished=at(-31))))],
            id="two restarts long ago, seen after a long absence",
        ),
        pytest.param(
            [look(container(), uid=f"u{n}", minutes=n) for n in range(6)], id="a rolling update"
        ),
    ],
)
def test_what_is_no_loop(looks: list[Snapshot]) -> None:
    assert not judge("crash_loop", *looks, start=quiet_before(looks[0]))


def test_a_completed_container_that_is_restarted_again_and_again_is_one() -> None:
    found = the_one(crash(1, 0, 0, "Completed"), crash(2, 2, 0, "Completed"))
    assert "last exit code 0 (Completed)" in found.summary


def test_a_flapping_pod_is_one_lasting_finding() -> None:
    looks = [crash(1, 0), crash(2, 3)]
    for minutes in range(4, 12):
        looks.append(
            replace(
                look(looks[-1].pods["kube-system", "kube-flannel-ds-amd64-a"].containers[0]),
                taken_at=at(minutes),
            )
        )
        assert len(judge("crash_loop", *looks, start=quiet_before(looks[0]))) == 1, minutes
    looks.append(crash(3, 12))
    looks.append(replace(crash(3, 12), taken_at=at(21)))
    assert judge("crash_loop", *looks, start=quiet_before(looks[0]))
    looks.append(replace(crash(3, 12), taken_at=at(22)))
    assert not judge("crash_loop", *looks, start=quiet_before(looks[0]))


def test_the_same_finding_reads_the_same_later() -> None:
    looks = [crash(1, 0), crash(2, 3)]
    later = replace(looks[-1], taken_at=at(9))
    assert the_one(*looks) == the_one(*looks, later)


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (137, "Error", "ended by SIGKILL, cause unknown"),
        (143, "OOMKilled", "is not called an OOM kill"),
    ],
)
def test_misleading_ends_are_explained(code: int, reason: str, said: str) -> None:
    found = the_one(crash(1, 0, code, reason), crash(2, 2, code, reason))
    assert said in " ".join(found.evidence)
    if reason == "OOMKilled":
        assert found.summary.endswith("last exit code 143 (wrongly labelled OOMKilled)")


def test_unseen_restarts_are_told() -> None:
    found = the_one(replace(look(container()), taken_at=at(-4)), crash(4, 0))
    text = " ".join(found.evidence)
    assert "restartCount 0 -> 4, 1 end observed: at least 3 more, times unknown" in text


def test_a_count_that_fell_is_owned() -> None:
    looks = [crash(5, 0), crash(6, 2), crash(1, 4)]
    (found,) = judge("crash_loop", *looks)
    assert "restartCount went down 6 -> 1" in " ".join(found.evidence)
    assert found.occurrences >= 1


@pytest.mark.parametrize("gap", [Gap("*", "x", NOW), Gap("pods", "x", NOW, "kube-system")])
def test_what_cannot_be_seen_is_not_judged(gap: Gap) -> None:
    looks = [crash(1, 0), crash(2, 3)]
    blind = replace(looks[-1], taken_at=at(4), gaps=(gap,))
    assert not judge("crash_loop", *looks, blind, start=quiet_before(looks[0]))


def test_a_pod_being_deleted_or_gone_loops_no_more() -> None:
    looks = [crash(1, 0), crash(2, 3)]
    ending = look(
        container(restarts=2, state=running(at(3)), last=ended()), 4, deleting_since=at(4)
    )
    for last in (ending, world(node(), taken=at(4))):
        assert not judge("crash_loop", *looks, last, start=quiet_before(looks[0]))


@pytest.mark.parametrize(
    ("name", "owner", "labels", "mirror", "severity"),
    [
        ("kube-proxy-x", PROXY, {}, False, Severity.CRITICAL),
        ("etcd-n1", Owner("Node", "n1", "u"), {}, True, Severity.CRITICAL),
        (
            "coredns-5d78c9869d-x",
            Owner("ReplicaSet", "coredns-5d78c9869d", "u"),
            {"pod-template-hash": "5d78c9869d"},
            False,
            Severity.CRITICAL,
        ),
        ("metrics-x", Owner("ReplicaSet", "metrics-5d78c9869d", "u"), {}, False, Severity.WARNING),
        ("haproxy-n1", Owner("Node", "n1", "u"), {}, True, Severity.WARNING),
        ("alone", None, {}, False, Severity.WARNING),
    ],
)
def test_severity_follows_what_the_cluster_cannot_do_without(
    name: str, owner: Owner | None, labels: dict[str, str], mirror: bool, severity: Severity
) -> None:
    state = waiting("CrashLoopBackOff")
    one = container("main", restarts=7, state=state, last=ended())
    seen = world(node(), pod(name, one, owner=owner, labels=labels, mirror=mirror))
    (found,) = judge("crash_loop", seen)
    assert found.severity is severity


def test_an_init_container_that_loops_is_told_and_over_once_it_completed() -> None:
    state = waiting("CrashLoopBackOff")
    failing = container("install-cni", init=True, restarts=4, state=state, last=ended())
    seen = look(failing)
    assert judge("crash_loop", seen)
    done = container(
        "install-cni", init=True, restarts=5, state=ended("Completed", 0), last=ended()
    )
    assert not judge("crash_loop", seen, look(done, 1))


def test_two_looping_containers_of_a_pod_are_one_finding() -> None:
    def one(name: str, restarts: int) -> Container:
        state = waiting("CrashLoopBackOff")
        return container(name, restarts=restarts, state=state, last=ended())

    seen = world(node(), daemonset(), pod("x", one("a", 4), one("b", 9)))
    (found,) = judge("crash_loop", seen)
    assert (found.container, found.occurrences) == ("b", 13)


class TestCure:
    def test_a_pattern_that_takes_a_pods_nic_is_named(self) -> None:
        story = daemonset(spec=flannel_spec(*STORY_FLAGS))
        seen = [crash(1, 0), crash(2, 2)]
        place = ("kube-system", FLANNEL.name)
        cure = the_one(*(replace(one, daemonsets={place: story}) for one in seen)).cure
        assert "as `^(?:eth1|bond1)$`" in cure
        assert "veth" in cure

    def test_out_of_memory_is_cured_by_memory(self) -> None:
        cure = the_one(crash(1, 0, 137, "OOMKilled"), crash(2, 2, 137, "OOMKilled")).cure
        assert "memory limit" in cure

    def test_others_read_their_log(self) -> None:
        state = waiting("CrashLoopBackOff")
        one = pod("p", container("kube-proxy", restarts=7, state=state, last=ended()), owner=PROXY)
        (found,) = judge("crash_loop", world(node(), one))
        assert "log" in found.cure


def test_an_oom_kill_and_a_loop_are_both_told() -> None:
    looks = [crash(1, 0, 137, "OOMKilled"), crash(2, 2, 137, "OOMKilled")]
    start = quiet_before(looks[0])
    assert judge("crash_loop", *looks, start=start)
    assert judge("oom_killed", *looks, start=start)[0].occurrences == 2
    assert oom().exit_code == 137
