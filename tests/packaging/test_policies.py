"""The admission policies let pass what the bot does, and nothing else, as their own CEL says."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.adapters.cluster import actuator, looking, probepod, script
from bot.domain import patch
from bot.domain.plan import Plan, StepKind
from bot.runbooks import ALL_RUNBOOKS, Wishes
from tests.checks import worlds
from tests.checks.worlds import MI
from tests.packaging import chart
from tests.runbooks import cases

VALUES = chart.merged(
    chart.LEAST,
    {
        "flannel": {"namespace": "kube-system", "daemonsets": [cases.DS.name]},
        "config": {
            "inspection": {"probe_pods": "on", "exec_in_pods": True},
            "remediation": {"enabled": True},
        },
    },
)
Edit = Callable[[chart.Object], None]


def policy(name: str, values: chart.Values = VALUES) -> chart.Object:
    found = chart.of_kind(chart.render(values), "ValidatingAdmissionPolicy")
    (one,) = [each for each in found if each["metadata"]["name"] == f"flannel-bot-{name}"]
    return one


def test_each_policy_is_bound_and_fails_closed() -> None:
    objects = chart.render(VALUES)
    policies = chart.of_kind(objects, "ValidatingAdmissionPolicy")
    bindings = chart.of_kind(objects, "ValidatingAdmissionPolicyBinding")
    assert {each["metadata"]["name"] for each in policies} == {
        each["spec"]["policyName"] for each in bindings
    }
    assert {each["spec"]["failurePolicy"] for each in policies} == {"Fail"}
    assert {tuple(each["spec"]["validationActions"]) for each in bindings} == {("Deny",)}


# What it may change in a DaemonSet.


def plans() -> Iterator[tuple[Plan, Any]]:
    flags = ("--kube-subnet-mgr", "--iface-regex=eth1|bond1")
    specs = [
        worlds.flannel_spec(*flags, memory_limit=50 * MI),
        worlds.flannel_spec(
            "--kube-subnet-mgr", "-iface-regex", "eth1|bond1", memory_limit=50 * MI
        ),
        worlds.flannel_spec(memory_limit=50 * MI, command=("/opt/bin/flanneld", *flags)),
    ]

    def unrequested(live: chart.Object) -> None:
        del live["spec"]["template"]["spec"]["containers"][1]["resources"]["requests"]["memory"]

    def without_requests(live: chart.Object) -> None:
        del live["spec"]["template"]["spec"]["containers"][1]["resources"]["requests"]

    for spec in specs:
        for edit in (None, unrequested, without_requests):
            for strategy in ("RollingUpdate", "OnDelete"):
                case = cases.case(spec=spec, edit=edit, strategy=strategy)
                for draft in ALL_RUNBOOKS.values():
                    found = draft(case, Wishes(node="n1", lose_empty_dirs=True))
                    if isinstance(found, Plan):
                        yield found, case


def test_every_patch_of_every_runbook_and_its_undoing_pass() -> None:
    """With the bot's own mark, which the actuator puts beside each."""
    held, passed = policy("daemonset"), 0
    for plan, case in plans():
        for step in plan.steps:
            if step.kind is not StepKind.PATCH_DAEMONSET:
                continue
            before = case.documents[f"{step.target.namespace}/{step.target.name}"]
            after = patch.apply((*step.change, *actuator._marking("RUN-3", None)[1:]), before)
            assert chart.refusal(held, old=before, new=after) == ""
            undone = patch.apply(step.undo, copy.deepcopy(after))
            undone["metadata"]["annotations"][actuator.OPERATION] = "RUN-3/undo"
            assert chart.refusal(held, old=after, new=undone) == ""
            passed += 1
    assert passed >= 30


def live() -> chart.Object:
    case = cases.case(spec=worlds.flannel_spec("--iface-regex=eth1", memory_limit=50 * MI))
    return copy.deepcopy(dict(case.documents[cases.NAME]))


def container(new: chart.Object) -> chart.Object:
    found: chart.Object = new["spec"]["template"]["spec"]["containers"][1]
    return found


