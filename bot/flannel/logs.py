"""What a flannel log says: whether it started, by which NIC, and if not, why and what to do.

Judged by the end: "Could not find valid interface matching" of one flag is harmless if a later
flag succeeds, and an error before `Running backend` was overcome. Nothing raises, whatever a
log holds.
"""

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.flannel import catalogue
from bot.flannel.catalogue import Entry, Weight
from bot.flannel.versions import Version


class Outcome(enum.StrEnum):
    """How the run that the log is of went, as far as the log goes."""

    RUNNING = "running"
    FAILED = "failed"
    WAITING = "waiting"
    STARTING = "starting"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """One line that means something. `details` are the names in it; `times` how often it came."""

    name: str
    weight: Weight
    line: str
    cause: str
    cure: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One flag's search for a NIC that failed, and why."""

    wanted: str
    reason: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Nic:
    """A NIC as flannel listed it."""

    name: str
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """What one log says. `final` is why it failed or what it waits for.

    `iface` and `iface_regex` are the flags in force as v0.15 and newer print them, None where
    they were not printed; `nics` what v0.11 and newer list when a pattern matched nothing.
    """

    outcome: Outcome = Outcome.UNKNOWN
    final: Told | None = None
    also: tuple[Told, ...] = ()
    chosen: str = ""
    address: str = ""
    advertised: str = ""
    by_default_route: bool = False
    attempts: tuple[Attempt, ...] = ()
    nics: tuple[Nic, ...] = ()
    iface: tuple[str, ...] | None = None
    iface_regex: tuple[str, ...] | None = None
    backend: str = ""
    direct_routing: bool | None = None
    node: str = ""

    @property
    def explanation(self) -> str:
        """Cause and cure in one paragraph; nothing where nothing is wrong."""
        if self.final is None:
            return ""
        return f"{self.final.cause} {self.final.cure}".strip()


_HEAD = re.compile(
    r"^(?:\d{4}-\d\d-\d\dT\S+\s+)?(?:(?:stdout|stderr) [FP] )?"
    r"(?P<level>[IWEF])(?:\d{4} [\d:.]+\s+\d+)? (?P<where>[\w./-]+\.go:\d+)\] (?P<text>.*)$"
)
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\S+Z? (?:(?:stdout|stderr) [FP] )?")
_USING = re.compile(
    r"using interface with name (?P<nic>\S+)(?:,? and|, )(?: v6)? ?address:? (?P<ip>[0-9a-f.:]+)",
    re.IGNORECASE,
)
_ADVERTISED = re.compile(
    r"defaulting external address to interface address \((?P<a>[0-9.]+)\)"
    r"|using (?P<b>[0-9.]+) as external address",
    re.IGNORECASE,
)
_FLAGS = re.compile(r"CLI flags config: \{.*?\biface:\[(.*?)\] ifaceRegex:\[(.*?)\] ipMasq:")
_BACKEND = re.compile(r"backend type: (?P<type>[\w-]+)", re.IGNORECASE)
_DIRECT = re.compile(r"DirectRouting=(true|false)")
_NODE = re.compile(r"Kubernetes Subnet Manager - (\S+)")
_LISTED = re.compile(r"available network interfaces \((.*)\)\s*$", re.IGNORECASE)
_NIC = re.compile(r"([^\s:,(]+):(\[[^\]]*\]|[^\s,]*)(?:, |$)")
_DONE = re.compile(r"running backend\.?|wrote subnet file|flannel is ready", re.IGNORECASE)
_SYNCED = re.compile(r"node controller sync successful|skips sync", re.IGNORECASE)
_STOPPED = re.compile(
    r"shutdownHandler sent cancel|exiting cleanly|caught SIG(?:TERM|INT)", re.IGNORECASE
)
_DEFAULT = re.compile(r"determining (?:IP|v6 ip) address of default", re.IGNORECASE)
_FOREIGN = ("veth", "cni", "docker", "flannel", "cali", "kube-ipvs", "nodelocaldns", "virbr")

_ENDS_A_RUNNING_ONE = frozenset({"panic", "panic_deleted", "healthz_port"})
"""What flannel exits at even after its start; anything else it lives through by then."""


