"""What nodes announce, and what flannel is told: all that is seen without a look."""

from dataclasses import replace

import pytest

from bot import checks
from bot.domain.finding import Finding, Severity
from bot.domain.snapshot import ControllerRevision, Gap, Node, Snapshot, Template
from bot.flannel.netconf import NetConf
from tests.checks.networks import look, looks
from tests.checks.worlds import (
    FLANNEL,
    MI,
    SAFE_FLAGS,
    STORY_FLAGS,
    announces,
    at,
    container,
    daemonset,
    flannel_spec,
    judge,
    node,
    oom,
    pod,
    quiet_before,
    troubles,
    world,
)


def cluster(*nodes: Node, flags: tuple[str, ...] = SAFE_FLAGS, **more: object) -> Snapshot:
    given = nodes or (node("n1"), node("n2"), node("n3"))
    return world(
        *given,
        daemonset(desired=len(given), spec=flannel_spec(*flags), **more),
        *(pod(f"f-{one.name}", node=one.name) for one in given),
    )


def bent(check: str, *nodes: Node, **known: object) -> Finding:
    others = [one for one in (node("n1"), node("n2")) if one.name not in {x.name for x in nodes}]
    (found,) = judge(check, cluster(*nodes, *others), **known)
    return found


# public_ip


def test_a_public_address_among_private_ones_is_told() -> None:
    found = bent("public_ip", node("n9", annotations=announces("n9", public_ip="59.10.0.9")))
    assert found.severity is Severity.WARNING
    assert found.member == "n9"
    assert "59.10.0.9" in found.summary
    assert "--iface" in found.cure


def test_the_setting_says_what_is_private() -> None:
    assert not judge("public_ip", cluster(), private_cidrs=("10.0.0.0/8",))
    found = judge("public_ip", cluster(), private_cidrs=("192.168.0.0/16",))
    assert len(found) == 3
    assert "it is not in 192.168.0.0/16" in found[0].evidence[0]


def test_all_nodes_on_public_addresses_are_no_trouble_unless_told_otherwise() -> None:
    public = [
        node(f"n{n}", annotations=announces(f"n{n}", public_ip=f"59.10.0.{n}")) for n in (1, 2, 3)
    ]
    assert not judge("public_ip", cluster(*public))
    assert len(judge("public_ip", cluster(*public), private_cidrs=("10.0.0.0/8",))) == 3


def test_a_look_adds_which_nic_it_is() -> None:
    bad = node("n9", annotations=announces("n9", public_ip="59.10.0.10"))
    found = bent("public_ip", bad, **looks(look("n9")))
    assert "(eth0)" in found.summary
    assert "eth1 has 10.0.0.10" in found.evidence


def test_two_nodes_with_one_address_are_critical() -> None:
    twin = node("n9", annotations=announces("n9", public_ip="10.0.0.2"))
    found = judge("public_ip", cluster(node("n1"), twin, node("n2")))
    assert {one.member for one in found} == {"n1", "n9"}
    assert {one.severity for one in found} == {Severity.CRITICAL}


# pod_cidr


def test_a_node_without_a_pod_cidr_is_critical() -> None:
    found = bent("pod_cidr", node("n9", pod_cidrs=()))
    assert found.severity is Severity.CRITICAL
    assert "--allocate-node-cidrs" in found.cure


def test_a_node_that_joined_just_now_may_lack_it() -> None:
    assert not judge("pod_cidr", cluster(node("n1"), node("n9", pod_cidrs=(), created=at(-0.5))))


def test_two_nodes_with_one_pod_cidr_are_critical() -> None:
    twin = node("n9", pod_cidrs=("10.244.1.0/24",))
    found = judge("pod_cidr", cluster(node("n1"), twin))
    assert {one.member for one in found} == {"n1", "n9"}
    assert found[0].severity is Severity.CRITICAL


