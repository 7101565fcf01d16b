"""Which resources the simulated API server has, and how each is spoken of.

Adding a resource is adding a row here; defaults, validation and columns have their own places.
"""

from dataclasses import dataclass

STANDARD_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One row of the API: what discovery tells and what the registry must know."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    """Whether there is a `status` subresource, which alone may write the status."""
    subresources: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """Further subresources: (name, kind, verbs)."""
    generation: bool = False
    """Whether `metadata.generation` counts the changes of the spec. A Node has none."""
    graceful: bool = False
    """Whether deletion waits for somebody (the kubelet) to confirm it."""
    verbs: tuple[str, ...] = STANDARD_VERBS
    fields: tuple[str, ...] = ()
    """Field selectors beside `metadata.name` and `metadata.namespace`."""
    stored: bool = True
    """False for kinds that are only asked and answered, such as access reviews."""
    cached: bool = True
    """Whether a watch cache serves it; it decides the words of an expired watch."""

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)

ACCESS = "rbac.authorization.k8s.io"
"""The group of roles and of who is bound to them."""

_SCALE = (("scale", "Scale", ("get", "patch", "update")),)

ALL = (
    Resource(plural="configmaps", kind="ConfigMap", short_names=("cm",)),
    Resource(plural="endpoints", kind="Endpoints", singular="endpoints", short_names=("ep",)),
    Resource(plural="events", kind="Event", short_names=("ev",), fields=EVENT_FIELDS, cached=False),
    Resource(
        plural="namespaces",
        kind="Namespace",
        namespaced=False,
        short_names=("ns",),
        status=True,
        verbs=tuple(verb for verb in STANDARD_VERBS if verb != "deletecollection"),
        fields=("status.phase",),
    ),
    Resource(
        plural="nodes",
        kind="Node",
        namespaced=False,
        short_names=("no",),
        status=True,
        fields=("spec.unschedulable",),
    ),
    Resource(
        plural="pods",
        kind="Pod",
        short_names=("po",),
        categories=("all",),
        status=True,
        subresources=(
            ("binding", "Binding", ("create",)),
            ("log", "Pod", ("get",)),
            ("eviction", "Eviction", ("create",)),
            ("exec", "PodExecOptions", ("create", "get")),
        ),
        generation=True,
        graceful=True,
        fields=(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ),
    ),
    Resource(plural="secrets", kind="Secret", fields=("type",)),
    Resource(
        plural="serviceaccounts",
        kind="ServiceAccount",
        short_names=("sa",),
        subresources=(("token", "TokenRequest", ("create",)),),
    ),
    Resource(
        plural="services",
        kind="Service",
        short_names=("svc",),
        categories=("all",),
        status=True,
        fields=("spec.clusterIP", "spec.type"),
    ),
    Resource(plural="controllerrevisions", kind="ControllerRevision", group="apps"),
    Resource(
        plural="daemonsets",
        kind="DaemonSet",
        group="apps",
        short_names=("ds",),
        categories=("all",),
        status=True,
        generation=True,
    ),
    Resource(
        plural="deployments",
        kind="Deployment",
        group="apps",
        short_names=("deploy",),
        categories=("all",),
        status=True,
        subresources=_SCALE,
        generation=True,
    ),
    Resource(
        plural="replicasets",
        kind="ReplicaSet",
        group="apps",
        short_names=("rs",),
        categories=("all",),
        status=True,
        subresources=_SCALE,
        generation=True,
        fields=("status.replicas",),
    ),
    Resource(
        plural="selfsubjectaccessreviews",
        kind="SelfSubjectAccessReview",
        group="authorization.k8s.io",
        namespaced=False,
        verbs=("create",),
        stored=False,
    ),
    Resource(
        plural="selfsubjectrulesreviews",
        kind="SelfSubjectRulesReview",
        group="authorization.k8s.io",
        namespaced=False,
        verbs=("create",),
        stored=False,
    ),
    Resource(
        plural="selfsubjectreviews",
        kind="SelfSubjectReview",
        group="authentication.k8s.io",
        namespaced=False,
        verbs=("create",),
        stored=False,
    ),
    Resource(plural="roles", kind="Role", group=ACCESS),
    Resource(plural="rolebindings", kind="RoleBinding", group=ACCESS),
    Resource(plural="clusterroles", kind="ClusterRole", group=ACCESS, namespaced=False),
    Resource(
        plural="clusterrolebindings", kind="ClusterRoleBinding", group=ACCESS, namespaced=False
    ),
    Resource(plural="leases", kind="Lease", group="coordination.k8s.io"),
    Resource(
        plural="poddisruptionbudgets",
        kind="PodDisruptionBudget",
        group="policy",
        short_names=("pdb",),
        status=True,
        generation=True,
    ),
    Resource(
        plural="validatingadmissionpolicies",
        kind="ValidatingAdmissionPolicy",
        group="admissionregistration.k8s.io",
        namespaced=False,
        categories=("api-extensions",),
        status=True,
        generation=True,
    ),
    Resource(
        plural="validatingadmissionpolicybindings",
        kind="ValidatingAdmissionPolicyBinding",
        group="admissionregistration.k8s.io",
        namespaced=False,
        categories=("api-extensions",),
        generation=True,
    ),
)

BY_PLURAL = {resource.plural: resource for resource in ALL}
"""Plurals are unique across the groups served, so a plural alone names a resource."""

BY_KIND = {resource.kind: resource for resource in ALL}

BY_PATH = {(row.group, row.version, row.plural): row for row in ALL}
GROUPS = tuple(dict.fromkeys(row.group for row in ALL))


def singular(resource: Resource) -> str:
    """The word discovery gives for one of them."""
    return resource.singular or resource.kind.lower()
