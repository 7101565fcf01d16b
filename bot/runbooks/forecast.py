"""What becomes of each node's NIC when its flannel restarts, as far as that is known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain import units
from bot.domain.health import Health
from bot.domain.plan import Effect, Prediction
from bot.flannel import catalogue, logs, outlook, rewriting
from bot.flannel.discovery import Flannel
from bot.flannel.flags import Flags
from bot.flannel.inspection import Inspection
from bot.flannel.kernel import Kernel
from bot.flannel.outlook import Outlook
from bot.runbooks.case import Case
from bot.runbooks.workloads import Workload


@dataclass(frozen=True, slots=True)
class Forecast:
    """The outlook of each node, and why others have none.

    `stuck` are nodes whose NICs were not read, and whose flannel failed for its NIC when it last
    started with the very flags that are foretold, with its own words.
    """

    outlooks: Mapping[str, Outlook]
    unknown: Mapping[str, str]
    stuck: Mapping[str, str] = field(default_factory=dict)

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """One for each node; without an outlook nothing is foretold."""
        told = {name: predicted(one) for name, one in self.outlooks.items()}
        told |= {
            name: Prediction(name, Effect.UNKNOWN, text=why) for name, why in self.unknown.items()
        }
        return tuple(told[name] for name in sorted(told))

    def nodes(self, effect: Effect) -> tuple[str, ...]:
        """Return the nodes of one effect."""
        return tuple(one.node for one in self.predictions if one.effect is effect)

    @property
    def trapped(self) -> tuple[str, ...]:
        """The nodes on which a start would fail, or go for a pod's NIC."""
        foretold = {
            name
            for name, one in self.outlooks.items()
            if one.verdict is outlook.Verdict.FAILS or one.takes_pods_nic
        }
        return tuple(sorted(foretold | self.stuck.keys()))

    @property
    def proven(self) -> tuple[str, ...]:
        """The nodes of which it is known what a start would do."""
        known = (n for n, o in self.outlooks.items() if o.verdict is not outlook.Verdict.UNKNOWN)
        return tuple(sorted(known))

    def trapped_among(self, works: Iterable[Workload]) -> tuple[str, ...]:
        """The same, of the nodes that these serve."""
        served = {node for work in works for node in work.flannel.serves}
        return tuple(node for node in self.trapped if node in served)

    @property
    def moved(self) -> tuple[str, ...]:
        """The nodes whose NIC or address would be another, failures not among them."""
        return self.nodes(Effect.CHANGES)

    def risks(self, nodes: Iterable[str], *, most: int = 3) -> str:
        """Return what would happen there, node by node."""
        names = list(nodes)
        shown = "; ".join(
            f"{name}: {self.stuck.get(name) or self.outlooks[name].risk}" for name in names[:most]
        )
        return f"{shown}; and {len(names) - most} more" if len(names) > most else shown


def predicted(one: Outlook) -> Prediction:
    """Return an outlook as a prediction."""
    return Prediction(
        node=one.node,
        effect=Effect(one.verdict.value),
        now=one.present.nic,
        after=took(one) if one.verdict is outlook.Verdict.FAILS else one.choice.nic,
        text=one.risk,
    )


def took(one: Outlook) -> str:
    """Return the NIC that a start goes for, also where it fails for lack of an address there."""
    tried = (each.took for each in reversed(one.choice.attempts) if each.took)
    return one.choice.nic or next(tried, "")


def look(case: Case, node: str) -> Inspection | str:
    """Return the look at a node that counts, or why there is none."""
    seen, here = case.inspections.get(node), case.snapshot.nodes.get(node)
    if here is None:
        return "the node itself is not seen now"
    if seen is None:
        return case.unseen.get(node) or "it was not looked at"
    if seen.taken_at < here.created_at:
        return "the look at it was at an earlier machine of that name"
    if seen.age(case.now) > case.limits.look_age:
        return f"it was last looked at {units.duration(seen.age(case.now))} ago"
    return seen


