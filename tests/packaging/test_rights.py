"""The chart grants what the code and the settings need: nothing lacks, nothing is in excess."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import options, runbooks
from bot.adapters.cluster import actuator, checkup, lease
from bot.domain.plan import Plan
from bot.flow import doctor
from bot.runbooks import Wishes
from tests.packaging import chart
from tests.runbooks import cases

WRITING = {"create", "update", "patch", "delete", "deletecollection"}
FLANNEL = [("kube-flannel", "kube-flannel-ds")]
COMBINATIONS = [values for values in chart.pairwise() if values.get("rbac", {}).get("create", True)]
Grant = doctor.Right


def granted(objects: list[chart.Object]) -> set[Grant]:
    """What the objects allow the bot's account, by binding and role."""
    roles = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each
        for kind in ("Role", "ClusterRole")
        for each in chart.of_kind(objects, kind)
    }
    bound = dict.fromkeys(roles, False)
    found: set[Grant] = set()
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in chart.of_kind(objects, kind):
            where = binding["metadata"].get("namespace", "")
            ref = binding["roleRef"]
            key = (ref["kind"], where if ref["kind"] == "Role" else "", ref["name"])
            bound[key] = True
            (account,) = binding["subjects"]
            assert account["namespace"] == chart.NAMESPACE
            for rule in roles[key]["rules"]:
                assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])
                found |= {
                    Grant(verb, group, resource, where, name)
                    for verb in rule["verbs"]
                    for group in rule["apiGroups"]
                    for resource in rule["resources"]
                    for name in rule.get("resourceNames", [""])
                }
    assert all(bound.values()), bound
    return found


