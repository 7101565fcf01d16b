"""Flags that give every node the NIC that it should have, proven on the nodes' own NICs.

Anchored patterns come first. Where they would pick a bond's slave, which has no address and
stands before its bond, names in an order take their place: flannel goes on from an --iface that
is absent or has no address, and never from a pattern that matched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.flannel import (
    addresses,
    anchoring,
    choice,
    eras,
    flags,
    kernel,
    regex,
    selection,
    syntax,
)
from bot.flannel.versions import Version

_REGEX = "iface-regex"
_SOME = 5


class How(StrEnum):
    """What the new flags are."""

    ANCHORED = "anchored patterns"
    ORDERED = "names in order"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of flags does on one node. `intended` is empty where nothing says it."""

    before: choice.Choice
    after: choice.Choice
    intended: str

    @property
    def good(self) -> bool:
        """Whether flannel starts with the intended NIC; an unknown one only must not be a pod's."""
        if not self.after.chosen or is_pods(self.after.nic):
            return False
        return self.after.nic == self.intended or not self.intended


@dataclass(frozen=True, slots=True)
class Rewrite:
    """New flags, with their effect on each node: all good."""

    how: How
    given: flags.Flags
    effects: Mapping[str, Effect]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The new --iface and --iface-regex, as they must stand in a container's args."""
        return tuple(
            anchoring.escaped(str(flag))
            for flag in self.given.in_force
            if flag.name in {"iface", _REGEX}
        )


def is_pods(name: str) -> bool:
    """Whether an interface is a pod's host side, or of a CNI that is not flannel's bridge."""
    return name.startswith(("veth", "cali", "lxc"))


def rewrite(
    given: flags.Flags,
    hosts: Mapping[str, kernel.Kernel],
    version: Version | None,
    *,
    intended: Mapping[str, str] | None = None,
) -> Rewrite | anchoring.Refused:
    """Return flags that are safe on all these nodes, or why there are none.

    `intended` is the NIC that each node uses now, by evidence. For a node without it the present
    choice stands, unless that fails or is a pod's NIC: then any host's NIC is accepted.
    """
    if not given.iface_regex:
        return anchoring.Refused("there is no --iface-regex in force")
    objection = _objection(given.iface_regex, hosts)
    if objection:
        return anchoring.Refused(objection)
    before = {node: selection.choose(here, given, version) for node, here in sorted(hosts.items())}
    aims = {node: _aim(one, (intended or {}).get(node, "")) for node, one in before.items()}

    def tried(how: How, changed: flags.Flags) -> Rewrite:
        effects = {
            node: Effect(before[node], selection.choose(hosts[node], changed, version), aims[node])
            for node in before
        }
        return Rewrite(how, changed, effects)

    anchored = tried(How.ANCHORED, _anchored(given))
    if _all_good(anchored):
        return anchored
    names = _names(given.iface_regex, anchored)
    if names:
        ordered = tried(How.ORDERED, _ordered(given, _sorted(names, hosts, aims)))
        if _all_good(ordered):
            return ordered
    return anchoring.Refused(_told(anchored))


def _objection(patterns: Sequence[str], hosts: Mapping[str, kernel.Kernel]) -> str:
    for raw in patterns:
        changed = anchoring.anchor(raw)
        if isinstance(changed, anchoring.Refused):
            return changed.reason
        hit = next(_hits(raw, hosts), None)
        if hit is not None and changed != raw:
            node, match = hit
            return (
                f"`{raw}` matches an address ({match.ip} of {match.nic} on {node}): anchored it "
                "would match none. Write out the whole address or name the interface"
            )
    return ""


def _hits(raw: str, hosts: Mapping[str, kernel.Kernel]) -> Iterator[tuple[str, choice.Match]]:
    newest = eras.every()[-1]
    pattern = regex.read(raw)
    if isinstance(pattern, regex.Malformed):
        return
    for node, here in sorted(hosts.items()):
        for nic in here.links or ():
            for ip in addresses.usable(nic, ipv6=False, era=newest):
                if pattern.matches(ip):
                    yield node, choice.Match(nic.name, ip)


def _aim(now: choice.Choice, intended: str) -> str:
    if intended:
        return intended
    return now.nic if now.chosen and not is_pods(now.nic) else ""


def _anchored(given: flags.Flags) -> flags.Flags:
    changed = []
    for flag in given.in_force:
        safe = anchoring.anchor(flag.value or "") if flag.name == _REGEX else ""
        changed.append(replace(flag, value=safe) if isinstance(safe, str) and safe else flag)
    return replace(given, in_force=tuple(changed))


def _all_good(found: Rewrite) -> bool:
    return all(one.good for one in found.effects.values())


def _names(patterns: Iterable[str], anchored: Rewrite) -> tuple[str, ...]:
    """The names to put in order: those that the patterns list, and those that nodes aim at."""
    listed = [name for raw in patterns for name in syntax.literals(raw)]
    aimed = [one.intended for one in anchored.effects.values() if one.intended]
    return tuple(dict.fromkeys((*listed, *aimed)))


def _sorted(
    names: Sequence[str], hosts: Mapping[str, kernel.Kernel], aims: Mapping[str, str]
) -> tuple[str, ...]:
    """Order names so that on each node the one it aims at comes before others that would do.

    A slave comes after its master too: it may come to have an address for a while. Where nodes
    contradict each other the order is as given, and the proof will fail.
    """
    later: dict[str, set[str]] = {name: set() for name in names}
    for node, here in hosts.items():
        for nic in here.links or ():
            if nic.name not in later:
                continue
            aim = aims[node]
            if aim in later and nic.name != aim:
                later[aim].add(nic.name)
            if nic.master in later:
                later[nic.master].add(nic.name)
    left, done = list(names), []
    while left:
        free = [one for one in left if not any(one in later[other] for other in left)]
        done.append(free[0] if free else left[0])
        left.remove(done[-1])
    return tuple(done)


def _ordered(given: flags.Flags, names: Sequence[str]) -> flags.Flags:
    """Put --iface for each name where the first pattern stood, and take the patterns out."""
    places = [flag for flag in given.in_force if flag.name == _REGEX]
    changed: list[flags.Flag] = []
    for flag in given.in_force:
        if flag is places[0]:
            changed.extend(flags.Flag("iface", name, flag.place) for name in names)
        elif flag.name != _REGEX:
            changed.append(flag)
    return replace(given, in_force=tuple(changed))


def _told(anchored: Rewrite) -> str:
    bad = [
        f"{node}: {one.after.nic or 'none'} instead of {one.intended or 'a host NIC'}"
        for node, one in anchored.effects.items()
        if not one.good
    ]
    more = f" and {len(bad) - _SOME} more" if len(bad) > _SOME else ""
    return (
        f"no flags give every node its NIC; anchored patterns give {'; '.join(bad[:_SOME])}{more}"
    )
