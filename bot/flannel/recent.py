"""Who came to announce something else lately, and who left: what a look may not have seen yet.

A look is held to what all nodes announce. Where that changed after the look, or so little before
it that flannel was still following, a difference is no fault.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain import snapshot


@dataclass(frozen=True, slots=True)
class Departed:
    """A node that is gone: its pod CIDRs, and when it was first missed."""

    name: str
    pod_cidrs: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Recent:
    """What happened lately; `changed` is when a node was first seen to announce what it does."""

    changed: Mapping[str, datetime] = field(default_factory=dict)
    departed: tuple[Departed, ...] = ()

    @property
    def newest(self) -> datetime | None:
        """When the last change was that every node has to follow; None where there was none."""
        return max(self.changed.values(), default=None)

    @property
    def subnets(self) -> Mapping[str, str]:
        """The pod CIDRs of those who left, with their names."""
        return {cidr: one.name for one in self.departed for cidr in one.pod_cidrs}

    def unsettled(
        self, at: datetime, nodes: Iterable[snapshot.Node], *, joined: timedelta, left: timedelta
    ) -> set[str]:
        """Return the nodes that a look of that time cannot be held to.

        Args:
            at: when the look was taken.
            nodes: all that there are now.
            joined: how long the others may take to follow one that came, or announces otherwise.
            left: how long they may take to forget one that left.
        """
        young = {node.name for node in nodes if at - node.created_at < joined}
        moved = {name for name, when in self.changed.items() if at - when < joined}
        return young | moved | {one.name for one in self.departed if at - one.at < left}
