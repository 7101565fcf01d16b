"""What roles and bindings allow, beyond what was recorded: no server, only what is stored."""

import random

import pytest

from bot.sim.cluster import http_access, http_paths, http_questions, rbac, registry, store
from tests.sim import accounts
from tests.sim.accounts import rule

PODS = rule("get list", "pods")


class Cluster:
    """What is stored, and one account in it."""

    def __init__(self) -> None:
        self.objects = registry.Registry(store.Store(), rng=random.Random(7))
        self.subject = accounts.account(self.objects, "bot")
        self.authorizer = rbac.Authorizer(self.objects.store)

    def bind(self, *rules: dict, namespace: str = "") -> None:
        accounts.bind(self.objects, "bot", self.subject, *rules, namespace=namespace)

    def asked(
        self, verb: str, resource: str, *, namespace: str = "", name: str = "", user: str = ""
    ) -> http_access.Question:
        """`get pods.metrics.k8s.io/log` of the account, or of somebody else."""
        whole, _, subresource = resource.partition("/")
        plural, _, group = whole.partition(".")
        target = http_paths.Target(http_questions.row(group, plural), namespace, name, subresource)
        identity = http_access.Identity(user or "system:serviceaccount:default:bot")
        return http_access.Question(identity, verb, "", target)

    def may(self, verb: str, resource: str, **more: str) -> bool:
        return self.authorizer(self.asked(verb, resource, **more))

    def reads(self, path: str) -> bool:
        identity = http_access.Identity("system:serviceaccount:default:bot")
        return self.authorizer(http_access.Question(identity, "get", path, None))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_nobody_may_anything_without_a_binding_but_masters_everything(cluster: Cluster) -> None:
    assert not cluster.may("get", "pods", namespace="default")
    master = http_access.Identity("root", (rbac.MASTERS,))
    question = http_access.Question(master, "delete", "/anything", None)
    assert cluster.authorizer(question)
    assert cluster.authorizer.reason(question) == ""


def test_a_role_holds_in_its_namespace_and_a_cluster_role_everywhere(cluster: Cluster) -> None:
    cluster.bind(PODS, namespace="default")
    assert cluster.may("list", "pods", namespace="default")
    assert not cluster.may("list", "pods", namespace="kube-system")
    assert not cluster.may("list", "pods"), "of all namespaces"
    assert not cluster.may("delete", "pods", namespace="default")
    assert not cluster.may("list", "pods.metrics.k8s.io", namespace="default")
    cluster.bind(PODS)
    assert cluster.may("list", "pods")
    assert cluster.may("get", "pods", namespace="kube-system", name="x")


def test_names_are_those_of_single_objects_and_of_no_collection(cluster: Cluster) -> None:
    every = rule("get list watch delete deletecollection create", "configmaps")
    cluster.bind(every | {"resourceNames": ["cfg", "other"]}, namespace="default")
    for verb in ("get", "delete", "list", "watch"):
        assert cluster.may(verb, "configmaps", namespace="default", name="cfg"), verb
        assert not cluster.may(verb, "configmaps", namespace="default", name="cfg-2"), verb
    for verb in ("list", "watch", "deletecollection", "create"):
        assert not cluster.may(verb, "configmaps", namespace="default"), verb


@pytest.mark.parametrize(
    ("things", "allowed", "denied"),
    [
        ("pods", "pods", "pods/exec"),
        ("pods/exec", "pods/exec", "pods"),
        ("*/exec", "pods/exec", "pods/log"),
        ("*", "pods/exec", ""),
        ("pods/*", "", "pods/exec"),
    ],
)
def test_a_subresource_is_a_resource_of_its_own(
    cluster: Cluster, things: str, allowed: str, denied: str
) -> None:
    cluster.bind(rule("create", things), namespace="default")
    for resource, expected in ((allowed, True), (denied, False)):
        if resource:
            assert cluster.may("create", resource, namespace="default", name="x") is expected


def test_stars_are_every_verb_group_and_resource_and_only_a_star_is_one(cluster: Cluster) -> None:
    assert not cluster.may("*", "*.*")
    cluster.bind(rule("get list", "*", group="*"))
    assert cluster.may("get", "applications.argoproj.io", namespace="any", name="x")
    assert not cluster.may("*", "*.*")
    assert not cluster.reads("/metrics"), "resources are no paths"
    accounts.bind(cluster.objects, "all", cluster.subject, rule("*", "*", group="*"))
    assert cluster.may("*", "*.*")


def test_paths_are_given_whole_or_by_their_beginning_and_never_in_a_namespace(
    cluster: Cluster,
) -> None:
    paths = {"verbs": ["get"], "nonResourceURLs": ["/metrics", "/logs/*"]}
    cluster.bind(paths)
    assert cluster.reads("/metrics")
    assert cluster.reads("/logs/kubelet")
    assert not cluster.reads("/metrics/slis")
    assert not cluster.reads("/logs")
    # A binding in a namespace to that role gives nothing of it.
    other = Cluster()
    other.objects.create("clusterroles", "", {"metadata": {"name": "paths"}, "rules": [paths]})
    reference = {"kind": "ClusterRole", "name": "paths"}
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [other.subject]}
    other.objects.create("rolebindings", "default", binding)
    assert not other.reads("/metrics")