def test_outside_flannels_network_is_told_only_where_it_was_read() -> None:
    assert not judge("pod_cidr", cluster())
    conf = {"kube-system": NetConf(network="10.250.0.0/16")}
    found = judge("pod_cidr", cluster(), net_confs=conf)
    assert len(found) == 3
    assert found[0].severity is Severity.WARNING


# announcement


def test_a_ready_flannel_that_announces_nothing_is_told() -> None:
    found = bent("announcement", node("n9", annotations={}))
    assert found.severity is Severity.WARNING
    assert "announced nothing" in found.summary


@pytest.mark.parametrize(
    "its_pod",
    [
        pod("f-n9", node="n9", ready=False),
        pod("f-n9", node="n9", ready_since=at(-0.5)),
        None,
    ],
)
def test_a_flannel_that_is_not_ready_yet_is_another_checks(its_pod: object) -> None:
    silent = node("n9", annotations={})
    things = [node("n1"), silent, daemonset(desired=2), pod("f-n1", node="n1")]
    assert not judge("announcement", world(*things, *([its_pod] if its_pod else [])))


def test_another_backend_than_most_is_told_of_those_that_have_it() -> None:
    odd = node("n9", annotations=announces("n9", backend_type="host-gw", backend_data="null"))
    found = bent("announcement", odd)
    assert found.member == "n9"
    assert "another backend than vxlan" in found.summary


def test_annotations_that_cannot_be_read_are_told() -> None:
    found = bent("announcement", node("n9", annotations=announces("n9", public_ip="ten")))
    assert "not usable" in found.summary


def test_machines_cloned_with_their_mac_are_critical() -> None:
    clone = node("n9", annotations=announces("n9", backend_data='{"VtepMAC":"02:aa:00:00:00:01"}'))
    found = judge("announcement", cluster(node("n1"), clone))
    assert {one.severity for one in found} == {Severity.CRITICAL}


@pytest.mark.parametrize("check", ["announcement", "pod_cidr", "public_ip"])
def test_in_etcd_mode_nodes_announce_nothing_and_that_is_right(check: str) -> None:
    bare = [node(f"n{n}", annotations={}, pod_cidrs=()) for n in (1, 2)]
    assert not judge(check, cluster(*bare, flags=("--etcd-endpoints=http://e:2379",)))


@pytest.mark.parametrize("check", ["announcement", "pod_cidr", "public_ip"])
def test_nodes_that_cannot_be_seen_are_not_judged(check: str) -> None:
    bad = node("n9", annotations={}, pod_cidrs=())
    twin = node("n8", annotations=announces("n8", public_ip="10.0.0.2"))
    seen = replace(cluster(bad, twin, node("n1")), gaps=(Gap("nodes", "403", at(-9)),))
    assert not judge(check, seen)


def test_nodes_that_flannel_does_not_serve_are_not_judged() -> None:
    windows = node("w1", os="windows", annotations={}, pod_cidrs=())
    seen = world(node("n1"), windows, daemonset(), pod("f-n1", node="n1"))
    assert not judge("pod_cidr", seen)


def test_one_finding_a_node_though_five_daemonsets_serve_five_architectures() -> None:
    twin = node("n9", annotations=announces("n9", public_ip="10.0.0.2"))
    seen = cluster(node("n1"), twin)
    arm = daemonset(replace(FLANNEL, name="kube-flannel-ds-arm", uid="ds-arm"), desired=0,
                    template=Template((flannel_spec(),), node_selector={"arch": "arm"}))  # fmt: skip
    seen = replace(seen, daemonsets={**seen.daemonsets, ("kube-system", arm.name): arm})
    found = judge("public_ip", seen)
    assert len({one.fingerprint for one in found}) == len(found) == 2


# nic_pattern


