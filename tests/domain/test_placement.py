"""Where a DaemonSet wants a pod, by the controller's rule."""

import pytest

from bot.domain import placement
from bot.domain.snapshot import ContainerSpec, Taint, Template, Toleration
from tests.checks.worlds import node

LABELS = {"os": "linux", "cores": "8", "empty": ""}


def template(**more: object) -> Template:
    return Template(containers=(ContainerSpec("c", "c:1"),), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("terms", "wanted"),
    [
        ((), True),
        ((("os", "In", ("linux", "bsd")),), True),
        ((("os", "In", ("windows",)),), False),
        ((("gone", "In", ("",)),), False),
        ((("os", "NotIn", ("windows",)),), True),
        ((("gone", "NotIn", ("x",)),), True),
        ((("os", "NotIn", ("linux",)),), False),
        ((("empty", "Exists", ()),), True),
        ((("gone", "Exists", ()),), False),
        ((("gone", "DoesNotExist", ()),), True),
        ((("cores", "Gt", ("4",)),), True),
        ((("cores", "Gt", ("8",)),), False),
        ((("cores", "Lt", ("9",)),), True),
        ((("os", "Gt", ("4",)),), False),
        ((("cores", "Gt", ()),), False),
        ((("os", "Like", ("l",)),), False),
        ((("os", "In", ("linux",)), ("cores", "In", ("4",))), False),
    ],
)
def test_required_affinity(
    terms: tuple[tuple[str, str, tuple[str, ...]], ...], wanted: bool
) -> None:
    required = (terms,) if terms else ()
    assert placement.wanted(template(required_node_labels=required), node(labels=LABELS)) == wanted


def test_a_node_that_lost_its_kubelets_labels_is_meant_but_not_wanted() -> None:
    on = template(node_selector={"beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"})
    there = {"beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    whole = node(labels=there, arch="amd64")
    bare = node(arch="amd64")
    other = node(labels={**there, "kubernetes.io/arch": "arm64"}, arch="arm64")
    assert [placement.wanted(on, one) for one in (whole, bare, other)] == [True, False, False]
    assert [placement.meant(on, one) for one in (whole, bare, other)] == [True, True, False]
    assert not placement.meant(on, node(arch="arm64"))
    assert not placement.meant(template(node_selector={"gpu": "yes"}), bare)


def test_one_term_of_several_is_enough_and_an_empty_term_selects_nothing() -> None:
    one, other = (("os", "In", ("x",)),), (("os", "In", ("linux",)),)
    host = node(labels=LABELS)
    assert placement.wanted(template(required_node_labels=(one, other)), host)
    assert not placement.wanted(template(required_node_labels=((),)), host)


@pytest.mark.parametrize(("selector", "wanted"), [({"os": "linux"}, True), ({"os": "x"}, False)])
def test_node_selector(selector: dict[str, str], wanted: bool) -> None:
    assert placement.wanted(template(node_selector=selector), node(labels=LABELS)) == wanted


@pytest.mark.parametrize(
    ("taint", "toleration", "tolerated"),
    [
        (("k", "v", "NoSchedule"), None, False),
        (("k", "v", "PreferNoSchedule"), None, True),
        (("k", "v", "NoExecute"), ("", "Exists", "", ""), True),
        (("k", "v", "NoExecute"), ("", "Exists", "", "NoSchedule"), False),
        (("k", "v", "NoSchedule"), ("k", "Exists", "", "NoSchedule"), True),
        (("k", "v", "NoSchedule"), ("k", "Equal", "v", ""), True),
        (("k", "v", "NoSchedule"), ("k", "", "v", ""), True),
        (("k", "v", "NoSchedule"), ("k", "Equal", "w", ""), False),
        (("k", "v", "NoSchedule"), ("", "Equal", "v", ""), False),
        (("k", "v", "NoSchedule"), ("k", "Gt", "1", ""), False),
        (("node.kubernetes.io/unschedulable", "", "NoSchedule"), None, True),
        (("node.kubernetes.io/not-ready", "", "NoExecute"), None, True),
        (("node.kubernetes.io/unreachable", "", "NoExecute"), None, True),
        (("node.kubernetes.io/disk-pressure", "", "NoSchedule"), None, True),
    ],
)
def test_taints(
    taint: tuple[str, str, str], toleration: tuple[str, str, str, str] | None, tolerated: bool
) -> None:
    tolerations = (Toleration(*toleration),) if toleration else ()
    host = node(taints=(Taint(*taint),))
    assert placement.wanted(template(tolerations=tolerations), host) == tolerated


@pytest.mark.parametrize("host_network", [True, False])
def test_only_host_network_pods_run_without_a_network(host_network: bool) -> None:
    host = node(taints=(Taint("node.kubernetes.io/network-unavailable", "", "NoSchedule"),))
    assert placement.wanted(template(host_network=host_network), host) == host_network
