"""Pods, DaemonSets and Deployments that are not what they should be, each told once."""

from dataclasses import replace
from datetime import datetime

import pytest

from bot.checks import Limits
from bot.domain.finding import Severity
from bot.domain.snapshot import (
    Condition,
    ContainerSpec,
    ControllerRevision,
    Deployment,
    Gap,
    Owner,
    Pod,
    Snapshot,
)
from tests.checks.worlds import (
    FLANNEL,
    LONG_AGO,
    NOW,
    PROXY,
    all_findings,
    at,
    conditions,
    container,
    daemonset,
    deployment,
    ended,
    judge,
    node,
    nodes,
    pod,
    running,
    troubles,
    waiting,
    world,
)

ONE_PASS = Limits(one_pass=True)
COREDNS = Owner("ReplicaSet", "coredns-5d78c9869d", "rs")
UNREADY = container(ready=False)


def pending(name: str = "x", *, minutes: float = -6, node: str = "", **more: object) -> Pod:
    one = pod(
        name,
        container(state=waiting("")),
        node=node,
        phase="Pending",
        created=at(minutes),
        ready_since=at(minutes),
        **more,
    )
    unscheduled = Condition("PodScheduled", "False", "Unschedulable", "0/3 nodes", at(minutes))
    return one if node else replace(one, conditions=(unscheduled,))


class TestPodNotReady:
    @pytest.mark.parametrize(
        ("one", "why"),
        [
            (pod("x", UNREADY, ready_since=at(-6)), "kube-flannel runs but is not ready"),
            (pending(), "Unschedulable"),
            (
                pod("x", container(state=waiting("ImagePullBackOff", "no such image")),
                    phase="Pending", ready_since=at(-6)),
                "image cannot be pulled",
            ),
            (
                pod("x", container(state=waiting("ErrImagePull")), phase="Pending",
                    ready_since=at(-6)),
                "image cannot be pulled",
            ),
            (
                pod("x", container("init", init=True, state=waiting("CreateContainerError")),
                    container(state=waiting("PodInitializing")), phase="Pending",
                    ready_since=at(-6)),
                "CreateContainerError",
            ),
            (
                pod("x", container("init", init=True, state=ended("Completed", 0)),
                    container(state=waiting("ContainerCreating")), phase="Pending",
                    ready_since=at(-6)),
                "ContainerCreating",
            ),
            (
                pod("x", ready=False, phase="Failed", ready_since=at(-6), reason="Evicted",
                    message="low on memory"),
                "Evicted",
            ),
            (
                pod("etcd-n1", ready=False, phase="Failed", ready_since=at(-6), mirror=True,
                    owner=Owner("Node", "n1", "u")),
                "it failed",
            ),
            (replace(pod("x", created=at(-6)), conditions=()), "phase Running"),
        ],
    )  # fmt: skip
    def test_what_is_told(self, one: Pod, why: str) -> None:
        (found,) = judge("pod_not_ready", world(node(), one))
        assert found.summary.endswith(why)
        assert found.since == at(-6)
        assert found.evidence
        assert found.cure

    @pytest.mark.parametrize(
        "one",
        [
            pytest.param(pod(), id="ready"),
            pytest.param(pod("x", UNREADY, ready_since=at(-4.9)), id="not for long"),
            pytest.param(pending(minutes=-4.9), id="young"),
            pytest.param(pod("x", UNREADY, ready_since=at(-9), deleting_since=at(-1)), id="ending"),
            pytest.param(pod("x", ready=False, phase="Succeeded", ready_since=at(-9)), id="done"),
            pytest.param(pod("x", UNREADY, node="down", ready_since=at(-9)), id="node down"),
            pytest.param(
                pod("x", ready=False, phase="Failed", owner=COREDNS, ready_since=at(-9)),
                id="evicted and replaced by its ReplicaSet",
            ),
            pytest.param(
                pod("x", ready=False, phase="Failed", owner=Owner("Job", "j", "j"),
                    ready_since=at(-9)),
                id="a failed job",
            ),
            pytest.param(
                pod("x", container(restarts=5, state=waiting("CrashLoopBackOff"), last=ended()),
                    ready_since=at(-9)),
                id="crash-looping",
            ),
        ],
    )  # fmt: skip
    def test_what_is_not(self, one: Pod) -> None:
        seen = world(node(), node("down", ready="Unknown"), one)
        assert not judge("pod_not_ready", seen)

    def test_a_failed_daemonset_pod_that_was_replaced_is_not_told(self) -> None:
        failed = pod("old", ready=False, phase="Failed", ready_since=at(-9))
        assert judge("pod_not_ready", world(node(), failed))
        assert not judge("pod_not_ready", world(node(), failed, pod("new")))

    @pytest.mark.parametrize(
        ("owner", "name", "severity"),
        [
            (FLANNEL, "f", Severity.CRITICAL),
            (Owner("Node", "n1", "u"), "kube-apiserver-n1", Severity.CRITICAL),
            (PROXY, "p", Severity.WARNING),
            (COREDNS, "c", Severity.WARNING),
        ],
    )
    def test_severity(self, owner: Owner, name: str, severity: Severity) -> None:
        one = pod(name, UNREADY, owner=owner, ready_since=at(-9))
        (found,) = judge("pod_not_ready", world(node(), daemonset(), one))
        assert found.severity is severity

    @pytest.mark.parametrize("gap", [Gap("*", "x", NOW), Gap("pods", "x", NOW, "kube-system", "x")])
    def test_what_cannot_be_seen_is_not_judged(self, gap: Gap) -> None:
        seen = world(node(), pod("x", UNREADY, ready_since=at(-9)), gaps=[gap])
        assert not judge("pod_not_ready", seen)

    def test_one_look_judges_by_the_times_in_the_status(self) -> None:
        young = world(node(), pod("x", UNREADY, ready_since=at(-1)))
        assert not judge("pod_not_ready", young, limits=ONE_PASS)


