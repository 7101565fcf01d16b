"""Small clusters, built by hand: each function gives one thing as Kubernetes would show it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot import checks
from bot.domain import finding, ledger
from bot.domain.snapshot import (
    Condition,
    Container,
    ContainerSpec,
    ContainerState,
    DaemonSet,
    Deployment,
    Gap,
    Node,
    Owner,
    Phase,
    Pod,
    Snapshot,
    Template,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)
MI = 2**20
POLICY = ledger.Policy()
FLANNEL = Owner("DaemonSet", "kube-flannel-ds-amd64", "ds-flannel")
PROXY = Owner("DaemonSet", "kube-proxy", "ds-proxy")
SAFE_FLAGS = ("--ip-masq", "--kube-subnet-mgr", "--iface-regex=^(?:eth1|bond1)$")
STORY_FLAGS = ("--ip-masq", "--kube-subnet-mgr", "--iface-regex=eth1|bond1")


def at(minutes: float) -> datetime:
    """So many minutes after NOW."""
    return NOW + timedelta(minutes=minutes)


def running(since: datetime = LONG_AGO, cid: str = "") -> ContainerState:
    return ContainerState(Phase.RUNNING, started_at=since, container_id=cid)


def waiting(reason: str, message: str = "") -> ContainerState:
    return ContainerState(Phase.WAITING, reason=reason, message=message)


def ended(
    reason: str = "Error",
    code: int = 1,
    *,
    finished: datetime | None = NOW,
    started: datetime | None = None,
    cid: str = "",
) -> ContainerState:
    return ContainerState(
        Phase.TERMINATED,
        reason=reason,
        exit_code=code,
        started_at=started,
        finished_at=finished,
        container_id=cid,
    )


def oom(finished: datetime | None = NOW, **more: object) -> ContainerState:
    return ended("OOMKilled", 137, finished=finished, **more)  # type: ignore[arg-type]


def container(
    name: str = "kube-flannel",
    *,
    restarts: int = 0,
    state: ContainerState | None = None,
    last: ContainerState | None = None,
    ready: bool | None = None,
    init: bool = False,
    memory: int | None = 50 * MI,
) -> Container:
    state = state or running()
    return Container(
        name=name,
        image="quay.io/coreos/flannel:v0.12.0-amd64",
        ready=state.phase is Phase.RUNNING if ready is None else ready,
        restart_count=restarts,
        state=state,
        last_state=last,
        init=init,
        memory_limit=memory,
    )


def conditions(ready: bool, since: datetime, *, scheduled: bool = True) -> tuple[Condition, ...]:
    return (
        Condition("PodScheduled", "True" if scheduled else "False", since=since),
        Condition("Ready", "True" if ready else "False", since=since),
    )


def pod(
    name: str = "kube-flannel-ds-amd64-a",
    *containers: Container,
    node: str = "n1",
    owner: Owner | None = FLANNEL,
    namespace: str = "kube-system",
    uid: str = "",
    phase: str = "Running",
    ready: bool | None = None,
    ready_since: datetime = LONG_AGO,
    created: datetime = LONG_AGO,
    **more: object,
) -> Pod:
    containers = containers or (container(),)
    if ready is None:
        ready = all(one.ready or one.init for one in containers)
    return Pod(
        uid=uid or f"uid-{name}",
        namespace=namespace,
        name=name,
        node=node,
        phase=phase,
        created_at=created,
        containers=containers,
        conditions=conditions(ready, ready_since),
        owner=owner,
        **more,  # type: ignore[arg-type]
    )


def number(name: str) -> int:
    """A number for a name, so that every node has its own addresses."""
    digits = "".join(filter(str.isdigit, name))
    return int(digits) % 250 if digits else sum(map(ord, name)) % 250


def announces(name: str, **changed: str) -> dict[str, str]:
    """What flannel writes to a node; an empty value takes a key away."""
    own = number(name)
    keys = {
        "kube-subnet-manager": "true",
        "backend-type": "vxlan",
        "backend-data": json.dumps({"VNI": 1, "VtepMAC": f"02:aa:00:00:00:{own:02x}"}),
        "public-ip": f"10.0.0.{own + 1}",
        **{key.replace("_", "-"): value for key, value in changed.items()},
    }
    return {f"flannel.alpha.coreos.com/{key}": value for key, value in keys.items() if value}


def node(
    name: str = "n1",
    *,
    ready: str = "True",
    since: datetime = LONG_AGO,
    created: datetime = LONG_AGO,
    **more: object,
) -> Node:
    return Node(
        **{  # type: ignore[arg-type]
            "uid": f"uid-{name}",
            "name": name,
            "created_at": created,
            "conditions": (Condition("Ready", ready, reason="KubeletReady", since=since),),
            "annotations": announces(name),
            "pod_cidrs": (f"10.244.{number(name)}.0/24",),
            "kernel": "5.15.0",
            **more,
        }
    )


def nodes(count: int) -> tuple[Node, ...]:
    return tuple(node(f"n{number}") for number in range(1, count + 1))


def flannel_spec(
    *args: str, command: tuple[str, ...] = ("/opt/bin/flanneld",), **more: object
) -> ContainerSpec:
    return ContainerSpec(
        **{  # type: ignore[arg-type]
            "name": "kube-flannel",
            "image": "quay.io/coreos/flannel:v0.12.0-amd64",
            "command": command,
            "args": args or SAFE_FLAGS,
            "memory_limit": 50 * MI,
            **more,
        }
    )


def daemonset(
    owner: Owner = FLANNEL,
    *,
    desired: int = 1,
    available: int | None = None,
    updated: int | None = None,
    spec: ContainerSpec | None = None,
    template: Template | None = None,
    namespace: str = "kube-system",
    generation: int = 1,
    observed: int | None = None,
    **more: object,
) -> DaemonSet:
    if spec is None:
        spec = flannel_spec() if owner is FLANNEL else ContainerSpec("main", "main:1")
    available = desired if available is None else available
    return DaemonSet(
        uid=owner.uid,
        namespace=namespace,
        name=owner.name,
        created_at=LONG_AGO,
        generation=generation,
        observed_generation=generation if observed is None else observed,
        template=template or Template(containers=(spec,), host_network=True),
        desired=desired,
        current=desired,
        ready=available,
        updated=desired if updated is None else updated,
        available=available,
        unavailable=desired - available,
        **more,  # type: ignore[arg-type]
    )


def deployment(
    name: str = "coredns", *, replicas: int = 2, available: int = 2, **more: object
) -> Deployment:
    return Deployment(
        **{  # type: ignore[arg-type]
            "uid": f"uid-{name}",
            "namespace": "kube-system",
            "name": name,
            "created_at": LONG_AGO,
            "generation": 1,
            "observed_generation": 1,
            "replicas": replicas,
            "available": available,
            "ready": available,
            "updated": replicas,
            **more,
        }
    )


def world(
    *things: object, taken: datetime = NOW, gaps: Iterable[Gap] = (), cluster: str = "prod"
) -> Snapshot:
    """A snapshot of those things."""
    seen = Snapshot(cluster=cluster, taken_at=taken, gaps=tuple(gaps))
    homes: Mapping[type, str] = {
        Pod: "pods",
        DaemonSet: "daemonsets",
        Deployment: "deployments",
    }
    mappings: dict[str, dict[object, object]] = {name: {} for name in homes.values()}
    mappings["nodes"] = {}
    mappings["revisions"] = {}
    for thing in things:
        if isinstance(thing, Node):
            mappings["nodes"][thing.name] = thing
        elif type(thing) in homes:
            mappings[homes[type(thing)]][thing.namespace, thing.name] = thing  # type: ignore[attr-defined]
        else:
            mappings["revisions"][thing.namespace, thing.name] = thing  # type: ignore[attr-defined]
    return replace(seen, **mappings)  # type: ignore[arg-type]


def watched(*snapshots: Snapshot, start: ledger.Ledger | None = None) -> ledger.Ledger:
    """The ledger after looking at those snapshots, one after the other."""
    book = start or ledger.Ledger()
    for each in snapshots:
        book = ledger.observe(book, each, POLICY).ledger
    return book


def quiet_before(seen: Snapshot, minutes: float = 60) -> ledger.Ledger:
    """A ledger that watched an uneventful cluster until some minutes ago."""
    earlier = Snapshot(
        cluster=seen.cluster,
        taken_at=seen.taken_at - timedelta(minutes=minutes),
        daemonsets={("kube-system", "x"): daemonset(Owner("DaemonSet", "x", "x"), desired=0)},
    )
    return watched(earlier)


def judge(
    check: str,
    *snapshots: Snapshot,
    start: ledger.Ledger | None = None,
    limits: checks.Limits | None = None,
    **known: object,
) -> list[finding.Finding]:
    """What one check says of the last of those snapshots, having watched them all."""
    book = watched(*snapshots, start=start)
    context = checks.Context(
        snapshot=snapshots[-1],
        ledger=book,
        limits=limits or checks.Limits(),
        policy=POLICY,
        **known,  # type: ignore[arg-type]
    )
    return list(checks.ALL_CHECKS[check](context))


def all_findings(
    *snapshots: Snapshot,
    start: ledger.Ledger | None = None,
    limits: checks.Limits | None = None,
    **known: object,
) -> list[finding.Finding]:
    """What all checks say of the last of those snapshots."""
    return [
        found
        for name in checks.ALL_CHECKS
        for found in judge(name, *snapshots, start=start, limits=limits, **known)
    ]


def troubles(*snapshots: Snapshot, limits: checks.Limits | None = None) -> set[str]:
    """The checks that find more than information."""
    found = all_findings(*snapshots, limits=limits)
    return {one.check for one in found if one.severity is not finding.Severity.INFO}
