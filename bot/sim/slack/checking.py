"""Small rules from which the shape of blocks is judged; each adds to a list of problems.

Problems read as Slack writes them, with the place as a JSON pointer: a person who meets one here
can search for it there.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def kind_of(value: object) -> str:
    """The `type` of an object, as text whatever was sent; empty when there is none."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    return "" if kind is None else str(kind)


class Problems:
    """What is wrong so far."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, path: str, message: str) -> None:
        """Note a problem at `path`."""
        self.found.append(f"{message} [json-pointer:{path}]")

    def keys(
        self, value: object, path: str, *, allowed: Collection[str], required: Collection[str] = ()
    ) -> bool:
        """An object with exactly such keys; false when it is no object at all."""
        if not isinstance(value, Mapping):
            self.add(path, "must be an object")
            return False
        for key in required:
            if value.get(key) is None:
                self.add(path, f"missing required field: {key}")
        for key in value:
            if key not in allowed and key != "type":
                self.add(path, f"invalid additional property: {key}")
        return True

    def string(
        self, value: object, path: str, *, maximum: int, minimum: int = 1, where: Json | None = None
    ) -> bool:
        """A string of bounded length; `where` allows an optional key to be absent."""
        if where is not None and value is None:
            return True
        if not isinstance(value, str):
            self.add(path, "must be a string")
            return False
        if len(value) > maximum:
            self.add(path, f"must be less than {maximum + 1} characters")
            return False
        if len(value) < minimum:
            self.add(path, f"must be more than {minimum - 1} characters")
            return False
        return True

    def optional(self, parent: Json, key: str, path: str, *, maximum: int) -> None:
        """A bounded string under `key`, if it is there."""
        if parent.get(key) is not None:
            self.string(parent[key], f"{path}/{key}", maximum=maximum, minimum=0)

    def identifier(self, parent: Json, key: str, path: str, *, maximum: int) -> None:
        """A `block_id` or `action_id`, if it is there."""
        if parent.get(key) is not None:
            self.string(parent[key], f"{path}/{key}", maximum=maximum)

    def items(
        self, value: object, path: str, *, maximum: int, minimum: int = 1
    ) -> Iterator[tuple[Any, str]]:
        """The items of a list of bounded size with their paths."""
        if not isinstance(value, list):
            self.add(path, "must be an array")
            return
        if len(value) > maximum:
            self.add(path, f"no more than {maximum} items allowed")
        if len(value) < minimum:
            self.add(path, f"no fewer than {minimum} items allowed")
        for index, item in enumerate(value[:maximum]):
            yield item, f"{path}/{index}"

    def one_of(self, value: object, path: str, *, allowed: Collection[str]) -> bool:
        """A word from a closed set."""
        if value in allowed:
            return True
        self.add(path, "must be one of: " + ", ".join(sorted(allowed)))
        return False

    def boolean(self, parent: Json, key: str, path: str) -> None:
        """True or false under `key`, if it is there."""
        if parent.get(key) is not None and not isinstance(parent[key], bool):
            self.add(f"{path}/{key}", "must be a boolean")

    def url(self, value: object, path: str, *, maximum: int) -> None:
        """An address a browser can open."""
        if self.string(value, path, maximum=maximum) and not str(value).startswith(
            ("http://", "https://", "mailto:", "slack:")
        ):
            self.add(path, "must be a valid URL")

    def text(
        self, value: object, path: str, *, maximum: int, plain: bool = False, minimum: int = 1
    ) -> None:
        """A text object: `plain_text`, and unless `plain` also `mrkdwn`."""
        if not isinstance(value, Mapping):
            self.add(path, "must be an object")
            return
        kind = kind_of(value)
        allowed = {"plain_text": ("text", "emoji"), "mrkdwn": ("text", "verbatim")}
        if kind not in allowed or (plain and kind != "plain_text"):
            self.add(f"{path}/type", f"unsupported type: {kind}")
            return
        self.keys(value, path, allowed=allowed[kind], required=("text",))
        self.boolean(value, "emoji", path)
        self.boolean(value, "verbatim", path)
        if value.get("text") is not None:
            self.string(value["text"], f"{path}/text", maximum=maximum, minimum=minimum)

    def optional_text(
        self, parent: Json, key: str, path: str, *, maximum: int, plain: bool = True
    ) -> None:
        """A text object under `key`, if it is there."""
        if parent.get(key) is not None:
            self.text(parent[key], f"{path}/{key}", maximum=maximum, plain=plain)
