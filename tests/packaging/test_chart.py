"""The chart: every combination renders and is valid; wrong values are refused by name."""

import json
import re
from functools import cache
from importlib import resources
from itertools import cycle
from typing import Any

import jsonschema
import pytest
import referencing
import yaml

import bot
from bot import settings_sources
from tests.packaging import chart

VERSIONS = [f"1.{minor}" for minor in range(25, 38)]
CRDS = {"ServiceMonitor", "PrometheusRule"}
POLICIES = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
COMBINATIONS = chart.pairwise()


def _read(version: str, name: str) -> Any:
    place = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    return json.loads((place / f"v{version}.0-local-strict" / f"{name}.json").read_text())


@cache
def definitions(version: str) -> Any:
    found = referencing.Resource.from_contents(_read(version, "_definitions"))
    return found @ referencing.Registry()


@cache
def validator(version: str, kind: str, api: str) -> Any:
    """That package's own `validate` reads its schemas anew at each call, which takes a second."""
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = _read(version, f"{kind.lower()}-{group}")
    return jsonschema.Draft202012Validator(schema, registry=definitions(version))


def valid(objects: list[chart.Object], version: str) -> None:
    for each in objects:
        if each["kind"] not in CRDS:
            _valid(json.dumps(each), version)


@cache
def _valid(text: str, version: str) -> None:
    each = json.loads(text)
    if each["kind"] in POLICIES and int(version.partition(".")[2]) < 30:
        return
    validator(version, each["kind"], each["apiVersion"]).validate(each)


def pod(objects: list[chart.Object]) -> Any:
    (deployment,) = chart.of_kind(objects, "Deployment")
    return deployment["spec"]["template"]["spec"]


