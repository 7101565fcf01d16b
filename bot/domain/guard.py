"""A rule's answer to a plan: allowed or denied, always with reasons a person can read."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one guard says. `remedy` is what would make it say otherwise, where anything would.

    `final` means that the plan itself can never pass (another one may); otherwise waiting or a
    person's decision may help.
    """

    guard: str
    allowed: bool
    reason: str
    remedy: str = ""
    final: bool = False


def allowed(guard: str, reason: str) -> Verdict:
    """Say yes, and why."""
    return Verdict(guard=guard, allowed=True, reason=reason)


def denied(guard: str, reason: str, remedy: str = "", *, final: bool = False) -> Verdict:
    """Say no, why, and what would help."""
    return Verdict(guard=guard, allowed=False, reason=reason, remedy=remedy, final=final)


def denials(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts that say no."""
    return tuple(verdict for verdict in verdicts if not verdict.allowed)
