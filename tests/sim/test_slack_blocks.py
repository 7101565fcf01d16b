"""Slack's limits: at the limit a message is taken, one more and it is refused, with the place named."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sim.slack import blocks, errors, limits, views


def plain(text="x"):
    return {"type": "plain_text", "text": text}


def mrkdwn(text="x"):
    return {"type": "mrkdwn", "text": text}


def button(**more):
    return {"type": "button", "text": plain(), "action_id": "a", **more}


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


def numbered(count):
    return [button(action_id=f"a{n}") for n in range(count)]


def option(n=0, **more):
    return {"text": plain(), "value": f"v{n}", **more}


def select(**more):
    return {"type": "static_select", "action_id": "s", "placeholder": plain(), **more}


def confirm(**more):
    whole = {"title": plain(), "text": mrkdwn(), "confirm": plain(), "deny": plain(), **more}
    return actions(button(confirm=whole))


def section(**more):
    return {"type": "section", "text": mrkdwn(), **more}


def cells(rows, columns, text="x"):
    return [[{"type": "raw_text", "text": text} for _ in range(columns)] for _ in range(rows)]


def table(rows, **more):
    return {"type": "table", "rows": rows, **more}


def card(**more):
    return {"type": "card", "title": plain(), **more}


def data_table(rows, **more):
    return {"type": "data_table", "caption": "x", "rows": rows, **more}


# What is counted, how to make it that big, the limit.
TABLE = {
    "section text": (lambda n: section(text=mrkdwn("x" * n)), 3000),
    "section fields": (lambda n: section(fields=[mrkdwn()] * n), 10),
    "field text": (lambda n: section(fields=[mrkdwn("x" * n)]), 2000),
    "header": (lambda n: {"type": "header", "text": plain("x" * n)}, 150),
    "context elements": (lambda n: {"type": "context", "elements": [mrkdwn()] * n}, 10),
    "actions elements": (lambda n: actions(*numbered(n)), 25),
    "context_actions": (lambda n: {"type": "context_actions", "elements": numbered(n)}, 5),
    "button text": (lambda n: actions(button(text=plain("x" * n))), 75),
    "button value": (lambda n: actions(button(value="x" * n)), 2000),
    "button url": (lambda n: actions(button(url="https://" + "x" * (n - 8))), 3000),
    "button label": (lambda n: actions(button(accessibility_label="x" * n)), 75),
    "block_id": (lambda n: section(block_id="x" * n), 255),
    "action_id": (lambda n: actions(button(action_id="x" * n)), 255),
    "select options": (lambda n: actions(select(options=[option(i) for i in range(n)])), 100),
    "select groups": (
        lambda n: actions(select(option_groups=[{"label": plain(), "options": [option()]}] * n)),
        100,
    ),
    "option text": (lambda n: actions(select(options=[option(text=plain("x" * n))])), 75),
    "option value": (lambda n: actions(select(options=[option(value="x" * n)])), 150),
    "option description": (
        lambda n: actions(select(options=[option(description=plain("x" * n))])),
        75,
    ),
    "placeholder": (lambda n: actions(select(options=[option()], placeholder=plain("x" * n))), 150),
    "overflow": (
        lambda n: actions(
            {"type": "overflow", "action_id": "o", "options": [option(i) for i in range(n)]}
        ),
        5,
    ),
    "checkboxes": (
        lambda n: actions(
            {"type": "checkboxes", "action_id": "c", "options": [option(i) for i in range(n)]}
        ),
        10,
    ),
    "radio buttons": (
        lambda n: actions(
            {"type": "radio_buttons", "action_id": "r", "options": [option(i) for i in range(n)]}
        ),
        10,
    ),
    "confirm title": (lambda n: confirm(title=plain("x" * n)), 100),
    "confirm text": (lambda n: confirm(text=mrkdwn("x" * n)), 300),
    "confirm button": (lambda n: confirm(confirm=plain("x" * n)), 30),
    "confirm deny": (lambda n: confirm(deny=plain("x" * n)), 30),
    "image url": (
        lambda n: {"type": "image", "alt_text": "x", "image_url": "https://" + "x" * (n - 8)},
        3000,
    ),
    "image alt": (lambda n: {"type": "image", "alt_text": "x" * n, "image_url": "https://x"}, 2000),
    "image title": (
        lambda n: {
            "type": "image",
            "alt_text": "x",
            "image_url": "https://x",
            "title": plain("x" * n),
        },
        2000,
    ),
    "input label": (
        lambda n: {
            "type": "input",
            "label": plain("x" * n),
            "element": {"type": "plain_text_input"},
        },
        2000,
    ),
    "input hint": (
        lambda n: {
            "type": "input",
            "label": plain(),
            "hint": plain("x" * n),
            "element": {"type": "plain_text_input"},
        },
        2000,
    ),
    "typed length": (
        lambda n: {
            "type": "input",
            "label": plain(),
            "element": {"type": "plain_text_input", "max_length": n},
        },
        3000,
    ),
    "markdown": (lambda n: {"type": "markdown", "text": "x" * n}, 12_000),
    "video title": (
        lambda n: {
            "type": "video",
            "alt_text": "x",
            "title": plain("x" * n),
            "thumbnail_url": "https://x",
            "video_url": "https://x",
        },
        200,
    ),
    "video author": (
        lambda n: {
            "type": "video",
            "alt_text": "x",
            "title": plain(),
            "author_name": "x" * n,
            "thumbnail_url": "https://x",
            "video_url": "https://x",
        },
        50,
    ),
    "card title": (lambda n: {"type": "card", "title": mrkdwn("x" * n)}, 150),
    "card subtitle": (lambda n: card(subtitle=mrkdwn("x" * n)), 150),
    "card body": (lambda n: card(body=mrkdwn("x" * n)), 200),
    "carousel": (lambda n: {"type": "carousel", "elements": [card()] * n}, 10),
    "data table rows": (lambda n: data_table(cells(n, 1)), 101),
    "data table cells": (lambda n: data_table(cells(2, n)), 20),
    "table rows": (lambda n: table(cells(n, 1)), 100),
    "table cells": (lambda n: table(cells(1, n)), 20),
    "table settings": (lambda n: table(cells(1, 1), column_settings=[None] * n), 20),
    "table text": (
        lambda n: table(
            cells(10, 1, "x" * (n // 10))
            if n % 10 == 0
            else [*cells(10, 1, "x" * (n // 10)), *cells(1, 1)]
        ),
        10_000,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_block_at_the_limit_is_taken_and_one_beyond_is_refused(name):
    make, limit = TABLE[name]
    blocks.judge([make(limit)])
    with pytest.raises(errors.ApiError) as refused:
        blocks.judge([make(limit + 1)])
    assert refused.value.error == "invalid_blocks"
    messages = refused.value.extra["response_metadata"]["messages"]
    assert all("[json-pointer:/blocks" in message for message in messages)


def test_an_alert_stands_in_windows_only():
    def alert(length=1, **more):
        return {"type": "alert", "text": mrkdwn("x" * length), **more}

    in_view = {"path": "/view/blocks"}
    for level in ("default", "info", "warning", "error", "success"):
        blocks.judge([alert(limits.ALERT_TEXT, level=level)], **in_view)
    for wrong in (alert(limits.ALERT_TEXT + 1), alert(level="loud"), {"type": "alert"}):
        with pytest.raises(errors.ApiError, match="invalid_blocks"):
            blocks.judge([wrong], **in_view)
    with pytest.raises(errors.ApiError, match="invalid_blocks"):
        blocks.judge([alert()])


def test_young_blocks_need_their_parts():
    rich = {"type": "rich_text", "elements": []}
    good = [
        card(actions=[button()], icon={"type": "image", "alt_text": "x", "image_url": "https://x"}),
        {"type": "card", "body": mrkdwn()},
        data_table([*cells(1, 2), [{"type": "raw_number", "value": 1}, rich]]),
    ]
    blocks.judge(good)
    (named, *_) = blocks.named([card(actions=[{"type": "button", "text": plain()}])])
    assert blocks.interactive(named)[0]["action_id"]
    carousel = {"type": "carousel", "elements": [card(actions=[button(action_id="go")])]}
    assert [element["action_id"] for element in blocks.interactive(carousel)] == ["go"]
    for wrong in (
        {"type": "card"},
        card(actions=[select(options=[option()])]),
        card(icon="x"),
        {"type": "carousel", "elements": []},
        {"type": "carousel", "elements": [section()]},
        data_table(cells(1, 1)),
        data_table([[rich], [rich]]),
        {"type": "data_table", "rows": cells(2, 1)},
        {"type": "carousel"},
    ):
        with pytest.raises(errors.ApiError, match="invalid_blocks"):
            blocks.judge([wrong])


def test_a_message_takes_fifty_blocks_and_a_view_a_hundred():
    blocks.judge([section()] * limits.MESSAGE_BLOCKS)
    with pytest.raises(errors.ApiError, match="invalid_blocks"):
        blocks.judge([section()] * (limits.MESSAGE_BLOCKS + 1))
    blocks.judge([section()] * limits.VIEW_BLOCKS, maximum=limits.VIEW_BLOCKS)
    with pytest.raises(errors.ApiError, match="invalid_blocks"):
        blocks.judge([section()] * (limits.VIEW_BLOCKS + 1), maximum=limits.VIEW_BLOCKS)


def test_the_size_of_all_blocks_counts_their_structure_too():
    one = section(text=mrkdwn("x" * 2900))
    frame = len(json.dumps([one] * 4, separators=(",", ":"))) - 4 * 2900
    fits = [section(text=mrkdwn("x" * 2900))] * 4
    blocks.judge_size(fits)
    room = limits.BLOCKS_SERIALISED - frame - 4 * 2900
    wider = [*copy.deepcopy(fits[:3]), section(text=mrkdwn("x" * 2900), block_id="y")]
    extra = len('"block_id":"",')
    wider[3]["block_id"] = "y" * (room - extra)
    blocks.judge_size(wider)
    wider[3]["block_id"] += "y"
    with pytest.raises(errors.ApiError, match="msg_blocks_too_long"):
        blocks.judge_size(wider)


def test_a_second_table_is_refused_by_its_own_name():
    with pytest.raises(errors.ApiError, match="only_one_table_allowed"):
        blocks.judge([table(cells(1, 1)), table(cells(1, 1))])


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (
            [{"type": "header", "text": mrkdwn()}],
            "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
        ),
        ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
        (
            [section(), {"type": "nonsense"}],
            "unsupported type: nonsense [json-pointer:/blocks/1/type]",
        ),
        (
            [actions({"type": "image", "alt_text": "x", "image_url": "https://x"})],
            "unsupported type: image [json-pointer:/blocks/0/elements/0/type]",
        ),
        (
            [actions(button(style="loud"))],
            "must be one of: danger, primary [json-pointer:/blocks/0/elements/0/style]",
        ),
        ([section(colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
        (
            [section(text={"type": "mrkdwn", "text": "x", "emoji": True})],
            "invalid additional property: emoji [json-pointer:/blocks/0/text]",
        ),
        (
            [section(text=mrkdwn(""))],
            "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            [section(text=mrkdwn(None))],
            "missing required field: text [json-pointer:/blocks/0/text]",
        ),
        (
            [section(block_id="a"), section(block_id="a")],
            "`block_id` a already exists [json-pointer:/blocks/1/block_id]",
        ),
        (
            [actions(button(), button())],
            "`action_id` a already exists [json-pointer:/blocks/0/elements/1/action_id]",
        ),
        (
            [
                {
                    "type": "rich_text",
                    "elements": [{"type": "rich_text_section", "elements": [{"type": "html"}]}],
                }
            ],
            "unsupported type: html [json-pointer:/blocks/0/elements/0/elements/0/type]",
        ),
        (
            [actions(button(url="javascript:alert(1)"))],
            "must be a valid URL [json-pointer:/blocks/0/elements/0/url]",
        ),
        (["text"], "unsupported type:  [json-pointer:/blocks/0/type]"),
    ],
)
def test_a_fault_of_structure_is_named_with_its_place(sent, complaint):
    with pytest.raises(errors.ApiError) as refused:
        blocks.judge(sent)
    assert complaint in refused.value.extra["errors"]


def test_blocks_that_are_no_list_have_their_own_error():
    with pytest.raises(errors.ApiError, match="invalid_blocks_format"):
        blocks.judge({"type": "section"})


def test_ids_are_made_up_where_missing_and_markdown_loses_its_own():
    sent = [actions(button()), {"type": "markdown", "text": "x", "block_id": "mine"}]
    del sent[0]["elements"][0]["action_id"]
    stored = blocks.named(sent)
    assert stored[0]["block_id"]
    assert stored[0]["elements"][0]["action_id"]
    assert stored[1]["block_id"] != "mine"
    assert "block_id" not in sent[0]


@pytest.mark.parametrize(
    ("field", "limit"), [("title", 24), ("submit", 24), ("close", 24), ("private_metadata", 3000)]
)
def test_a_modal_at_the_limit_is_taken_and_one_beyond_is_refused(field, limit):
    def modal(n):
        value = "x" * n if field == "private_metadata" else plain("x" * n)
        return {"type": "modal", "title": plain(), "blocks": [section()], field: value}

    views.judge(modal(limit), kind="modal")
    with pytest.raises(errors.ApiError, match="invalid_arguments"):
        views.judge(modal(limit + 1), kind="modal")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "elements", "fields", "rows", "options", "accessory", "element"]
            ),
            inner
            | st.sampled_from(
                [*blocks.RULES, "button", "static_select", "mrkdwn", "rich_text_list"]
            ),
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON)
def test_no_blocks_whatever_break_the_judge(sent):
    """Anything is either taken, and can then be named, or refused with one of Slack's errors."""
    try:
        blocks.judge(sent)
    except errors.ApiError:
        return
    blocks.named(sent)