def proxies(count: int, *missing_on: int) -> list[Pod]:
    return [
        pod(f"kube-proxy-{n}", container("kube-proxy"), owner=PROXY, node=f"n{n}")
        for n in range(1, count + 1)
        if n not in missing_on
    ]


def short(*things: object, minutes: float = 5, **more: object) -> list[str]:
    """What `daemonset_short` says of kube-proxy, 2 of 3 available, after so long."""
    first = world(*things, daemonset(PROXY, desired=3, available=2, **more))
    found = judge("daemonset_short", first, replace(first, taken_at=at(minutes)))
    return [" ".join((one.summary, *one.evidence)) for one in found]


class TestDaemonSetShort:
    def test_a_node_without_a_pod_is_named_after_the_grace(self) -> None:
        (text,) = short(*nodes(3), *proxies(3, 2))
        assert "kube-proxy has 2 of 3 pods available" in text
        assert "no pod on n2" in text
        assert "short since 2026-03-01T12:00:00Z" in text
        assert short(*nodes(3), *proxies(3, 2), minutes=4.9) == []

    def test_counters_that_no_pod_explains_are_told(self) -> None:
        assert short(*nodes(3), *proxies(3))
        assert short()

    @pytest.mark.parametrize(
        "third",
        [
            pytest.param(
                pod("k", container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended()),
                    owner=PROXY, node="n3"),
                id="crash-looping",
            ),
            pytest.param(pod("k", UNREADY, owner=PROXY, node="n3", ready_since=at(-60)),
                         id="not ready"),
            pytest.param(pending("k", owner=PROXY), id="not scheduled"),
            pytest.param(pod("k", owner=PROXY, node="n3", phase="Failed", ready=False), id="evicted"),
            pytest.param(pod("k", owner=PROXY, node="n3", ready_since=at(4)), id="ready only just"),
        ],
    )  # fmt: skip
    def test_what_other_findings_explain_is_left_out(self, third: Pod) -> None:
        assert short(*nodes(3), *proxies(2), third) == []

    def test_a_dead_node_explains_its_pod(self) -> None:
        down = node("n3", ready="Unknown")
        assert short(*nodes(2), down, *proxies(3)) == []
        assert short(*nodes(2), down, *proxies(2)) == []

    @pytest.mark.parametrize(
        "more", [{"updated": 2}, {"generation": 2, "observed": 1}, {"desired": 2}]
    )
    def test_a_rollout_under_way_or_a_full_one_is_none(self, more: dict[str, int]) -> None:
        full = {"desired": 3, "available": 2} | more
        first = world(*nodes(3), *proxies(3, 2), daemonset(PROXY, **full))  # type: ignore[arg-type]
        assert not judge("daemonset_short", first, replace(first, taken_at=at(9)))

    def test_a_missing_flannel_pod_is_told_by_flannel_missing_alone(self) -> None:
        first = world(*nodes(2), pod(node="n1"), daemonset(desired=2, available=1))
        later = replace(first, taken_at=at(9))
        assert troubles(first, later) == {"flannel_missing"}

    def test_counters_that_lag_behind_a_recovered_pod_are_no_trouble(self) -> None:
        """Short for an hour because of a loop; the pod is well, the counter not yet updated."""
        looping = pod(
            "k", container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended()),
            owner=PROXY, node="n3",
        )  # fmt: skip
        well = pod(
            "k", container(restarts=9, state=running(at(40)), last=ended()), owner=PROXY,
            node="n3", ready_since=at(58),
        )  # fmt: skip
        counters = daemonset(PROXY, desired=3, available=2)
        looks = [
            world(*nodes(3), *proxies(2), looping, counters, taken=at(0)),
            world(*nodes(3), *proxies(2), well, counters, taken=at(60)),
        ]
        assert not judge("daemonset_short", *looks)

    def test_a_pod_just_deleted_does_not_use_up_anothers_grace(self) -> None:
        looping = pod(
            "k", container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended()),
            owner=PROXY, node="n3",
        )  # fmt: skip
        looks = [
            world(*nodes(3), *proxies(2), looping, daemonset(PROXY, desired=3, available=2)),
            world(
                *nodes(3), *proxies(2, 1), looping, daemonset(PROXY, desired=3, available=1),
                taken=at(60),
            ),
        ]  # fmt: skip
        assert not judge("daemonset_short", *looks)

    def test_one_look_counts_the_grace_as_over(self) -> None:
        seen = world(*nodes(3), *proxies(3, 2), daemonset(PROXY, desired=3, available=2))
        assert judge("daemonset_short", seen, limits=ONE_PASS)
        rolling = world(
            *nodes(3), *proxies(3, 2), daemonset(PROXY, desired=3, available=2, updated=2)
        )
        assert not judge("daemonset_short", rolling, limits=ONE_PASS)

    @pytest.mark.parametrize("resource", ["pods", "nodes"])
    def test_lost_sight_of_what_would_explain_neither_opens_nor_resolves(
        self, resource: str
    ) -> None:
        first = world(*nodes(3), *proxies(3, 2), daemonset(PROXY, desired=3, available=2))
        later = replace(first, taken_at=at(60), gaps=(Gap(resource, "403", at(6)),))
        assert judge("daemonset_short", first, later)
        early = replace(later, gaps=(Gap(resource, "403", at(1)),))
        assert not judge("daemonset_short", first, early)

    def test_a_daemonset_that_cannot_be_seen_is_not_judged(self) -> None:
        first = world(*nodes(3), *proxies(3, 2), daemonset(PROXY, desired=3, available=2))
        blind = replace(first, taken_at=at(9), gaps=(Gap("daemonsets", "403", at(8)),))
        assert not judge("daemonset_short", first, blind)


