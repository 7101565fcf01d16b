"""Rich text and tables: blocks made of typed runs of text instead of a markup."""

from collections.abc import Mapping
from typing import Any

from bot.sim.slack import checking, limits
from bot.sim.slack.checking import Problems

Json = Mapping[str, Any]

_STYLES = ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight")
_RUNS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "link": ("url",),
    "user": ("user_id",),
    "usergroup": ("usergroup_id",),
    "channel": ("channel_id",),
    "emoji": ("name",),
    "broadcast": ("range",),
    "date": ("timestamp", "format"),
    "color": ("value",),
    "team": ("team_id",),
}
_OPTIONAL = (
    "style",
    "text",
    "unsafe",
    "unicode",
    "skin_tone",
    "fallback",
    "url",
    "display_team_id",
)
_MANY = 10_000
"""Slack states no bound for runs; this one keeps a message finite."""


def _run(problems: Problems, value: object, path: str) -> None:
    if not isinstance(value, Mapping):
        problems.add(path, "must be an object")
        return
    kind = checking.kind_of(value)
    if kind not in _RUNS:
        problems.add(f"{path}/type", f"unsupported type: {kind}")
        return
    problems.keys(value, path, allowed=(*_RUNS[kind], *_OPTIONAL), required=_RUNS[kind])
    if kind == "text" and value.get("text") is not None:
        problems.string(value["text"], f"{path}/text", maximum=limits.MESSAGE_TEXT)
    style = value.get("style")
    if style is not None:
        problems.keys(style, f"{path}/style", allowed=_STYLES)


def _runs(problems: Problems, section: Json, path: str) -> None:
    elements = f"{path}/elements"
    for item, at in problems.items(section.get("elements"), elements, maximum=_MANY, minimum=0):
        _run(problems, item, at)


def _part(problems: Problems, value: object, path: str) -> None:
    if not isinstance(value, Mapping):
        problems.add(path, "must be an object")
        return
    kind = checking.kind_of(value)
    if kind in {"rich_text_section", "rich_text_preformatted", "rich_text_quote"}:
        problems.keys(
            value, path, allowed=("elements", "border", "language"), required=("elements",)
        )
        _runs(problems, value, path)
    elif kind == "rich_text_list":
        problems.keys(
            value,
            path,
            allowed=("elements", "style", "indent", "offset", "border"),
            required=("elements", "style"),
        )
        problems.one_of(value.get("style"), f"{path}/style", allowed=("bullet", "ordered"))
        for item, at in problems.items(value.get("elements"), f"{path}/elements", maximum=_MANY):
            if isinstance(item, Mapping) and item.get("type") == "rich_text_section":
                _part(problems, item, at)
            else:
                problems.add(f"{at}/type", "unsupported type")
    else:
        problems.add(f"{path}/type", f"unsupported type: {kind}")


def rich_text(problems: Problems, block: Json, path: str) -> None:
    """A `rich_text` block, also as a table's cell."""
    problems.keys(block, path, allowed=("elements", "block_id"), required=("elements",))
    for item, at in problems.items(block.get("elements"), f"{path}/elements", maximum=_MANY):
        _part(problems, item, at)


def length(value: object) -> int:
    """Characters of all texts in a value, at any depth."""
    if isinstance(value, Mapping):
        own = value.get("text")
        return (len(own) if isinstance(own, str) else 0) + sum(
            length(inner) for inner in value.values() if not isinstance(inner, str)
        )
    if isinstance(value, list):
        return sum(length(item) for item in value)
    return 0


def _cell(problems: Problems, cell: object, path: str) -> None:
    kind = checking.kind_of(cell)
    if not isinstance(cell, Mapping) or kind not in {"raw_text", "rich_text", "raw_number"}:
        problems.add(f"{path}/type", f"unsupported type: {kind}")
    elif kind == "rich_text":
        rich_text(problems, cell, path)
    else:
        problems.keys(cell, path, allowed=("text", "value"), required=("text",))
        if cell.get("text") is not None:
            problems.string(cell["text"], f"{path}/text", maximum=limits.TABLE_TEXT)


def table(problems: Problems, block: Json, path: str) -> None:
    """A `table` block: rows of cells, the first row being the head."""
    problems.keys(block, path, allowed=("rows", "column_settings", "block_id"), required=("rows",))
    for row, at in problems.items(block.get("rows"), f"{path}/rows", maximum=limits.TABLE_ROWS):
        for cell, cell_at in problems.items(row, at, maximum=limits.TABLE_CELLS):
            _cell(problems, cell, cell_at)
    if length(block.get("rows")) > limits.TABLE_TEXT:
        problems.add(f"{path}/rows", f"must be less than {limits.TABLE_TEXT + 1} characters")
    settings = block.get("column_settings")
    if settings is None:
        return
    for setting, at in problems.items(
        settings, f"{path}/column_settings", maximum=limits.TABLE_SETTINGS
    ):
        if setting is not None and problems.keys(setting, at, allowed=("align", "is_wrapped")):
            problems.boolean(setting, "is_wrapped", at)
            if setting.get("align") is not None:
                problems.one_of(
                    setting["align"], f"{at}/align", allowed=("left", "center", "right")
                )
