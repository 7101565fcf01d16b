"""Cases for runbooks: small clusters with live documents and looks, right until bent."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain import incident
from bot.domain.drain import NodePod
from bot.domain.finding import Severity
from bot.domain.snapshot import ContainerSpec, DaemonSet, Node, Owner
from bot.domain.target import Target
from bot.flannel import discovery, logs, versions
from bot.flannel.inspection import Inspection, Way
from bot.flannel.kernel import Address, FdbEntry, Kernel, Link, Neighbour, Route, Tunnel
from bot.runbooks import Case, Limits
from tests.checks import worlds
from tests.checks.worlds import MI, NOW, STORY_FLAGS
from tests.flannel.looks import LO, UP

DS = worlds.FLANNEL
NAME = f"kube-system/{DS.name}"
VETH = "veth17f90f70"


def nic(index: int, name: str, *ips: str, **more: Any) -> Link:
    own = tuple(Address(ip, 24) for ip in ips)
    return Link(name, index, UP, 1500, addresses=own, **more)


def private(number: int) -> str:
    return f"10.0.0.{number + 1}"


def host(
    number: int, *, trap: str = "", own: str = "eth1", now: str = "", before: tuple[Link, ...] = ()
) -> Kernel:
    """A host with a public eth0 and its private NIC `own`, on which flannel sits.

    `trap` is a pod's NIC that comes before it, `before` other links that do, and `now` another NIC
    that flannel sits on.
    """
    local = private(number) if not now or now == own else f"59.10.0.{number + 1}"
    pod = f"10.244.{number}.7"
    links = [
        LO,
        nic(2, "eth0", f"59.10.0.{number + 1}"),
        *([Link(trap, 4, UP, 1450, kind="veth", master="cni0")] if trap else []),
        *before,
        nic(5, own, private(number)),
        Link(
            "flannel.1", 9, UP, 1450, kind="vxlan", mac=f"02:aa:00:00:00:{number:02x}",
            addresses=(Address(f"10.244.{number}.0", 32),),
            tunnel=Tunnel(1, local, now or own, 8472, False),
        ),
        nic(12, "cni0", f"10.244.{number}.1"),
        Link("vethc0ffee00", 30, UP, 1450, kind="veth", master="cni0"),
    ]  # fmt: skip
    mac = "0a:58:0a:f4:01:07"
    return Kernel(
        links=tuple(links),
        routes=(Route("0.0.0.0/0", "59.10.0.254", "eth0"),),
        routes6=(),
        neighbours=(Neighbour(pod, "cni0", mac, "REACHABLE"),) if trap else (),
        fdb=(FdbEntry(mac, trap, "", "cni0"),) if trap else (),
    )


def seen(number: int, here: Kernel | None = None, **more: Any) -> Inspection:
    made = Inspection(f"n{number}", NOW, Way.EXEC, here or host(number))
    return replace(made, **more)


def by_log(number: int) -> Inspection:
    """All that is seen of a node whose flannel crash-loops where no probe pod may look."""
    lines = (
        "I0301 12:00:00.000000 1 main.go:514] Could not find valid interface matching "
        f"eth1|bond1: failed to find IPv4 address for interface {VETH}\n"
        "E0301 12:00:00.000000 1 main.go:241] Failed to find interface to use that matches the "
        "interfaces and/or regexes provided"
    )
    read = logs.read(lines, version=versions.parse("x:v0.12.0"))
    return Inspection(f"n{number}", NOW, Way.LOG, Kernel(), log=read)


def document(daemonset: DaemonSet, spec: ContainerSpec, **meta: Any) -> dict[str, Any]:
    """The live object behind a DaemonSet, as the API server would write it."""
    container: dict[str, Any] = {
        "name": spec.name,
        "image": spec.image,
        "resources": {"requests": {"cpu": "100m", "memory": "50Mi"}},
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    }
    if spec.command:
        container["command"] = list(spec.command)
    if spec.args:
        container["args"] = list(spec.args)
    if spec.memory_limit is not None:
        container["resources"]["limits"] = {
            "cpu": "100m",
            "memory": f"{spec.memory_limit // MI}Mi",
        }
    strategy: dict[str, Any] = {"type": daemonset.strategy}
    if daemonset.strategy == "RollingUpdate":
        value = daemonset.max_unavailable
        strategy["rollingUpdate"] = {
            "maxUnavailable": int(value) if value.isdigit() else value,
            "maxSurge": 0,
        }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": daemonset.name,
            "namespace": daemonset.namespace,
            "uid": daemonset.uid,
            "generation": daemonset.generation,
            **meta,
        },
        "spec": {
            "updateStrategy": strategy,
            "template": {
                "spec": {
                    "initContainers": [{"name": "install-cni", "image": spec.image}],
                    "containers": [{"name": "sidecar", "image": "x"}, container],
                }
            },
        },
    }


def case(
    *,
    nodes: int = 4,
    args: tuple[str, ...] = STORY_FLAGS,
    hosts: Mapping[int, Kernel | None] | None = None,
    spec: ContainerSpec | None = None,
    broken: tuple[int, ...] = (),
    logged: tuple[int, ...] = (),
    strategy: str = "RollingUpdate",
    max_unavailable: str = "1",
    meta: Mapping[str, Any] | None = None,
    edit: Callable[[dict[str, Any]], None] | None = None,
    node: Callable[[Node], Node] = lambda one: one,
    **more: Any,
) -> Case:
    """One DaemonSet on nodes n1, n2...; `hosts` bends some, None for one that was not seen.

    `broken` are nodes whose flannel crash-loops, `logged` those that are seen by its log alone;
    `edit` bends the live document.
    """
    spec = spec or worlds.flannel_spec(*args)
    things: list[object] = []
    looks: dict[str, Inspection] = {}
    for number in range(1, nodes + 1):
        things.append(node(worlds.node(f"n{number}")))
        state = worlds.waiting("CrashLoopBackOff") if number in broken else worlds.running()
        things.append(
            worlds.pod(
                f"{DS.name}-{number}",
                worlds.container(state=state, restarts=7 if number in broken else 0),
                node=f"n{number}",
            )
        )
        bent = (hosts or {}).get(number, host(number))
        if number in logged:
            looks[f"n{number}"] = by_log(number)
        elif bent is not None:
            looks[f"n{number}"] = seen(number, bent)
    daemonset = worlds.daemonset(
        desired=nodes, spec=spec, generation=4, strategy=strategy, max_unavailable=max_unavailable
    )
    live = document(daemonset, spec, **(meta or {}))
    if edit is not None:
        edit(live)
    snapshot = worlds.world(daemonset, *things)
    made = Case(
        snapshot=snapshot,
        now=NOW + timedelta(seconds=20),
        requester="UREQ",
        flannels=discovery.find(snapshot),
        documents={NAME: live},
        inspections=looks,
        limits=Limits(),
    )
    return replace(made, **more)


def sisters(
    *,
    archs: tuple[str, ...] = ("amd64", "arm64"),
    per: int = 2,
    limits_of: Mapping[str, int] | None = None,
    **more: Any,
) -> Case:
    """A DaemonSet for each architecture, as manifests from v0.11 to v0.12 have it."""
    things: list[object] = []
    looks, documents = {}, {}
    number = 0
    for place, arch in enumerate(archs):
        owner = Owner("DaemonSet", f"kube-flannel-ds-{arch}", f"ds-{arch}")
        count = per + place
        limit = (limits_of or {}).get(arch, 50 * MI)
        spec = worlds.flannel_spec(*STORY_FLAGS, memory_limit=limit)
        daemonset = worlds.daemonset(owner, desired=count, spec=spec, generation=4)
        things.append(daemonset)
        documents[f"kube-system/{owner.name}"] = document(daemonset, spec)
        for _ in range(count):
            number += 1
            things.append(worlds.node(f"n{number}"))
            things.append(worlds.pod(f"{owner.name}-{number}", node=f"n{number}", owner=owner))
            looks[f"n{number}"] = seen(number)
    snapshot = worlds.world(*things)
    made = Case(
        snapshot=snapshot,
        now=NOW,
        requester="UREQ",
        flannels=discovery.find(snapshot),
        documents=documents,
        inspections=looks,
    )
    return replace(made, **more)


def trouble(check: str = "oom_killed", *nodes: str, **changes: Any) -> incident.Incident:
    """An incident of flannel's DaemonSet on those nodes."""
    workload = Target("prod", "DaemonSet", "kube-system", DS.name)
    members = tuple(
        incident.Member(
            name=node,
            fingerprint=f"{check}:{node}",
            target=Target("prod", "Pod", "kube-system", f"{DS.name}-{node}", node),
            severity=Severity.CRITICAL,
            summary="",
            evidence=(),
            first_seen_at=NOW,
            last_seen_at=NOW,
            occurrences=3,
        )
        for node in nodes or ("n1",)
    )
    made = incident.Incident(
        id=42,
        fingerprint=f"{check}:{workload.key}",
        check=check,
        cluster="prod",
        workload=workload,
        state=incident.State.OPEN,
        severity=Severity.CRITICAL,
        summary="kube-flannel OOM-killed",
        cure="",
        opened_at=NOW,
        changed_at=NOW,
        members=members,
    )
    return replace(made, **changes)


def changed(case: Case, name: str = NAME, **meta: Any) -> dict[str, Any]:
    """A copy of the live document with other metadata."""
    live = copy.deepcopy(case.documents[name])
    live["metadata"].update(meta)
    return live  # type: ignore[no-any-return]


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def pod(name: str, *, node: str = "n1", **more: Any) -> NodePod:
    """A plain pod of a Deployment on a node."""
    return NodePod("shop", name, f"uid-{name}", node, **{"owner": "ReplicaSet/web-1", **more})


def flannels_own(node: str = "n1") -> NodePod:
    number = node.removeprefix("n")
    name = f"{DS.name}-{number}"
    return NodePod(
        "kube-system", name, f"uid-{name}", node, owner=f"DaemonSet/{DS.name}", host_network=True
    )


def trapped(
    *pods: NodePod, broken: tuple[int, ...] = (1,), here: Kernel | None = None, **more: Any
) -> Case:
    """n1's flannel goes for the NIC of the pod with address 10.244.1.7."""
    return case(
        hosts={1: here or host(1, trap=VETH)},
        broken=broken,
        pods={"n1": (flannels_own(), *pods)},
        incident=trouble("crash_loop", "n1"),
        **more,
    )
