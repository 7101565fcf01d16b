"""The moving half of a simulated cluster: everything behind its API server.

Built from a scenario, on one event loop. The parts know each other only through the API's store,
as in a real cluster; the world merely makes them and passes changes on.
"""

from __future__ import annotations

import functools

from bot.sim.cluster import (
    ailments,
    backends,
    bootstrap,
    context,
    daemonsets,
    deployments,
    disruption,
    events,
    fleet,
    garbage,
    hosts,
    index,
    kubelet,
    load,
    logs,
    names,
    network,
    nodelifecycle,
    ordinary,
    podworker,
    policystatus,
    registry,
    replicasets,
    scheduling,
    store,
    timing,
)
from bot.sim.scenarios import scenario


class World:
    """A cluster's machines, kubelets, controllers and flannels.

    Args:
        api: the API server's registry, empty but for its namespaces.
        clock: of the simulation.
        plan: what sort of cluster it is and what befalls it.
        nodes: how many machines.
        seed: decides everything that is drawn.
        backend: flannel's.
    """

    def __init__(
        self,
        api: registry.Registry,
        clock: timing.Timing,
        *,
        plan: scenario.Scenario,
        nodes: int,
        seed: int,
        backend: backends.Backend = backends.VXLAN,
    ) -> None:
        self.api = api
        self.clock = clock
        self.plan = plan
        self.seed = seed
        self.hosts: list[hosts.Host] = fleet.build(
            nodes=nodes, seed=seed, odd_bonds=plan.odd_bonds, backend=backend
        )
        self.book = logs.LogBook()
        self.ailing = ailments.Ailments()
        self.burden = load.Load(nodes=nodes, leak=plan.leak, limit=plan.memory_limit(nodes))
        ordinary_pods = self._furnish(nodes, backend)
        self._index = index.Index(api.store)
        self.network = network.Network(seed, running=self._announced, backend=backend)
        for host in self.hosts:
            self.network.add(host)
        self.network.know(api.store.list("nodes"))
        self.ctx = context.Context(
            network=self.network,
            api=api,
            clock=clock,
            events=events.Recorder(api=api, clock=clock),
            index=self._index,
            seed=seed,
        )
        self.kubelets = {
            host.name: kubelet.Kubelet(
                ctx=self.ctx,
                host=host,
                book=self.book,
                ailing=self.ailing,
                burden=self.burden,
            )
            for host in self.hosts
        }
        self._lifecycle = nodelifecycle.NodeLifecycle(
            self.ctx,
            kubelets=self.kubelets,
            burden=self.burden,
            pod_network=fleet.pod_network(nodes),
        )
        self._observers = (
            self.network,
            self._lifecycle,
            daemonsets.DaemonSets(self.ctx),
            replicasets.ReplicaSets(self.ctx),
            deployments.Deployments(self.ctx),
            scheduling.Scheduler(self.ctx),
            disruption.Disruptions(self.ctx),
            garbage.Collector(self.ctx),
            policystatus.PolicyStatus(self.ctx),
        )
        self.ordinary = ordinary.Churn(self.ctx, ordinary_pods, self.kubelets)
        self._unsubscribe = self._index.unsubscribe
        self._bursts = names.stream(seed, "bursts")
        self.bursts = 0
        """How often the scenario has closed the watches."""
        self.next_burst: float | None = None
        """When it does so next, in seconds of the simulation; None for never."""

    def start(self) -> None:
        """Let it live: take over the running pods, begin all that repeats."""
        for pod in self.api.store.built("pods"):
            host = self.kubelets.get(pod["spec"].get("nodeName", ""))
            if host is not None:
                host.adopt(pod)
        stop_index, stop_changes = self._unsubscribe, self.api.store.subscribe(self._changed)

        def unsubscribe() -> None:
            stop_index()
            stop_changes()

        self._unsubscribe = unsubscribe
        self.ailing.listen(self._ailments_changed)
        self.burden.listen(self._burden_changed)
        self.ctx.events.start()
        self._lifecycle.start()
        self.ordinary.start()
        for one in self.kubelets.values():
            one.start()
        if self.plan.first_burst is not None:
            low, high = self.plan.first_burst
            self._burst_after(self._bursts.uniform(low, high))

    def stop(self) -> None:
        """End everything; the objects stay as they are."""
        self.clock.close()
        self._unsubscribe()

    def relist(self, nodes: frozenset[str] = frozenset()) -> None:
        """The API server closes its watches: flannels list all nodes again, within two seconds.

        Args:
            nodes: only there; everywhere if empty.
        """
        for name, one in self.kubelets.items():
            if (not nodes or name in nodes) and not one.silent:
                delay = self._bursts.random() * 2.0
                self.clock.after(delay, functools.partial(_relist, one), what="relist")

    def host(self, name: str) -> hosts.Host:
        """A machine by name.

        Raises:
            KeyError: there is none.
        """
        return self.kubelets[name].host

    def worker_of(self, namespace: str, pod: str) -> podworker.Worker | None:
        """What runs a pod; None where nothing does, or there is no such pod."""
        found = self.api.store.get("pods", namespace, pod)
        one = self.kubelets.get("" if found is None else found["spec"].get("nodeName", ""))
        return None if one is None or found is None else one.find(found)

    def _announced(self, name: str) -> bool:
        """Whether a node's flannel runs and follows the others."""
        running = self.kubelets[name].flanneld()
        return running is not None and running.announced

    def _furnish(self, nodes: int, backend: backends.Backend) -> list[ordinary.Pod]:
        first = bootstrap.Bootstrap(self.api, seed=self.seed, now=self.clock.now())
        first.config(fleet.pod_network(nodes), backend)
        found = first.nodes(self.hosts, backend)
        first.flannel(self.hosts, memory=self.plan.memory_limit(nodes), args=self.plan.flannel_args)
        settled = ordinary.settle(first, self.api, self.hosts, seed=self.seed)
        first.workloads(self.hosts, found)
        if self.plan.strict_budget:
            first.budget()
        first.access()
        return settled

    def _burst_again(self) -> None:
        self.bursts += 1
        self.relist()
        self._burst_after(60.0 + self._bursts.expovariate(1.0 / self.plan.mean_between_bursts))

    def _burst_after(self, wait: float) -> None:
        self.next_burst = self.clock.elapsed() + wait
        self.clock.after(wait, self._burst_again, what="relist burst")

    def _changed(self, change: store.Change) -> None:
        if change.resource == "events":
            return
        for observer in self._observers:
            observer.observe(change)
        if change.resource == "pods":
            one = self.kubelets.get(change.object["spec"].get("nodeName", ""))
            if one is not None:
                one.observe(change)

    def _ailments_changed(self) -> None:
        for one in self.kubelets.values():
            one.recheck()

    def _burden_changed(self) -> None:
        for one in self.kubelets.values():
            running = one.flanneld()
            if running is not None:
                running.reconsider()


def _relist(one: kubelet.Kubelet) -> None:
    running = one.flanneld()
    if running is not None and not one.silent:
        running.relist()