FORBIDDEN: dict[str, Edit] = {
    "image": lambda o: container(o).update(image="evil"),
    "env": lambda o: container(o).update(env=[]),
    "privileges": lambda o: container(o).update(securityContext={"privileged": True}),
    "mounts": lambda o: container(o).update(volumeMounts=[{"name": "x", "mountPath": "/"}]),
    "a field that does not exist yet": lambda o: container(o).update(novel=1),
    "an entry point where there was none": lambda o: container(o).update(command=["sh"]),
    "no args": lambda o: container(o).pop("args"),
    "cpu limit": lambda o: container(o)["resources"]["limits"].update(cpu="8"),
    "no limit": lambda o: container(o)["resources"]["limits"].pop("memory"),
    "no limits": lambda o: container(o)["resources"].pop("limits"),
    "request": lambda o: container(o)["resources"]["requests"].update(memory="8Gi"),
    "another request": lambda o: container(o)["resources"]["requests"].update(gpu="1"),
    "no request": lambda o: container(o)["resources"]["requests"].pop("memory"),
    "claims": lambda o: container(o)["resources"].update(claims=[]),
    "another container's args": lambda o: o["spec"]["template"]["spec"]["containers"][0].update(args=["x"]),
    "one container more": lambda o: o["spec"]["template"]["spec"]["containers"].append({"name": "y"}),
    "one less": lambda o: o["spec"]["template"]["spec"]["containers"].pop(0),
    "init containers": lambda o: o["spec"]["template"]["spec"].update(initContainers=[]),
    "volumes": lambda o: o["spec"]["template"]["spec"].update(volumes=[{"name": "x"}]),
    "account": lambda o: o["spec"]["template"]["spec"].update(serviceAccountName="admin"),
    "node selector": lambda o: o["spec"]["template"]["spec"].update(nodeSelector={"a": "b"}),
    "pod labels": lambda o: o["spec"]["template"].update(metadata={"labels": {"a": "b"}}),
    "strategy": lambda o: o["spec"].update(updateStrategy={"type": "OnDelete"}),
    "labels": lambda o: o["metadata"].update(labels={"a": "b"}),
    "annotations": lambda o: o["metadata"].update(annotations={"a": "b"}),
    "finalizers": lambda o: o["metadata"].update(finalizers=["x"]),
    "owners": lambda o: o["metadata"].update(ownerReferences=[{"uid": "x"}]),
}  # fmt: skip


@pytest.mark.parametrize("what", FORBIDDEN)
def test_any_other_change_of_a_daemonset_is_refused(what: str) -> None:
    new = live()
    FORBIDDEN[what](new)
    assert "flannel-bot may" in chart.refusal(policy("daemonset"), old=live(), new=new)


def test_the_program_that_flannels_container_runs_is_not_changed() -> None:
    old = live()
    container(old)["command"] = ["/opt/bin/flanneld", "--iface=eth1"]
    new = copy.deepcopy(old)
    container(new)["command"] = ["/opt/bin/flanneld", "--iface=bond1"]
    assert chart.refusal(policy("daemonset"), old=old, new=new) == ""
    container(new)["command"] = ["sh", "-c", "true"]
    assert "program" in chart.refusal(policy("daemonset"), old=old, new=new)


@pytest.mark.parametrize("operation", ["CREATE", "DELETE"])
@pytest.mark.parametrize("name", ["daemonset", "node"])
def test_nothing_is_made_or_deleted_whole(operation: str, name: str) -> None:
    new, old = (live(), None) if operation == "CREATE" else (None, live())
    assert "only update" in chart.refusal(policy(name), operation=operation, new=new, old=old)


def test_others_are_not_concerned() -> None:
    new = live()
    container(new)["image"] = "newer"
    admin = "system:serviceaccount:kube-system:admin"
    assert chart.refusal(policy("daemonset"), old=live(), new=new, user=admin) == ""


# Nodes.


