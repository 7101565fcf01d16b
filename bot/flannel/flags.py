"""The flags of a flanneld, read as flanneld itself reads them.

Its command line goes through Go's `flag` package: `-x=v`, `--x=v` and `--x v` are the same, a
switch takes no separate value, the first argument that is no flag ends the flags (an empty one
is none), and so does `--`. `--iface` and `--iface-regex` may be repeated and keep their order;
of any other flag the last one counts. Then `FLANNELD_*` fills what the command line did not
set, one value each. Source: flannel's main.go (flagSlice, SetFlagsFromEnv), Go's flag.go.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain import snapshot

_SWITCHES = frozenset(
    {
        "alsologtostderr", "auto-detect-ipv4", "auto-detect-ipv6", "help", "ip-blackhole-route",
        "ip-masq", "iptables-forward-rules", "kube-subnet-mgr", "logtostderr", "one_output",
        "set-node-network-unavailable", "skip_headers", "skip_log_headers", "add_dir_header",
        "version",
    }
)  # fmt: skip
_VALUES = frozenset(
    {
        "charon-executable-path", "charon-vici-uri", "etcd-cafile", "etcd-certfile",
        "etcd-endpoints", "etcd-keyfile", "etcd-password", "etcd-prefix", "etcd-username",
        "healthz-ip", "healthz-port", "iface", "iface-can-reach", "iface-regex",
        "iptables-resync", "kube-annotation-prefix", "kube-api-url", "kubeconfig-file", "listen",
        "log_backtrace_at", "log_dir", "log_file", "log_file_max_size", "net-config-path",
        "networks", "public-ip", "public-ipv6", "remote", "stderrthreshold", "subnet-dir",
        "subnet-file", "subnet-lease-renew-margin", "v", "vmodule",
    }
)  # fmt: skip
_REPEATED = ("iface", "iface-regex")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_PREFIX = "FLANNELD_"
_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")

DEFAULT_ANNOTATION_PREFIX = "flannel.alpha.coreos.com"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag in force. `value` is None for a switch without one; `place` is where it stands."""

    name: str
    value: str | None
    place: str = "args"

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


@dataclass(frozen=True, slots=True)
class Flags:
    """All flags in force, in order. `problems` are sentences about what is wrong or not known.

    `readable` is False where the command line is not flanneld's own (a shell script): then what
    is in force is not known, and nothing may be concluded from a flag's absence. `unknown` names
    the flags whose value stands elsewhere; `exits` is the problem at which flanneld exits at once,
    if there is one.
    """

    in_force: tuple[Flag, ...] = ()
    problems: tuple[str, ...] = ()
    readable: bool = True
    unknown: tuple[str, ...] = ()
    exits: str = ""

    @property
    def values(self) -> Mapping[str, tuple[str, ...]]:
        """Every flag's values in order; a switch has the value "true"."""
        found: dict[str, tuple[str, ...]] = {}
        for flag in self.in_force:
            value = "true" if flag.value is None else flag.value
            found[flag.name] = (*found.get(flag.name, ()), value)
        return found

    def last(self, name: str, default: str = "") -> str:
        """Return the value that counts of a flag that is not repeated."""
        values = [flag.value for flag in self.in_force if flag.name == name]
        if not values:
            return default
        return "true" if values[-1] is None else values[-1]

    def on(self, name: str, *, default: bool = False) -> bool:
        """Return whether a switch is on, by the words that Go's strconv.ParseBool takes."""
        return self.last(name, "true" if default else "false") in _TRUE

    @property
    def iface(self) -> tuple[str, ...]:
        """Names or IPs of `--iface`, in order."""
        return tuple(flag.value or "" for flag in self.in_force if flag.name == "iface")

    @property
    def iface_regex(self) -> tuple[str, ...]:
        """Patterns of `--iface-regex`, in order."""
        return tuple(flag.value or "" for flag in self.in_force if flag.name == "iface-regex")

    @property
    def annotation_prefix(self) -> str:
        """What flannel's annotations on nodes begin with, its closing sign included.

        Source: newAnnotations in flannel's pkg/subnet/kube/annotations.go.
        """
        prefix = self.last("kube-annotation-prefix") or DEFAULT_ANNOTATION_PREFIX
        if "/" not in prefix:
            return f"{prefix}/"
        return prefix if prefix.endswith(("/", "-")) else f"{prefix}-"

    @property
    def as_text(self) -> tuple[str, ...]:
        """The flags as one would type them."""
        return tuple(str(flag) for flag in self.in_force)

    @property
    def places(self) -> tuple[str, ...]:
        """Where flags stand: "command", "args", "env"."""
        return tuple(dict.fromkeys(flag.place for flag in self.in_force))


_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(slots=True)
class _Reading:
    in_force: list[Flag] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    exits: str = ""

    def ends(self, problem: str) -> None:
        self.exits = problem
        self.problems.append(problem)

    def flags(self) -> Flags:
        hidden = [
            flag.name
            for flag in self.in_force
            if any(one in (flag.value or "") for one in self.unresolved)
        ]
        return Flags(
            in_force=tuple(self.in_force),
            problems=tuple(self.problems),
            unknown=tuple(dict.fromkeys((*hidden, *self.elsewhere))),
            exits=self.exits,
        )


