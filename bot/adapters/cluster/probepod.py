"""The probe pod: what it is like, so that it can read a host's network and nothing else.

It shares the host's network, because that is what is to be seen. Beyond that it is given nothing:
no volume, no token, no capability, no root. Reading links, addresses, routes, neighbours and
forwarding entries takes none of them (rtnetlink's dumps are open to everybody).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain import probe

CONTAINER = "look"
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Source:
    """What a probe pod takes over from flannel's pod on that node, and who owns both."""

    image: str
    pull_secrets: Sequence[str]
    daemonset: str
    daemonset_uid: str


def name_of(node: str) -> str:
    """Return the one name that a node's probe pod has: of two at once, the second is refused."""
    return f"{probe.VALUE}-{hashlib.sha256(node.encode()).hexdigest()[:10]}"


def manifest(*, namespace: str, node: str, source: Source, lasts: int) -> Mapping[str, Any]:
    """Return the pod, as it is sent.

    Args:
        namespace: flannel's own; an owner must be in the same.
        node: bound to it without the scheduler, as no taint or lack of room may keep it away.
        source: flannel's image and DaemonSet.
        lasts: seconds until the kubelet ends it.
    """
    owner = {
        # Not the controller: the DaemonSet would count and delete it. It goes with its owner.
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": source.daemonset,
        "uid": source.daemonset_uid,
    }
    container = {
        "name": CONTAINER,
        "image": source.image,
        # The kubelet has run this image here already. If it has gone, that is said at once;
        # a pull could take minutes, and fetch something else under the same tag.
        "imagePullPolicy": "Never",
        "command": ["sleep", str(lasts)],
        # No more than a shell needs; no priority class, for which a kubelet would evict others.
        "resources": {
            "requests": {"cpu": "1m", "memory": "8Mi"},
            "limits": {"memory": "64Mi"},
        },
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    secrets = [{"name": name} for name in source.pull_secrets]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name_of(node),
            "namespace": namespace,
            "labels": {probe.LABEL: probe.VALUE, "app.kubernetes.io/managed-by": "flannel-bot"},
            "ownerReferences": [owner],
        },
        "spec": {
            "nodeName": node,
            "hostNetwork": True,
            "dnsPolicy": "Default",
            "restartPolicy": "Never",
            "activeDeadlineSeconds": lasts,
            # `sleep` as first process hears no SIGTERM: this is how long it takes to go.
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "runAsGroup": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            # Newer kubelets let a pod use a private image that is there only with its secret.
            **({"imagePullSecrets": secrets} if secrets else {}),
            "containers": [container],
        },
    }
