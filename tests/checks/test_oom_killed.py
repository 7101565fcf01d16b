"""OOM kills: every certain one is told, and nothing else is called one."""

from dataclasses import replace

import pytest

from bot.domain.finding import Finding, Severity
from bot.domain.snapshot import Container, Gap, Owner, Snapshot
from tests.checks.worlds import (
    MI,
    NOW,
    POLICY,
    PROXY,
    at,
    container,
    daemonset,
    ended,
    flannel_spec,
    judge,
    node,
    nodes,
    oom,
    pod,
    quiet_before,
    running,
    waiting,
    world,
)

LATE = at(POLICY.oom_quiet.total_seconds() / 60)


def killed(name: str = "a", *, on: str = "n1", **more: object) -> object:
    return pod(
        f"kube-flannel-ds-amd64-{name}",
        container(restarts=1, state=running(at(0)), last=oom(at(-0.1))),
        node=on,
        **more,
    )


def story(*pods: object, count: int = 120, **more: object) -> Snapshot:
    return world(*nodes(count), daemonset(desired=count), *pods, **more)  # type: ignore[arg-type]


def the_one(*snapshots: Snapshot, **more: object) -> Finding:
    (found,) = judge("oom_killed", *snapshots, **more)  # type: ignore[arg-type]
    return found


def test_a_kill_is_told_with_all_that_proves_it() -> None:
    seen = story(killed())
    found = the_one(seen, start=quiet_before(seen))
    assert (found.target.kind, found.target.name) == ("Pod", "kube-flannel-ds-amd64-a")
    assert (found.workload.kind, found.workload.name) == ("DaemonSet", "kube-flannel-ds-amd64")
    assert (found.member, found.container, found.occurrences) == ("n1", "kube-flannel", 1)
    assert found.happened_at == found.since == at(-0.1)
    text = "\n".join((found.summary, *found.evidence))
    assert "reason=OOMKilled exitCode=137 finishedAt=2026-03-01T11:59:54Z" in text
    assert "memory limit 50Mi" in text
    assert "restartCount 0 -> 1" in text
    assert "at least" not in text


def test_unseen_kills_are_told_beside_the_one_that_was_seen() -> None:
    before = story(pod("x", container(restarts=3, last=ended(finished=at(-600)))), taken=at(-20))
    after = story(pod("x", container(restarts=6, last=oom(at(-1)))))
    text = " ".join(the_one(before, after).evidence)
    assert "restartCount 3 -> 6, 1 kill observed: at least 2 more, times unknown" in text
    assert "between 2026-03-01T11:40:00Z and 2026-03-01T12:00:00Z" in text


def test_other_ends_among_the_kills_are_not_called_kills() -> None:
    looks = [
        story(pod("x", container(restarts=1, last=oom(at(0)))), taken=at(0)),
        story(pod("x", container(restarts=2, last=ended(finished=at(5)))), taken=at(5)),
        story(pod("x", container(restarts=5, last=oom(at(9)))), taken=at(9)),
    ]
    text = " ".join(the_one(*looks, start=quiet_before(looks[0])).evidence)
    assert "restartCount 0 -> 5, 2 kills and 1 other end observed: at least 2 more" in text


@pytest.mark.parametrize(
    "one",
    [
        container(restarts=1, last=ended("OOMKilled", 143)),
        container(restarts=1, last=ended("OOMKilled", 0)),
        container(restarts=1, last=ended("Error", 137)),
        container(restarts=1, last=ended("Error", 1)),
        container(restarts=0),
        container(restarts=3),
        container("install-cni", init=True, state=ended("Completed", 0)),
        container(state=waiting("ContainerCreating")),
    ],
)
def test_what_is_not_certain_is_not_told(one: Container) -> None:
    seen = story(pod("x", one))
    assert not judge("oom_killed", seen, start=quiet_before(seen))


@pytest.mark.parametrize(
    "one",
    [
        container(state=oom()),
        container(state=waiting("CrashLoopBackOff"), last=oom()),
        container(restarts=1, last=oom()),
        container("install-cni", init=True, state=oom()),
        container(restarts=1, state=ended("Error", 1, cid="b"), last=oom(cid="a")),
        container(restarts=1, last=oom(finished=None)),
    ],
)
def test_wherever_it_stands_in_the_status_it_is_told(one: Container) -> None:
    seen = story(pod("x", one))
    assert the_one(seen, start=quiet_before(seen)).occurrences == 1


def test_a_limit_that_was_raised_since_is_not_asked_to_be_raised_again() -> None:
    seen = world(
        *nodes(120), daemonset(desired=120, spec=flannel_spec(memory_limit=256 * MI)), killed()
    )
    cure = the_one(seen, start=quiet_before(seen)).cure
    assert "is 256Mi by now and was 50Mi" in cure
    assert "Raise" not in cure


def test_a_later_end_by_another_cause_does_not_hide_the_kill() -> None:
    first = story(pod("x", container(restarts=1, last=oom(at(0)))), taken=at(0))
    stale = container(restarts=2, last=ended("OOMKilled", 143, finished=at(5)))
    found = the_one(first, story(pod("x", stale), taken=at(5)), start=quiet_before(first))
    assert found.occurrences == 1
    assert "not called an OOM kill" in " ".join(found.evidence)


