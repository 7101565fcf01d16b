"""Settings of single clusters, and what is in force in each of them.

What a cluster gives replaces what is given for all, key by key. Whether a key was given counts,
not its value: an empty list is given, and means nobody.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError, field_validator

from bot import settings_text
from bot.settings_base import Section
from bot.settings_rules import AccessKeys, Groups, InspectionKeys, RemediationKeys

RULES = ("access", "remediation", "inspection")
"""Sections that a cluster may have of its own."""

S = TypeVar("S", bound=Section)


class Cluster(Section):
    """One cluster to be watched."""

    name: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """What people call it, in cards and as `@name` in commands."""
    kubeconfig: Path | None = None
    """A kubeconfig file; without one the pod's own service account is used."""
    context: str | None = None
    """A context of that file; without one its current context."""
    channel: str = ""
    """Channel id for this cluster's alerts; empty: `slack.channel`."""
    namespaces: tuple[str, ...] = ("kube-system", "kube-flannel")
    """System namespaces to be watched, besides those where flannel is discovered."""
    private_cidrs: tuple[str, ...] = ()
    """Prefixes that flannel's addresses must be in, such as `10.0.0.0/8`. Empty: an address is
    wrong where it is public and most nodes announce private ones."""

    access: AccessKeys = AccessKeys()
    """As `access`, for this cluster alone. Who has a role is replaced role by role: users and
    groups of a role together, once either is given here; an empty list means nobody."""
    remediation: RemediationKeys = RemediationKeys()
    """As `remediation` without `timing`, for this cluster alone; what is not given here is the one
    for all."""
    inspection: InspectionKeys = InspectionKeys()
    """As `inspection`, for this cluster alone; what is not given here is the one for all."""

    @field_validator("private_cidrs")
    @classmethod
    def _prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(settings_text.prefix, value))


def in_force(for_all: S, own: Section) -> S:
    """Return a section as it is for a cluster that gives some of its keys.

    Raises ValueError where both together make no sense; the text names the key in the section.
    """
    values = {name: getattr(for_all, name) for name in type(for_all).model_fields}
    for name in own.model_fields_set:
        value = getattr(own, name)
        values[name] = in_force(values[name], value) if isinstance(value, Section) else value
    if isinstance(own, AccessKeys):
        values |= _roles(values["groups"], own)
    try:
        return type(for_all).model_validate(values)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _roles(groups: Groups, own: AccessKeys) -> dict[str, object]:
    """Return who has which role where a cluster says that of some roles.

    A cluster that names its own approvers does not also mean a group that approves elsewhere.
    """
    found: dict[str, object] = {}
    of_groups = {role: getattr(groups, role) for role in Groups.model_fields}
    for role in Groups.model_fields:
        if role in own.model_fields_set | own.groups.model_fields_set:
            found[role] = getattr(own, role)
            of_groups[role] = getattr(own.groups, role)
    return {**found, "groups": Groups(**of_groups)}
