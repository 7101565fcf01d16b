"""What to do next, in a sentence or two, as specific as flannel's own flags allow."""

from collections.abc import Sequence

from bot.checks.context import Context
from bot.domain import death, story, target, units
from bot.flannel import anchoring, discovery, flags, hazards, logs, sizing, syntax, veth

_REGEX = "iface-regex"


def more_memory(
    context: Context,
    whose: target.Target,
    container: str,
    told: story.Story,
    flannel: discovery.Flannel | None,
) -> str:
    """Return what to do about OOM kills."""
    if told.memory_limit is None:
        return (
            f"Container {container} of {whose} has no memory limit of its own: the node ran out. "
            "Look at the node's memory."
        )
    now = f" (now {units.memory(told.memory_limit)})"
    if flannel is None:
        return f"Raise the memory limit of container {container} in {whose}{now}, or find its leak."
    raised = flannel.memory_limit or told.memory_limit
    if raised > told.memory_limit:
        return (
            f"{container}'s memory limit is {units.memory(raised)} by now and was "
            f"{units.memory(told.memory_limit)} at the kill: see that it is not killed again."
        )
    wish = units.memory(sized(context, flannel, told.memory_limit, told.kills).limit)
    hazard = nic_hazard(flannel)
    if hazard:
        # One sentence: whoever reads the first half only would run into the second fault.
        return (
            f"In one change raise {container}'s memory limit{now} to {wish} or more and {hazard}: "
            "it restarts every flanneld, and each chooses its NIC anew."
        )
    return (
        f"Raise {container}'s memory limit{now} to {wish} or more, once it is sure that every "
        "node's NIC choice is safe: it restarts every flanneld, and each chooses its NIC anew."
    )


def sized(
    context: Context,
    flannel: discovery.Flannel,
    limit: int | None,
    kills: story.Kills | None = None,
) -> sizing.Sizing:
    """Return the memory limit that flannel should have here."""
    return sizing.memory(
        limit=limit,
        nodes=len(context.snapshot.nodes),
        peak=context.highest.get(flannel.name) or None,
        kills=kills.count if kills else 0,
    )


def nic_hazard(flannel: discovery.Flannel) -> str:
    """Return what to do about patterns that also match pods' NICs; nothing where none does."""
    prone = veth.prone(flannel.flags.iface_regex)
    if not prone:
        return ""
    pattern, name = prone[0]
    what = f"`--iface-regex={pattern}` (it also matches pods' NICs such as {name})"
    changed = anchoring.anchor(pattern)
    if isinstance(changed, str):
        return f"anchor {what} as `{changed}`"
    return f"replace {what} by {_by_name(pattern)}: {changed.reason}"


def safe_flags(patterns: Sequence[str]) -> str:
    """Return the flags to write instead of those patterns, and why where that is not plain."""
    written, refused = [], []
    for pattern in patterns:
        changed = anchoring.anchor(pattern)
        if isinstance(changed, str) and not hazards.aims_at_ip(pattern):
            written.append(f"`--iface-regex={changed}`")
        elif isinstance(changed, str):
            refused.append(
                f"`{pattern}` is written for addresses, and anchored it would match no whole one: "
                "write out `^`, every dot as `\\.` and `$`, or name the NIC by `--iface`"
            )
        else:
            refused.append(f"{changed.reason}: use {_by_name(pattern)} instead")
    said = [f"write {' '.join(written)}"] if written else []
    return "; ".join((*said, *refused))


def _by_name(pattern: str) -> str:
    names = [one for one in syntax.literals(pattern) if not veth.example(f"^(?:{one})$")]
    if not names:
        return "`--iface=NIC`, once for each NIC in the order wanted"
    return f"`{' '.join(f'--iface={one}' for one in names)}`, tried in this order"


def place(flannel: discovery.Flannel, given: flags.Flags) -> str:
    """Return where the pattern stands, as one would look it up."""
    where = {one.place for one in given.in_force if one.name == _REGEX}
    if where == {"env"}:
        return f"environment FLANNELD_IFACE_REGEX of container {flannel.container}"
    return f"{' and '.join(sorted(where)) or 'args'} of container {flannel.container}"


def edit(flannel: discovery.Flannel) -> str:
    """Return the command that opens flannel's DaemonSet."""
    return f"`kubectl -n {flannel.namespace} edit daemonset {flannel.daemonset}`"


def restart(context: Context, node: str, *, alone: bool = True) -> str:
    """Return the command that restarts flannel on a node; `alone` where no other is meant too."""
    pod = context.flannel_pods.get(node)
    if alone and pod is not None:
        return f"`kubectl -n {pod.namespace} delete pod {pod.name}`"
    return restart_any(context, context.flannel_on[node])


def restart_any(context: Context, flannel: discovery.Flannel) -> str:
    """Return the command that restarts flannel on whichever node is put into it."""
    template = context.snapshot.daemonsets[flannel.namespace, flannel.daemonset].template
    labels = ",".join(f"{key}={value}" for key, value in sorted(template.labels.items()))
    return (
        f"`kubectl -n {flannel.namespace} delete pod -l {labels or 'app=flannel'} "
        "--field-selector spec.nodeName=NODE`"
    )


def end_loop(
    context: Context,
    whose: target.Target,
    container: str,
    told: story.Story,
    flannel: discovery.Flannel | None,
    *,
    log: logs.Log | None = None,
) -> str:
    """Return what to do about a crash loop; `log` is what flannel's log says, where it was read."""
    last = told.last_death
    if last is not None and last.verdict is death.Verdict.OOM:
        return more_memory(context, whose, container, told, flannel)
    if flannel is None:
        return f"Read the last log lines of container {container}: its exit says why."
    hazard = nic_hazard(flannel)
    if log is not None and log.final is not None:
        hint = f" In the DaemonSet, {hazard}." if hazard and "veth" in log.final.line else ""
        return f"{log.final.cure or log.final.cause}{hint}"
    if hazard:
        return (
            "If its log says `failed to find IPv4 address for interface veth…`, flannel took a "
            f"pod's NIC for the node's: {hazard}. Moving the pods off the node lets flannel start "
            "meanwhile."
        )
    return (
        "Read the last log lines: flannel says there which NIC or API call failed. Until it "
        "runs again, this node learns of no new or removed node."
    )