def test_the_storys_pattern_is_a_warning_with_the_flag_to_write() -> None:
    (found,) = judge("nic_pattern", cluster(flags=STORY_FLAGS))
    assert found.severity is Severity.WARNING
    assert found.summary == (
        "flannel's --iface-regex=eth1|bond1 also matches pods' NICs such as veth17f90f70"
    )
    assert "`--iface-regex=^(?:eth1|bond1)$`" in found.cure
    assert "30 pods has one in 86% of cases" in found.evidence[0]
    assert "args of container kube-flannel" in found.evidence[1]


@pytest.mark.parametrize("pattern", ["^(?:eth1|bond1)$", "^eth1$", "^(eth1|bond1)$"])
def test_an_anchored_pattern_is_right(pattern: str) -> None:
    assert not judge("nic_pattern", cluster(flags=(*SAFE_FLAGS[:2], f"--iface-regex={pattern}")))


def test_without_patterns_nothing_is_said() -> None:
    assert not judge("nic_pattern", cluster(flags=(*SAFE_FLAGS[:2], "--iface=eth1")))


@pytest.mark.parametrize("pattern", ["bond1", "ens192", "eno1", r"10\.0\.0\..*"])
def test_a_loose_pattern_that_can_hit_no_pod_is_information(pattern: str) -> None:
    (found,) = judge("nic_pattern", cluster(flags=(*SAFE_FLAGS[:2], f"--iface-regex={pattern}")))
    assert found.severity is Severity.INFO
    assert "it matches no pod's NIC" in found.summary


def test_a_pattern_for_addresses_is_not_told_to_be_wrapped() -> None:
    (found,) = judge("nic_pattern", cluster(flags=(*SAFE_FLAGS[:2], r"--iface-regex=10\.0\.")))
    assert "`--iface-regex=^(?:10" not in found.cure
    assert "write out" in found.cure


def test_a_pattern_that_does_not_compile_is_a_warning() -> None:
    (found,) = judge("nic_pattern", cluster(flags=(*SAFE_FLAGS[:2], "--iface-regex=(?!veth)eth1")))
    assert found.severity is Severity.WARNING
    assert "does not compile" in found.summary


def test_what_anchoring_refuses_is_replaced_by_names() -> None:
    (found,) = judge("nic_pattern", cluster(flags=(*SAFE_FLAGS[:2], "--iface-regex=eth1|")))
    assert found.severity is Severity.WARNING
    assert "empty alternative" in found.cure
    assert "`--iface=" in found.cure


def test_a_pattern_in_the_environment_is_found_there() -> None:
    spec = flannel_spec("--kube-subnet-mgr", env={"FLANNELD_IFACE_REGEX": "eth1"})
    seen = world(node("n1"), daemonset(spec=spec), pod("f", node="n1"))
    (found,) = judge("nic_pattern", seen)
    assert "FLANNELD_IFACE_REGEX" in found.evidence[-1]


# memory_headroom


def test_a_peak_near_the_limit_is_a_warning_for_its_node() -> None:
    peaks = {"n1": 41 * MI, "n2": 40 * MI}
    (found,) = judge("memory_headroom", cluster(), peaks=peaks)
    assert found.member == "n1"
    assert found.severity is Severity.WARNING
    assert found.summary == "flannel on n1 has used 41Mi of 50Mi (82%)"
    assert "256Mi" in found.cure
    assert "edit daemonset" in found.cure


def test_the_cure_of_memory_names_the_flag_that_must_change_with_it() -> None:
    (found,) = judge("memory_headroom", cluster(flags=STORY_FLAGS), peaks={"n1": 49 * MI})
    assert "In the same change anchor `--iface-regex=eth1|bond1`" in found.cure


def test_without_a_limit_or_a_peak_nothing_is_said() -> None:
    assert not judge("memory_headroom", cluster())
    bare = world(node("n1"), daemonset(spec=flannel_spec(memory_limit=None)), pod("f", node="n1"))
    assert not judge("memory_headroom", bare, peaks={"n1": 900 * MI})