def one(
    case: Case, flannel: Flannel, node: str, *, given: Flags | None = None,
    kernel: Kernel | None = None,
) -> Outlook | str:  # fmt: skip
    """Return what a restart would do on a node, or why that is not known.

    `given` are other flags than those in force, `kernel` another state of the node than it has.
    """
    seen = look(case, node)
    if isinstance(seen, str):
        return seen
    if kernel is not None:
        seen = replace(seen, kernel=kernel)
    return outlook.of(
        seen,
        case.snapshot.nodes[node],
        flannel,
        given=given,
        conf=case.net_confs.get(flannel.namespace),
    )


def of(
    case: Case, flannels: Sequence[Flannel], given: Mapping[str, Flags] | None = None
) -> Forecast:
    """Foretell all nodes that these serve; `given` are other flags, by flannel's name."""
    outlooks: dict[str, Outlook] = {}
    unknown: dict[str, str] = {}
    held: dict[str, str] = {}
    for flannel in flannels:
        other = (given or {}).get(flannel.name)
        for node in flannel.serves:
            found = one(case, flannel, node, given=other)
            if isinstance(found, str):
                unknown[node] = found
                continue
            outlooks[node] = found
            words = stuck(case, flannel, found) if other is None else ""
            if words:
                held[node] = words
    return Forecast(outlooks, unknown, held)


def stuck(case: Case, flannel: Flannel, ahead: Outlook) -> str:
    """Return what flannel said when it last failed for its NIC by the flags in force.

    Only where its NICs could not be read: what was read tells more. Old releases do not list the
    NICs that they saw, so that its log is all there is of a node whose flannel crash-loops.
    """
    seen = look(case, ahead.node)
    if isinstance(seen, str) or seen.log is None or ahead.verdict is not outlook.Verdict.UNKNOWN:
        return ""
    final, told = seen.log.final, flannel.flags
    if seen.log.outcome is not logs.Outcome.FAILED or final is None:
        return ""
    of_nic = final.name in {entry.name for entry in catalogue.REASONS}
    wanted = final.details.get("wanted", "")
    if not of_nic or (wanted and wanted not in (*told.iface, *told.iface_regex)):
        return ""
    return f"its last start failed, and the next would: {final.line}"


def hosts(case: Case, flannel: Flannel) -> dict[str, Kernel]:
    """Return the nodes of a flannel whose NICs are known."""
    found = {}
    for node in flannel.serves:
        seen = look(case, node)
        if isinstance(seen, Inspection) and (here := outlook.known(seen)).links is not None:
            found[node] = here
    return found


def intended(forecast: Forecast, *, follow_flags: bool = False) -> dict[str, str]:
    """Return the NIC that each node should keep, where evidence tells one.

    With `follow_flags` a node whose flags would give it another NIC of the host is left to them.
    """
    found = {}
    for name, each in forecast.outlooks.items():
        told = each.choice
        strays = told.chosen and told.nic != each.present.nic and not rewriting.is_pods(told.nic)
        if each.present.nic and not each.on_pods_nic and not (follow_flags and strays):
            found[name] = each.present.nic
    return found


def nothing_to_lose(case: Case, prediction: Prediction) -> bool:
    """Whether a node is unknown and its flannel does not run, though its kubelet answers.

    It is started anew again and again anyhow; a plan that may end that need not know how. Of a
    silent node it is not known whether its flannel runs.
    """
    name = prediction.node
    here, flannel = case.snapshot.nodes.get(name), case.flannel_on.get(name)
    if prediction.effect is not Effect.UNKNOWN or here is None or flannel is None:
        return False
    if here.health is not Health.HEALTHY:
        return False
    pod = case.flannel_pods.get(name)
    if pod is None:
        return case.snapshot.sees("Pod", flannel.namespace, "")
    return not pod.ready


def rounds(nodes: int, at_once: int, pace: timedelta) -> timedelta:
    """Return how long so many nodes take."""
    return pace * max(1, -(-nodes // max(1, at_once)))
