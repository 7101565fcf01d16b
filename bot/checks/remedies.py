"""What to do next, in a sentence or two, as specific as flannel's own flags allow."""

from bot.domain import death, story, target, units
from bot.flannel import discovery, veth

_LEAST = 256 * 2**20
"""The memory that ended the reported OOM kills of flannel where 100Mi did not (flannel #963)."""


def more_memory(
    whose: target.Target, container: str, told: story.Story, flannel: discovery.Flannel | None
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
    wish = units.memory(max(_LEAST, 2 * told.memory_limit))
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


def nic_hazard(flannel: discovery.Flannel) -> str:
    """Return what to do about patterns that also match pods' NICs; nothing where none does."""
    prone = veth.prone(flannel.flags.iface_regex)
    if not prone:
        return ""
    pattern, name = prone[0]
    return (
        f"anchor `--iface-regex={pattern}` (it also matches pods' NICs such as {name}) as "
        f"`^(?:{pattern})$`"
    )


def end_loop(
    whose: target.Target, container: str, told: story.Story, flannel: discovery.Flannel | None
) -> str:
    """Return what to do about a crash loop."""
    last = told.last_death
    if last is not None and last.verdict is death.Verdict.OOM:
        return more_memory(whose, container, told, flannel)
    if flannel is None:
        return f"Read the last log lines of container {container}: its exit says why."
    hazard = nic_hazard(flannel)
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
