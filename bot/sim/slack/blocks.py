"""Which blocks Slack takes: kinds, required parts and limits, judged as the server judges them."""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.sim.slack import checking, elements, errors, limits, richtext, stamps, young
from bot.sim.slack.checking import Problems

Json = dict[str, Any]
Rule = Callable[[Problems, Mapping[str, Any], str], None]


def _header(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    problems.keys(block, path, allowed=("text", "block_id", "level"), required=("text",))
    problems.optional_text(block, "text", path, maximum=limits.HEADER)


def _section(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    problems.keys(block, path, allowed=("text", "fields", "accessory", "block_id", "expand"))
    if block.get("text") is None and block.get("fields") is None:
        problems.add(path, "missing required field: text")
    problems.optional_text(block, "text", path, maximum=limits.TEXT_IN_SECTION, plain=False)
    problems.boolean(block, "expand", path)
    if block.get("fields") is not None:
        for field, at in problems.items(block["fields"], f"{path}/fields", maximum=limits.FIELDS):
            problems.text(field, at, maximum=limits.TEXT_IN_FIELD)
    if block.get("accessory") is not None:
        elements.element(
            problems, block["accessory"], f"{path}/accessory", allowed=elements.IN_SECTION
        )


def _divider(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    problems.keys(block, path, allowed=("block_id",))


def _image(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    fields = ("image_url", "slack_file", "alt_text", "title", "block_id")
    problems.keys(block, path, allowed=fields, required=("alt_text",))
    problems.optional(block, "alt_text", path, maximum=limits.IMAGE_TEXT)
    problems.optional_text(block, "title", path, maximum=limits.IMAGE_TEXT)
    if block.get("image_url") is not None:
        problems.url(block["image_url"], f"{path}/image_url", maximum=limits.URL)
    elif block.get("slack_file") is None:
        problems.add(path, "missing required field: image_url")


def _context(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    problems.keys(block, path, allowed=("elements", "block_id"), required=("elements",))
    inside = f"{path}/elements"
    for item, at in problems.items(block.get("elements"), inside, maximum=limits.CONTEXT_ELEMENTS):
        if isinstance(item, Mapping) and item.get("type") == "image":
            elements.image(problems, item, at)
        else:
            problems.text(item, at, maximum=limits.TEXT_IN_SECTION)


def _elements(maximum: int) -> Rule:
    def rule(problems: Problems, block: Mapping[str, Any], path: str) -> None:
        problems.keys(block, path, allowed=("elements", "block_id"), required=("elements",))
        seen = set()
        for item, at in problems.items(block.get("elements"), f"{path}/elements", maximum=maximum):
            elements.element(problems, item, at, allowed=elements.IN_ACTIONS)
            name = item.get("action_id") if isinstance(item, Mapping) else None
            if name is not None and name in seen:
                problems.add(f"{at}/action_id", f"`action_id` {name} already exists")
            seen.add(name)

    return rule


def _input(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    fields = ("label", "element", "dispatch_action", "block_id", "hint", "optional")
    problems.keys(block, path, allowed=fields, required=("label", "element"))
    problems.optional_text(block, "label", path, maximum=limits.INPUT_LABEL)
    problems.optional_text(block, "hint", path, maximum=limits.INPUT_LABEL)
    if block.get("element") is not None:
        elements.element(problems, block["element"], f"{path}/element", allowed=elements.IN_INPUT)


def _markdown(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    problems.keys(block, path, allowed=("text", "block_id"), required=("text",))
    problems.optional(block, "text", path, maximum=limits.MARKDOWN_TEXT)


def _video(problems: Problems, block: Mapping[str, Any], path: str) -> None:
    required = ("alt_text", "title", "thumbnail_url", "video_url")
    fields = ("author_name", "description", "provider_icon_url", "provider_name", "title_url")
    problems.keys(block, path, allowed=(*required, *fields, "block_id"), required=required)
    problems.optional_text(block, "title", path, maximum=limits.VIDEO_TITLE)
    problems.optional(block, "author_name", path, maximum=limits.VIDEO_AUTHOR)


RULES: dict[str, Rule] = {
    "header": _header,
    "section": _section,
    "divider": _divider,
    "image": _image,
    "context": _context,
    "actions": _elements(limits.ACTIONS_ELEMENTS),
    "context_actions": _elements(limits.CONTEXT_ACTIONS_ELEMENTS),
    "input": _input,
    "markdown": _markdown,
    "video": _video,
    "rich_text": richtext.rich_text,
    "table": richtext.table,
    "alert": young.alert,
    "card": young.card,
    "carousel": young.carousel,
    "data_table": young.data_table,
}


def judge(blocks: object, *, path: str = "/blocks", maximum: int = limits.MESSAGE_BLOCKS) -> None:
    """Refuse what Slack refuses.

    Raises:
        errors.ApiError: `invalid_blocks_format`, `only_one_table_allowed`, or `invalid_blocks`
            with every problem found.
    """
    if not isinstance(blocks, list):
        raise errors.ApiError("invalid_blocks_format")
    problems = Problems()
    seen: set[str] = set()
    for block, at in problems.items(blocks, path, maximum=maximum, minimum=0):
        kind = checking.kind_of(block)
        misplaced = kind == "alert" and not path.startswith("/view")
        if not isinstance(block, Mapping) or kind not in RULES or misplaced:
            problems.add(f"{at}/type", f"unsupported type: {kind}")
            continue
        RULES[kind](problems, block, at)
        problems.identifier(block, "block_id", at, maximum=limits.IDENTIFIER)
        name = block.get("block_id")
        if isinstance(name, str) and name in seen:
            problems.add(f"{at}/block_id", f"`block_id` {name} already exists")
        seen.add(str(name))
    markdown = [b for b in blocks if isinstance(b, Mapping) and b.get("type") == "markdown"]
    if sum(len(str(block.get("text", ""))) for block in markdown) > limits.MARKDOWN_TEXT:
        problems.add(path, f"must be less than {limits.MARKDOWN_TEXT + 1} characters")
    if problems.found:
        raise errors.with_messages("invalid_blocks", problems.found)
    if sum(block.get("type") == "table" for block in blocks) > 1:
        raise errors.ApiError("only_one_table_allowed")


def judge_size(blocks: Sequence[object]) -> None:
    """Refuse blocks that are too much together; messages only, not `response_url`.

    Raises:
        errors.ApiError: `msg_blocks_too_long`.
    """
    compact = json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))
    if len(compact) > limits.BLOCKS_SERIALISED:
        raise errors.ApiError("msg_blocks_too_long")


def named(blocks: Sequence[Json]) -> tuple[Json, ...]:
    """Copies in which every block and element has an id, as Slack stores them.

    A `markdown` block does not keep the id it was sent with.
    """
    copies = tuple(copy.deepcopy(list(blocks)))
    for block in copies:
        if block.get("block_id") is None or block["type"] == "markdown":
            block["block_id"] = stamps.short()
        for element in interactive(block):
            if element.get("action_id") is None:
                element["action_id"] = stamps.short()
    return copies


def interactive(block: Mapping[str, Any]) -> tuple[Json, ...]:
    """The elements of a block that a person can use."""
    inside: list[Any] = []
    cards = block.get("elements", ()) if block.get("type") == "carousel" else (block,)
    for card in cards:
        inside += card.get("actions", ()) if card.get("type") == "card" else ()
    if block.get("type") in {"actions", "context_actions"}:
        inside += block.get("elements", ())
    inside += [block.get("accessory"), block.get("element")]
    return tuple(e for e in inside if isinstance(e, dict) and e.get("type") != "image")
