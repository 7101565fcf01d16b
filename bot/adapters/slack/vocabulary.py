"""The commands that there are: how each is written, and how many words it takes."""

from dataclasses import dataclass

from bot.adapters.slack import (
    grammar_attention,
    grammar_changes,
    grammar_simulation,
    helptexts,
)

_WHAT_IF = (grammar_changes.WHAT_IF,)
_WORDS = 100
"""Words of a reason."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that works: how it is written, and how many words it takes.

    `nodes` if its word is a node's name; `flags` are those it takes, without their dashes.
    """

    name: str
    usage: str
    least: int = 0
    most: int = 0
    nodes: bool = False
    flags: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        """What it is for, in one line."""
        return helptexts.HELP[self.name]


COMMANDS = (
    Command("help", "help [command]", most=1),
    Command("status", "[@cluster] status"),
    Command("nics", "[@cluster] nics <node>|--all", most=1, nodes=True, flags=("all",)),
    Command("routes", "[@cluster] routes [<node>|--all]", most=1, nodes=True, flags=("all",)),
    Command("memory", "[@cluster] memory [<node>]", most=1, nodes=True, flags=("all",)),
    Command(
        "simulate",
        "[@cluster] simulate <regex>...|--iface <name>|--iface-can-reach <ip>",
        most=grammar_simulation.MOST,
        flags=grammar_simulation.FLAGS,
    ),
    Command("logs", "[@cluster] logs <node>", least=1, most=1, nodes=True),
    Command("verify", "[@cluster] verify [<node>]", most=1, nodes=True, flags=("all",)),
    Command("fix", "fix INC-n [runbook] [--what-if]", least=1, most=2, flags=_WHAT_IF),
    Command(
        "raise-memory", "[@cluster] raise-memory [quantity] [--what-if]", most=1, flags=_WHAT_IF
    ),
    Command("anchor-regex", "[@cluster] anchor-regex [--what-if]", flags=_WHAT_IF),
    Command(
        "raise-memory-and-anchor",
        "[@cluster] raise-memory-and-anchor [quantity] [--what-if]",
        most=1,
        flags=_WHAT_IF,
    ),
    Command(
        "drain",
        "[@cluster] drain <node> [--lose-empty-dirs] [--what-if]",
        least=1,
        most=1,
        flags=(*_WHAT_IF, grammar_changes.LOSE),
    ),
    Command("evict-veth", "[@cluster] evict-veth <node> [--what-if]", 1, 1, flags=_WHAT_IF),
    Command("restart", "[@cluster] restart <node> [--what-if]", 1, 1, flags=_WHAT_IF),
    Command("plans", "[@cluster] plans"),
    Command("plan", "plan PLAN-n", least=1, most=1),
    Command("withdraw", "withdraw PLAN-n [reason]", least=1, most=_WORDS),
    Command("run", "run RUN-n", least=1, most=1),
    Command("cancel", "cancel RUN-n", least=1, most=1),
    Command("wait", "wait RUN-n", least=1, most=1),
    Command("undo", "undo RUN-n", least=1, most=1),
    Command("freeze", "[@cluster] freeze <duration> <reason>", least=2, most=_WORDS),
    Command("unfreeze", "[@cluster] unfreeze"),
    Command("audit", "[@cluster] audit [n]", most=1),
    Command("incidents", "[@cluster] incidents"),
    Command("incident", "incident INC-n", least=1, most=1),
    Command("ack", "ack INC-n", least=1, most=1),
    Command("own", "own INC-n", least=1, most=1),
    Command(
        "silence",
        "[@cluster] silence <matcher>|INC-n <duration> [--in <duration>] [reason]",
        least=2,
        most=_WORDS,
        flags=(grammar_attention.LATER,),
    ),
    Command("silences", "[@cluster] silences"),
    Command("unsilence", "unsilence SIL-n", least=1, most=1),
    Command("noise", "[@cluster] noise"),
    Command("handover", "[@cluster] handover"),
    Command("check", "[@cluster] check"),
    Command("schedule", "[@cluster] schedule"),
    Command("doctor", "[@cluster] doctor"),
)
NAMES = tuple(command.name for command in COMMANDS)


def command(name: str) -> Command | None:
    """Return the command of that name."""
    return next((found for found in COMMANDS if found.name == name), None)
