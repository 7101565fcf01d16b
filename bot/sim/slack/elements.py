"""What may stand inside a block: buttons, menus, pickers, inputs, and the parts they share."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.sim.slack import checking, limits
from bot.sim.slack.checking import Problems

Json = Mapping[str, Any]
Rule = Callable[[Problems, Json, str], None]

_COMMON = ("action_id", "confirm", "focus_on_load")
_LOOKUPS = (
    *("placeholder", "max_selected_items", "min_query_length", "filter", "timezone"),
    *("default_to_current_conversation", "response_url_enabled"),
)
_TYPED = (
    *("placeholder", "initial_value", "multiline", "min_length", "max_length"),
    *("dispatch_action_config", "is_decimal_allowed", "min_value", "max_value"),
)


def confirm(problems: Problems, value: object, path: str) -> None:
    """The dialog that asks "are you sure?"."""
    fields = ("title", "text", "confirm", "deny", "style")
    if not isinstance(value, Mapping) or not problems.keys(
        value, path, allowed=fields, required=("title", "text", "confirm", "deny")
    ):
        return
    problems.optional_text(value, "title", path, maximum=limits.CONFIRM_TITLE)
    problems.optional_text(value, "text", path, maximum=limits.CONFIRM_TEXT, plain=False)
    problems.optional_text(value, "confirm", path, maximum=limits.CONFIRM_BUTTON)
    problems.optional_text(value, "deny", path, maximum=limits.CONFIRM_BUTTON)
    if value.get("style") is not None:
        problems.one_of(value["style"], f"{path}/style", allowed=("primary", "danger"))


def option(problems: Problems, value: object, path: str, *, plain: bool = True) -> None:
    """One choice of a menu."""
    fields = ("text", "value", "description", "url")
    if not isinstance(value, Mapping) or not problems.keys(
        value, path, allowed=fields, required=("text", "value")
    ):
        if not isinstance(value, Mapping):
            problems.add(path, "must be an object")
        return
    problems.optional_text(value, "text", path, maximum=limits.OPTION_TEXT, plain=plain)
    problems.optional(value, "value", path, maximum=limits.OPTION_VALUE)
    problems.optional_text(
        value, "description", path, maximum=limits.OPTION_DESCRIPTION, plain=plain
    )


def _shared(problems: Problems, element: Json, path: str) -> None:
    problems.identifier(element, "action_id", path, maximum=limits.IDENTIFIER)
    problems.boolean(element, "focus_on_load", path)
    problems.optional_text(element, "placeholder", path, maximum=limits.PLACEHOLDER)
    if element.get("confirm") is not None:
        confirm(problems, element["confirm"], f"{path}/confirm")


def button(problems: Problems, element: Json, path: str) -> None:
    """A button; with `url` it also opens a page."""
    problems.keys(
        element,
        path,
        allowed=(*_COMMON, "text", "value", "url", "style", "accessibility_label"),
        required=("text",),
    )
    _shared(problems, element, path)
    problems.optional_text(element, "text", path, maximum=limits.BUTTON_TEXT)
    problems.optional(element, "value", path, maximum=limits.BUTTON_VALUE)
    problems.optional(element, "accessibility_label", path, maximum=limits.ACCESSIBILITY_LABEL)
    if element.get("url") is not None:
        problems.url(element["url"], f"{path}/url", maximum=limits.URL)
    if element.get("style") is not None:
        problems.one_of(element["style"], f"{path}/style", allowed=("primary", "danger"))


def image(problems: Problems, element: Json, path: str) -> None:
    """A small picture beside text."""
    problems.keys(
        element, path, allowed=("image_url", "alt_text", "slack_file"), required=("alt_text",)
    )
    problems.optional(element, "alt_text", path, maximum=limits.IMAGE_TEXT)
    if element.get("image_url") is None and element.get("slack_file") is None:
        problems.add(path, "missing required field: image_url")
    if element.get("image_url") is not None:
        problems.url(element["image_url"], f"{path}/image_url", maximum=limits.URL)


def _options(problems: Problems, element: Json, path: str, *, maximum: int, plain: bool) -> None:
    for item, at in problems.items(element.get("options"), f"{path}/options", maximum=maximum):
        option(problems, item, at, plain=plain)


def overflow(problems: Problems, element: Json, path: str) -> None:
    """The menu behind three dots."""
    problems.keys(element, path, allowed=(*_COMMON, "options"), required=("options",))
    _shared(problems, element, path)
    _options(problems, element, path, maximum=limits.OVERFLOW_OPTIONS, plain=True)


def choices(problems: Problems, element: Json, path: str) -> None:
    """Checkboxes and radio buttons, whose texts may be mrkdwn."""
    problems.keys(
        element,
        path,
        allowed=(*_COMMON, "options", "initial_options", "initial_option"),
        required=("options",),
    )
    _shared(problems, element, path)
    _options(problems, element, path, maximum=limits.CHOICES, plain=False)


def static_select(problems: Problems, element: Json, path: str) -> None:
    """A menu with its options, or groups of options, in the message."""
    problems.keys(
        element,
        path,
        allowed=(
            *_COMMON,
            *("options", "option_groups", "placeholder"),
            *("initial_option", "initial_options", "max_selected_items"),
        ),
    )
    _shared(problems, element, path)
    if element.get("options") is not None:
        _options(problems, element, path, maximum=limits.OPTIONS, plain=True)
        return
    groups = element.get("option_groups")
    if groups is None:
        problems.add(path, "missing required field: options")
        return
    for group, at in problems.items(groups, f"{path}/option_groups", maximum=limits.OPTION_GROUPS):
        if problems.keys(
            group, at, allowed=("label", "options"), required=("label", "options")
        ) and isinstance(group, Mapping):
            problems.optional_text(group, "label", at, maximum=limits.OPTION_TEXT)
            _options(problems, group, at, maximum=limits.OPTIONS, plain=True)


def other_select(problems: Problems, element: Json, path: str) -> None:
    """Menus of people, channels, or of what the app looks up; and the pickers of time."""
    initial = tuple(key for key in element if key.startswith("initial_"))
    problems.keys(element, path, allowed=(*_COMMON, *initial, *_LOOKUPS))
    _shared(problems, element, path)


def typed(problems: Problems, element: Json, path: str) -> None:
    """Fields to type into."""
    problems.keys(element, path, allowed=(*_COMMON, *_TYPED))
    _shared(problems, element, path)
    for key in ("min_length", "max_length"):
        bound = element.get(key)
        if isinstance(bound, int) and bound > limits.TYPED_TEXT:
            problems.add(f"{path}/{key}", f"must be less than {limits.TYPED_TEXT + 1}")


_SELECTS = ("users_select", "conversations_select", "channels_select", "external_select")
_PICKERS = ("datepicker", "timepicker", "datetimepicker")

RULES: dict[str, Rule] = {
    "button": button,
    "image": image,
    "overflow": overflow,
    "checkboxes": choices,
    "radio_buttons": choices,
    "static_select": static_select,
    "multi_static_select": static_select,
    "plain_text_input": typed,
    "email_text_input": typed,
    "url_text_input": typed,
    "number_input": typed,
    "workflow_button": _shared,
    **dict.fromkeys((*_SELECTS, *(f"multi_{name}" for name in _SELECTS)), other_select),
    **dict.fromkeys(_PICKERS, other_select),
}

_MENUS = frozenset(RULES) - {"image", "plain_text_input", "email_text_input", "url_text_input"}
IN_ACTIONS = _MENUS - {"number_input"}
IN_SECTION = IN_ACTIONS | {"image"}
IN_INPUT = frozenset(RULES) - {"button", "image", "overflow", "workflow_button"}


def element(problems: Problems, value: object, path: str, *, allowed: frozenset[str]) -> None:
    """One element of a kind that may stand in this place."""
    if not isinstance(value, Mapping):
        problems.add(path, "must be an object")
        return
    kind = checking.kind_of(value)
    if kind not in allowed:
        problems.add(f"{path}/type", f"unsupported type: {kind}")
        return
    RULES[kind](problems, value, path)
