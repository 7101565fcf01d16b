"""Label and field selectors: reading them, and asking whether an object is meant."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sim.cluster import errors, objects, resources

Object = objects.Object
Predicate = Callable[[Object], bool]

_TOKEN = re.compile(r"\s*(==|!=|=|!|,|\(|\)|<|>|[^\s=!,()<>]+)")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_SET_OPERATORS = {"in", "notin"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    """One of `in`, `notin`, `exists`, `absent`, `<`, `>`."""
    values: frozenset[str] = frozenset()

    def holds(self, labels: Object) -> bool:
        """Whether labels meet it; an absent label is not in any set."""
        value = labels.get(self.key)
        if self.operator == "exists":
            return value is not None
        if self.operator == "absent":
            return value is None
        if self.operator == "notin":
            return value is None or value not in self.values
        if value is None:
            return False
        if self.operator == "in":
            return value in self.values
        try:
            given, bound = int(value), int(next(iter(self.values)))
        except ValueError:
            return False
        return given > bound if self.operator == ">" else given < bound


def labels(text: str) -> tuple[Requirement, ...]:
    """Read a label selector.

    Raises:
        errors.StatusError: 400, as the real server words it.
    """
    tokens = _TOKEN.findall(text)
    found: list[Requirement] = []
    position = 0
    while position < len(tokens):
        requirement, position = _requirement(tokens, position)
        found.append(requirement)
        if position < len(tokens):
            if tokens[position] != ",":
                raise _unreadable(f"found '{tokens[position]}', expected: ',' or 'end of string'")
            position += 1
            if position == len(tokens):
                raise _unreadable("found '', expected: identifier after ','")
    return tuple(found)


def chosen(selector: Object | None, of_object: Object) -> bool:
    """Whether a LabelSelector selects these labels; none selects nothing, an empty one all."""
    if selector is None:
        return False
    words = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}
    wanted = selector.get("matchLabels") or {}
    return all(of_object.get(key) == value for key, value in wanted.items()) and all(
        Requirement(
            rule["key"], words[rule["operator"]], frozenset(rule.get("values") or ())
        ).holds(of_object)
        for rule in selector.get("matchExpressions") or ()
    )


def _requirement(tokens: list[str], position: int) -> tuple[Requirement, int]:
    if tokens[position] == "!":
        if position + 1 >= len(tokens):
            raise _unreadable("found '', expected: identifier")
        return Requirement(_key(tokens[position + 1]), "absent"), position + 2
    key = _key(tokens[position])
    operator = tokens[position + 1] if position + 1 < len(tokens) else ","
    if operator == ",":
        return Requirement(key, "exists"), position + 1
    if operator in _SET_OPERATORS:
        values, position = _set(tokens, position + 2)
        return Requirement(key, operator, values), position
    if operator not in {"=", "==", "!=", "<", ">"}:
        expected = "in, notin, =, ==, !=, gt, lt"
        raise _unreadable(f"found '{operator}', expected: {expected}")
    position += 2
    value = ""
    if position < len(tokens) and tokens[position] != ",":
        value = tokens[position]
        if not _NAME.fullmatch(value):
            raise _unreadable(f"found '{value}', expected: identifier")
        position += 1
    word = {"=": "in", "==": "in", "!=": "notin"}.get(operator, operator)
    return Requirement(key, word, frozenset({value})), position


def _set(pieces: list[str], position: int) -> tuple[frozenset[str], int]:
    if position >= len(pieces) or pieces[position] != "(":
        found = pieces[position] if position < len(pieces) else ""
        raise _unreadable(f"found '{found}' expected: '('")
    values: set[str] = set()
    position += 1
    expects_value = True
    while position < len(pieces):
        piece = pieces[position]
        position += 1
        if piece == ")":
            if expects_value:
                values.add("")
            return frozenset(values), position
        if piece == ",":
            if expects_value:
                values.add("")
            expects_value = True
        elif expects_value:
            values.add(piece)
            expects_value = False
        else:
            raise _unreadable(f"found '{piece}', expected: ',' or ')'")
    raise _unreadable("found '', expected: ',' or ')'")


def _key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and not errors.valid_subdomain(prefix)):
        raise _unreadable(f"found '{text}', expected: !, identifier, or 'end of string'")
    return text


def _unreadable(why: str) -> errors.StatusError:
    return errors.bad_request(f"unable to parse requirement: {why}")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition on one field; `wanted` is False for `!=`."""

    field: str
    value: str
    wanted: bool


def fields(text: str, row: resources.Resource) -> tuple[Term, ...]:
    """Read a field selector for a resource.

    Raises:
        errors.StatusError: 400: no selector, or a field this resource cannot be selected by.
    """
    found: list[Term] = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!]+?)(!=|==|=)(.*)", part)
        if match is None:
            raise errors.bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        field, operator, value = match.groups()
        known = ("metadata.name", *(["metadata.namespace"] if row.namespaced else []), *row.fields)
        if field not in known:
            raise errors.bad_request(_unknown(row, field))
        found.append(Term(field, value.replace("\\,", ","), operator != "!="))
    return tuple(found)


def _unknown(row: resources.Resource, field: str) -> str:
    if row.plural in {"nodes", "pods", "events"}:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def field_value(obj: Object, field: str) -> str:
    """A field as selectors see it: text, and empty (or `false`) when absent."""
    if field == "source":
        return str((obj.get("source") or {}).get("component", ""))
    value: Any = obj
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return "false" if field in {"spec.unschedulable", "spec.hostNetwork"} else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def node_of(text: str, row: resources.Resource) -> str | None:
    """The only node whose objects a field selector can select; None where it names none.

    Raises:
        errors.StatusError: 400.
    """
    wanted = [t for t in fields(text, row) if t.field == "spec.nodeName" and t.wanted]
    return wanted[0].value or None if wanted else None


def predicate(label_text: str, field_text: str, row: resources.Resource) -> Predicate | None:
    """The question whether an object is selected; None where every object is.

    Raises:
        errors.StatusError: 400.
    """
    requirements, terms = labels(label_text), fields(field_text, row)
    if not requirements and not terms:
        return None

    def selected(obj: Object) -> bool:
        of_object = obj["metadata"].get("labels") or {}
        return all(item.holds(of_object) for item in requirements) and all(
            (field_value(obj, term.field) == term.value) == term.wanted for term in terms
        )

    return selected
