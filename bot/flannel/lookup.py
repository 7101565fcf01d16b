"""One attempt of flannel to find its NIC: LookupExtIface, release by release.

Source: main.go up to v0.16, pkg/ipmatch/match.go from v0.17 on; the texts are flannel's own.
What v0.15 and v0.16 do with both families at once is inferred from the release after them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from bot.flannel import addresses, choice, eras, kernel, reach, regex

_PANIC = "panic: runtime error: invalid memory address or nil pointer dereference"


class Stack(StrEnum):
    """Which families flannel's network has, by EnableIPv4 and EnableIPv6 of its net-conf.json."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DUAL = "dual"
    NONE = "none"


class _GaveUpError(Exception):
    """This attempt failed; the text is flannel's. `fatal` ends the process."""

    def __init__(self, text: str, *, fatal: bool = False) -> None:
        super().__init__(text)
        self.fatal = fatal


@dataclass(frozen=True, slots=True)
class Found:
    """What one attempt gave. `nic` is None where it failed, `fatal` where flannel ends with it."""

    attempt: choice.Attempt
    nic: kernel.Link | None = None
    external: str = ""
    external6: str = ""
    fatal: bool = False


@dataclass(slots=True)
class _State:
    flag: str
    value: str
    addresses: list[choice.Match] = field(default_factory=list)
    names: tuple[str, ...] = ()
    slipped: bool = False
    uncertain: bool = False
    nic: kernel.Link | None = None
    ip: str = ""
    ip6: str = ""

    def told(self, error: str = "") -> choice.Attempt:
        return choice.Attempt(
            flag=self.flag,
            value=self.value,
            addresses=tuple(self.addresses),
            names=self.names,
            took=self.nic.name if self.nic else "",
            ip=self.ip,
            ip6=self.ip6,
            slipped=self.slipped,
            uncertain=self.uncertain,
            error=error,
        )


