"""How much weight a workload has: what breaks when it does."""

from bot.checks.context import Context
from bot.domain import target
from bot.domain.finding import Severity

_DNS = frozenset({"coredns", "kube-dns", "rke2-coredns-rke2-coredns"})


def is_dns(whose: target.Target) -> bool:
    """Whether a workload answers the cluster's names."""
    return whose.kind == "Deployment" and whose.name in _DNS


def is_control_plane(whose: target.Target) -> bool:
    """Whether a workload is a family of static pods: etcd, the API server and their like."""
    return whose.kind == "Pod" and whose.name in {
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    }


def is_vital(whose: target.Target) -> bool:
    """Whether the cluster cannot do without: control plane, DNS, kube-proxy."""
    is_proxy = whose.kind == "DaemonSet" and whose.name.startswith("kube-proxy")
    return is_control_plane(whose) or is_dns(whose) or is_proxy


def when_broken(whose: target.Target, context: Context) -> Severity:
    """How bad it is that a workload does not run: critical for flannel and what is vital."""
    vital = context.flannel(whose) is not None or is_vital(whose)
    return Severity.CRITICAL if vital else Severity.WARNING