def node(**spec: Any) -> chart.Object:
    taints = [{"key": "a", "effect": "NoSchedule"}]
    return {
        "metadata": {"name": "n1", "labels": {"a": "b"}, "annotations": {"x": "y"}},
        "spec": {"podCIDR": "10.244.1.0/24", "taints": taints, **spec},
    }


def test_a_cordon_with_its_mark_passes_both_ways() -> None:
    cordoned = node(unschedulable=True)
    cordoned["metadata"]["annotations"][actuator.OPERATION] = "RUN-3"
    assert chart.refusal(policy("node"), old=node(), new=cordoned) == ""
    assert chart.refusal(policy("node"), old=cordoned, new=node()) == ""


@pytest.mark.parametrize(
    "edit",
    [
        lambda o: o["spec"].update(podCIDR="10.0.0.0/8"),
        lambda o: o["spec"].update(taints=[]),
        lambda o: o["spec"].pop("taints"),
        lambda o: o["spec"].update(novel=True),
        lambda o: o["metadata"]["labels"].update(role="master"),
        lambda o: o["metadata"]["annotations"].update(z="z"),
        lambda o: o["metadata"]["annotations"].pop("x"),
        lambda o: o["metadata"].update(finalizers=["x"]),
    ],
)
def test_any_other_change_of_a_node_is_refused(edit: Edit) -> None:
    new = node(unschedulable=True)
    edit(new)
    assert "flannel-bot may" in chart.refusal(policy("node"), old=node(), new=new)


# Pods.


def probe() -> chart.Object:
    source = probepod.Source("flannel:1", ["pull"], cases.DS.name, "uid-ds")
    sent = dict(probepod.manifest(namespace="kube-system", node="n1", source=source, lasts=60))
    pod = copy.deepcopy(sent)
    # As the API server has filled it in by then.
    pod["spec"].update(
        serviceAccountName="default", serviceAccount="default", schedulerName="default-scheduler",
        priority=0, preemptionPolicy="PreemptLowerPriority",
    )  # fmt: skip
    pod["spec"]["containers"][0].update(
        terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File"
    )
    return pod


def made(pod: chart.Object, **more: Any) -> str:
    told = {"operation": "CREATE", "namespace": "kube-system", **more}
    return chart.refusal(policy("pod"), new=pod, **told)


def test_the_probe_pod_passes() -> None:
    assert made(probe()) == ""


def test_it_passes_with_the_place_of_its_node_which_the_server_puts_on_it() -> None:
    pod = probe()
    place = {"topology.kubernetes.io/zone": "a", "topology.kubernetes.io/region": "r"}
    pod["metadata"]["labels"].update(place)
    assert made(pod) == ""


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: p["metadata"].update(name="web"),
        lambda p: p["metadata"].update(labels={"app": "flannel"}),
        lambda p: p["metadata"]["labels"].update(app="flannel"),
        lambda p: p["metadata"]["labels"].pop("app.kubernetes.io/managed-by"),
        lambda p: p["metadata"].update(annotations={"a": "b"}),
        lambda p: p["metadata"].update(ownerReferences=[]),
        lambda p: p["metadata"]["ownerReferences"][0].update(controller=True),
        lambda p: p["metadata"]["ownerReferences"][0].update(name="other"),
        lambda p: p["spec"].update(hostPID=True),
        lambda p: p["spec"].update(volumes=[{"name": "x", "hostPath": {"path": "/"}}]),
        lambda p: p["spec"].update(serviceAccountName="flannel"),
        lambda p: p["spec"].update(automountServiceAccountToken=True),
        lambda p: p["spec"].update(activeDeadlineSeconds=86400),
        lambda p: p["spec"].update(initContainers=[{"name": "x"}]),
        lambda p: p["spec"].update(priorityClassName="system-node-critical"),
        lambda p: p["spec"]["securityContext"].update(runAsUser=0),
        lambda p: p["spec"]["securityContext"].update(runAsNonRoot=False),
        lambda p: p["spec"]["containers"].append({"name": "x"}),
        lambda p: p["spec"]["containers"][0].update(command=["sh", "-c"]),
        lambda p: p["spec"]["containers"][0].update(imagePullPolicy="Always"),
        lambda p: p["spec"]["containers"][0].update(env=[]),
        lambda p: p["spec"]["containers"][0]["securityContext"].update(privileged=True),
        lambda p: p["spec"]["containers"][0]["securityContext"].update(
            capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}
        ),
        lambda p: p["spec"]["containers"][0]["resources"].update(limits={"memory": "64Gi"}),
    ],
)
def test_any_other_pod_is_refused(edit: Edit) -> None:
    pod = probe()
    edit(pod)
    assert "flannel-bot" in made(pod)


