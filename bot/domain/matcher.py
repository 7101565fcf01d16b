"""Matchers: which incidents are meant, such as `check=oom_killed,node=~"node-1.*"`.

Read like Alertmanager's. A regular expression has to match a whole value. What reads regular
expressions is handed in: this room knows no dialect.
"""

import enum
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain import finding, nearest
from bot.domain.incident import Incident

FIELDS = ("check", "cluster", "namespace", "node", "severity", "workload")
SEVERITIES = tuple(each.value for each in finding.Severity)
"""The values that `severity` can have."""
MOST = 10
"""Matchers of one expression."""
LONGEST = 500
"""Characters of an expression."""
_VALUE = 253
"""Characters of a value: the longest name that Kubernetes gives."""

Like = Callable[[str, str], bool]
"""Whether a pattern matches a whole text."""


class Operator(enum.StrEnum):
    """How a value is compared."""

    IS = "="
    IS_NOT = "!="
    LIKE = "=~"
    UNLIKE = "!~"

    @property
    def negative(self) -> bool:
        """Whether it holds where the value is not there."""
        return self in (Operator.IS_NOT, Operator.UNLIKE)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition."""

    name: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        plain = re.fullmatch(r"[A-Za-z0-9._/:*+?^$|-]+", self.value)
        value = self.value if plain else '"' + self.value.replace('"', '\\"') + '"'
        return f"{self.name}{self.operator.value}{value}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an expression; `position` is of the character, the first is 1."""

    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """What reading needs to know from outside.

    `fault` returns what is wrong with a regular expression, or an empty text. `known` are the
    values that a field can have at all, where that is known; of the fields in `more` there may be
    others, so there only what looks like a slip of the pen is refused.
    """

    fault: Callable[[str], str] = lambda _: ""
    known: Mapping[str, Collection[str]] = field(default_factory=dict)
    more: Collection[str] = ("check",)


_ONE = re.compile(r"\s*([A-Za-z_]*)\s*(=~|!~|!=|==|=|!)?\s*", re.DOTALL)


def parse(text: str, dialect: Dialect) -> tuple[Matcher, ...] | Problem:
    """Read an expression; never raises."""
    if len(text) > LONGEST:
        return Problem(LONGEST + 1, f"it is longer than {LONGEST} characters")
    found: list[Matcher] = []
    for start, part in _parts(text):
        one = _one(part, start, dialect)
        if isinstance(one, Problem):
            return one
        if len(found) == MOST:
            return Problem(start + 1, f"there are more than {MOST} conditions")
        if one not in found:
            found.append(one)
    return tuple(found)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield what stands between commas, and where; commas in quotes and brackets do not part."""
    start, quoted, closing = 0, False, []
    pairs = {"(": ")", "[": "]", "{": "}"}
    escaped = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in pairs:
            closing.append(pairs[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            yield start, text[start:index]
            start = index + 1
    yield start, text[start:]


def _one(part: str, start: int, dialect: Dialect) -> Matcher | Problem:
    head = _ONE.match(part)
    assert head is not None  # it matches the empty text too
    at = start + len(part) - len(part.lstrip()) + 1
    name, written = head[1].lower(), head[2]
    if not name:
        return Problem(at, f"a name is missing: write one of {', '.join(FIELDS)}")
    if name not in FIELDS:
        near = _near(name, FIELDS)
        hint = f"did you mean {near[0]}" if near else f"known are {', '.join(FIELDS)}"
        return Problem(at, f"{_short(name)!r} is nothing to match by; {hint}")
    if written is None or written in ("!", "=="):
        where = start + (head.end(1) if written is None else head.start(2)) + 1
        return Problem(where, f"after {name} one of = != =~ !~ must follow")
    raw, where = part[head.end() :].rstrip(), start + head.end() + 1
    value = _unquoted(raw)
    if value is None:
        return Problem(where, "a quotation is not closed, or something stands behind it")
    if not value:
        return Problem(where, f"a value is missing after {name}{written}")
    if len(value) > _VALUE:
        return Problem(where, f"the value is longer than {_VALUE} characters")
    operator = Operator(written)
    if operator in (Operator.LIKE, Operator.UNLIKE):
        fault = dialect.fault(value)
        return Problem(where, fault) if fault else Matcher(name, operator, value)
    known = SEVERITIES if name == "severity" else dialect.known.get(name, ())
    if known and value not in known:
        close = _near(value, known)
        if not close and name in dialect.more:
            return Matcher(name, operator, value)
        hint = f"did you mean {' or '.join(close)}" if close else f"known are {_few(known)}"
        return Problem(where, f"there is no {name} {_short(value)!r}; {hint}")
    return Matcher(name, operator, value)


def _near(word: str, names: Iterable[str]) -> Sequence[str]:
    found = nearest.resolve(word, names)
    return found.near[:2] if isinstance(found, nearest.Missing) else (found,)


def _few(known: Collection[str]) -> str:
    names = sorted(known)
    return ", ".join(names[:8]) + (" and more" if len(names) > 8 else "")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _unquoted(raw: str) -> str | None:
    if not raw.startswith('"'):
        return None if raw.count('"') % 2 else raw
    if len(raw) < 2 or not raw.endswith('"'):
        return None
    inner = raw[1:-1]
    return None if re.search(r'(?<!\\)"', inner) else inner.replace('\\"', '"')


def labels(value: Incident) -> dict[str, tuple[str, ...]]:
    """Return what an incident can be matched by. It has as many nodes as are affected."""
    shown = value.affected or value.members
    return {
        "check": (value.check,),
        "cluster": (value.cluster,),
        "namespace": (value.workload.namespace,) if value.workload.namespace else (),
        "node": tuple(sorted({one.target.node for one in shown if one.target.node})),
        "severity": (value.severity.value,),
        "workload": (value.workload.name,) if value.workload.name else (),
    }


def matches(matchers: Sequence[Matcher], value: Incident, like: Like) -> bool:
    """Whether an incident is meant: every condition holds, and of its nodes for every one.

    So what is said of one node says nothing of a trouble that other nodes have too.
    """
    if not matchers:
        return False
    known = labels(value)
    return all(_holds(one, known[one.name], like) for one in matchers)


def reaches(matchers: Sequence[Matcher], cluster: str, like: Like) -> bool:
    """Whether anything in a cluster can be meant, going by what is said of clusters alone."""
    named = [one for one in matchers if one.name == "cluster"]
    return all(_holds(one, (cluster,), like) for one in named)


def _holds(one: Matcher, values: Sequence[str], like: Like) -> bool:
    regular = one.operator in (Operator.LIKE, Operator.UNLIKE)
    hits = [like(one.value, text) if regular else one.value == text for text in values]
    return not any(hits) if one.operator.negative else bool(hits) and all(hits)