@dataclass(slots=True)
class _Reader:
    """What was read so far; lines in order."""

    version: Version | None
    fatal: Told | None = None
    done: bool = False
    stopped: bool = False
    started: bool = False
    waiting: str = ""
    chosen: tuple[str, str] = ("", "")
    advertised: str = ""
    by_default: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    nics: tuple[Nic, ...] = ()
    flags: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    backend: str = ""
    direct: bool | None = None
    node: str = ""
    also: dict[str, Told] = field(default_factory=dict)

    def line(self, raw: str) -> None:
        head = _HEAD.match(raw)
        text = head["text"] if head else _STAMP.sub("", raw)
        if head:
            self.started = True
        self._facts(text)
        attempt = catalogue.ATTEMPT.search(text)
        if attempt is not None:
            reason = _first(catalogue.REASONS, attempt["reason"], self.version)
            self.attempts.append(
                Attempt(attempt["wanted"], attempt["reason"], reason.name if reason else "")
            )
            return
        if _DONE.search(text):
            # Whatever went wrong before, it got over.
            self.done, self.fatal, self.waiting = True, None, ""
            return
        self.stopped = self.stopped or _STOPPED.search(text) is not None
        if _SYNCED.search(text):
            self.waiting = ""
        elif _first(catalogue.WAITING, text, None):
            self.waiting = raw
        self._judge(text, raw)

    def _judge(self, text: str, raw: str) -> None:
        if catalogue.NIC_FAILED.search(text):
            self.fatal = self._nic_failure(text, raw)
            return
        entry = _first(catalogue.ENTRIES, text, self.version)
        if entry is None:
            return
        fatal = entry.weight is Weight.FATAL
        if fatal and (not self.done or entry.name in _ENDS_A_RUNNING_ONE):
            if not (entry.name == "panic" and self.fatal):
                # The trace behind a panic's first line tells less than that line.
                self.fatal = _told(entry, text, raw)
            return
        before = self.also.get(entry.name)
        told = _told(entry, text, raw, times=before.times + 1 if before else 1)
        self.also[entry.name] = replace(told, weight=Weight.ERROR) if fatal else told

    def _nic_failure(self, text: str, raw: str) -> Told:
        """The reasons of the flags say more than the sentence that ends them."""
        direct = _first(catalogue.REASONS, text, self.version)
        if direct is not None:
            return _told(direct, text, raw)
        ranks = [entry.name for entry in catalogue.REASONS]
        known = [one for one in self.attempts if one.name]
        if known:
            best = min(known, key=lambda one: ranks.index(one.name))
            entry = catalogue.REASONS[ranks.index(best.name)]
            line = f"Could not find valid interface matching {best.wanted}: {best.reason}"
            return _told(entry, best.reason, _shown(line), wanted=best.wanted)
        entry = next(one for one in catalogue.ENTRIES if one.name == "nic_lookup")
        return _told(entry, text, raw)

    def _facts(self, text: str) -> None:
        using = _USING.search(text)
        if using:
            self.chosen = (using["nic"], using["ip"])
            # A choice ends the search: what earlier flags did not find does not matter.
            self.fatal = None
        advertised = _ADVERTISED.search(text)
        if advertised:
            self.advertised = advertised["a"] or advertised["b"]
        flags = _FLAGS.search(text)
        if flags:
            self.flags = (tuple(flags[1].split()), tuple(flags[2].split()))
        listed = _LISTED.search(text)
        if listed:
            self.nics = tuple(_nics(listed[1]))
        if backend := _BACKEND.search(text):
            self.backend = backend["type"]
        if direct := _DIRECT.search(text):
            self.direct = direct[1] == "true"
        if node := _NODE.search(text):
            self.node = node[1]
        self.by_default = self.by_default or _DEFAULT.search(text) is not None


def without_list(text: str) -> str:
    """Return a line without the list of all the host's NICs that it may end with."""
    listed = _LISTED.search(text)
    return text[: listed.start(1) - 1].rstrip() if listed else text


def read(text: str, *, version: Version | None = None) -> Log:
    """Read a log or its tail; `version` sharpens what changed its meaning over time."""
    reader = _Reader(version=version)
    lines = text.splitlines()
    for raw in lines:
        if raw.strip():
            reader.line(raw.rstrip())
    outcome, final = _end(reader, version)
    nic, address = reader.chosen
    also = list(reader.also.values())
    if nic == "lo" or nic.startswith(_FOREIGN):
        line = f"Using interface with name {nic} and address {address}"
        also.insert(0, _told(catalogue.CHOSE_FOREIGN_NIC, line, line))
    return Log(
        outcome=outcome,
        final=final,
        also=tuple(also),
        chosen=nic,
        address=address,
        advertised=reader.advertised,
        by_default_route=reader.by_default,
        attempts=tuple(reader.attempts),
        nics=reader.nics,
        iface=reader.flags[0] if reader.flags else None,
        iface_regex=reader.flags[1] if reader.flags else None,
        backend=reader.backend,
        direct_routing=reader.direct,
        node=reader.node,
    )


def event(message: str) -> Told | None:
    """Return what an Event of the kubelet or a controller says of flannel, or None."""
    entry = _first(catalogue.EVENTS, message, None)
    return _told(entry, message, message) if entry else None


def _end(reader: _Reader, version: Version | None) -> tuple[Outcome, Told | None]:
    if reader.fatal is not None:
        return Outcome.FAILED, reader.fatal
    if reader.stopped:
        return Outcome.STOPPED, None
    if reader.waiting:
        entry = _first(
            catalogue.WAITING[-1:] if version is None else catalogue.WAITING,
            reader.waiting,
            version,
        )
        return Outcome.WAITING, _told(entry, reader.waiting, reader.waiting) if entry else None
    if reader.done:
        return Outcome.RUNNING, None
    return (Outcome.STARTING if reader.started or reader.chosen[0] else Outcome.UNKNOWN), None


def _first(entries: Iterable[Entry], text: str, version: Version | None) -> Entry | None:
    return next((one for one in entries if one.holds(version) and one.pattern.search(text)), None)


def _told(entry: Entry, text: str, raw: str, *, times: int = 1, wanted: str = "") -> Told:
    found = entry.pattern.search(text)
    details = {key: value for key, value in found.groupdict().items() if value} if found else {}
    if wanted:
        details["wanted"] = wanted
    return Told(
        name=entry.name,
        weight=entry.weight,
        line=_shown(raw),
        cause=entry.cause,
        cure=entry.cure,
        details=details,
        times=times,
    )


def _nics(text: str) -> Sequence[Nic]:
    """Read `lo:127.0.0.1, eth0:<nil>` (v0.11 to v0.16) or `lo:[], eth0:[1.2.3.4 5.6.7.8]`."""
    found = []
    for name, value in _NIC.findall(text):
        words = value.strip("[]").split()
        found.append(Nic(name, tuple(word for word in words if word != "<nil>")))
    return found


def _shown(line: str) -> str:
    return line if len(line) <= 400 else f"{line[:399]}…"
