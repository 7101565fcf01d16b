"""Questions that take a while: how far they are, and who may stop them.

Known to this process alone, as the work is: after a restart a button of before finds nothing.
"""

import asyncio
import uuid
from dataclasses import dataclass, field

from bot.adapters.slack import prose, wording_work

CANCEL = "cancel_work"
"""The action of the button that stops a question under way; its value is the work's id."""


@dataclass(slots=True)
class Work:
    """One question under way; `done` of `total` nodes were looked at. `shown` if people see it."""

    user: str
    question: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    done: int = 0
    total: int = 0
    shown: bool = False
    stopped: bool = False
    task: "asyncio.Task[prose.Page] | None" = None

    def progress(self, done: int, total: int) -> None:
        """Note how far it is."""
        self.done, self.total = done, total

    def stop(self) -> None:
        """Stop it; whoever waits for it is told that it was stopped."""
        self.stopped = True
        if self.task is not None:
            self.task.cancel()

    def page(self) -> prose.Page:
        """Show how far it is, with a button to stop it."""
        button = prose.Button(CANCEL, wording_work.CANCEL, self.id, danger=True)
        return prose.Page(
            title=wording_work.working(self.question),
            parts=(
                prose.paragraph(
                    prose.line(wording_work.progress(self.done, self.total)),
                ),
                prose.Buttons((button,)),
            ),
        )

    def ended(self) -> prose.Page:
        """Say that it was stopped."""
        return prose.Page(
            title=wording_work.stopped(self.question),
            parts=(
                prose.paragraph(
                    prose.line(wording_work.stopped_after(self.done, self.total)),
                ),
            ),
        )


class Works:
    """All questions under way here."""

    def __init__(self) -> None:
        self._running: dict[str, Work] = {}

    def begin(self, work: Work) -> None:
        """Remember one, so that it can be stopped."""
        self._running[work.id] = work

    def end(self, work: Work) -> None:
        """Forget one that is over."""
        self._running.pop(work.id, None)

    def stop(self, identity: str, user: str) -> tuple[bool, str]:
        """Stop one if that person asked for it; return whether, and a sentence on it."""
        work = self._running.get(identity)
        if work is None:
            return False, wording_work.OVER
        if work.user != user:
            return False, wording_work.NOT_YOURS
        work.stop()
        return True, wording_work.STOPPING