def revision(created: datetime, digest: str = "new") -> ControllerRevision:
    return ControllerRevision("kube-system", f"f-{digest}", 2, FLANNEL, digest, created)


class TestRolloutStuck:
    def stuck(self, minutes: float = 10, **more: object) -> list[str]:
        first = world(*nodes(3), daemonset(**{"desired": 3, "updated": 1} | more))  # type: ignore[arg-type]
        found = judge("rollout_stuck", first, replace(first, taken_at=at(minutes)))
        return [one.summary for one in found]

    def test_a_rollout_that_does_not_move_is_told_and_a_slow_one_is_not(self) -> None:
        assert self.stuck() == [
            "the rollout of kube-flannel-ds-amd64 stands at 1 of 3 pods since 2026-03-01T12:00:00Z"
        ]
        assert self.stuck(9.9) == []

    @pytest.mark.parametrize("more", [{"updated": 3}, {"updated": 0, "desired": 0}])
    def test_a_finished_one_is_not(self, more: dict[str, int]) -> None:
        assert self.stuck(**more) == []

    def test_under_ondelete_a_person_drives(self) -> None:
        assert self.stuck(strategy="OnDelete") == []
        assert self.stuck(strategy="OnDelete", generation=2, observed=1)

    def test_a_controller_that_does_not_act_is_named(self) -> None:
        (summary,) = self.stuck(updated=3, generation=2, observed=1)
        assert "has not taken up the new template" in summary

    def test_progress_now_and_then_is_progress(self) -> None:
        looks = [world(daemonset(desired=9, updated=done), taken=at(9 * done)) for done in range(5)]
        assert not judge("rollout_stuck", *looks)

    def test_what_hangs_is_named(self) -> None:
        things = (
            *nodes(3),
            node("n4", ready="False"),
            revision(at(-60)),
            pod("bad", UNREADY, node="n1", labels={"controller-revision-hash": "new"}),
            pod("ending", node="n2", deleting_since=at(-30)),
            pod("there", node="n4"),
            pod("old", node="n3", labels={"controller-revision-hash": "old"}),
            daemonset(desired=4, updated=1, available=2),
        )
        first = world(*things)
        (found,) = judge("rollout_stuck", first, replace(first, taken_at=at(10)))
        text = " ".join(found.evidence)
        assert "new pods not available: bad" in text
        assert "pods that do not end: ending" in text
        assert "nodes NotReady: n4" in text
        assert found.severity is Severity.WARNING
        assert found.target.kind == "DaemonSet"

    def test_dead_nodes_alone_hold_up_nothing_else(self) -> None:
        things = (
            *nodes(2),
            node("n3", ready="Unknown"),
            revision(at(-60)),
            pod("a", node="n3", labels={"controller-revision-hash": "old"}),
            daemonset(desired=3, updated=2, available=2),
        )
        first = world(*things)
        assert not judge("rollout_stuck", first, replace(first, taken_at=at(30)))

    @pytest.mark.parametrize(
        ("born", "made", "told"), [(-30, -20, True), (-30, -5, False), (-5, -20, False)]
    )
    def test_one_look_judges_by_the_newest_revision_and_its_newest_pod(
        self, born: float, made: float, told: bool
    ) -> None:
        newest = pod("a", created=at(made), labels={"controller-revision-hash": "new"})
        seen = world(node(), revision(at(born)), newest, daemonset(desired=3, updated=1))
        assert bool(judge("rollout_stuck", seen, limits=ONE_PASS)) == told

    def test_one_look_without_revisions_or_pods_says_nothing(self) -> None:
        seen = world(node(), daemonset(desired=3, updated=1))
        assert not judge("rollout_stuck", seen, limits=ONE_PASS)
        blind = world(
            node(), revision(at(-60)), daemonset(desired=3, updated=1), gaps=[Gap("pods", "x", NOW)]
        )
        assert not judge("rollout_stuck", blind, limits=ONE_PASS)

    def test_what_cannot_be_seen_is_not_judged(self) -> None:
        first = world(daemonset(desired=3, updated=1))
        blind = replace(first, taken_at=at(60), gaps=(Gap("daemonsets", "403", at(1)),))
        assert not judge("rollout_stuck", first, blind)


