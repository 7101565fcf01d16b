"""Blocks that are new to Slack, as far as documented: alert, card, carousel, data table."""

from collections.abc import Mapping
from typing import Any

from bot.sim.slack import checking, elements, limits
from bot.sim.slack.checking import Problems

Json = Mapping[str, Any]


def alert(problems: Problems, block: Json, path: str) -> None:
    """A line that stands out, of one of five levels."""
    problems.keys(block, path, allowed=("text", "level", "block_id"), required=("text",))
    problems.optional_text(block, "text", path, maximum=limits.ALERT_TEXT, plain=False)
    if block.get("level") is not None:
        problems.one_of(block["level"], f"{path}/level", allowed=limits.ALERT_LEVELS)


def card(problems: Problems, block: Json, path: str) -> None:
    """A picture, a title, a few words and buttons."""
    fields = ("title", "subtitle", "body", "icon", "hero_image", "actions", "block_id")
    problems.keys(block, path, allowed=fields)
    if not any(block.get(key) is not None for key in ("title", "body", "hero_image", "actions")):
        problems.add(path, "missing required field: title")
    for key in ("title", "subtitle"):
        problems.optional_text(block, key, path, maximum=limits.CARD_TITLE, plain=False)
    problems.optional_text(block, "body", path, maximum=limits.CARD_BODY, plain=False)
    for key in ("icon", "hero_image"):
        if isinstance(block.get(key), Mapping):
            elements.image(problems, block[key], f"{path}/{key}")
        elif block.get(key) is not None:
            problems.add(f"{path}/{key}", "must be an object")
    if block.get("actions") is not None:
        inside = problems.items(block["actions"], f"{path}/actions", maximum=limits.CARD_ACTIONS)
        for item, at in inside:
            elements.element(problems, item, at, allowed=frozenset({"button"}))


def carousel(problems: Problems, block: Json, path: str) -> None:
    """Cards side by side."""
    problems.keys(block, path, allowed=("elements", "block_id"), required=("elements",))
    inside = f"{path}/elements"
    for item, at in problems.items(block.get("elements"), inside, maximum=limits.CAROUSEL_CARDS):
        if checking.kind_of(item) != "card":
            problems.add(f"{at}/type", f"unsupported type: {checking.kind_of(item)}")
        else:
            card(problems, item, at)


def data_table(problems: Problems, block: Json, path: str) -> None:
    """A table with a caption and one header row of plain cells."""
    fields = ("caption", "rows", "page_size", "row_header_column_index", "block_id")
    problems.keys(block, path, allowed=fields, required=("caption", "rows"))
    if block.get("caption") is not None:
        problems.string(block["caption"], f"{path}/caption", maximum=limits.IMAGE_TEXT)
    inside = problems.items(
        block.get("rows"), f"{path}/rows", maximum=limits.DATA_TABLE_ROWS, minimum=2
    )
    for number, (row, at) in enumerate(inside):
        for cell, place in problems.items(row, at, maximum=limits.TABLE_CELLS):
            kind = checking.kind_of(cell)
            allowed = {"raw_text", "raw_number", *(() if number == 0 else ("rich_text",))}
            problems.one_of(kind, f"{place}/type", allowed=allowed)