def needed(
    values: chart.Values,
    objects: list[chart.Object],
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> set[Grant]:
    """What the settings in the rendered ConfigMap make the code ask for."""
    loaded = chart.configured(values, objects, directory, monkeypatch)
    flannel = values.get("flannel", {})
    where = flannel.get("namespace", "kube-flannel")
    flannels = [(where, name) for name in flannel.get("daemonsets", ["kube-flannel-ds"])]
    (own,) = loaded.clusters
    wanted = checkup.needs(own.namespaces, flannels, options.doing(loaded, own.name))
    return {need.right for need in wanted}


def test_every_combination_grants_exactly_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(COMBINATIONS) > 20
    for values in COMBINATIONS:
        objects = chart.render(values)
        assert granted(objects) == needed(values, objects, tmp_path, monkeypatch), values


def test_observing_takes_no_verb_that_changes_a_workload_or_a_node() -> None:
    writes = {g for g in granted(chart.render()) if g.verb in WRITING}
    assert writes == {Grant("create", "", "pods/exec", "kube-flannel")}
    silent = chart.merged(chart.LEAST, {"config": {"inspection": {"exec": False}}})
    assert {g.verb for g in granted(chart.render(silent))} == {"get", "list", "watch"}


@pytest.mark.parametrize("probes", ["on", "approve"])
def test_probe_pods_add_what_they_take_in_flannels_namespace_alone(probes: str) -> None:
    values = chart.merged(chart.LEAST, {"config": {"inspection": {"probe_pods": probes}}})
    more = granted(chart.render(values)) - granted(chart.render())
    assert more == {Grant(v, "", "pods", "kube-flannel") for v in ("create", "delete", "get")}


@pytest.mark.parametrize(
    ("name", "writes"),
    [
        ("raise-memory", {"patch daemonsets kube-flannel/kube-flannel-ds"}),
        ("anchor-regex", {"patch daemonsets kube-flannel/kube-flannel-ds"}),
        ("raise-memory-and-anchor", {"patch daemonsets kube-flannel/kube-flannel-ds"}),
        ("drain", {"patch nodes /", "create pods/eviction /"}),
        ("evict-veth", {"create pods/eviction /"}),
        ("restart", set()),
    ],
)
def test_each_runbook_adds_its_own_writes_and_no_other(name: str, writes: set[str]) -> None:
    values = {"config": {"remediation": {"enabled": True, "runbooks": [name]}}}
    more = granted(chart.render(chart.merged(chart.LEAST, values))) - granted(chart.render())
    found = {
        f"{g.verb} {g.resource} {g.namespace}/{g.name}"
        for g in more
        if g.verb in WRITING and g.resource != "events"
    }
    assert found == writes | {"delete pods kube-flannel/"}


# That the lists of needs are the code's.


def test_what_the_bots_own_cluster_says_of_itself_counts_for_the_rights_in_it() -> None:
    here = {"name": "here", "channel": "C1"}
    there = {"name": "there", "channel": "C1", "kubeconfig": "/kubeconfigs/there"}
    changes = {"remediation": {"enabled": True, "runbooks": ["restart"]}}
    blind = {"inspection": {"exec": False}}

    def rendered(config: chart.Object) -> set[Grant]:
        return granted(chart.render(chart.merged(chart.LEAST, {"config": config})))

    plain = rendered({"clusters": [here, there]})
    restarts = rendered({"clusters": [here], **changes})
    assert plain < restarts
    assert rendered({"clusters": [here | changes, there]}) == restarts
    assert rendered({"clusters": [here, there | changes | blind]}) == plain
    off = {"remediation": {"enabled": False}}
    assert rendered({"clusters": [here | off, there], **changes}) == plain
    assert rendered({"clusters": [here | blind, there]}) < plain


def test_what_each_runbook_may_write_is_what_its_plans_write() -> None:
    written: dict[str, set[Any]] = {name: set() for name in runbooks.ALL_RUNBOOKS}
    for plan in drafted():
        written[plan.runbook] |= {step.kind for step in plan.steps if step.kind.writes}
        on_node = actuator.StepKind.PATCH_DAEMONSET not in runbooks.WRITES[plan.runbook]
        assert (plan.workload.namespace == "") == on_node, "where its Events are kept"
    assert written == {name: set(kinds) for name, kinds in runbooks.WRITES.items()}


def drafted() -> Iterator[Plan]:
    for case in (
        cases.case(),
        cases.case(strategy="OnDelete"),
        cases.case(broken=(1,)),
        cases.trapped(cases.pod("web-7", ip="10.244.1.7")),
    ):
        for draft in runbooks.ALL_RUNBOOKS.values():
            found = draft(case, Wishes(node="n1", lose_empty_dirs=True))
            if isinstance(found, Plan):
                yield found


def asked(path: Path) -> set[tuple[str, str]]:
    """Every (verb, resource) that stands in a file as text where a request is made."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        told = {k.arg: k.value for k in node.keywords if k.arg}
        if name in {"client.Ask", "Ask"}:
            verb, resource = told["verb"], told["resource"]
        elif name == "_ask":
            verb, resource = node.args[:2]
            if part := told.get("subresource"):
                resource = ast.Constant(f"{ast.literal_eval(resource)}/{ast.literal_eval(part)}")
        else:
            continue
        if isinstance(verb, ast.Constant) and isinstance(resource, ast.Constant):
            found.add((str(verb.value), str(resource.value)))
    return found


def test_every_request_in_the_code_is_one_of_the_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is computed there, by kind, is tested by the mirror's and the actuator's own tests."""
    whole = {
        "config": {
            "inspection": {"probe_pods": "on", "exec_in_pods": True},
            "remediation": {"enabled": True},
        },
    }
    values = chart.merged(chart.LEAST, whole)
    rights = needed(values, chart.render(values), tmp_path, monkeypatch)
    rights |= {Grant(each.verb, each.group, each.resource) for each in lease.RIGHTS}
    grants = {(g.verb, g.resource) for g in rights if g.group != "metrics.k8s.io"}
    grants |= {(g.verb, f"{g.resource}.{g.group}") for g in rights if g.group == "metrics.k8s.io"}
    files = sorted((chart.ROOT / "bot" / "adapters" / "cluster").glob("*.py"))
    made = {each: asked(each) for each in files}
    everybodys = {("get", "version")}
    assert set().union(*made.values()) - everybodys <= grants
    writes = {one for one in grants if one[0] in WRITING}
    assert writes - {("create", "leases"), ("update", "leases")} <= set().union(*made.values())


@pytest.mark.parametrize("replicas", [1, 2])
def test_who_only_speaks_with_people_has_no_right_to_run_or_change_anything(
    replicas: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {
        "replicas": replicas,
        "database": {"postgresql": {"existingSecret": "postgres"}},
        "config": {
            "inspection": {"probe_pods": "on", "exec_in_pods": True},
            "remediation": {"enabled": True},
        },
    }
    found: dict[str, set[Grant]] = {}
    for role in ("all", "chat", "executor"):
        apart = {"config": {"process": {"role": role}}}
        values = chart.merged(chart.merged(chart.LEAST, whole), apart)
        objects = chart.render(values)
        rights = granted(objects)
        assert rights == needed(values, objects, tmp_path, monkeypatch)
        found[role] = {one for one in rights if one.resource != "leases"}
        leases = {one.name for one in rights if one.resource == "leases" and one.name}
        chosen = "flannel-bot-chat" if role == "chat" else "flannel-bot"
        assert leases == ({chosen} if replicas > 1 else set())
    assert {one.verb for one in found["chat"]} == {"get", "list", "watch"}
    assert not any(one.resource == "pods/exec" for one in found["chat"]), "exec is a get, too"
    assert found["chat"] | found["executor"] == found["all"]
    assert {one for one in found["all"] if one.verb in WRITING} <= found["executor"]