def test_every_pair_of_choices_renders_and_is_valid() -> None:
    """The oldest, a middle and the newest take turns; each version has its own test below."""
    assert len(COMBINATIONS) > 20
    for values, version in zip(
        COMBINATIONS, cycle((VERSIONS[0], VERSIONS[5], VERSIONS[-1])), strict=False
    ):
        objects = chart.render(values)
        names = [
            (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects
        ]
        assert len(set(names)) == len(names), "one object each"
        valid(objects, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_valid_for_every_kubernetes(version: str) -> None:
    full = {"config": {"remediation": {"enabled": True}, "inspection": {"probe_pods": "on"}}}
    valid(chart.render(chart.merged(chart.LEAST, full)), version)


def test_the_configuration_of_every_combination_is_accepted_by_the_bot(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for values in COMBINATIONS:
        loaded = chart.configured(values, chart.render(values), tmp_path, monkeypatch)
        (own,) = loaded.clusters
        where = values.get("flannel", {}).get("namespace", "kube-flannel")
        assert set(own.namespaces) == {where, *values.get("namespaces", ["kube-system"])}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replcas": 2}, "replcas"),
        ({"replicas": "two"}, "replicas"),
        ({"size": "huge"}, "size"),
        ({"flannel": {"daemonsets": []}}, "daemonsets"),
        ({"image": {"digest": "sha256:abc"}}, "digest"),
        ({"config": {"remedation": {}}}, "remedation"),
        ({"config": {"remediation": {"enabled": "yes"}}}, "enabled"),
        ({"config": {"remediation": {"runbooks": ["reboot"]}}}, "runbooks"),
        ({"config": {"slack": {"bot_token": "xoxb-1"}}}, "bot_token"),
        ({"config": {"database": {"url": "x"}}}, "database"),
        ({"replicas": 2}, "database.postgresql.existingSecret"),
        ({"config": {"process": {"role": "chat"}}}, "config.process.role"),
        ({"config": {"process": {"role": "both"}}}, "role"),
        ({"slack": {"existingSecret": ""}}, "slack.existingSecret"),
        ({"slack": {"existingSecret": "", "botToken": "xoxb-1"}}, "slack.appToken"),
        ({"config": {"slack": {"channel": ""}}}, "config.slack.channel"),
        ({"persistence": {"accessMode": "ReadWriteMany"}}, "persistence.accessMode"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(values: chart.Values, named: str) -> None:
    with pytest.raises(chart.helm.HelmError, match=re.escape(named)):
        chart.render(chart.merged(chart.LEAST, values))


def test_an_executors_secret_takes_the_bot_token_alone() -> None:
    values = {
        "slack": {"existingSecret": "", "botToken": "xoxb-1"},
        "database": {"postgresql": {"existingSecret": "postgres"}},
        "config": {"process": {"role": "executor"}},
    }
    (secret,) = chart.of_kind(chart.render(chart.merged(chart.LEAST, values)), "Secret")
    held = secret.get("stringData") or secret["data"]
    assert set(held) == {"SLACK_BOT_TOKEN"}


def test_every_value_is_in_the_schema_and_has_a_default() -> None:
    schema = json.loads((chart.CHART / "values.schema.json").read_text())
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())

    def same(held: dict[str, Any], told: dict[str, Any], path: str) -> None:
        assert set(held) == set(told["properties"]) - {"global"}, path
        assert told["additionalProperties"] is False, path
        for key, inner in told["properties"].items():
            if "properties" in inner and key != "resources":
                same(held[key], inner, f"{path}.{key}")

    same(values, schema, "values")


def test_a_field_that_kubernetes_does_not_have_is_seen() -> None:
    wrong = chart.render()
    pod(wrong)["hostNetwrk"] = True
    with pytest.raises(jsonschema.ValidationError, match="hostNetwrk"):
        valid(wrong, VERSIONS[-1])


def test_several_copies_elect_a_leader_by_the_lease_that_they_may_write() -> None:
    values = chart.merged(chart.LEAST, chart.AXES["copies"][1])
    (config,) = chart.of_kind(chart.render(values), "ConfigMap")
    elected = yaml.safe_load(config["data"]["flannel-bot.yaml"])["replicas"]
    assert elected == {"enabled": True, "namespace": chart.NAMESPACE, "lease": "flannel-bot"}


def test_the_pod_is_restricted_and_writes_to_two_places_only() -> None:
    """As the Pod Security level `restricted` asks, but for the host's network, a switch."""
    for values in COMBINATIONS:
        spec = pod(chart.render(values))
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        assert writable == {"/tmp", "/data"}
        assert not any("hostPath" in volume for volume in spec["volumes"])


def test_a_service_of_the_same_name_does_not_become_settings() -> None:
    """FLANNEL_BOT_PORT and the like, by which Kubernetes tells pods of services, are refused."""
    assert pod(chart.render())["enableServiceLinks"] is False


def test_by_default_it_needs_nothing_that_the_overlay_carries() -> None:
    spec = pod(chart.render())
    assert spec["hostNetwork"] is True
    assert spec["dnsPolicy"] == "Default", "CoreDNS is behind the overlay"
    assert spec["tolerations"] == [{"operator": "Exists"}]


def test_one_copy_on_sqlite_never_runs_twice_and_several_are_spread() -> None:
    (single,) = chart.of_kind(chart.render(), "Deployment")
    assert single["spec"]["strategy"] == {"type": "Recreate"}
    values = chart.merged(chart.LEAST, chart.AXES["copies"][1])
    (several,) = chart.of_kind(chart.render(values), "Deployment")
    assert several["spec"]["strategy"]["type"] == "RollingUpdate"
    assert several["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert len(chart.of_kind(chart.render(values), "PodDisruptionBudget")) == 1
    assert not chart.of_kind(chart.render(values), "PersistentVolumeClaim")


def test_a_cluster_that_is_added_or_a_token_that_is_new_needs_no_other_pod() -> None:
    """The bot takes over what changes in the mounted files, so their mounts must follow them."""
    given = {"slack": {"existingSecret": "", "botToken": "xoxb-1", "appToken": "xapp-1"}}
    more = {
        "slack": {"botToken": "xoxb-2"},
        "config": {"clusters": [{"name": "east", "kubeconfig": "/kubeconfigs/east"}]},
    }
    before, after = [
        chart.render(chart.merged(chart.LEAST, given, each))
        for each in ({"kubeconfigSecret": "others"}, {"kubeconfigSecret": "others", **more})
    ]
    assert chart.of_kind(before, "ConfigMap") != chart.of_kind(after, "ConfigMap")
    assert chart.of_kind(before, "Secret") != chart.of_kind(after, "Secret")
    assert pod(before) == pod(after)
    (deployment,) = chart.of_kind(after, "Deployment")
    assert "annotations" not in deployment["spec"]["template"]["metadata"]
    (container,) = pod(after)["containers"]
    assert not any("subPath" in mount for mount in container["volumeMounts"]), "never renewed"


def test_the_bot_knows_which_node_it_is_on() -> None:
    (container,) = pod(chart.render())["containers"]
    named = {each["name"]: each for each in container["env"]}
    field = named["FLANNEL_BOT_REMEDIATION__OWN_NODE"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert field == "spec.nodeName"


def test_secrets_arrive_as_the_files_that_the_bot_reads(monkeypatch: Any, tmp_path: Any) -> None:
    values = chart.merged(
        chart.LEAST,
        {"prometheusTokenSecret": "p", "database": {"postgresql": {"existingSecret": "d"}}},
    )
    spec = pod(chart.render(values))
    (secrets,) = [each for each in spec["volumes"] if each["name"] == "secrets"]
    files = {
        item["path"]
        for source in secrets["projected"]["sources"]
        for item in source["secret"].get("items", ())
    } | {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"}
    for name in files:
        (tmp_path / name).write_text("postgresql+asyncpg://u@h/d" if "url" in name else "it")
    loaded = settings_sources.load(None, {"FLANNEL_BOT_SECRETS_DIR": str(tmp_path)})
    assert loaded.database.url.startswith("postgresql")
    assert loaded.metrics.bearer_token.get_secret_value() == "it"
    assert loaded.slack.app_token.get_secret_value() == "it"


def test_what_is_said_after_the_install_fits() -> None:
    assert "only observes" in chart.notes()
    changing = {"config": {"remediation": {"enabled": True, "runbooks": ["restart"]}}}
    assert "by: restart" in chart.notes(chart.merged(chart.LEAST, changing))
    assert "/flannel status" in chart.notes()
    for role, said, unsaid in (
        ("chat", "install a second release", "only observes"),
        ("executor", "answers nobody", "/flannel status"),
    ):
        apart = {**chart.SHARED, "config": {"process": {"role": role}}}
        told = chart.notes(chart.merged(chart.LEAST, apart))
        assert said in told
        assert unsaid not in told


def test_its_version_is_the_programs() -> None:
    told = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    assert told["version"] == told["appVersion"] == bot.__version__


def test_helm_lint_has_nothing_to_say() -> None:
    said = chart.helm.lint(str(chart.CHART), dict(chart.LEAST), strict=True)
    assert said["errors"] == []
    assert [each["error"] for each in said["messages"]] == ["icon is recommended"]