def test_it_stays_for_the_quiet_time_and_not_longer() -> None:
    seen = story(killed())
    assert judge("oom_killed", seen, replace(seen, taken_at=at(29)))
    assert not judge("oom_killed", seen, replace(seen, taken_at=LATE))


def test_the_same_finding_reads_the_same_later() -> None:
    seen = story(killed())
    assert judge("oom_killed", seen) == judge("oom_killed", seen, replace(seen, taken_at=at(20)))


def test_a_kill_on_a_pod_deleted_since_is_told() -> None:
    gone = story(taken=at(1))
    found = the_one(story(killed()), gone)
    assert found.member == "n1"
    assert "gone" in " ".join(found.evidence)
    assert not judge("oom_killed", story(killed()), gone, story(taken=at(31)))


def test_at_first_sight_only_recent_kills_are_news() -> None:
    old = container(restarts=1604, last=oom(at(-61)))
    assert not judge("oom_killed", story(pod("x", old)))
    found = the_one(story(pod("x", container(restarts=1604, last=oom(at(-59))))))
    assert "1604 restarts before I watched" in found.evidence
    assert "at least" not in " ".join(found.evidence)


@pytest.mark.parametrize("gap", [Gap("*", "x", NOW), Gap("pods", "x", NOW, "kube-system")])
def test_what_cannot_be_seen_is_not_judged(gap: Gap) -> None:
    seen = story(killed())
    assert not judge("oom_killed", seen, replace(seen, taken_at=at(1), gaps=(gap,)))


@pytest.mark.parametrize(
    ("hit", "of", "severity"),
    [
        (1, 120, Severity.WARNING),
        (2, 120, Severity.WARNING),
        (3, 120, Severity.CRITICAL),
        (1, 21, Severity.WARNING),
        (1, 20, Severity.CRITICAL),
        (2, 41, Severity.WARNING),
        (2, 40, Severity.CRITICAL),
    ],
)
def test_flannel_is_critical_once_it_spreads(hit: int, of: int, severity: Severity) -> None:
    pods = [killed(str(number), on=f"n{number}") for number in range(1, hit + 1)]
    found = judge("oom_killed", story(*pods, count=of))
    assert {one.severity for one in found} == {severity}
    assert len(found) == hit


def test_others_stay_a_warning_however_many() -> None:
    pods = [
        pod(f"kube-proxy-{n}", container("kube-proxy", restarts=1, last=oom()), owner=PROXY,
            node=f"n{n}")
        for n in range(1, 9)
    ]  # fmt: skip
    seen = world(*nodes(8), daemonset(PROXY, desired=8), *pods)
    assert {one.severity for one in judge("oom_killed", seen)} == {Severity.WARNING}


def test_a_sidecar_of_flannel_does_not_count_as_flannel() -> None:
    pods = [
        pod(f"p{n}", container("logger", restarts=1, last=oom()), node=f"n{n}") for n in (1, 2, 3)
    ]
    assert {one.severity for one in judge("oom_killed", story(*pods))} == {Severity.WARNING}


def test_two_containers_of_a_pod_are_one_finding() -> None:
    both = pod(
        "x",
        container("a", restarts=1, last=oom(at(-2))),
        container("b", restarts=1, last=oom(at(-1))),
    )
    found = the_one(story(both))
    assert found.occurrences == 2
    assert found.container == "b"
    assert found.since == at(-2)


def test_a_static_pod_and_its_replacement_are_one_finding() -> None:
    """The kubelet makes the mirror pod anew under the old name with another uid."""

    def etcd(uid: str, minutes: float) -> Snapshot:
        one = pod(
            "etcd-n1",
            container("etcd", restarts=1, last=oom(at(minutes), cid=uid)),
            owner=Owner("Node", "n1", "u"),
            mirror=True,
            uid=uid,
        )
        return world(node(), one, taken=at(minutes))

    found = the_one(etcd("one", 0), etcd("two", 3), start=quiet_before(etcd("one", 0)))
    assert found.occurrences == 2
    assert (found.workload.kind, found.workload.name) == ("Pod", "etcd")


class TestCure:
    def cure(self, *args: str, memory: int | None = 50 * MI) -> str:
        seen = world(
            node(),
            daemonset(spec=flannel_spec("--kube-subnet-mgr", *args)),
            pod("x", container(restarts=1, last=oom(), memory=memory)),
        )
        return the_one(seen).cure

    def test_flannels_limit_is_not_raised_before_its_nic_choice_is_safe(self) -> None:
        cure = self.cure("--iface-regex=eth1|bond1")
        assert "now 50Mi" in cure
        assert "256Mi" in cure
        assert "as `^(?:eth1|bond1)$`" in cure
        assert "veth" in cure

    def test_safe_flags_are_not_accused(self) -> None:
        assert "veth" not in self.cure("--iface-regex=^(?:eth1|bond1)$")
        assert "veth" not in self.cure("--iface=bond1")

    def test_a_larger_limit_is_doubled(self) -> None:
        assert "to 512Mi" in self.cure(memory=256 * MI)

    def test_without_a_limit_the_node_is_looked_at(self) -> None:
        assert "node" in self.cure(memory=None)

    def test_others_are_told_plainly(self) -> None:
        one = pod("p", container("kube-proxy", restarts=1, last=oom(), memory=MI), owner=PROXY)
        cure = the_one(world(node(), daemonset(PROXY), one)).cure
        assert "kube-proxy" in cure
        assert "flannel" not in cure
