"""Which DaemonSet is flannel, and what is out of reach."""

import pytest

from bot.domain.snapshot import ContainerSpec, Gap, Owner, Taint, Template, Toleration
from bot.flannel import discovery, versions
from tests.checks.worlds import (
    FLANNEL,
    PROXY,
    daemonset,
    flannel_spec,
    node,
    nodes,
    pod,
    world,
)

BACKEND = "flannel.alpha.coreos.com/backend-type"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("quay.io/coreos/flannel:v0.12.0-amd64", "v0.12.0"),
        ("quay.io/coreos/flannel:v0.12.0", "v0.12.0"),
        ("flannel:0.12.0", "v0.12.0"),
        ("ghcr.io/flannel-io/flannel:v0.28.9", "v0.28.9"),
        ("rancher/hardened-flannel:v0.25.7-build20241126", "v0.25.7"),
        ("reg:5000/flannel:v0.16.3-rancher2", "v0.16.3"),
        ("flannel:v0.12.0@sha256:0123", "v0.12.0"),
        ("flannel@sha256:0123", "unknown"),
        ("reg:5000/flannel", "unknown"),
        ("flannel:latest", "unknown"),
        ("flannel:v0.12", "unknown"),
        ("flannel:v0.12.0.1", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_version_is_what_the_tag_says(image: str, version: str) -> None:
    assert versions.name(image) == version


def test_versions_are_ordered_as_numbers() -> None:
    older, newer = versions.parse("flannel:v0.9.1"), versions.parse("flannel:v0.12.0")
    assert older is not None
    assert newer is not None
    assert older < newer


@pytest.mark.parametrize(
    ("container", "found"),
    [
        (ContainerSpec("kube-flannel", "anything:1"), True),
        (ContainerSpec("other", "x:1", command=("/opt/bin/flanneld",)), True),
        (ContainerSpec("other", "x:1", command=("/bin/sh", "-c", "exec flanneld -v")), True),
        (ContainerSpec("other", "x:1", command=("sh", "-c"), args=("flanneld --x",)), True),
        (ContainerSpec("other", "coreos/flannel:v0.12.0", args=("--ip-masq",)), True),
        (ContainerSpec("flannel", "rancher/hardened-flannel:v0.25.7"), True),
        (ContainerSpec("cni", "coreos/flannel:v0.8.0", command=("/bin/sh", "-c", "cp x")), False),
        (ContainerSpec("cni", "flannel/flannel-cni-plugin:v1.1"), False),
        (ContainerSpec("bot", "flannel-bot:1"), False),
        (ContainerSpec("kube-proxy", "kube-proxy:v1.30", command=("kube-proxy",)), False),
    ],
)
def test_flannel_is_known_by_its_container(container: ContainerSpec, found: bool) -> None:
    seen = world(daemonset(PROXY, spec=container, namespace="anywhere"))
    assert bool(discovery.find(seen)) == found


def test_sidecars_and_init_containers_are_not_flannel() -> None:
    template = Template(
        containers=(
            ContainerSpec("calico-node", "calico/node:v3"),
            ContainerSpec("kube-flannel", "coreos/flannel:v0.15.1", args=("--ip-masq",)),
        ),
        init_containers=(ContainerSpec("install-cni", "coreos/flannel:v0.15.1"),),
    )
    (found,) = discovery.find(world(daemonset(Owner("DaemonSet", "canal", "c"), template=template)))
    assert (found.daemonset, found.container) == ("canal", "kube-flannel")
    only_init = Template(
        containers=(ContainerSpec("x", "x:1"),), init_containers=template.containers
    )
    assert not discovery.find(world(daemonset(PROXY, template=only_init)))


def test_what_is_told_of_it() -> None:
    seen = world(
        *(node(f"n{n}", annotations={BACKEND: "vxlan"}) for n in (1, 2)),
        node("n3", annotations={BACKEND: "host-gw"}),
        daemonset(desired=3, available=2),
        *(pod(f"p{n}", node=f"n{n}") for n in (1, 2)),
    )
    (found,) = discovery.find(seen)
    assert (found.namespace, found.daemonset, found.version) == (
        "kube-system",
        "kube-flannel-ds-amd64",
        "v0.12.0",
    )
    assert found.backend == "vxlan"
    assert found.backends == {"vxlan": 2, "host-gw": 1}
    assert found.serves == ("n1", "n2", "n3")
    assert found.flags.iface_regex == ("^(?:eth1|bond1)$",)
    assert found.flag_places == ("args",)
    assert (found.desired, found.ready, found.memory_limit) == (3, 2, 50 * 2**20)


def test_a_custom_annotation_prefix_is_honoured() -> None:
    spec = flannel_spec("--kube-subnet-mgr", "--kube-annotation-prefix=net.example.com/x")
    seen = world(
        node("n1", annotations={BACKEND: "udp", "net.example.com/x-backend-type": "vxlan"}),
        daemonset(spec=spec),
        pod(node="n1"),
    )
    assert discovery.find(seen)[0].backend == "vxlan"


def test_without_annotations_the_backend_is_unknown() -> None:
    assert discovery.find(world(node(annotations={}), daemonset()))[0].backend == "unknown"


def test_one_daemonset_an_architecture() -> None:
    """As the manifests of v0.11 and v0.12 have it."""

    def of(arch: str, desired: int) -> object:
        affinity = (
            (
                ("beta.kubernetes.io/os", "In", ("linux",)),
                ("beta.kubernetes.io/arch", "In", (arch,)),
            ),
        )
        template = Template(
            containers=(flannel_spec(),),
            required_node_labels=affinity,
            tolerations=(Toleration("", "Exists", "", "NoSchedule"),),
            host_network=True,
        )
        owner = Owner("DaemonSet", f"kube-flannel-ds-{arch}", f"ds-{arch}")
        return daemonset(owner, template=template, desired=desired)

    def host(name: str, arch: str) -> object:
        labels = {"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": arch}
        return node(name, labels=labels, taints=(Taint("master", "", "NoSchedule"),))

    seen = world(
        of("amd64", 2), of("arm64", 1), of("s390x", 0), host("a", "amd64"), host("b", "amd64"),
        host("c", "arm64"), pod("p", node="a", owner=Owner("DaemonSet", "x", "ds-amd64")),
    )  # fmt: skip
    served = {found.daemonset: found.serves for found in discovery.find(seen)}
    assert served == {
        "kube-flannel-ds-amd64": ("a", "b"),
        "kube-flannel-ds-arm64": ("c",),
        "kube-flannel-ds-s390x": (),
    }


class TestOutOfReach:
    def notes(self, *things: object, **more: object) -> str:
        return "\n".join(discovery.out_of_reach(world(*things, **more)))  # type: ignore[arg-type]

    def test_nothing_is_said_where_all_is_seen(self) -> None:
        assert self.notes(*nodes(3), daemonset()) == ""

    def test_k3s_embeds_flannel(self) -> None:
        said = self.notes(node(kubelet="v1.30.1+k3s1"))
        assert "k3s" in said
        assert "1 node" in said

    def test_rke2_runs_canal_as_a_daemonset(self) -> None:
        assert self.notes(node(kubelet="v1.30.1+rke2r1"), daemonset()) == ""

    def test_annotations_without_a_daemonset(self) -> None:
        key = "flannel.alpha.coreos.com/kube-subnet-manager"
        assert "no DaemonSet runs flannel" in self.notes(node(annotations={key: "true"}))

    def test_a_cluster_without_flannel(self) -> None:
        assert "no DaemonSet runs flannel" in self.notes(node())

    @pytest.mark.parametrize("resource", ["daemonsets", "*"])
    def test_nothing_is_concluded_from_what_cannot_be_seen(self, resource: str) -> None:
        gap = Gap(resource, "403", node().created_at)
        assert self.notes(node(kubelet="v1.30.1+k3s1"), gaps=[gap]) == ""

    def test_etcd_mode(self) -> None:
        spec = flannel_spec("--ip-masq", "--etcd-endpoints=http://10.0.0.1:2379")
        assert "etcd" in self.notes(daemonset(spec=spec))

    def test_a_script_says_nothing_of_etcd(self) -> None:
        spec = flannel_spec("x", command=("sh", "-c"))
        assert "etcd" not in self.notes(daemonset(spec=spec))
        assert "not known" in self.notes(daemonset(spec=spec))

    def test_windows_nodes(self) -> None:
        assert "Windows" in self.notes(node("w1", os="windows"), node(), daemonset())


def test_pods_of_others_are_not_counted() -> None:
    seen = world(
        node("n1"), node("n2"), daemonset(), pod(node="n1"), pod("q", owner=PROXY, node="n2")
    )
    assert discovery.find(seen)[0].serves == ("n1", "n2")
    narrow = daemonset(
        FLANNEL, template=Template(containers=(flannel_spec(),), node_selector={"net": "flannel"})
    )
    seen = world(node("n1"), node("n2"), narrow, pod(node="n1"))
    assert discovery.find(seen)[0].serves == ("n1",)
