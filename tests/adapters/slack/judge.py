"""What Slack would say of a message, and what its readers would see."""

import json
from typing import Any

from slack_sdk.models.blocks import ActionsBlock, HeaderBlock, RichTextBlock

from bot.adapters.slack import blocks
from bot.sim.slack import blocks as slack

TYPES = {"text", "date", "link", "user"}
KINDS = {"header": HeaderBlock, "rich_text": RichTextBlock, "actions": ActionsBlock}


def judge(rendered: blocks.Rendered) -> None:
    """Refuse what Slack would refuse, and whatever could become a mention or a link."""
    sent = json.loads(json.dumps(list(rendered.blocks)))
    slack.judge(sent)
    assert 1 <= len(sent) <= 50
    assert len(json.dumps(sent, ensure_ascii=False, separators=(",", ":")).encode()) <= 12_000
    for block in sent:
        KINDS[block["type"]](**block).validate_json()
    assert sent[0]["type"] == "header"
    assert sent[0]["text"]["type"] == "plain_text"
    assert sent[0]["text"]["emoji"] is False
    assert len(sent[0]["text"]["text"]) <= 150
    for run in runs(sent):
        assert run["type"] in TYPES
        assert run.get("text", "x"), "Slack refuses empty runs"
        inert(str(run.get("text", "")))
    assert 0 < len(rendered.text) <= 4_000
    assert "<" not in rendered.text
    assert ">" not in rendered.text
    bare = rendered.text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in bare
    rendered.text.encode()
    for block in sent:
        assert len(block.get("elements", ())) <= 3 or block["type"] != "actions"


def inert(text: str) -> None:
    for opening in ("<!", "<@", "<#", "<http", "<mailto:"):
        assert opening not in text


def runs(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        run
        for block in sent
        if block["type"] == "rich_text"
        for element in block["elements"]
        for run in element["elements"]
    ]


def seen(rendered: blocks.Rendered, *, buttons: bool = True) -> str:
    """The message as read on a screen that shows blocks."""
    lines = []
    for block in rendered.blocks:
        if block["type"] == "header":
            lines.append(block["text"]["text"])
            continue
        if block["type"] == "actions" and not buttons:
            continue
        if block["type"] == "actions":
            lines.append(" ".join(f"[{one['text']['text']}]" for one in block["elements"]))
            continue
        lines += [
            "".join(_read(run) for run in element["elements"]) for element in block["elements"]
        ]
    return "\n".join(lines)


def _read(run: dict[str, Any]) -> str:
    called = run.get("user_id") or run.get("usergroup_id")
    if called:
        return f"@{called}"
    text = str(run.get("text") or run["fallback"])
    return f"{text} ({run['url']})" if "url" in run else text


def heard(rendered: blocks.Rendered) -> str:
    """The message as a screen reader or a notification tells it."""
    text = rendered.text.replace("`\u200b", "`")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def judge_plain(rendered: blocks.Rendered) -> None:
    """Refuse a plain form that the oldest server would refuse."""
    (section,) = rendered.blocks
    slack.judge([section])
    assert 0 < len(section["text"]["text"]) <= 3_000
    inert(section["text"]["text"])
    assert 0 < len(rendered.text) <= 4_000