def test_the_old_limit_in_a_big_cluster_is_told_once_for_all() -> None:
    many = [node(f"n{n}") for n in range(81)]
    (found,) = judge("memory_headroom", cluster(*many), peaks={"n1": 39 * MI})
    assert found.target.kind == "DaemonSet"
    assert found.severity is Severity.WARNING
    assert not judge("memory_headroom", cluster(*many[:80]))
    (found,) = judge("memory_headroom", cluster(*many), peaks={"n1": 42 * MI})
    assert found.target.kind == "Node"
    (found,) = judge("memory_headroom", cluster(*many), peaks={"n1": 40 * MI})
    assert "highest use known on any node: 40Mi" in found.evidence


def test_oom_kills_say_it_more_loudly() -> None:
    killed = pod("f-n1", container(restarts=1, last=oom()), node="n1")
    seen = world(node("n1"), daemonset(), killed)
    found = judge("memory_headroom", seen, start=quiet_before(seen), peaks={"n1": 50 * MI})
    assert [one.severity for one in found] == [Severity.INFO]


def test_a_node_whose_use_is_not_known_is_not_seen() -> None:
    context = checks.Context(snapshot=cluster(), peaks={"n1": 1})
    assert set(checks.SIGHT["memory_headroom"](context)) == {"n1"}


# update_strategy, version_hazard


def test_on_delete_is_information_while_all_pods_are_current() -> None:
    (found,) = judge("update_strategy", cluster(strategy="OnDelete"))
    assert found.severity is Severity.INFO
    assert "patch daemonset kube-flannel-ds-amd64 -p" in found.cure
    assert not judge("update_strategy", cluster())


def test_on_delete_with_pods_left_behind_becomes_a_warning() -> None:
    first = cluster(strategy="OnDelete", updated=1)
    (found,) = judge("update_strategy", first)
    assert found.severity is Severity.INFO  # since when is not known
    revision = ControllerRevision("kube-system", "r-1", 1, FLANNEL, "abc", at(0))
    first = replace(first, revisions={("kube-system", "r-1"): revision})
    (found,) = judge("update_strategy", replace(first, taken_at=at(5)))
    assert found.severity is Severity.INFO
    (found,) = judge("update_strategy", replace(first, taken_at=at(11)))
    assert found.severity is Severity.WARNING
    assert "2 of 3 pods" in found.summary
    assert "spec.nodeName=NODE" in found.cure


def test_ordinary_notes_of_a_release_are_no_finding() -> None:
    assert not judge("version_hazard", cluster())


def test_a_release_that_drops_traffic_at_restarts_is_a_warning() -> None:
    spec = flannel_spec(image="docker.io/flannel/flannel:v0.26.1")
    seen = world(node("n1"), daemonset(spec=spec), pod("f", node="n1"))
    (found,) = judge("version_hazard", seen)
    assert found.severity is Severity.WARNING
    assert "v0.27.0" in found.cure
    assert any("flannel #2068" in line for line in found.evidence)


def test_the_memory_limit_is_not_told_twice() -> None:
    many = [node(f"n{n}") for n in range(90)]
    assert not judge("version_hazard", cluster(*many))


@pytest.mark.parametrize(
    "image",
    [
        "docker.io/flannel/flannel:v0.22.3",
        "docker.io/flannel/flannel:v0.24.4",
        "docker.io/flannel/flannel:v0.27.4",
        "quay.io/coreos/flannel:v0.14.0",
        "registry.local/flannel@sha256:0123",
    ],
)
def test_a_healthy_cluster_on_a_default_manifest_raises_no_warning(image: str) -> None:
    spec = flannel_spec("--ip-masq", "--kube-subnet-mgr", image=image, memory_limit=None)
    given = [node(f"n{n}") for n in (1, 2, 3)]
    seen = world(
        *given, daemonset(desired=3, spec=spec), *(pod(f"f{n}", node=f"n{n}") for n in (1, 2, 3))
    )
    assert troubles(seen, replace(seen, taken_at=at(60))) == set()
