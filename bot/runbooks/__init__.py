"""What could be done about it.

A runbook drafts a plan from what is known at one moment: a `Case` goes in, and a `Plan` comes out,
or `NoPlan` with its reason and, where there is any, the text to apply by hand. It does no I/O,
knows no clock and changes nothing: asked twice about the same case it drafts the same plan. All
that it does not know is unknown in the plan too. Whether a plan may be carried out is the guards'
business (`bot.guards`), which judge it after it is drafted.

One file a runbook, strangers to each other; what they share stands in files of its own. Its
docstring says what it does, when it refuses, how it is verified and how undone. `ALL_RUNBOOKS` is
the whole list, by the name that settings and people use.
"""

from collections.abc import Mapping

from bot.domain.plan import StepKind
from bot.runbooks import (
    anchor_regex,
    drain,
    evict_veth,
    raise_memory,
    raise_memory_and_anchor,
    restart,
)
from bot.runbooks.case import Case, Limits, NoPlan, Runbook, Wishes

_MODULES = (
    raise_memory_and_anchor,
    raise_memory,
    anchor_regex,
    drain,
    evict_veth,
    restart,
)

ALL_RUNBOOKS: Mapping[str, Runbook] = {module.NAME: module.draft for module in _MODULES}

SUMMARIES: Mapping[str, str] = {module.NAME: module.SUMMARY for module in _MODULES}
"""What each would do, in a phrase that follows "it would"."""

_ROLLOUT = frozenset({StepKind.PATCH_DAEMONSET, StepKind.DELETE_POD})

WRITES: Mapping[str, frozenset[StepKind]] = {
    raise_memory_and_anchor.NAME: _ROLLOUT,
    raise_memory.NAME: _ROLLOUT,
    anchor_regex.NAME: _ROLLOUT,
    drain.NAME: frozenset(
        {StepKind.CORDON, StepKind.EVICT_POD, StepKind.DELETE_POD, StepKind.UNCORDON}
    ),
    evict_veth.NAME: frozenset({StepKind.EVICT_POD, StepKind.DELETE_POD}),
    restart.NAME: frozenset({StepKind.DELETE_POD}),
}
"""The kinds of writing steps that the plans of each may have: the rights follow from them."""

__all__ = ["ALL_RUNBOOKS", "SUMMARIES", "WRITES", "Case", "Limits", "NoPlan", "Runbook", "Wishes"]
