"""The roles that every cluster begins with.

Of the system's own only those that anybody here lives by. Their uids come from their names: they
are drawn by no chance, so that a seed gives the same world with them.
"""

import uuid
from collections.abc import Iterator, Sequence

from bot.sim.cluster import http_access, objects, rbac, resources

Object = objects.Object

_AUTHENTICATED = ("system:authenticated",)
_EVERYBODY = (*_AUTHENTICATED, "system:unauthenticated")
_SYSTEM: Sequence[tuple[str, Sequence[http_access.Rule], Sequence[str]]] = (
    ("cluster-admin", (http_access.EVERYTHING, http_access.EVERY_URL), (rbac.MASTERS,)),
    ("system:basic-user", http_access.ONESELF, _AUTHENTICATED),
    ("system:discovery", (http_access.DISCOVERY,), _AUTHENTICATED),
    ("system:public-info-viewer", (http_access.PUBLIC,), _EVERYBODY),
    (
        "system:service-account-issuer-discovery",
        (http_access.ISSUER,),
        ("system:serviceaccounts",),
    ),
)
"""Name, rules and the groups that are bound to it."""
_MARKS = {
    "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
    "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
}
_NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, resources.ACCESS)


def stored() -> Iterator[tuple[str, Object]]:
    """Each and its binding, with their plurals, ready but for their age and revision."""
    for name, rules, groups in _SYSTEM:
        reference = {"apiGroup": resources.ACCESS, "kind": "ClusterRole", "name": name}
        subjects = [
            {"kind": "Group", "apiGroup": resources.ACCESS, "name": group} for group in groups
        ]
        yield _stored("ClusterRole", name, {"rules": [rule.told() for rule in rules]})
        yield _stored("ClusterRoleBinding", name, {"subjects": subjects, "roleRef": reference})


def _stored(kind: str, name: str, content: Object) -> tuple[str, Object]:
    row = resources.BY_KIND[kind]
    head = {
        "kind": kind,
        "apiVersion": row.api_version,
        "metadata": {"name": name, "uid": str(uuid.uuid5(_NAMES, f"{kind}/{name}")), **_MARKS},
    }
    return row.plural, head | content
