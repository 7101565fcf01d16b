"""Commands in the world's containers: on the host's network they see the machine's.

Others see their own. Only flannel's image has `ip` and `bridge`; files of the host are seen where
they are mounted. In some images nothing can be run at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.sim.cluster import (
    errors,
    fleet,
    hostcommands,
    hosts,
    kubelet,
    selection,
    shell,
    shellresults,
    world,
)

_BARE = ("coredns", "pause", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "etcd")
"""Images with their program and nothing else."""

_KNOWS_JSON = (0, 12, 0)
"""Images before it have iproute2 4.13 or older."""


class Source:
    """Runs commands in the containers of a world. Implements `http_exec.ExecSource`."""

    def __init__(self, of: world.World) -> None:
        self._world = of

    def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        given: str = "",
    ) -> shellresults.Result | None:
        """Run a command on what it is given to read; None if the node hangs.

        Raises:
            errors.StatusError: the container does not run, or the kubelet is not there.
        """
        wanted = self._world.api.get("pods", namespace, pod)
        node = wanted["spec"].get("nodeName", "")
        one = self._world.kubelets.get(node)
        if one is None:
            raise errors.bad_request(f"pod {pod} does not have a host assigned")
        if one.silent or self._world.network.states[node].hangs:
            return None
        worker = one.find(wanted)
        found = next(
            (c for c in (worker.containers if worker else ()) if c.name == container), None
        )
        if worker is None or found is None or not found.running:
            raise errors.StatusError(
                500,
                "InternalError",
                "Internal error occurred: unable to upgrade connection: "
                f'container not found ("{container}")',
                details={},
            )
        image = str(found.spec["image"])
        if _bare(image):
            return shellresults.not_found(command[0])
        if not worker.pod["spec"].get("hostNetwork"):
            return shell.Shell({}, _own_files(one.host, wanted), given).call(command)
        if not _has_tools(image):
            return shell.Shell({}, given=given).call(command)
        machine = self._machine(one, image)
        mounted = {each["mountPath"] for each in found.spec.get("volumeMounts") or ()}
        pods = fleet.pod_network(len(self._world.hosts))
        files = machine.files(pods, mounted)
        return shell.Shell(machine.commands(), files, given).call(command)

    def _machine(self, one: kubelet.Kubelet, image: str) -> hostcommands.Machine:
        return hostcommands.Machine(
            one.host,
            self._world.network,
            speaks_json=selection.version_of(image) >= _KNOWS_JSON,
        )


def _has_tools(image: str) -> bool:
    """Whether an image brings iproute2: flannel's does."""
    return "flannel" in image.partition("@")[0]


def _bare(image: str) -> bool:
    """Whether an image holds no other program than its own."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0] in _BARE


def _own_files(host: hosts.Host, pod: Mapping[str, Any]) -> dict[str, str]:
    """What a pod with a network of its own can read of it: the other end of its eth0."""
    veth = host.veth_of((pod.get("status") or {}).get("podIP", ""))
    return {"/sys/class/net/eth0/iflink": f"{host.veths[veth]}\n"} if veth else {}
