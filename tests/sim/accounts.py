"""Service accounts in a simulated cluster: what they are bound to, and their tokens."""

from typing import Any

from bot.sim.cluster import rbac_defaults, registry, resources
from tests.sim import api

GROUP = f"/apis/{resources.ACCESS}/v1"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def begin(objects: registry.Registry) -> None:
    """Store the roles that every cluster begins with."""
    for plural, obj in rbac_defaults.stored():
        objects.create(plural, "", obj)


def rule(verbs: str, things: str, *, group: str = "", **more: list[str]) -> dict[str, Any]:
    """A rule in one line: words apart by spaces."""
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": things.split(), **more}


def account(objects: registry.Registry, name: str, *, namespace: str = "default") -> dict[str, Any]:
    """A ServiceAccount, as a subject."""
    objects.create("serviceaccounts", namespace, {"metadata": {"name": name}})
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def bind(
    objects: registry.Registry,
    name: str,
    subject: dict[str, Any],
    *rules: dict[str, Any],
    namespace: str = "",
) -> None:
    """A role with these rules, bound to somebody; of the cluster unless a namespace is given."""
    kind = "Role" if namespace else "ClusterRole"
    plural = kind.lower()
    metadata = {"name": name}
    objects.create(f"{plural}s", namespace, {"metadata": metadata, "rules": list(rules)})
    reference = {"kind": kind, "name": name}
    binding = {"metadata": metadata, "roleRef": reference, "subjects": [subject]}
    objects.create(f"{plural}bindings", namespace, binding)


async def token(server: api.Api, name: str, *, namespace: str = "default", **spec: Any) -> str:
    """A token that the server makes for an account."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    code, answer = await server.ask("POST", path, {"spec": spec})
    assert code == 201, answer
    return str(answer["status"]["token"])
