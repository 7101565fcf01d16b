"""The roles that every cluster begins with, and that of the account which may only read.

Of the system's own only those that anybody here lives by. Their uids come from their names: they
are drawn by no chance, so that a seed gives the same world with them.
"""

import uuid
from collections.abc import Iterator, Sequence

from bot.sim.cluster import http_access, objects, rbac, resources

Object = objects.Object

_AUTHENTICATED, _EVERYBODY = (
    ("system:authenticated",),
    (
        "system:authenticated",
        "system:unauthenticated",
    ),
)
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
    """Each with its plural, ready but for its age and revision."""
    for name, rules, groups in _SYSTEM:
        subjects = [
            {"kind": "Group", "apiGroup": resources.ACCESS, "name": group} for group in groups
        ]
        yield from _bound(name, rules, subjects, _MARKS)
    _, _, namespace, account = http_access.READER.user.split(":")
    reader = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    yield from _bound("flannel-bot-reader", http_access.READING, [reader], {})


def _bound(
    name: str, rules: Sequence[http_access.Rule], subjects: list[Object], marks: Object
) -> Iterator[tuple[str, Object]]:
    reference = {"apiGroup": resources.ACCESS, "kind": "ClusterRole", "name": name}
    for kind, more in (
        ("ClusterRole", {"rules": [rule.told() for rule in rules]}),
        ("ClusterRoleBinding", {"subjects": subjects, "roleRef": reference}),
    ):
        row = resources.BY_KIND[kind]
        metadata = {"name": name, "uid": str(uuid.uuid5(_NAMES, f"{kind}/{name}")), **marks}
        yield (
            row.plural,
            {
                "kind": kind,
                "apiVersion": row.api_version,
                "metadata": metadata,
                **more,
            },
        )
