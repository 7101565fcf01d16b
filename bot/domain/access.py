"""Who may do what. An empty list means nobody; whoever cannot be placed may nothing."""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


class Role(enum.StrEnum):
    """What a person may do, each by itself: an approver is not thereby a requester."""

    VIEWER = "viewer"
    """Ask. Every full member of the workspace."""
    REQUESTER = "requester"
    """Propose changes, withdraw and cancel them."""
    APPROVER = "approver"
    """Vote on changes proposed by others."""
    ADMIN = "admin"
    """Freeze and unfreeze, and cancel anything. Not a vote by itself."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: `id` is Slack's user id, or "cli" for the command line."""

    id: str
    roles: frozenset[Role] = frozenset()

    def may(self, role: Role) -> bool:
        """Whether this person has a role."""
        return role in self.roles


@dataclass(frozen=True, slots=True)
class Members:
    """Who has a role: user ids, and ids of user groups whose members have it too."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """Who has which role; roles left out belong to nobody, except viewing, which is everybody's."""

    members: Mapping[Role, Members] = field(default_factory=dict)

    @property
    def groups(self) -> frozenset[str]:
        """All user groups that matter."""
        return frozenset().union(*(each.groups for each in self.members.values()))

    def person(self, user: str, *, groups: Collection[str] = ()) -> Person:
        """Return a full member of the workspace with the roles that user id and groups give.

        Whether somebody is a full member is not judged here: guests, outsiders and bots must be
        refused before.
        """
        roles = {
            role
            for role, each in self.members.items()
            if user in each.users or each.groups.intersection(groups)
        }
        return Person(id=user, roles=frozenset({Role.VIEWER, *roles}))

    def named(self, role: Role) -> tuple[str, ...]:
        """Return the user ids that have a role by name, for telling who may."""
        each = self.members.get(role, Members())
        return tuple(sorted(each.users))


@dataclass(frozen=True, slots=True)
class Policies:
    """Who has which role in which cluster. In a cluster that is not known nobody has any."""

    by_cluster: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, cluster: str | None) -> tuple[Policy, ...]:
        """Return what a role is judged by: all of these have to give it. None: every cluster's.

        What concerns all clusters takes the role in each of them, so that nobody reaches through
        it into one where they have none. It is never empty: nothing would forbid anything.
        """
        if cluster is None:
            return tuple(self.by_cluster.values()) or (Policy(),)
        return (self.by_cluster.get(cluster, Policy()),)

    def person(self, user: str, cluster: str | None, *, groups: Collection[str] = ()) -> Person:
        """Return a full member with the roles they have in a cluster; None: in every one."""
        each = [one.person(user, groups=groups).roles for one in self.of(cluster)]
        return Person(id=user, roles=frozenset.intersection(*each))
