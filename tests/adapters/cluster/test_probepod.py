"""What a probe pod may be like: no more than it takes to read a host's network.

`refused` is what an admission policy for it has to say; every line of it is tried by a pod that
differs from the bot's in that one thing.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cluster import probepod
from bot.domain import probe

SOURCE = probepod.Source("flannel/flannel:v0.25.1", ("registry",), "kube-flannel-ds", "uid-1")


def made(node: str = "node-1") -> dict[str, Any]:
    pod = probepod.manifest(namespace="kube-flannel", node=node, source=SOURCE, lasts=60)
    return copy.deepcopy(dict(pod))


def refused(pod: Mapping[str, Any]) -> Iterator[str]:
    """Say what a pod is, has or may that the bot's probe pod never is, has or may."""
    metadata, spec = pod["metadata"], pod["spec"]
    if not metadata.get("name", "").startswith("flannel-bot-probe-"):
        yield "another name"
    if metadata.get("labels", {}).get(probe.LABEL) != probe.VALUE:
        yield "not marked"
    if any(
        one.get("controller") for one in metadata.get("ownerReferences") or ({"controller": 1},)
    ):
        yield "no owner, or a controller"
    if set(spec) & {"volumes", "initContainers", "ephemeralContainers", "hostPID", "hostIPC",
                    "serviceAccountName", "priorityClassName", "hostAliases", "shareProcessNamespace",
                    "runtimeClassName", "schedulerName", "affinity", "nodeSelector"}:  # fmt: skip
        yield "more than it needs"
    if spec.get("automountServiceAccountToken") is not False:
        yield "a token"
    if not 0 < spec.get("activeDeadlineSeconds", 0) <= 600 or spec.get("restartPolicy") != "Never":
        yield "no end"
    if not spec.get("nodeName"):
        yield "no node of its own"
    if len(spec["containers"]) != 1:
        yield "another container"
    of_pod = spec.get("securityContext", {})
    if not (of_pod.get("runAsNonRoot") and of_pod.get("runAsUser")):
        yield "root"
    for one in spec["containers"]:
        if set(one) - {
            "name",
            "image",
            "imagePullPolicy",
            "command",
            "resources",
            "securityContext",
        }:
            yield "more than it needs"
        if one.get("command", [""])[0] != "sleep" or len(one["command"]) != 2:
            yield "another program"
        if one.get("imagePullPolicy") != "Never":
            yield "a pull"
        if "memory" not in one.get("resources", {}).get("limits", {}):
            yield "no limit"
        bounds = one.get("securityContext", {})
        if bounds.get("privileged") or bounds.get("allowPrivilegeEscalation") is not False:
            yield "privilege"
        if bounds.get("readOnlyRootFilesystem") is not True:
            yield "a writable root"
        if bounds.get("capabilities") != {"drop": ["ALL"]}:
            yield "capabilities"
        if set(bounds) & {"runAsUser", "runAsNonRoot", "procMount", "seccompProfile"}:
            yield "root"


def test_the_bots_own_is_allowed() -> None:
    assert list(refused(made())) == []


def _container(pod: dict[str, Any]) -> dict[str, Any]:
    return pod["spec"]["containers"][0]


BENDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another name": lambda pod: pod["metadata"].update(name="nginx"),
    "not marked": lambda pod: pod["metadata"].update(labels={"app": "flannel"}),
    "no owner, or a controller": lambda pod: pod["metadata"]["ownerReferences"][0].update(
        controller=True
    ),
    "more than it needs": lambda pod: pod["spec"].update(volumes=[{"hostPath": {"path": "/"}}]),
    "a token": lambda pod: pod["spec"].pop("automountServiceAccountToken"),
    "no end": lambda pod: pod["spec"].update(restartPolicy="Always"),
    "no node of its own": lambda pod: pod["spec"].pop("nodeName"),
    "another container": lambda pod: pod["spec"]["containers"].append(_container(pod)),
    "root": lambda pod: pod["spec"]["securityContext"].update(runAsUser=0),
    "another program": lambda pod: _container(pod).update(command=["sh", "-c", "sleep 1"]),
    "a pull": lambda pod: _container(pod).update(imagePullPolicy="Always"),
    "no limit": lambda pod: _container(pod).update(resources={}),
    "privilege": lambda pod: _container(pod)["securityContext"].update(privileged=True),
    "a writable root": lambda pod: _container(pod)["securityContext"].pop("readOnlyRootFilesystem"),
    "capabilities": lambda pod: _container(pod)["securityContext"].update(
        capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}
    ),
}


@pytest.mark.parametrize("what", BENDS)
def test_every_further_thing_is_refused(what: str) -> None:
    pod = made()
    BENDS[what](pod)
    assert what in set(refused(pod))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=253))
def test_its_name_is_a_valid_one_and_the_nodes_own(node: str) -> None:
    name = probepod.name_of(node)
    assert name == probepod.name_of(node) != probepod.name_of(node + "x")
    assert len(name) <= 63
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert made(node)["spec"]["nodeName"] == node


def test_flannels_daemonset_does_not_select_it() -> None:
    labels = made()["metadata"]["labels"]
    for selector in ({"app": "flannel"}, {"k8s-app": "flannel"}, {"tier": "node", "app": "flannel"},
                     {"app.kubernetes.io/name": "flannel"}):  # fmt: skip
        assert not selector.items() <= labels.items()
