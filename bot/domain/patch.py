"""JSON patches as values: what is tested, what is changed, and how it is taken back.

A patch by index is only safe behind tests: of the object's uid, of the container's name at that
index, of the old text. The API server answers a failed test with 422. Source: RFC 6902, 6901;
apiserver's handlers/patch.go.
"""

import copy
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Json = Any
"""Any value that JSON can hold."""


class Mismatch(ValueError):
    """A test of a patch does not hold, or a path leads nowhere."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: "test", "add", "replace" or "remove" (which has no value)."""

    op: str
    path: str
    value: Json = None

    def as_json(self) -> dict[str, Json]:
        """Return it as RFC 6902 writes it."""
        held = {} if self.op == "remove" else {"value": self.value}
        return {"op": self.op, "path": self.path, **held}


Patch = tuple[Operation, ...]


def pointer(*parts: str | int) -> str:
    """Join the parts of a path, escaping what RFC 6901 asks for."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def document(patch: Iterable[Operation]) -> list[dict[str, Json]]:
    """Return a patch as the body of a request."""
    return [operation.as_json() for operation in patch]


def text(patch: Iterable[Operation]) -> str:
    """Return a patch in one line, always the same for the same patch."""
    return json.dumps(document(patch), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def apply(patch: Iterable[Operation], whole: Json) -> Json:
    """Return what a document becomes; the document itself is left as it is.

    Raises Mismatch where a test fails or a path leads nowhere, as the API server would refuse.
    """
    changed = copy.deepcopy(whole)
    for operation in patch:
        changed = _one(operation, changed)
    return changed


def inverse(patch: Sequence[Operation], whole: Json) -> Patch:
    """Return the patch that takes this one back from the document that it makes of `whole`.

    Tests of what stays the same are kept and come first. What was changed is tested for its new
    value, so that nobody else's later change is overwritten; last changed is first undone.
    """
    kept: list[Operation] = []
    undone: list[Operation] = []
    changed = {each.path for each in patch if each.op != "test"}
    state = copy.deepcopy(whole)
    for operation in patch:
        if operation.op == "test":
            if not any(_within(operation.path, path) for path in changed):
                kept.append(operation)
            _one(operation, state)
            continue
        before, there = _look(state, operation.path)
        state = _one(operation, state)
        undone = [*_taken_back(operation, before, there=there), *undone]
    return (*kept, *undone)


def _taken_back(operation: Operation, before: Json, *, there: bool) -> list[Operation]:
    path = operation.path
    if operation.op == "remove":
        return [Operation("add", path, before)]
    tested = Operation("test", path, operation.value)
    if there and not _inserts(path, operation):
        return [tested, Operation("replace", path, before)]
    return [tested, Operation("remove", path)]


def _inserts(path: str, operation: Operation) -> bool:
    """Whether an "add" pushes list items aside; patches made here only append or set."""
    return operation.op == "add" and path.rpartition("/")[2] == "-"


def _within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/")


def _parts(path: str) -> list[str]:
    if path == "":
        return []
    if not path.startswith("/"):
        raise Mismatch(f"{path!r} is no JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def look(whole: Json, path: str) -> Json:
    """Return what is at a path, None where nothing is."""
    return _look(whole, path)[0]


def _look(whole: Json, path: str) -> tuple[Json, bool]:
    found = whole
    for part in _parts(path):
        try:
            found = found[_index(part, found)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError, Mismatch):
            return None, False
    return found, True


def _index(part: str, held: list[Json]) -> int:
    if not part.isdigit() or (part != "0" and part.startswith("0")):
        raise Mismatch(f"{part!r} is no index of a list of {len(held)}")
    return int(part)


def _one(operation: Operation, whole: Json) -> Json:
    value, there = _look(whole, operation.path)
    if operation.op == "test":
        if not there or not _equal(value, operation.value):
            raise Mismatch(f"{operation.path} is not {json.dumps(operation.value)}")
        return whole
    parts = _parts(operation.path)
    if not parts:
        raise Mismatch("a whole document is never changed at once")
    holder, found = _look(whole, pointer(*parts[:-1]))
    if not found or not isinstance(holder, (dict, list)):
        raise Mismatch(f"there is nothing at {operation.path}")
    if operation.op in ("replace", "remove") and not there:
        raise Mismatch(f"there is nothing at {operation.path}")
    _write(operation, holder, parts[-1])
    return whole


def _write(operation: Operation, holder: dict[str, Json] | list[Json], part: str) -> None:
    value = copy.deepcopy(operation.value)
    if isinstance(holder, list):
        index = len(holder) if part == "-" else _index(part, holder)
        if index > len(holder):
            raise Mismatch(f"there is nothing at {operation.path}")
        if operation.op == "add":
            holder.insert(index, value)
        elif operation.op == "replace":
            holder[index] = value
        else:
            del holder[index]
    elif operation.op == "remove":
        del holder[part]
    else:
        holder[part] = value


def _equal(one: Json, other: Json) -> bool:
    # True is not 1 in JSON.
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