def unavailable(minutes: float) -> tuple[Condition, ...]:
    return (Condition("Available", "False", "MinimumReplicasUnavailable", since=at(minutes)),)


def dns(name: str, *, ready: bool = True, since: datetime = LONG_AGO, **more: object) -> Pod:
    one = container("coredns", ready=ready)
    labels = {"pod-template-hash": "5d78c9869d"}
    return pod(name, one, owner=COREDNS, labels=labels, ready_since=since, **more)


class TestDeploymentUnavailable:
    def told(self, *things: object, minutes: float = 0, **limits: bool) -> list[str]:
        first = world(node(), *things)
        looks = [first, replace(first, taken_at=at(minutes))] if minutes else [first]
        found = judge("deployment_unavailable", *looks, limits=Limits(**limits))  # type: ignore[arg-type]
        return [f"{one.severity}: {one.summary}" for one in found]

    def test_dns_without_any_replica_is_critical(self) -> None:
        assert self.told(deployment(available=0, conditions=unavailable(-2))) == [
            "critical: coredns has 0 of 2 replicas available: no name resolves in the cluster"
        ]
        assert self.told(deployment(available=0, conditions=unavailable(-1.9))) == []

    def test_others_are_a_warning(self) -> None:
        one = deployment("metrics-server", replicas=1, available=0, conditions=unavailable(-9))
        assert self.told(one) == ["warning: metrics-server has 0 of 1 replica available"]

    def test_a_lacking_replica_counts_by_memory(self) -> None:
        assert self.told(deployment(available=1), dns("a"), minutes=2)
        assert self.told(deployment(available=1), dns("a"), minutes=1.9) == []
        assert self.told(deployment(available=1), dns("a"), one_pass=True)

    @pytest.mark.parametrize(
        "one",
        [
            deployment(),
            deployment(replicas=0, available=0),
            deployment(available=1, updated=1),
            deployment(available=1, observed_generation=0),
        ],
    )
    def test_what_is_well_or_being_updated_is_not_told(self, one: Deployment) -> None:
        assert self.told(one, minutes=9) == []
        assert self.told(one, one_pass=True) == []

    def test_an_update_that_took_everything_down_is_told(self) -> None:
        one = deployment(available=0, updated=1, conditions=unavailable(-9))
        assert self.told(one)

    def test_an_update_that_was_given_up_is_told(self) -> None:
        gave_up = Condition("Progressing", "False", "ProgressDeadlineExceeded", since=at(-9))
        assert self.told(deployment(available=1, updated=1, conditions=(gave_up,)), minutes=3)

    @pytest.mark.parametrize(
        "second",
        [
            pytest.param(dns("b", ready=False), id="not ready"),
            pytest.param(dns("b", since=at(2)), id="ready only just"),
            pytest.param(dns("b", ready=False, node="down"), id="node down"),
            pytest.param(
                pod("b", container("coredns", restarts=7, state=waiting("CrashLoopBackOff"),
                    last=ended()), owner=COREDNS, labels={"pod-template-hash": "5d78c9869d"}),
                id="crash-looping",
            ),
        ],
    )  # fmt: skip
    def test_what_other_findings_explain_is_left_out(self, second: Pod) -> None:
        down = node("down", ready="False")
        assert self.told(deployment(available=1), dns("a"), second, down, minutes=3) == []

    def test_an_outage_is_told_even_if_its_pods_are(self) -> None:
        pods = (dns("a", ready=False), dns("b", ready=False))
        assert self.told(deployment(available=0, conditions=unavailable(-9)), *pods)

    def test_lost_sight_of_pods_neither_opens_nor_resolves(self) -> None:
        first = world(node(), deployment(available=1), dns("a"))
        later = replace(first, taken_at=at(60), gaps=(Gap("pods", "403", at(3)),))
        assert judge("deployment_unavailable", first, later)
        early = replace(later, gaps=(Gap("pods", "403", at(1)),))
        assert not judge("deployment_unavailable", first, early)

    def test_what_cannot_be_seen_is_not_judged(self) -> None:
        one = deployment(available=0, conditions=unavailable(-9))
        assert not judge(
            "deployment_unavailable", world(one, gaps=[Gap("deployments", "403", NOW)])
        )


