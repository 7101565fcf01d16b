"""What a typed command means. Pure: text in, a request or a problem out; never raises."""

import re
from dataclasses import dataclass, field

from bot.adapters.slack import (
    grammar_attention,
    grammar_changes,
    grammar_simulation,
    limits,
    typed,
    vocabulary,
    wording,
    wording_work,
)
from bot.flannel import rehearsal

LONGEST = 3_000
"""Characters of a command."""
_SWITCHES = frozenset({"all", grammar_changes.WHAT_IF, grammar_changes.LOSE})
"""Flags that have no value."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked.

    `number` is of an incident; `topic` a command that help is wanted for; `node` a node's name as
    it was typed; `everything` if all nodes are to be looked at; `simulated` are flags to be played
    through; `change` is what was asked about changes, `heed` about attention.
    """

    name: str
    cluster: str | None = None
    number: int = 0
    topic: str = ""
    node: str = ""
    everything: bool = False
    simulated: rehearsal.Asked = field(default_factory=rehearsal.Asked)
    change: grammar_changes.Change = field(default_factory=grammar_changes.Change)
    heed: grammar_attention.Heed = field(default_factory=grammar_attention.Heed)


Problem = typed.Problem


def parse(text: str) -> Request | Problem:
    """Read what was typed behind the slash command or the mention."""
    if len(text) > LONGEST:
        return Problem(wording.too_long(LONGEST), wording.TRY_HELP)
    words = typed.split(typed.normalise(text))
    if isinstance(words, Problem):
        return words
    cluster = None
    if words and words[0].startswith("@"):
        cluster = words.pop(0)[1:]
        if not cluster:
            return Problem(wording.no_cluster_name(), wording.usage(vocabulary.COMMANDS[1].usage))
    if not words or words[0].lower() in ("--help", "-h", "?"):
        return Request("help", cluster=cluster)
    word, arguments = words[0], words[1:]
    found = vocabulary.command(word.lower())
    if found is None:
        return unknown(word)
    if arguments and arguments[0].lower() in ("--help", "-h"):
        return Request("help", topic=found.name)
    return _request(found, arguments, cluster)


def unknown(word: str) -> Problem:
    """Answer a word that is no command with the nearest that is."""
    near = nearest(word.lower(), vocabulary.NAMES)
    hint = wording.did_you_mean(near) if near else wording.TRY_HELP
    return Problem(wording.unknown_command(echo(word)), hint)


def nearest(word: str, names: tuple[str, ...], most: int = 2) -> list[str]:
    """Return the names most like a word, the likest first."""
    return typed.nearest(word, names, most)


def echo(word: str) -> str:
    """Return a word short enough to be said back."""
    return limits.cut(limits.clean(word), typed.ECHO)


def _request(
    found: vocabulary.Command, arguments: list[str], cluster: str | None
) -> Request | Problem:
    usage = wording.usage(found.usage)
    given = _flags(found, arguments)
    if isinstance(given, Problem):
        return given
    arguments = given.words
    if len(arguments) < found.least:
        return Problem(wording.too_few(found.name), usage)
    if len(arguments) > found.most:
        if found.name == "simulate":
            return Problem(wording_work.too_many_patterns(found.most), usage)
        stray = arguments[found.most]
        hint = wording.CLUSTER_FIRST if stray.startswith("@") else usage
        return Problem(wording.too_many(found.name, echo(stray)), hint)
    return _meant(found, given, cluster)


def _meant(found: vocabulary.Command, given: "_Given", cluster: str | None) -> Request | Problem:
    """Read words of which there are neither too few nor too many."""
    usage, arguments = wording.usage(found.usage), given.words
    if found.name in grammar_changes.NAMES:
        flags = [name for name, _ in given.flags]
        change = grammar_changes.parse(found.name, arguments, flags, usage=usage)
        if isinstance(change, Problem):
            return change
        return Request(found.name, cluster=cluster, change=change)
    if found.name in grammar_attention.NAMES:
        heed = grammar_attention.parse(found.name, arguments, given.flags, usage=usage)
        if isinstance(heed, Problem):
            return heed
        return Request(found.name, cluster=cluster, heed=heed)
    if found.name == "incident":
        number = incident_number(arguments[0])
        if number is None:
            return Problem(wording.no_incident_number(echo(arguments[0])), usage)
        return Request(found.name, cluster=cluster, number=number)
    if found.name == "help" and arguments:
        if vocabulary.command(arguments[0].lower()) is None:
            return unknown(arguments[0])
        return Request(found.name, topic=arguments[0].lower())
    if found.name == "simulate":
        asked = grammar_simulation.parse(arguments, given.flags, usage=usage)
        if isinstance(asked, Problem):
            return asked
        return Request(found.name, cluster=cluster, simulated=asked)
    return _about_nodes(found, given, cluster) if found.nodes else Request(found.name, cluster)


@dataclass(slots=True)
class _Given:
    """What stood behind a command: its words, and its flags with their values."""

    words: list[str] = field(default_factory=list)
    flags: list[tuple[str, str]] = field(default_factory=list)

    def of(self, name: str) -> tuple[str, ...]:
        return tuple(value for flag, value in self.flags if flag == name)


def _flags(found: vocabulary.Command, arguments: list[str]) -> _Given | Problem:
    """Take the flags out, written with one dash or two, with `=` or a space; `--` ends them."""
    given = _Given()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--" and found.flags:
            given.words += rest
            break
        written = re.fullmatch(r"--?([A-Za-z][A-Za-z0-9-]*)(=.*)?", word, re.DOTALL)
        if not found.flags or not word.startswith("-"):
            given.words.append(word)
            continue
        name = written[1].lower() if written else ""
        if written is None or name not in found.flags:
            return Problem(
                wording_work.unknown_flag(found.name, echo(word)), wording.usage(found.usage)
            )
        value = written[2]
        if name in _SWITCHES:
            if value is not None:
                return Problem(
                    wording_work.unknown_flag(found.name, echo(word)), wording.usage(found.usage)
                )
        elif value is None:
            if not rest:
                return Problem(wording_work.no_value(f"--{name}"), wording.usage(found.usage))
            value = f"={rest.pop(0)}"
        given.flags.append((name, (value or "=")[1:]))
    return given


def _about_nodes(
    found: vocabulary.Command, given: _Given, cluster: str | None
) -> Request | Problem:
    usage = wording.usage(found.usage)
    everything = bool(given.of("all"))
    node = given.words[0] if given.words else ""
    if everything and node:
        return Problem(wording.too_many(found.name, echo(node)), usage)
    if node and not typed.NODE.fullmatch(node):
        hint = wording.CLUSTER_FIRST if node.startswith("@") else usage
        return Problem(wording_work.no_node_name(echo(node)), hint, node=node, cluster=cluster)
    if found.name == "nics" and not node and not everything:
        return Problem(wording.too_few(found.name), usage)
    return Request(found.name, cluster=cluster, node=node, everything=everything)


def incident_number(word: str) -> int | None:
    """Read INC-42, inc42, #42 or 42; None for anything else."""
    return grammar_changes.numbered(word, "INC")
