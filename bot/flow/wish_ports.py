"""Wishes: what a process that only reads asks of the one that may do more, by way of the store.

Where chat and executor are two processes, whoever speaks with people holds no right to run or to
change anything. What takes such a right is written down as a wish, done by an executor that judges
it as if the person stood before it, and answered. A wish that nobody took can be withdrawn, and is
then never done; one that was taken is never taken again, whatever becomes of who took it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from bot.domain import errors
from bot.domain.approval import Outcome
from bot.flannel.inspection import Inspection, Unseen
from bot.flow.remedy_answers import MemoryBounds, Proposal, Said
from bot.runbooks import Wishes as Chosen


@dataclass(frozen=True, slots=True)
class Inspect:
    """Looks at nodes, not older than `max_age`. Answered by `Looks`."""

    nodes: tuple[str, ...]
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class Permit:
    """That a look at a node by a probe pod is allowed. Answered by `Said`."""

    node: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be chosen as a memory limit. Answered by `MemoryBounds`."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A plan for an incident, by its button or by its number. Answered by `Proposal`."""

    ticket: str = ""
    number: int = 0
    runbook: str = ""


@dataclass(frozen=True, slots=True)
class Propose:
    """A plan by a runbook's name. Answered by `Proposal`."""

    runbook: str
    chosen: Chosen
    what_if: bool = False


@dataclass(frozen=True, slots=True)
class Amend:
    """A proposed plan anew, with other choices. Answered by `Proposal`."""

    ticket: str
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class Undo:
    """A plan that takes a run back, by its button or by its number. Answered by `Proposal`."""

    ticket: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Recheck:
    """Whether an approval of a plan may count at this moment. Answered by `Rechecked`."""

    plan: int


@dataclass(frozen=True, slots=True)
class Looks:
    """What became of looks at nodes; each node is in `seen` or in `failed`, with the reason.

    `unseen` are those among them that are looked at in vain, `lacking` those where a permit for a
    probe pod was missing, `pending` those with a permit that was not spent.
    """

    seen: Mapping[str, Inspection] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    unseen: Mapping[str, Unseen] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rechecked:
    """Why an approval does not count now; None where it does."""

    outcome: Outcome | None = None


What: TypeAlias = Inspect | Permit | Bounds | Fix | Propose | Amend | Undo | Recheck

KINDS: Mapping[str, type[What]] = {
    "inspect": Inspect,
    "permit": Permit,
    "bounds": Bounds,
    "fix": Fix,
    "propose": Propose,
    "amend": Amend,
    "undo": Undo,
    "recheck": Recheck,
}
"""Everything that can be wished, by the name it is stored under. There is no other way to ask."""

ANSWERS: Mapping[type[What], type] = {
    Inspect: Looks,
    Permit: Said,
    Bounds: MemoryBounds,
    Fix: Proposal,
    Propose: Proposal,
    Amend: Proposal,
    Undo: Proposal,
    Recheck: Rechecked,
}
"""What each is answered by, unless by a fault."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish. `by` is the Slack user it is asked for, empty for the bot itself.

    `cluster` is empty where the wish names something that tells it. After `expires_at` nobody
    waits any more, so that it must not be taken. `id` is 0 until the store has given one.
    """

    id: int
    what: What
    by: str
    asked_at: datetime
    expires_at: datetime
    cluster: str = ""
    claimed_by: str = ""

    @property
    def kind(self) -> str:
        """The name it is stored under."""
        return next(name for name, each in KINDS.items() if each is type(self.what))


_FAULTS: Mapping[str, type[errors.BotError]] = {
    "refused": errors.Refused,
    "conflict": errors.Conflict,
    "unavailable": errors.Unavailable,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a wish: a value of the type in `ANSWERS`, or why there is none."""

    value: object = None
    fault: str = ""
    reasons: tuple[str, ...] = ()

    def result(self) -> object:
        """Return the value, or raise the fault. Raises Refused, Conflict and Unavailable."""
        if not self.fault:
            return self.value
        raise _FAULTS.get(self.fault, errors.Unavailable)(*self.reasons)


def faulty(error: errors.BotError) -> Answer:
    """Put an error into an answer. What is misconfigured there is merely unavailable here."""
    if isinstance(error, errors.Refused):
        return Answer(fault="refused", reasons=error.reasons)
    fault = "conflict" if isinstance(error, errors.Conflict) else "unavailable"
    return Answer(fault=fault, reasons=(str(error),))


class Wishes(Protocol):
    """The store's part of it. Every method raises Unavailable."""

    async def put(self, wish: Wish) -> Wish:
        """Add a wish (id 0) and return it with its id."""

    async def open(self, *, now: datetime) -> list[Wish]:
        """Return those that nobody took and that have not expired, oldest first."""

    async def claim(self, number: int, *, by: str, now: datetime) -> bool:
        """Take one; False where somebody else did, it was withdrawn, or it has expired.

        Compare-and-swap, under the writer's epoch: of several executors one takes it, once.
        """

    async def answer(self, number: int, answer: Answer, *, by: str, now: datetime) -> bool:
        """Answer one that was taken under that name; False where it has an answer already."""

    async def forsaken(self, answer: Answer, *, by: str, now: datetime) -> int:
        """Give that answer to all that others took and did not answer; return how many."""

    async def ready(self, numbers: Collection[int]) -> Sequence[int]:
        """Return those of them that are answered."""

    async def collect(self, number: int) -> Answer | None:
        """Return the answer and forget it, since it may be big; None while there is none."""

    async def withdraw(self, number: int, *, now: datetime) -> bool:
        """Take a wish back; False where it was taken, and may be done."""
