"""What an object must be like to be stored: names, required fields, limits, immutability.

Not all of Kubernetes' validation: the rules a client of this cluster can run into, with the real
server's words (taken from the recordings).
"""

from typing import Any

from bot.sim.cluster import errors, resources

Object = dict[str, Any]


def check_names(row: resources.Resource, obj: Object, *, namespace: str, name: str) -> None:
    """Refuse an object that is another one than the path names.

    Raises:
        errors.StatusError: 400.
    """
    metadata = obj.get("metadata") or {}
    said = metadata.get("name") or name
    if said != name:
        raise errors.bad_request(
            f"the name of the object ({said}) does not match the name on the URL ({name})"
        )
    if row.namespaced and metadata.get("namespace", namespace) != namespace:
        raise errors.bad_request(
            f"the namespace of the object ({metadata['namespace']}) does not match the namespace "
            f"on the URL ({namespace})"
        )


def check(row: resources.Resource, obj: Object, *, old: Object | None = None) -> None:
    """Judge an object as it would be stored.

    Raises:
        errors.StatusError: 422 with a cause for every fault.
    """
    causes: list[tuple[str, str, str]] = []
    name = obj["metadata"].get("name") or ""
    if not name:
        causes.append(
            (
                "FieldValueRequired",
                "Required value: name or generateName is required",
                "metadata.name",
            )
        )
    elif not errors.valid_subdomain(name):
        causes.append(
            ("FieldValueInvalid", f'Invalid value: "{name}": not a DNS subdomain', "metadata.name")
        )
    if causes:
        raise errors.invalid(row.kind, row.group, name, causes)
