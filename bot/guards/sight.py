"""Nothing is changed unseen, and nothing that has changed since."""

from collections.abc import Iterator

from bot.domain import units
from bot.domain.guard import Verdict, allowed, denied
from bot.domain.plan import Binding
from bot.guards.situation import Situation, Stage


def readable(given: Situation) -> Iterator[Verdict]:
    """The cluster is seen now, in all that the plan touches."""
    age = given.now - given.snapshot.taken_at
    hidden = [
        binding.target
        for binding in given.plan.bindings
        if binding.target.kind in ("DaemonSet", "Node")
        and not given.snapshot.sees(
            binding.target.kind, binding.target.namespace, binding.target.name
        )
    ]
    if age > given.limits.snapshot_age:
        yield denied("readable", f"the cluster was last seen {units.duration(age)} ago")
    elif given.snapshot.dark:
        yield denied("readable", "the API server is not seen")
    elif hidden:
        yield denied("readable", f"{hidden[0]} cannot be seen now")
    else:
        yield allowed("readable", "all that it touches is seen")


def unchanged(given: Situation) -> Iterator[Verdict]:
    """What the plan is bound to is as it was; its own patch does not count as a change."""
    for binding in given.plan.bindings:
        moved = _moved(given, binding)
        if moved:
            yield denied("unchanged", moved, "a fresh plan is needed", final=True)
            return
    yield allowed("unchanged", "what it is bound to has not changed")


def _moved(given: Situation, binding: Binding) -> str:
    target = binding.target
    if target.kind == "DaemonSet":
        found = given.snapshot.daemonsets.get((target.namespace, target.name))
        if found is None:
            return f"{target} is gone"
        if found.uid != binding.uid:
            return f"{target} was replaced by another of that name"
        # While it is executed, the generation has risen by the plan's own patch.
        if given.stage is not Stage.WRITE and binding.generation not in (0, found.generation):
            return f"{target} was changed since (generation {found.generation})"
        return ""
    if target.kind == "Node":
        node = given.snapshot.nodes.get(target.name)
        if node is None:
            return f"{target} is gone"
        return "" if node.uid == binding.uid else f"{target} was replaced by another of that name"
    return ""
