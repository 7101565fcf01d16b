"""Lines that every answer about nodes' networks has: what was seen, how, and what was not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.adapters.slack import interpreter, limits, prose, wording_network
from bot.flannel import deviants
from bot.flow import network_answers

_UNSEEN = 8
_PROBLEMS = 4
_TEXT = 300
EACH = 4
"""Nodes of a group that are told one by one; of more, the names and one case."""
NAMES = 24
ALL = 1_000_000
"""For a file, which leaves nothing out."""


def about(value: network_answers.About) -> list[prose.Line]:
    """Which flannel it is about, and what makes the answer less than whole."""
    parts = [part for part in (value.flannel, value.version, value.backend) if part]
    lines = [prose.labelled(wording_network.FLANNEL, " · ".join(parts))]
    if value.flags:
        lines[0] = (*lines[0], prose.Run(" · "), prose.code(" ".join(value.flags)))
    return [*lines, *[prose.labelled(wording_network.NOTE, *text(note)) for note in value.notes]]


def look(value: network_answers.Look, now: datetime) -> list[prose.Line]:
    """Which way one node was seen and how long ago; then what of it was not."""
    age = (now - value.taken_at).total_seconds()
    lines = [
        prose.labelled(
            wording_network.SEEN,
            f"{wording_network.WAY[value.way]}, {wording_network.seen_ago(age)}",
        )
    ]
    return lines + [
        prose.labelled(wording_network.NOT_SEEN, *text(problem))
        for problem in value.problems[:_PROBLEMS]
    ]


def coverage(value: network_answers.Coverage, now: datetime, *, most: int) -> list[prose.Line]:
    """How many nodes were seen, how long ago, and which were not and why."""
    told = wording_network.coverage(value.seen, value.population)
    if value.oldest is not None and value.newest is not None:
        oldest = (now - value.oldest).total_seconds()
        newest = (now - value.newest).total_seconds()
        told += f", {wording_network.between(oldest, newest)}"
    short = wording_network.BY
    ways = [(short[way], number) for way, number in value.ways.items() if number]
    if len(ways) == 1:
        told += f", {ways[0][0]}"
    elif ways:
        told += ", " + ", ".join(f"{number:,} {way}" for way, number in ways)
    lines = [prose.labelled(wording_network.SEEN, told)]
    lines += reasons(value.unseen, most=most)
    for problem, number in list(value.problems.items())[: max(_PROBLEMS, most)]:
        on = wording_network.on_nodes(number)
        lines.append(prose.labelled(wording_network.NOT_SEEN, on, *text(problem)))
    return lines


def reasons(unseen: Mapping[str, str], *, most: int) -> list[prose.Line]:
    """Which nodes were not seen, or not all of them, by why."""
    by_reason: dict[str, list[str]] = {}
    for node, reason in unseen.items():
        # One reason often differs by the node's name alone.
        alike = re.sub(rf"(?<![\w.-]){re.escape(node)}(?![\w.-])", "…", reason)
        by_reason.setdefault(alike, []).append(node)
    shown = sorted(by_reason.items(), key=lambda pair: -len(pair[1]))
    listed = most if most >= ALL else NAMES
    lines = []
    for reason, nodes in shown[: max(_UNSEEN, most)]:
        named = names(nodes, most=listed)
        lines.append(prose.labelled(wording_network.NOT_SEEN, *named, ": ", *text(reason)))
    left = sum(len(nodes) for _, nodes in shown[max(_UNSEEN, most) :])
    if left:
        lines.append(prose.labelled(wording_network.NOT_SEEN, wording_network.more(left).strip()))
    return lines


def several(label: str, sentences: Sequence[str]) -> list[prose.Line]:
    """Sentences under one label: the first beside it, each other on a line of its own."""
    return [
        prose.labelled(label, *text(one)) if index == 0 else prose.line("· ", *text(one))
        for index, one in enumerate(sentences)
    ]


def names(nodes: Sequence[str], *, most: int) -> prose.Line:
    """Names to be read letter by letter, the surplus as a number."""
    shown = prose.listed([limits.cut(node, limits.NAME) for node in nodes[:most]])
    left = len(nodes) - most
    return (*shown, prose.Run(wording_network.more(left))) if left > 0 else shown


def text(said: str) -> prose.Line:
    """Return a sentence of the core, its backticks as code; a very long one cut."""
    return prose.marked(limits.cut(interpreter.told(said), _TEXT))


def group(value: deviants.Group, *, most: int) -> prose.Paragraph:
    """One trouble: on how many nodes, which, why and what to do."""
    lines = [
        prose.line(
            wording_network.SEVERITY[value.severity],
            " ",
            prose.strong(interpreter.told(value.what)),
            wording_network.group_size(len(value.members)),
        )
    ]
    if len(value.members) <= max(EACH, most):
        lines += [member_line(member) for member in value.members]
    else:
        listed = [member.node for member in value.members]
        lines.append(names(listed, most=NAMES))
        lines.append(prose.labelled(wording_network.EXAMPLE, *member_line(value.members[0])))
    if value.cause:
        lines.append(prose.labelled(wording_network.CAUSE, *prose.marked(value.cause)))
    if value.cure:
        lines.append(prose.labelled(wording_network.DO, *prose.marked(value.cure)))
    return prose.paragraph(*lines)


def member_line(member: deviants.Member) -> prose.Line:
    """One node of a group, in its own case."""
    return prose.line(prose.code(limits.cut(member.node, limits.NAME)), " ", *text(member.text))


def shortened(short: prose.Page, whole: prose.Page) -> prose.Page:
    """Return the short page, with the whole one beside it where they differ."""
    if short.parts == whole.parts:
        return short
    return replace(short, whole=whole)


def footer(value: network_answers.About, lines: Sequence[prose.Line]) -> prose.Paragraph:
    """What was seen, then which flannel: the end of every answer."""
    return prose.paragraph(*lines, *about(value))