class TestTogether:
    def checks(self, *snapshots: Snapshot) -> set[str]:
        return troubles(*snapshots)

    def test_a_healthy_cluster_has_no_finding(self) -> None:
        seen = world(
            *nodes(3),
            daemonset(desired=3),
            daemonset(PROXY, desired=3, spec=ContainerSpec("kube-proxy", "p:1")),
            *(pod(f"f{n}", node=f"n{n}") for n in (1, 2, 3)),
            *proxies(3),
            deployment(),
            dns("a"),
            dns("b"),
        )
        assert self.checks(seen, replace(seen, taken_at=at(60))) == set()
        assert troubles(seen, limits=ONE_PASS) == set()

    def test_a_rolling_update_is_no_finding(self) -> None:
        """Three pods replaced one after the other, each away for twenty seconds."""
        looks = []
        for second in range(0, 180, 5):
            done, phase = divmod(second, 60)
            pods = []
            for n in range(3):
                new = n < done or (n == done and phase >= 20)
                if n == done and phase < 20:
                    continue
                began = at(n + 20 / 60) if new else at(-999)
                ready = not (n == done and phase < 30)
                pods.append(
                    pod(f"{'new' if new else 'old'}{n}", node=f"n{n + 1}", created=began,
                        ready=ready, ready_since=began)
                )  # fmt: skip
            counters = daemonset(
                desired=3,
                updated=sum(one.name.startswith("new") for one in pods),
                available=sum(one.ready for one in pods),
                generation=2,
            )
            looks.append(world(*nodes(3), counters, *pods, taken=at(second / 60)))
            assert self.checks(*looks) == set(), second

    def test_a_dead_node_is_one_finding(self) -> None:
        seen = world(
            *nodes(2),
            node("n3", ready="Unknown", since=at(-30)),
            daemonset(desired=3, available=2),
            *(pod(f"f{n}", node=f"n{n}") for n in (1, 2)),
            pod("f3", node="n3", ready=False, ready_since=at(-30)),
        )
        assert self.checks(seen, replace(seen, taken_at=at(60))) == {"node_not_ready"}

    def test_a_crash_looping_flannel_is_one_finding(self) -> None:
        looping = container(restarts=9, state=waiting("CrashLoopBackOff"), last=ended())
        seen = world(
            *nodes(2),
            daemonset(desired=2, available=1),
            pod("f1", node="n1"),
            pod("f2", looping, node="n2", ready_since=at(-30)),
        )
        assert self.checks(seen, replace(seen, taken_at=at(60))) == {"crash_loop"}

    def test_one_cluster_gone_dark_says_only_that(self) -> None:
        seen = world(
            *nodes(2), node("n3", ready="False"), daemonset(desired=3, available=1),
            deployment(available=0),
        )  # fmt: skip
        dark = replace(seen, taken_at=at(9), gaps=(Gap("*", "connection refused", at(5)),))
        assert self.checks(seen, dark) == {"blind_spot"}

    def test_fingerprints_are_unique(self) -> None:
        seen = world(
            *(node(f"n{n}", ready="False", since=at(-9)) for n in range(4)),
            daemonset(desired=9, available=1),
            daemonset(PROXY, desired=9, available=1),
            *(pending(f"p{n}") for n in range(4)),
            deployment(available=0),
            gaps=[Gap("deployments", "403", at(-9), "x"), Gap("pods", "403", at(-9), "y")],
        )
        found = all_findings(seen, replace(seen, taken_at=at(60)))
        assert len({one.fingerprint for one in found}) == len(found) > 8
        assert conditions(True, NOW)