@dataclass(slots=True)
class Lookup:
    """Looks for the NIC of one host; `log` collects flannel's lines of all attempts."""

    here: kernel.Kernel
    era: eras.Era
    stack: Stack = Stack.IPV4
    public_ip: str = ""
    public_ipv6: str = ""
    log: list[str] = field(default_factory=list)

    @property
    def nics(self) -> tuple[kernel.Link, ...]:
        """The interfaces, in the order in which flannel sees them."""
        return self.here.links or ()

    def attempt(self, flag: str, value: str = "") -> Found:
        """Try one flag. An empty value, of any flag, means the default route."""
        state = _State(flag, value)
        try:
            nic = self._find(state)
            self._fill(state, nic)
            external, external6 = self._advertise(state, nic)
        except _GaveUpError as failed:
            return Found(state.told(str(failed)), fatal=failed.fatal)
        return Found(state.told(), nic, external, external6)

    def _find(self, state: _State) -> kernel.Link:
        if not state.value:
            self._by_default(state)
        elif state.flag == "iface-regex":
            self._by_pattern(state)
        elif state.flag == "iface-can-reach":
            self._by_route(state)
        elif addresses.parse(state.value):
            self._by_address(state)
        else:
            self._by_name(state)
        if state.nic is None:
            # Both families, --iface an IPv6 address and no --public-ipv6: flannel goes on with
            # a null pointer.
            raise _GaveUpError(_PANIC, fatal=True)
        return state.nic

    def _by_name(self, state: _State) -> None:
        state.nic = self.here.link(state.value)
        if state.nic is None:
            raise _GaveUpError(
                f"error looking up interface {state.value}: route ip+net: no such network interface"
            )

    def _by_address(self, state: _State) -> None:
        state.ip = addresses.parse(state.value)
        self.log.append(f"Searching for interface using {state.ip}")
        if self.stack is Stack.IPV4:
            state.nic = self._holder4(state.ip, state.value)
        elif self.stack is Stack.IPV6:
            state.nic = self._holder6(state.ip, state.value)
            state.ip6 = state.ip if self.era.keeps_ipv6 else ""
        elif self.era.public_ipv6_picks:
            self._by_both(state)
        else:
            # One address is asked for in both families, so this always fails (#1596).
            state.nic = self._holder4(state.ip, state.value)
            self._holder6(state.ip, state.value)

    def _by_both(self, state: _State) -> None:
        four = ":" not in state.ip
        if four:
            state.nic = self._holder4(state.ip, state.value)
        state.ip6 = addresses.parse(self.public_ipv6)
        if not state.ip6:
            return
        holder = self._holder6(state.ip6, self.public_ipv6)
        if not four:
            state.nic, state.ip = holder, ""
        elif state.nic is not None and state.nic.name != holder.name:
            raise _GaveUpError(
                f"v6 interface {holder.name} must be the same with v4 interface {state.nic.name}"
            )

    def _holder4(self, ip: str, asked: str) -> kernel.Link:
        nic = None if ":" in ip else addresses.holder(self.nics, ip)
        if nic is None:
            no = self.era.cased("No interface with given IP found")
            raise _GaveUpError(f"error looking up interface {asked}: {no}")
        return nic

    def _holder6(self, ip: str, asked: str) -> kernel.Link:
        nic = addresses.holder(self.nics, ip) if ":" in ip else None
        if nic is None:
            no = self.era.cased("No interface with given IPv6 found")
            raise _GaveUpError(f"error looking up v6 interface {asked}: {no}")
        return nic

    def _by_pattern(self, state: _State) -> None:
        pattern = regex.read(state.value, named_groups=self.era.named_groups)
        if isinstance(pattern, regex.Malformed):
            self._malformed(pattern)
            matched = []
        else:
            matched = list(self._addresses(pattern, state))
        if matched:
            # v0.15 and v0.16 go on to the end: the address of the last match, and a pointer to
            # the loop's variable, which by then holds the last interface of all.
            nic, state.ip, state.ip6 = matched[-1 if self.era.slips else 0]
            state.nic = self.nics[-1] if self.era.slips else nic
            state.slipped = state.nic is not nic
            return
        if isinstance(pattern, regex.Pattern):
            named = [nic for nic in self.nics if pattern.matches(nic.name)]
            state.names = tuple(nic.name for nic in named)
            state.nic = named[0] if named else None
        if state.nic is None:
            raise _GaveUpError(self._unmatched(state.value))

    def _malformed(self, pattern: regex.Malformed) -> None:
        if self.era.families:
            raise _GaveUpError(
                f"could not compile the IP address regex '{pattern.raw}': {pattern.error}"
            )
        # Up to v0.14 a pattern is compiled at its first use: the first address, else a name.
        texts = (ip for nic in self.nics for ip in self._usable(nic)[:1])
        first = next(texts, None) or next((nic.name for nic in self.nics), None)
        if first is not None:
            raise _GaveUpError(f"regex error matching pattern {pattern.raw} to {first}")

    def _addresses(
        self, pattern: regex.Pattern, state: _State
    ) -> Iterator[tuple[kernel.Link, str, str]]:
        """The interfaces that the pass over addresses stops at, in order."""
        full = False
        for nic in self.nics:
            if not nic.addresses:
                continue
            own: list[list[str]] = []
            for six in self._families():
                found = addresses.usable(nic, ipv6=six, era=self.era)
                if not found:
                    break
                own.append([ip for ip in found if pattern.matches(ip)])
            if len(own) < len(self._families()) or not own[0]:
                continue
            state.addresses.extend(choice.Match(nic.name, ip) for one in own for ip in one)
            if self.stack is Stack.IPV6:
                yield nic, "", own[0][0]
            elif self.stack is Stack.IPV4:
                yield nic, own[0][0], ""
            elif own[1]:
                full = True
                yield nic, own[0][0], own[1][0]
            elif not full and self.era.every_address:
                # Both families: this address stays, though the other family did not match.
                state.ip = own[0][0]

    def _families(self) -> tuple[bool, ...]:
        if self.stack is Stack.DUAL:
            return (False, True)
        return (self.stack is Stack.IPV6,)

    def _usable(self, nic: kernel.Link) -> tuple[str, ...]:
        return addresses.usable(nic, ipv6=self.stack is Stack.IPV6, era=self.era)

    def _unmatched(self, raw: str) -> str:
        no = self.era.cased(f"Could not match pattern {raw} to any of the available")
        text = f"{no} network interfaces"
        if self.era.listing is eras.Listing.NOTHING:
            return text
        there = ", ".join(f"{nic.name}:{self._listed(nic)}" for nic in self.nics)
        return f"{text} ({there})"

    def _listed(self, nic: kernel.Link) -> str:
        found = self._usable(nic)
        if self.era.listing is eras.Listing.ONE_ADDRESS:
            return found[0] if found else addresses.NIL
        return f"[{' '.join(found)}]"

    def _by_route(self, state: _State) -> None:
        self.log.append(f"Determining interface to use based on given ifcanreach: {state.value}")
        try:
            way = reach.way_to(self.here, state.value)
        except reach.NoWayError as none:
            raise _GaveUpError(f"failed to get ifcanreach based interface: {none}") from None
        state.nic, state.ip, state.uncertain = way.nic, way.source, way.uncertain

    def _by_default(self, state: _State) -> None:
        self.log.append("Determining IP address of default interface")
        if self.stack is Stack.IPV6:
            state.nic = self._default(ipv6=True)
            return
        state.nic = self._default(ipv6=False)
        if self.stack is Stack.DUAL:
            other = self._default(ipv6=True)
            if other.name != state.nic.name:
                raise _GaveUpError(
                    f"v6 default route interface {other.name} must be the same with v4 default "
                    f"route interface {state.nic.name}"
                )

    def _default(self, *, ipv6: bool) -> kernel.Link:
        try:
            return reach.default_nic(self.here, ipv6=ipv6, era=self.era)
        except reach.NoWayError as none:
            six = "v6 " if ipv6 else ""
            raise _GaveUpError(f"failed to get default {six}interface: {none}") from None

    def _fill(self, state: _State, nic: kernel.Link) -> None:
        """Give the addresses that the search itself did not name."""
        missing4 = self.stack is not Stack.IPV6 and not state.ip
        missing6 = self.stack is not Stack.IPV4 and not state.ip6
        if self.stack is Stack.DUAL and not self.era.apart and not (missing4 and missing6):
            return
        if missing4:
            state.ip = self._first(nic, ipv6=False)
        if missing6:
            state.ip6 = self._first(nic, ipv6=True)

    def _first(self, nic: kernel.Link, *, ipv6: bool) -> str:
        found = addresses.usable(nic, ipv6=ipv6, era=self.era)
        if not found:
            family = "IPv6" if ipv6 else "IPv4"
            raise _GaveUpError(f"failed to find {family} address for interface {nic.name}")
        return found[0]

    def _advertise(self, state: _State, nic: kernel.Link) -> tuple[str, str]:
        """Return what the other nodes are told."""
        if state.ip:
            self.log.append(f"Using interface with name {nic.name} and address {state.ip}")
        if state.ip6:
            self.log.append(f"Using interface with name {nic.name} and v6 address {state.ip6}")
        if nic.mtu == 0:
            shown = state.ip or addresses.NIL
            raise _GaveUpError(f"failed to determine MTU for {shown} interface")
        four = self._external(self.public_ip, "public IP")
        if not four and self.stack is not Stack.IPV6:
            four = self._defaulting("external", state.ip)
        six = self._external(self.public_ipv6, "public IPv6") if self.era.families else ""
        if not six and self.stack is not Stack.IPV4:
            six = self._defaulting("external v6", state.ip6)
        return four, six

    def _external(self, asked: str, kind: str) -> str:
        if not asked:
            return ""
        ip = addresses.parse(asked)
        if not ip:
            raise _GaveUpError(f"invalid {kind} address: {asked}")
        self.log.append(f"Using {ip} as external address")
        return ip

    def _defaulting(self, what: str, ip: str) -> str:
        shown = ip or addresses.NIL
        self.log.append(f"Defaulting {what} address to interface address ({shown})")
        return ip