def of(container: snapshot.ContainerSpec) -> Flags:
    """Return the flags of a flannel container, from its command, args and environment."""
    words = [("command", word) for word in container.command]
    words += [("args", word) for word in container.args]
    start = _program(words, entrypoint=not container.command)
    if start is None:
        shown = " ".join(word for _, word in words[:2])
        problem = (
            f"`{_shortened(shown)}` starts flanneld in a way of its own: "
            "which flags are in force is not known"
        )
        return Flags(problems=(problem,), readable=False)
    reading = _Reading()
    expanded = [(place, _expand(word, container.env, reading)) for place, word in words[start:]]
    _parse(expanded, reading)
    _fill(container, reading)
    return reading.flags()


def parse(arguments: Sequence[str]) -> Flags:
    """Return the flags of a bare command line, the program's name not among them."""
    reading = _Reading()
    _parse([("args", word) for word in arguments], reading)
    return reading.flags()


def runs_flanneld(words: Sequence[str]) -> bool:
    """Whether a command line names the flanneld program anywhere, a shell script's text too."""
    return any(re.search(r"(?:^|[\s/;&|])flanneld(?:$|[\s;&|])", word) for word in words)


def _program(words: Sequence[tuple[str, str]], *, entrypoint: bool) -> int | None:
    """Where the flags begin; None where flanneld is not what is started."""
    if not words:
        return 0
    first = words[0][1].rpartition("/")[2]
    if first == "flanneld":
        return 1
    if entrypoint and first not in _SHELLS:
        # No command: the image's entrypoint is flanneld (flannel's Dockerfiles), all are flags.
        return 0
    return None


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _expand(word: str, env: Mapping[str, str], reading: _Reading) -> str:
    """Replace `$(NAME)` as the kubelet does; `$$` is a dollar, an unknown name stays as it is."""

    def value(found: re.Match[str]) -> str:
        if found[1] is None:
            return "$"
        if found[1] in env:
            return env[found[1]]
        reading.problems.append(f"the value of {found[0]} in `{word}` is not known here")
        reading.unresolved.append(found[0])
        return found[0]

    return _REFERENCE.sub(value, word)


def _parse(words: Sequence[tuple[str, str]], reading: _Reading) -> None:
    rest = list(words)
    while rest:
        place, word = rest[0]
        if len(word) < 2 or not word.startswith("-") or word == "--":
            _ignored(word, rest[1:], reading)
            return
        rest = rest[1:]
        name, equals, given = word.removeprefix("-").removeprefix("-").partition("=")
        if not name or name.startswith("-"):
            reading.ends(f"`{word}` is no flag: flanneld exits at it")
            return
        value: str | None = given if equals else None
        if name in _SWITCHES:
            if value is not None and value not in _TRUE | _FALSE:
                reading.ends(f"`{word}` is neither true nor false: flanneld exits at it")
                return
        elif not equals and _takes_next(name, rest):
            if not rest:
                reading.ends(f"--{name} lacks its value: flanneld exits at it")
                return
            value = rest[0][1]
            rest = rest[1:]
        if name not in _SWITCHES | _VALUES:
            reading.problems.append(f"--{name} is not a flag known here; this flannel may know it")
        reading.in_force.append(Flag(name=name, value=value, place=place))


def _takes_next(name: str, rest: Sequence[tuple[str, str]]) -> bool:
    if name in _VALUES:
        return True
    # A flag of some other version: with a value, unless what follows is plainly a flag.
    return bool(rest) and not rest[0][1].startswith("-") and rest[0][1] != ""


def _ignored(word: str, after: Sequence[tuple[str, str]], reading: _Reading) -> None:
    lost = [text for _, text in after if text.startswith("-")]
    if lost and word != "--":
        shown = f"`{word}`" if word else "an empty argument"
        reading.problems.append(
            f"{shown} ends the flags, so flanneld does not read {', '.join(lost)}"
        )


def _fill(container: snapshot.ContainerSpec, reading: _Reading) -> None:
    given = {flag.name for flag in reading.in_force}
    for name, variable in _variables():
        if name in given:
            continue
        value = container.env.get(variable, "")
        if value:
            reading.in_force.append(
                Flag(name=name, value=None if _plain(name, value) else value, place="env")
            )
    names = {variable: name for name, variable in _variables()}
    for variable in container.env_from_elsewhere:
        if variable.startswith(_PREFIX) and variable not in _overridden(given):
            if variable in names:
                reading.elsewhere.append(names[variable])
            reading.problems.append(
                f"{variable} is set from elsewhere (a ConfigMap or a Secret): its value is not "
                "known here"
            )


def _variables() -> Iterator[tuple[str, str]]:
    for name in sorted(_SWITCHES | _VALUES):
        yield name, _PREFIX + name.upper().replace("-", "_")


def _overridden(given: set[str]) -> set[str]:
    return {_PREFIX + name.upper().replace("-", "_") for name in given}


def _plain(name: str, value: str) -> bool:
    return name in _SWITCHES and value == "true"