def test_an_account_without_a_namespace_is_that_of_the_bindings_own(cluster: Cluster) -> None:
    accounts.bind(
        cluster.objects, "bot", {"kind": "ServiceAccount", "name": "bot"}, PODS, namespace="default"
    )
    assert cluster.may("get", "pods", namespace="default")
    with pytest.raises(registry.StatusError) as refused:
        accounts.bind(cluster.objects, "all", {"kind": "ServiceAccount", "name": "bot"}, PODS)
    assert refused.value.code == 422
    assert "subjects[0].namespace: Required value" in refused.value.message


def test_a_role_that_only_gathers_others_gives_nothing_as_nobody_gathers(cluster: Cluster) -> None:
    chosen = {"clusterRoleSelectors": [{"matchLabels": {"view": "yes"}}]}
    cluster.bind(PODS)
    whole = {"metadata": {"name": "bot"}, "aggregationRule": chosen}
    cluster.objects.replace("clusterroles", "", "bot", whole)
    assert cluster.objects.get("clusterroles", "", "bot")["rules"] is None
    assert not cluster.may("get", "pods")


def test_users_and_groups_are_meant_by_their_names(cluster: Cluster) -> None:
    accounts.bind(cluster.objects, "ann", {"kind": "User", "name": "ann"}, PODS)
    everybody = {"kind": "Group", "name": "system:serviceaccounts"}
    accounts.bind(cluster.objects, "all", everybody, rule("list", "nodes"))
    assert cluster.may("get", "pods", user="ann")
    assert not cluster.may("get", "pods", user="bob")
    member = http_access.Identity("x", ("system:serviceaccounts",))
    asked = cluster.asked("list", "nodes")
    assert cluster.authorizer(http_access.Question(member, "list", "", asked.target))
    assert not cluster.authorizer(asked)


def test_the_cluster_is_asked_before_the_namespace_and_the_reason_names_the_binding(
    cluster: Cluster,
) -> None:
    cluster.bind(PODS, namespace="default")
    asked = cluster.asked("get", "pods", namespace="default")
    bound = 'of Role "bot" to ServiceAccount "bot/default"'
    assert cluster.authorizer.reason(asked) == (
        f'RBAC: allowed by RoleBinding "bot/default" {bound}'
    )
    cluster.bind(PODS)
    assert cluster.authorizer.reason(asked) == (
        'RBAC: allowed by ClusterRoleBinding "bot" of ClusterRole "bot" to '
        'ServiceAccount "bot/default"'
    )
    assert cluster.authorizer.reason(cluster.asked("delete", "pods")) == ""


def test_a_binding_to_a_role_that_is_not_there_gives_nothing_and_says_so(cluster: Cluster) -> None:
    cluster.bind(PODS, namespace="default")
    cluster.bind(rule("list", "nodes"))
    cluster.objects.delete("roles", "default", "bot")
    asked = cluster.asked("get", "pods", namespace="default")
    assert not cluster.authorizer(asked)
    one = 'role.rbac.authorization.k8s.io "bot" not found'
    assert cluster.authorizer.reason(asked) == f"RBAC: {one}"
    assert cluster.may("list", "nodes", namespace="default"), "what else is bound holds"
    cluster.objects.delete("clusterroles", "", "bot")
    other = 'clusterrole.rbac.authorization.k8s.io "bot" not found'
    assert cluster.authorizer.reason(asked) == f"RBAC: [{other}, {one}]"


@pytest.mark.parametrize(
    ("resource", "body", "complaint"),
    [
        ("roles", {"rules": [rule("", "pods")]}, "rules[0].verbs: Required value"),
        ("roles", {"rules": [rule("get", "")]}, "rules[0].resources: Required value"),
        (
            "roles",
            {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}]},
            "namespaced rules cannot apply to non-resource URLs",
        ),
        (
            "clusterroles",
            {"rules": [rule("get", "pods") | {"nonResourceURLs": ["/metrics"]}]},
            "rules cannot apply to both regular resources and non-resource URLs",
        ),
        (
            "clusterrolebindings",
            {"roleRef": {"kind": "Role", "name": "x"}},
            'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        ),
        (
            "rolebindings",
            {"roleRef": {"kind": "Role", "name": "x"}, "subjects": [{"kind": "Team", "name": "x"}]},
            'subjects[0].kind: Unsupported value: "Team"',
        ),
        ("rolebindings", {"roleRef": {"kind": "Role"}}, "roleRef.name: Required value"),
    ],
)
def test_what_is_no_role_or_binding_is_not_stored(
    cluster: Cluster, resource: str, body: dict, complaint: str
) -> None:
    with pytest.raises(registry.StatusError, match="422") as refused:
        cluster.objects.create(resource, "default", {"metadata": {"name": "system:x"}, **body})
    assert complaint in refused.value.message


def test_a_binding_keeps_its_role_and_may_change_who_is_bound(cluster: Cluster) -> None:
    cluster.bind(PODS, namespace="default")
    place = ("rolebindings", "default", "bot")
    with pytest.raises(registry.StatusError, match="cannot change roleRef"):
        cluster.objects.patch(*place, {"roleRef": {"name": "other"}}, kind="merge")
    cluster.objects.patch(*place, {"subjects": None}, kind="merge")
    assert not cluster.may("get", "pods", namespace="default")
