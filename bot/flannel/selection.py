"""Which NIC flannel chooses when it starts, by release.

The flags are tried in flannel's order, each by one lookup (see `bot.flannel.lookup`): --iface,
then --iface-regex, then --iface-can-reach; without any of them the NIC that holds --public-ip, or
the one of the default route. The first that succeeds wins; when all fail flannel exits, and
never falls back on the default route. Source: main.go at its tags.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.flannel import choice, eras, flags, kernel, lookup
from bot.flannel.versions import Version

Stack = lookup.Stack

DEFAULT_ROUTE = "default route"

_NONE_FITS = "Failed to find interface to use that matches the interfaces and/or regexes provided"
_NO_DEFAULT = "Failed to find any valid interface to use"
_NO_STACK = "none defined stack"


@dataclass(frozen=True, slots=True)
class Wish:
    """What flannel was told about its NIC, by flags and annotations."""

    iface: tuple[str, ...] = ()
    iface_regex: tuple[str, ...] = ()
    can_reach: str = ""
    public_ip: str = ""
    public_ipv6: str = ""


def choose(
    here: kernel.Kernel,
    given: flags.Flags,
    version: Version | None,
    *,
    stack: Stack = Stack.IPV4,
    annotations: Mapping[str, str] | None = None,
) -> choice.Choice:
    """Return what this release of flannel chooses on a host with these flags, and why.

    `here.links` must be in the order of the kernel's dump. `annotations` are the node's, of which
    flannel reads two since v0.25.2. With an unknown version all releases that know the flags are
    asked: where they agree that is the answer, and else the outcome is unknown. It is so too
    where flags' values are not known, or interfaces or routes that matter were not read.
    """
    case = _Case(here, given, stack, annotations or {})
    if not given.readable:
        return _unknown("which flags are in force is not known")
    if given.exits:
        return _failure((), (given.exits,), given.exits)
    hidden = [name for name in given.unknown if name in _DECIDING]
    if hidden:
        return _unknown(f"the value of --{hidden[0]} is not known here")
    # A flag that it does not know ends flannel whatever interfaces there are.
    exits = version is not None and _undefined(given, eras.of(version))
    if here.links is None and not exits:
        return _unknown("the node's interfaces were not read")
    return _agreed(case) if version is None else _chosen(case, eras.of(version))


ONCE = ("iface-can-reach", "public-ip", "public-ipv6")
"""Flags by which flannel finds its NIC, and of which the last value counts."""

_DECIDING = ("iface", "iface-regex", *ONCE)


@dataclass(frozen=True, slots=True)
class _Case:
    here: kernel.Kernel
    given: flags.Flags
    stack: Stack
    annotations: Mapping[str, str]


def _agreed(case: _Case) -> choice.Choice:
    known = [era for era in eras.every() if not _undefined(case.given, era)]
    found = [_chosen(case, era) for era in known]
    if not found:
        return _unknown("no known release of flannel has all these flags")
    if all(one.same(found[-1]) for one in found):
        return found[-1]
    nics = ", ".join(sorted({one.nic or "none" for one in found}))
    return _unknown(f"it depends on flannel's version, which is not known: {nics}")


def _chosen(case: _Case, era: eras.Era) -> choice.Choice:
    undefined = _undefined(case.given, era)
    if undefined:
        line = f"flag provided but not defined: -{undefined}"
        return _failure((), (line,), line)
    stack = case.stack if era.families else Stack.IPV4
    if stack is Stack.NONE:
        return _failure((), (_NO_STACK,), _NO_STACK)
    wish = wished(case.given, era, annotations=case.annotations)
    search = lookup.Lookup(
        case.here, era, stack, public_ip=wish.public_ip, public_ipv6=wish.public_ipv6
    )
    return _walk(search, _plan(wish, era))


def _undefined(given: flags.Flags, era: eras.Era) -> str:
    """The first flag that this release does not know, at which it exits; not from env."""
    missing = set()
    if not era.repeats:
        missing.add("iface-regex")
    if not era.families:
        missing.add("public-ipv6")
    if not era.can_reach:
        missing.add("iface-can-reach")
    return next(
        (flag.name for flag in given.in_force if flag.place != "env" and flag.name in missing), ""
    )


def wished(given: flags.Flags, era: eras.Era, *, annotations: Mapping[str, str]) -> Wish:
    """Return what counts of flags and annotations for one release."""
    public_ip, public_ipv6 = given.last("public-ip"), given.last("public-ipv6")
    if era.annotation:
        # An annotation wins over the flag.
        key = f"{given.annotation_prefix}{era.annotation}"
        public_ip = annotations.get(key) or public_ip
        public_ipv6 = annotations.get(f"{key}v6") or public_ipv6
    return Wish(
        iface=given.iface if era.repeats else given.iface[-1:],
        iface_regex=given.iface_regex if era.repeats else (),
        can_reach=given.last("iface-can-reach") if era.can_reach else "",
        public_ip=public_ip,
        public_ipv6=public_ipv6 if era.families else "",
    )


def _plan(wish: Wish, era: eras.Era) -> tuple[tuple[str, str], ...]:
    """What is tried, in order."""
    tried = [
        *(("iface", value) for value in wish.iface),
        *(("iface-regex", value) for value in wish.iface_regex),
    ]
    if wish.can_reach:
        tried.append(("iface-can-reach", wish.can_reach))
    if tried:
        return tuple(tried)
    if era.public_ip_picks and wish.public_ip:
        return (("public-ip", wish.public_ip),)
    if era.public_ipv6_picks and wish.public_ipv6:
        return (("public-ipv6", wish.public_ipv6),)
    return ((DEFAULT_ROUTE, ""),)


_ALONE = {DEFAULT_ROUTE, "public-ip", "public-ipv6"}


def _walk(search: lookup.Lookup, plan: Sequence[tuple[str, str]]) -> choice.Choice:
    attempts: list[choice.Attempt] = []
    for flag, value in plan:
        if _blind(search, flag, value):
            return _unknown("the node's routes were not read")
        found = search.attempt(flag, value)
        attempts.append(found.attempt)
        if found.nic is not None:
            return _success(found, attempts, search.log)
        error = found.attempt.error
        if found.fatal:
            return _failure(attempts, (*search.log, error), error)
        if not search.era.repeats:
            # One lookup and no second: v0.7 ends with it, whatever was asked.
            line = f"Failed to create NetworkManager: {error}"
            return _failure(attempts, (*search.log, line), line)
        if flag in _ALONE:
            line = f"{_NO_DEFAULT}: {error}"
            return _failure(attempts, (*search.log, line), line)
        asked = f"ifcanreach: {value}" if flag == "iface-can-reach" else value
        search.log.append(f"Could not find valid interface matching {asked}: {error}")
    return _failure(attempts, (*search.log, _NONE_FITS), _NONE_FITS)


def _blind(search: lookup.Lookup, flag: str, value: str) -> bool:
    """Whether an attempt asks for routes that were not read."""
    if flag == "iface-can-reach" and value:
        return search.here.table(6 if ":" in value else 4) is None
    if value:
        return False
    families = {Stack.IPV4: (4,), Stack.IPV6: (6,)}.get(search.stack, (4, 6))
    return any(search.here.table(version) is None for version in families)


def _success(
    found: lookup.Found, attempts: Sequence[choice.Attempt], log: Sequence[str]
) -> choice.Choice:
    last = found.attempt
    # With IPv6 alone flannel keeps an IPv6 address where the IPv4 one belongs.
    address = "" if ":" in last.ip else last.ip
    return choice.Choice(
        outcome=choice.Outcome.CHOSEN,
        nic=last.took,
        index=found.nic.index if found.nic else 0,
        address=address,
        address6=last.ip6,
        external=found.external,
        external6=found.external6,
        attempts=tuple(attempts),
        log=tuple(log),
    )


def _failure(attempts: Sequence[choice.Attempt], log: Sequence[str], error: str) -> choice.Choice:
    return choice.Choice(
        outcome=choice.Outcome.FAILS, attempts=tuple(attempts), log=tuple(log), error=error
    )


def _unknown(why: str) -> choice.Choice:
    return choice.Choice(outcome=choice.Outcome.UNKNOWN, error=why)


def with_flags(
    given: flags.Flags,
    *,
    iface: Sequence[str],
    regex: Sequence[str],
    once: Mapping[str, str] | None = None,
) -> flags.Flags:
    """Return the same flags with other --iface and --iface-regex, to see what they would do.

    `once` are others in place of those in force, of which flannel takes one value each.
    """
    once = once or {}
    others = {"iface", "iface-regex", *once}
    kept = tuple(flag for flag in given.in_force if flag.name not in others)
    added = (
        *(flags.Flag("iface", value) for value in iface),
        *(flags.Flag("iface-regex", value) for value in regex),
        *(flags.Flag(name, value) for name, value in once.items()),
    )
    unknown = tuple(name for name in given.unknown if name not in others)
    return replace(given, in_force=(*kept, *added), unknown=unknown)
