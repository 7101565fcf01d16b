"""What people ask of remediation, and what they are told: the same for Slack and the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot.domain.access import Person, Role
from bot.domain.approval import Choice, Outcome
from bot.domain.guard import Verdict
from bot.domain.notice import PlanView
from bot.domain.plan import Plan
from bot.runbooks import Wishes


@dataclass(frozen=True, slots=True)
class Offer:
    """A runbook that may be asked for: its name in the settings, and what it would do."""

    runbook: str
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What became of asking for a change.

    With `plan` (id 0: a what-if that opened no request) and no denials, its card is on its way to
    the cluster's channel. With denials it was drafted, and refused by guards: no request is open.
    Without a plan `reason` says why there is none, and `manual` is text to be applied by hand,
    where there is any. `offers` are other ways to go.
    """

    plan: Plan | None = None
    denials: tuple[Verdict, ...] = ()
    reason: str = ""
    manual: str = ""
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """An answer in a sentence. `people` are user ids that the text speaks of."""

    done: bool
    text: str
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryBounds:
    """What the modal for the memory limit offers and allows, in bytes, with its reasoning."""

    suggested: int
    least: int
    most: int
    present: int | None
    reasoning: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze in force, for telling."""

    cluster: str
    text: str


class People(Protocol):
    """Who somebody is, as Slack says now."""

    async def person(self, user: str, cluster: str | None, *, fresh: bool = False) -> Person:
        """Return a full member of the workspace with the roles that they have in a cluster.

        None: those that they have in every cluster. `fresh` asks Slack anew for the person and
        their groups. Raises Refused for guests, outsiders, bots and whoever is deactivated;
        Unavailable where Slack does not say.
        """

    async def who(self, role: Role, cluster: str | None) -> tuple[str, ...]:
        """Return the user ids that have a role there, groups included; for telling who may."""


class Drafting(Protocol):
    """Where what people ask for becomes a request.

    It takes looks at nodes and writes that are only tried, so that it may be another process than
    the one that is asked. Judges, proves and raises as `Remediation`.
    """

    async def fix(self, ticket: str, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of the incident that a button is on: the first offer, or the named."""

    async def fix_incident(self, number: int, user: str, *, runbook: str = "") -> Proposal:
        """Propose the fix of an incident by its number (`/flannel fix INC-n`)."""

    async def propose(
        self, cluster: str | None, runbook: str, user: str, *, wishes: Wishes, what_if: bool = False
    ) -> Proposal:
        """Draft a plan by a runbook's name, judge it and ask for approval."""

    async def memory_bounds(self, cluster: str | None) -> MemoryBounds:
        """Return what may be chosen as a memory limit."""

    async def amend(self, ticket: str, user: str, *, wishes: Wishes) -> Proposal:
        """Draft a proposed plan anew with other wishes; the old one is superseded."""

    async def undo(self, ticket: str, user: str) -> Proposal:
        """Propose taking back what the run did whose button was clicked."""

    async def undo_run(self, number: int, user: str) -> Proposal:
        """Propose taking back what a run did, by its number."""


class Remediation(Drafting, Protocol):
    """Where changes are asked for and decided.

    `user` is a Slack user id; roles are judged here, by `People`, at every call. What a rule
    forbids raises Refused with sentences that name who may; what cannot be seen now raises
    Unavailable. `ticket` is the value of a button, proved here.
    """

    @property
    def enabled(self) -> bool:
        """Whether anything may be changed at all."""

    async def offers(self, incident: int) -> Sequence[Offer]:
        """Return the runbooks that fit an incident, the best first; cheap, looks at nothing."""

    async def vote(self, ticket: str, user: str, choice: Choice, *, reason: str = "") -> Outcome:
        """Approve or reject the plan whose button was clicked."""

    async def withdraw(self, plan: int, user: str, *, reason: str = "") -> Outcome:
        """Take a request back."""

    async def plan(self, number: int) -> PlanView:
        """Show a plan. Raises Refused with the newest numbers if there is none."""

    async def run(self, number: int) -> PlanView:
        """Show a run and its plan."""

    async def cancel(self, ticket: str, user: str) -> Said:
        """Cancel the run whose button was clicked."""

    async def cancel_run(self, number: int, user: str) -> Said:
        """Cancel a run by its number; the user "cli" is the command line, which may."""

    async def prolong(self, ticket: str, user: str) -> Said:
        """Have the run whose button was clicked wait longer for what holds it up."""

    async def prolong_run(self, number: int, user: str) -> Said:
        """Have a run wait longer by its number."""

    async def freeze(
        self, cluster: str | None, user: str, *, lasts: timedelta, reason: str
    ) -> Said:
        """Forbid changes for a while; None for all clusters."""

    async def unfreeze(self, cluster: str | None, user: str) -> Said:
        """Lift the freezes of a cluster, or of all."""

    async def frozen(self) -> Sequence[Frozen]:
        """Return the freezes in force, by people and by the calendar."""

    async def pending(self) -> Mapping[str, Sequence[PlanView]]:
        """Return what waits or works, by cluster."""


__all__ = [
    "Drafting",
    "Frozen",
    "MemoryBounds",
    "Offer",
    "People",
    "Proposal",
    "Remediation",
    "Said",
    "Wishes",
]
