"""The faults of machines, kubelets, containers and flannel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.sim.cluster import ailments, errors, kubelet, manifests, names, podworker, world

Params = dict[str, Any]
Heal = Callable[[], None]

PANIC = (
    "panic: runtime error: invalid memory address or nil pointer dereference",
    "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1289e53]",
    "",
    "goroutine 1 [running]:",
    "main.main()",
    "\t/go/src/github.com/coreos/flannel/main.go:320 +0x11d3",
)
BALLAST = 10_000.0
"""MiB that no limit in use bears; without a limit even this kills nobody."""


@dataclass(frozen=True)
class Spec:
    """One fault: how to strike, and what may be said about it.

    Attributes:
        about: one sentence for people.
        strike: brings it about on nodes with parameters; returns how to heal it, or None where
            there is nothing to heal.
        default_params: those that need not be given.
        kinds: the parameters there are, with their types.
        by_node: whether it strikes single nodes.
        places: where it strikes when no nodes are given; without it an empty choice means all.
        worn_off: whether it has ended by itself.
    """

    about: str
    strike: Callable[[frozenset[str], Params], Heal | None]
    default_params: Mapping[str, Any] = field(default_factory=dict)
    kinds: Mapping[str, type] = field(default_factory=dict)
    by_node: bool = True
    places: Callable[[Params], list[str]] | None = None
    worn_off: Callable[[], bool] = field(default=lambda: False)


def specs(of: world.World) -> dict[str, Spec]:
    """All of them, for one world."""
    make = _Faults(of)
    return {
        "relist": Spec(
            "the API server closes its watches: flannels list all nodes now", make.relist
        ),
        "services": Spec(
            "kube-proxy has `factor` times as many rules: iptables children weigh as much more",
            make.services,
            {"factor": 3.0},
            {"factor": float},
        ),
        "matching_veth": Spec(
            "a pod's veth whose name matches eth1 stands before the private NIC; with `restart` "
            "flannel is stopped and has to choose again",
            make.matching_veth,
            {"restart": True},
            {"restart": bool},
            places=make.one_physical,
        ),
        "flannel_crash": Spec(
            "flannel panics soon after each start, exit 2",
            make.flannel_crash,
            places=make.one_physical,
        ),
        "flannel_kill_sigterm_oom_label": Spec(
            "flannel is stopped once (exit 143) and falsely labelled OOMKilled by the runtime",
            make.false_label,
            places=make.one_physical,
        ),
        "flannel_missing": Spec(
            "the node's architecture label is lost, so no DaemonSet of flannel wants it",
            make.flannel_missing,
            places=make.one_physical,
        ),
        "missed_restarts": Spec(
            "flannel is OOM-killed `times` times while its status cannot be written: only the "
            "last end is seen",
            make.missed_restarts,
            {"times": 3},
            {"times": int},
            places=make.one_physical,
        ),
        "node_down": Spec(
            "the machine is unreachable and its kubelet silent",
            make.node_down,
            places=make.one_worker,
        ),
        "image_pull": Spec(
            "the image of pods labelled `app` cannot be pulled, and they are started anew",
            make.image_pull,
            {"app": "flannel"},
            {"app": str},
            places=make.one_running,
        ),
        "pod_unready": Spec(
            "the readiness probe of pods labelled `app` fails",
            make.pod_unready,
            {"app": "kube-proxy"},
            {"app": str},
            places=make.one_running,
        ),
        "coredns_down": Spec("CoreDNS exits with 1 soon after each start", make.coredns_down),
        "unschedulable": Spec(
            "a Deployment in kube-system asks for more than any node has",
            make.unschedulable,
            by_node=False,
        ),
    }


class _Faults:
    """How each of them is brought about and healed."""

    def __init__(self, of: world.World) -> None:
        self._world = of
        self._rng = names.stream(of.seed, "faults")

    def one_physical(self, params: Params) -> list[str]:
        """A physical machine whose flannel is well."""
        del params
        return self._one(lambda one: one.host.physical) or self._one(lambda _: True)

    def one_worker(self, params: Params) -> list[str]:
        """A machine that is no control plane."""
        del params
        return self._one(lambda one: not one.host.name.startswith("cp-")) or self._one(
            lambda _: True
        )

    def one_running(self, params: Params) -> list[str]:
        """A machine that runs such a pod."""
        return self._one(lambda one: bool(self._workers(one, params["app"])))

    def relist(self, nodes: frozenset[str], params: Params) -> Heal | None:
        del params
        self._world.relist(nodes)
        return None

    def services(self, nodes: frozenset[str], params: Params) -> Heal:
        if params["factor"] <= 0:
            raise ValueError("factor must be positive")
        return self._rules(self._kubelets(nodes), float(params["factor"]))

    def _rules(self, struck: list[kubelet.Kubelet], factor: float) -> Heal:
        for one in struck:
            one.host.rules = factor
            _reconsider(one)

        def heal() -> None:
            for one in struck:
                one.host.rules = 1.0

        return heal

    def matching_veth(self, nodes: frozenset[str], params: Params) -> Heal:
        plugged: list[tuple[kubelet.Kubelet, Heal]] = []
        for one in self._kubelets(nodes):
            plugged.append((one, self._plug_first(one)))
            if params["restart"]:
                _stop_flannel(one, 0)

        def heal() -> None:
            for one, unplug in plugged:
                unplug()
                _retry(one, "flannel")

        return heal

    def _plug_first(self, one: kubelet.Kubelet) -> Heal:
        """Put a new pod in an ordinary one's place, behind a veth that is listed first.

        Where there is no ordinary pod left, the veth is one that was left behind.
        """
        host, name = one.host, f"veth1{self._rng.getrandbits(28):07x}"
        undo: list[Heal] = []

        def plug() -> str:
            undo.append(host.plug_first(self._rng, name))
            return name

        if not self._world.ordinary.replace_on(host, plug):
            plug()

        def unplug() -> None:
            ip = host.pod_ips.get(name)
            for pod in self._world.ctx.index.on_node(host.name):
                if ip and (pod.get("status") or {}).get("podIP") == ip:
                    metadata = pod["metadata"]
                    self._world.api.delete(
                        "pods", metadata["namespace"], metadata["name"], grace_seconds=0
                    )
            undo[0]()

        return unplug

    def flannel_crash(self, nodes: frozenset[str], params: Params) -> Heal:
        del params
        ailment = ailments.Ailment("crash", "flannel", nodes, exit_code=2, lines=PANIC)
        self._world.ailing.set("flannel_crash", ailment)
        for one in self._kubelets(nodes):
            found = one.flannel_container()
            if found is not None and found[1].running:
                for line in PANIC:
                    found[0].runs[found[1].name].print(line)
                found[0].kill(found[1], 2)
        return lambda: self._recover("flannel_crash", nodes, "flannel")

    def false_label(self, nodes: frozenset[str], params: Params) -> Heal | None:
        del params
        for one in self._kubelets(nodes):
            _stop_flannel(one, 143, "OOMKilled")
        return None

    def flannel_missing(self, nodes: frozenset[str], params: Params) -> Heal:
        del params
        label = "kubernetes.io/arch"
        for name in nodes:
            self._label(name, label, None)

        def heal() -> None:
            for name in nodes:
                self._label(name, label, "amd64")

        return heal

    def missed_restarts(self, nodes: frozenset[str], params: Params) -> Heal:
        times = int(params["times"])
        if times < 2:
            raise ValueError("times must be at least 2: one restart is not missed")
        struck = [_Missed(self._world, one, times) for one in self._kubelets(nodes)]
        for one in struck:
            one.begin()

        def heal() -> None:
            for one in struck:
                one.end()

        return heal

    def node_down(self, nodes: frozenset[str], params: Params) -> Heal:
        del params
        struck = self._kubelets(nodes)
        for one in struck:
            one.fall_silent()

        def heal() -> None:
            for one in struck:
                one.speak()

        return heal

    def image_pull(self, nodes: frozenset[str], params: Params) -> Heal:
        app = params["app"]
        self._world.ailing.set("image_pull", ailments.Ailment("pull", app, nodes))
        for one in self._kubelets(nodes):
            for worker in self._workers(one, app):
                self._delete(worker)
        return lambda: self._recover("image_pull", nodes, app)

    def pod_unready(self, nodes: frozenset[str], params: Params) -> Heal:
        self._world.ailing.set("pod_unready", ailments.Ailment("unready", params["app"], nodes))
        return lambda: self._world.ailing.clear("pod_unready")

    def coredns_down(self, nodes: frozenset[str], params: Params) -> Heal:
        del params
        lines = ("plugin/forward: not an IP address or file: /etc/resolv.conf",)
        self._world.ailing.set(
            "coredns_down", ailments.Ailment("crash", "kube-dns", nodes, lines=lines)
        )
        for one in self._kubelets(nodes):
            for worker in self._workers(one, "kube-dns"):
                for container in worker.containers:
                    worker.kill(container, 1)
        return lambda: self._recover("coredns_down", nodes, "kube-dns")

    def unschedulable(self, nodes: frozenset[str], params: Params) -> Heal:
        del nodes, params
        api = self._world.api
        try:
            api.create("deployments", "kube-system", manifests.huge_deployment())
        except errors.StatusError as refusal:
            raise ValueError(refusal.message) from refusal

        def heal() -> None:
            if api.store.get("deployments", "kube-system", "oversized") is not None:
                api.delete("deployments", "kube-system", "oversized")

        return heal

    def _one(self, fits: Callable[[kubelet.Kubelet], bool]) -> list[str]:
        """One machine that fits and is well; the same one for the same state of the world."""
        now = self._world.clock.elapsed()
        for name, one in self._world.kubelets.items():
            found = one.flannel_container()
            well = found is not None and found[1].running and not found[1].crash_looping(now)
            if well and not one.silent and fits(one):
                return [name]
        return []

    def _kubelets(self, nodes: frozenset[str]) -> list[kubelet.Kubelet]:
        return [one for name, one in self._world.kubelets.items() if not nodes or name in nodes]

    def _workers(self, one: kubelet.Kubelet, app: str) -> list[podworker.Worker]:
        return [worker for worker in one.workers.values() if ailments.app_of(worker.pod) == app]

    def _recover(self, name: str, nodes: frozenset[str], app: str) -> None:
        self._world.ailing.clear(name)
        for one in self._kubelets(nodes):
            _retry(one, app)

    def _delete(self, worker: podworker.Worker) -> None:
        try:
            self._world.api.delete("pods", worker.namespace, worker.name, grace_seconds=1)
        except errors.StatusError as refusal:
            if refusal.code != 404:
                raise

    def _label(self, node: str, label: str, value: str | None) -> None:
        if self._world.api.store.get("nodes", "", node) is not None:
            body = {"metadata": {"labels": {label: value}}}
            self._world.api.patch("nodes", "", node, body, kind="merge")


class _Missed:
    """Kills flannel several times on a node whose kubelet cannot report meanwhile."""

    def __init__(self, of: world.World, one: kubelet.Kubelet, times: int) -> None:
        self._world = of
        self._kubelet = one
        self._left = times
        self._over = False
        self._deadline = of.clock.elapsed() + 60.0 * times

    def begin(self) -> None:
        """Hold reports back and start killing."""
        self._kubelet.hold(held=True)
        self._strike()

    def end(self) -> None:
        """Let the reports flow."""
        if not self._over:
            self._over = True
            self._kubelet.hold(held=False)

    def _strike(self) -> None:
        if self._over:
            return
        running = self._kubelet.flanneld()
        if self._left and running is not None:
            running.ballast = BALLAST
            running.weigh()
            running.ballast = 0.0
            self._left -= 1
        done = not self._left and self._kubelet.flanneld() is not None
        # A flannel that finds no NIC any more is never there to be killed again.
        if done or self._world.clock.elapsed() > self._deadline:
            self.end()
            return
        self._world.clock.after(
            2.0, self._strike, what=f"missed restarts {self._kubelet.host.name}"
        )


def _stop_flannel(one: kubelet.Kubelet, code: int, reason: str = "") -> None:
    found = one.flannel_container()
    if found is not None:
        found[0].kill(found[1], code, reason)


def _retry(one: kubelet.Kubelet, app: str) -> None:
    for worker in tuple(one.workers.values()):
        if ailments.app_of(worker.pod) == app:
            worker.retry_now()


def _reconsider(one: kubelet.Kubelet) -> None:
    running = one.flanneld()
    if running is not None:
        running.reconsider()
