"""What a typed command means. Pure: text in, a request or a problem out; never raises.

Slack's clients and Slack itself change what people type: curly quotes, dashes, links made of
anything with a dot, names made into references, entities. `normalise` takes that back. Then
words are split at spaces; quotes keep words together; a backslash is a backslash, since people
type regular expressions here.
"""

import difflib
import re
from dataclasses import dataclass

from bot.adapters.slack import limits, wording

LONGEST = 3_000
"""Characters of a command."""
_ECHO = 60
"""Characters of a word that are said back."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that works: how it is written, and how many words it takes."""

    name: str
    usage: str
    least: int = 0
    most: int = 0

    @property
    def help(self) -> str:
        """What it is for, in one line."""
        return wording.HELP[self.name]


COMMANDS = (
    Command("help", "help [command]", most=1),
    Command("status", "[@cluster] status"),
    Command("incidents", "[@cluster] incidents"),
    Command("incident", "incident INC-n", least=1, most=1),
    Command("check", "[@cluster] check"),
    Command("schedule", "schedule"),
)
NAMES = tuple(command.name for command in COMMANDS)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. `number` is of an incident; `topic` a command that help is wanted for."""

    name: str
    cluster: str | None = None
    number: int = 0
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why it was not understood, and what to do about it."""

    text: str
    hint: str = ""


def command(name: str) -> Command | None:
    """Return the command of that name."""
    return next((found for found in COMMANDS if found.name == name), None)


def parse(text: str) -> Request | Problem:
    """Read what was typed behind the slash command or the mention."""
    if len(text) > LONGEST:
        return Problem(wording.too_long(LONGEST), wording.TRY_HELP)
    words = split(normalise(text))
    if isinstance(words, Problem):
        return words
    cluster = None
    if words and words[0].startswith("@"):
        cluster = words.pop(0)[1:]
        if not cluster:
            return Problem(wording.no_cluster_name(), wording.usage(COMMANDS[1].usage))
    if not words or words[0].lower() in ("--help", "-h", "?"):
        return Request("help", cluster=cluster)
    word, arguments = words[0], words[1:]
    found = command(word.lower())
    if found is None:
        return unknown(word)
    if arguments and arguments[0].lower() in ("--help", "-h"):
        return Request("help", topic=found.name)
    return _request(found, arguments, cluster)


def unknown(word: str) -> Problem:
    """Answer a word that is no command with the nearest that is."""
    near = nearest(word.lower(), NAMES)
    hint = wording.did_you_mean(near) if near else wording.TRY_HELP
    return Problem(wording.unknown_command(echo(word)), hint)


def nearest(word: str, names: tuple[str, ...], most: int = 2) -> list[str]:
    """Return the names most like a word, the likest first."""
    return difflib.get_close_matches(word[:_ECHO], names, n=most, cutoff=0.55)


def echo(word: str) -> str:
    """Return a word short enough to be said back."""
    return limits.cut(limits.clean(word), _ECHO)


def _request(found: Command, arguments: list[str], cluster: str | None) -> Request | Problem:
    usage = wording.usage(found.usage)
    if len(arguments) < found.least:
        return Problem(wording.too_few(found.name), usage)
    if len(arguments) > found.most:
        stray = arguments[found.most]
        hint = wording.CLUSTER_FIRST if stray.startswith("@") else usage
        return Problem(wording.too_many(found.name, echo(stray)), hint)
    if found.name == "incident":
        number = incident_number(arguments[0])
        if number is None:
            return Problem(wording.no_incident_number(echo(arguments[0])), usage)
        return Request(found.name, cluster=cluster, number=number)
    if found.name == "help" and arguments:
        if command(arguments[0].lower()) is None:
            return unknown(arguments[0])
        return Request(found.name, topic=arguments[0].lower())
    return Request(found.name, cluster=cluster)


def incident_number(word: str) -> int | None:
    """Read INC-42, inc42, #42 or 42; None for anything else."""
    match = re.fullmatch(r"(?:inc-?|#)?0*([0-9]{1,9})", word, re.IGNORECASE)
    return int(match[1]) if match and int(match[1]) > 0 else None


_REFERENCE = re.compile(r"<([^<>]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_QUOTES = str.maketrans(
    {**dict.fromkeys("“”„‟«»＂", '"'), **dict.fromkeys("‘’‚‛‹›＇", "'"), "\u00a0": " "}
)
_LONG_DASH_FIRST = re.compile(r"(?:^|(?<=\s))[—–―−](?=\w)")
_LONG_DASH = re.compile(r"[—–―−‐‑‒]")


def normalise(text: str) -> str:
    """Take back what clients and Slack make of typed text."""
    text = _REFERENCE.sub(_unwrapped, text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    text = _LONG_DASH_FIRST.sub("--", text.translate(_QUOTES))
    text = _LONG_DASH.sub("-", text)
    # Format characters (zero width, direction) are typed by nobody and copied by many.
    return "".join(c for c in text if c.isspace() or c.isprintable()).strip()


def _unwrapped(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    sign = {"@": "@", "#": "#"}.get(target[:1], "")
    if target.startswith("!subteam"):
        sign = "@"
    if sign:
        return sign + (label or target[1:]).removeprefix(sign)
    return label or target.removeprefix("mailto:")


def split(text: str) -> list[str] | Problem:
    """Split into words; a quote at a word's start or after `=` keeps spaces, backticks too."""
    words: list[str] = []
    word: str | None = None
    quote = ""
    for character in text:
        if quote:
            if character == quote:
                quote = ""
            else:
                word = (word or "") + character
        elif character.isspace():
            if word is not None:
                words.append(word)
            word = None
        elif character in "\"'`" and (not word or word.endswith("=")):
            quote, word = character, word or ""
        elif character in '"`':
            return Problem(wording.unbalanced(character), wording.TRY_HELP)
        else:
            word = (word or "") + character
    if quote:
        return Problem(wording.unbalanced(quote), wording.TRY_HELP)
    return [*words, word] if word is not None else words