def test_pods_are_made_in_flannels_namespace_only_and_never_changed() -> None:
    assert made(probe(), namespace="shop")
    assert chart.refusal(policy("pod"), new=probe(), old=probe(), namespace="kube-system")


def test_only_probe_pods_and_with_remediation_flannels_are_deleted() -> None:
    flannel = {"metadata": {"ownerReferences": [
        {"kind": "DaemonSet", "name": cases.DS.name, "controller": True}]}}  # fmt: skip
    other = {"metadata": {"ownerReferences": [
        {"kind": "DaemonSet", "name": "kube-proxy", "controller": True}]}}  # fmt: skip
    observing = chart.merged(VALUES, {"config": {"remediation": {"enabled": False}}})

    def deleted(pod: Any, values: chart.Values = VALUES, namespace: str = "kube-system") -> str:
        held = policy("pod", values)
        return chart.refusal(held, operation="DELETE", old=pod, namespace=namespace)

    assert deleted(probe(), observing) == ""
    assert deleted(flannel) == ""
    assert deleted(flannel, observing)
    assert deleted(other)
    assert deleted({"metadata": {}})
    assert deleted(flannel, namespace="shop")


# Exec.


def ran(
    command: Any,
    *,
    values: chart.Values = VALUES,
    name: str = "kube-flannel-ds-x",
    namespace: str = "kube-system",
    subresource: str = "exec",
    **options: Any,
) -> str:
    given = {
        "stdout": True,
        "stderr": True,
        "container": cases.worlds.flannel_spec().name,
        **options,
    }
    return chart.refusal(
        policy("exec", values),
        operation="CONNECT",
        new={**given, "command": list(command)},
        name=name,
        namespace=namespace,
        subResource=subresource,
    )


LOOK = script.command(["10.244.1.7", "fd00::7"])


def test_the_one_script_passes_in_flannels_container_and_in_probe_pods() -> None:
    assert ran(script.command()) == ""
    assert ran(LOOK) == ""
    assert ran(LOOK, name=probepod.name_of("n1"), container=probepod.CONTAINER) == ""


def test_asking_a_pod_for_its_nic_passes_only_where_that_is_switched_on() -> None:
    asked = {"namespace": "shop", "name": "web-7", "container": "web"}
    off = chart.merged(VALUES, {"config": {"inspection": {"exec_in_pods": False}}})
    assert ran(looking.IFLINK, **asked) == ""
    assert ran(looking.IFLINK, values=off, **asked)
    assert ran(LOOK, values=off) == ""


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["sh"], {}),
        (["sh", "-c", "ip link del flannel.1", "flannel-bot"], {}),
        ([*LOOK[:2], LOOK[2] + "\nreboot", *LOOK[3:]], {}),
        ([*LOOK, "$(reboot)"], {}),
        ([*LOOK, "10.0.0.1;reboot"], {}),
        ([*LOOK, *["10.0.0.1"] * 300], {}),
        (LOOK, {"stdin": True}),
        (LOOK, {"tty": True}),
        (LOOK, {"container": "install-cni"}),
        (LOOK, {"namespace": "shop"}),
        (LOOK, {"name": "web-7", "container": "look"}),
        (LOOK, {"subresource": "attach"}),
        ([], {"subresource": "portforward"}),
    ],
)
def test_anything_else_is_not_run(command: Any, options: Any) -> None:
    assert ran(command, **options)


def test_the_policy_holds_the_very_script() -> None:
    assert (chart.CHART / "files" / "look.sh").read_text() == script.SCRIPT
