"""Exact changes of flannel's container, as guarded JSON patches.

Every change is by index, and so stands behind tests: of the DaemonSet's uid, of the container's
name at that index, of the old text. What a change of arguments comes to is proven by reading the
changed command line as flanneld would read it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.domain import patch, units
from bot.domain.patch import Operation, Patch
from bot.flannel import anchoring, flags, rewriting
from bot.runbooks.case import Json, NoPlan
from bot.runbooks.workloads import Workload

REGEX = "iface-regex"


@dataclass(frozen=True, slots=True)
class Edit:
    """What changes in one container.

    `operations` are without the tests of object and container, see `guarded`. `fields` are the
    container's changed fields as they then are, for whoever keeps the object elsewhere.
    """

    operations: Patch = ()
    diff: tuple[str, ...] = ()
    fields: Mapping[str, Json] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.operations)

    def __add__(self, other: "Edit") -> "Edit":
        """Both in one change."""
        return Edit(
            (*self.operations, *other.operations),
            (*self.diff, *other.diff),
            {**self.fields, **other.fields},
        )


def path(work: Workload, *parts: str | int) -> str:
    """Return the JSON pointer of something in flannel's container."""
    return patch.pointer("spec", "template", "spec", "containers", work.index, *parts)


def guarded(work: Workload, edit: Edit) -> Patch:
    """Return the whole patch: nothing is done to another object or another container."""
    return (
        Operation("test", "/metadata/uid", work.document["metadata"]["uid"]),
        Operation("test", path(work, "name"), work.flannel.container),
        *edit.operations,
    )


def quantity(size: int) -> str:
    """Write bytes as Kubernetes reads them back: exactly."""
    text = units.memory(size)
    return text if "." not in text else str(size)


def memory(work: Workload, size: int) -> Edit:
    """Set the container's memory limit; its request stays, also one that is not written.

    A container without a request asks for as much as its limit, so that a raised limit alone could
    leave flannel without room on a full node.
    """
    resources = work.container.get("resources") or {}
    old, new = resources["limits"]["memory"], quantity(size)
    where = path(work, "resources", "limits", "memory")
    edit = Edit(
        (Operation("test", where, old), Operation("replace", where, new)),
        (f"- resources.limits.memory: {old}", f"+ resources.limits.memory: {new}"),
        {"resources": {"limits": {"memory": new}}},
    )
    requests = resources.get("requests") or {}
    if "memory" in requests:
        return edit
    added = (
        Operation("add", path(work, "resources", "requests", "memory"), old)
        if requests
        else Operation("add", path(work, "resources", "requests"), {"memory": old})
    )
    return edit + Edit(
        (added,),
        (f"+ resources.requests.memory: {old}",),
        {"resources": {"limits": {"memory": new}, "requests": {"memory": old}}},
    )


def arguments(work: Workload, safer: rewriting.Rewrite) -> Edit | NoPlan:
    """Put other flags for the NIC where the present ones stand, and prove what they come to."""
    old = _words(work)
    if any("$(" in word for words in old.values() for _, _, word in _patterns(words)):
        return NoPlan("the pattern is put together from environment variables")
    if safer.how is rewriting.How.ANCHORED:
        new = _anchored(old, safer.given.iface_regex)
    else:
        new = _ordered(work, safer)
    changed = flags.of(replace(work.spec, command=tuple(new["command"]), args=tuple(new["args"])))
    wanted = (safer.given.iface, safer.given.iface_regex)
    if (changed.iface, changed.iface_regex) != wanted:
        return NoPlan("its command line could not be changed so that only the flags change")
    if safer.how is rewriting.How.ANCHORED:
        found = [_element(work, place, i, word, new[place][i])
                 for place, words in old.items() for i, word in enumerate(words)
                 if word != new[place][i]]  # fmt: skip
    else:
        found = [_list(work, place, words, new[place])
                 for place, words in old.items() if words != new[place]]  # fmt: skip
    edit = Edit()
    for one in found:
        edit += one
    return edit


def _element(work: Workload, place: str, index: int, old: str, new: str) -> Edit:
    where = path(work, place, index)
    words = list(work.container[place])
    words[index] = new
    return Edit(
        (Operation("test", where, old), Operation("replace", where, new)),
        (f"- {place}[{index}]: {old}", f"+ {place}[{index}]: {new}"),
        {place: words},
    )


def _list(work: Workload, place: str, old: Sequence[str], new: Sequence[str]) -> Edit:
    """Replace a whole list: elements come and go, so that no index but the list's own is sure."""
    where = path(work, place)
    return Edit(
        (Operation("test", where, list(old)), Operation("replace", where, list(new))),
        (
            f"- {place}: {json.dumps(list(old), ensure_ascii=False)}",
            f"+ {place}: {json.dumps(list(new), ensure_ascii=False)}",
        ),
        {place: list(new)},
    )


def _patterns(words: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Where patterns seem to stand: first word, number of words, and the word with the value."""
    for i, word in enumerate(words):
        name, equals, _ = word.lstrip("-").partition("=")
        if not word.startswith("-") or name != REGEX:
            continue
        if equals:
            yield i, 1, word
        elif i + 1 < len(words):
            yield i, 2, words[i + 1]


def _anchored(old: Mapping[str, list[str]], values: Sequence[str]) -> dict[str, list[str]]:
    new = {place: list(words) for place, words in old.items()}
    left = iter(values)
    for words in new.values():
        for start, length, word in list(_patterns(words)):
            value = next(left, None)
            if value is None:
                break
            head = word.partition("=")[0] + "=" if length == 1 else ""
            # What stays is left as it is written, be it `$$` where `$` would do.
            if anchoring.escaped(value) != _unhanded(word, head):
                words[start + length - 1] = head + anchoring.escaped(value)
    return new


def _unhanded(word: str, head: str) -> str:
    return anchoring.escaped(word.removeprefix(head).replace("$$", "$"))


def _ordered(work: Workload, safer: rewriting.Rewrite) -> dict[str, list[str]]:
    """Put the new names where the first pattern stood, and take all patterns out."""
    before = [flag.name for flag in work.flannel.flags.in_force]
    first = before[: before.index(REGEX)].count("iface")
    number = len(safer.given.iface) - before.count("iface")
    names = [
        anchoring.escaped(f"--iface={one}") for one in safer.given.iface[first : first + number]
    ]
    new: dict[str, list[str]] = {}
    for place, words in _words(work).items():
        kept: list[str] = []
        dropped = {start: length for start, length, _ in _patterns(words)}
        skip = 0
        for i, word in enumerate(words):
            if i in dropped:
                kept.extend(names)
                names, skip = [], dropped[i]
            if skip:
                skip -= 1
            else:
                kept.append(word)
        new[place] = kept
    return new


def _words(work: Workload) -> dict[str, list[str]]:
    return {"command": list(work.spec.command), "args": list(work.spec.args)}
