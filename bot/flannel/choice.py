"""What flannel would choose, how it came to it, and in which words it says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

_MANY = 6


class Outcome(StrEnum):
    """Whether flannel starts with a NIC, gives up, or it cannot be told from here."""

    CHOSEN = "chosen"
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Match:
    """An address that a pattern matches, with the interface that has it."""

    nic: str
    ip: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One flag that flannel tried, or what it tries without one.

    `flag` is iface, iface-regex, iface-can-reach, public-ip, public-ipv6 or "default route".
    `addresses` are all that the pattern matches, in order, and `names` all interface names; names
    are looked at only where no address matches. `took` is the interface that flannel went on
    with, and `error` its words where that came to nothing.
    """

    flag: str
    value: str = ""
    addresses: tuple[Match, ...] = ()
    names: tuple[str, ...] = ()
    took: str = ""
    ip: str = ""
    ip6: str = ""
    slipped: bool = False
    uncertain: bool = False
    error: str = ""

    @property
    def text(self) -> str:
        """The flag as one would type it, or the default route."""
        return self.flag if self.flag == "default route" else f"--{self.flag}={self.value}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """What happened, in sentences."""
        found = list(self._why())
        if self.error:
            found.append(f"{self.text} fails: {self.error}")
        else:
            has = " and ".join(ip for ip in (self.ip, self.ip6) if ip) or "no address"
            found.append(f"{self.text} gives {self.took} with {has}")
        if self.uncertain:
            found.append("that route has several ways, and the kernel takes one by a hash")
        return tuple(found)

    def _why(self) -> Iterator[str]:
        if self.slipped:
            last = self.addresses[-1]
            yield (
                f"{self.text} matches {last.ip} of {last.nic}, but this release then takes the "
                f"last interface of its list, which is {self.took}"
            )
        elif self.addresses:
            shown = _listing([f"{one.ip} of {one.nic}" for one in self.addresses])
            yield f"{self.text} matches {shown}; addresses come before names"
        elif len(self.names) > 1:
            yield (
                f"{self.text} matches the names {_listing(self.names)}; flannel takes the first "
                "in its order and tries no other"
            )
        elif self.names:
            yield f"{self.text} matches the name {self.names[0]}"


def _listing(names: Sequence[str]) -> str:
    if len(names) <= _MANY:
        return ", ".join(names)
    return f"{', '.join(names[:_MANY])} and {len(names) - _MANY} more"


@dataclass(frozen=True, slots=True)
class Choice:
    """What flannel chooses on one host when it starts.

    `address` is the NIC's IPv4 address that it uses, `external` the one that it tells the others;
    both have an IPv6 twin, and each is empty where there is none. `log` are flannel's lines,
    without their stamps. `error` is its last word where it fails, and what is not known where
    `outcome` is unknown.
    """

    outcome: Outcome
    nic: str = ""
    index: int = 0
    address: str = ""
    address6: str = ""
    external: str = ""
    external6: str = ""
    attempts: tuple[Attempt, ...] = ()
    log: tuple[str, ...] = ()
    error: str = ""

    @property
    def chosen(self) -> bool:
        """Whether flannel starts."""
        return self.outcome is Outcome.CHOSEN

    @property
    def reasons(self) -> tuple[str, ...]:
        """How it came to this, in sentences, one flag after the other."""
        told = tuple(reason for attempt in self.attempts for reason in attempt.reasons)
        if self.chosen or (self.attempts and self.attempts[-1].error == self.error):
            return told
        return (*told, self.error)

    def same(self, other: "Choice") -> bool:
        """Whether another choice comes to the same: NIC, addresses, what is advertised."""
        return self.result == other.result

    @property
    def result(self) -> tuple[str, ...]:
        """What of it the cluster notices."""
        return (
            self.outcome.value, self.nic, self.address, self.address6, self.external,
            self.external6,
        )  # fmt: skip
