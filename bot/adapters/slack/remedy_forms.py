"""Windows with something to fill in: why a plan is rejected, and another memory limit.

What a window carries comes back from outside, like the value of a button: nothing in it is
trusted but to be handed on to where it proves itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.slack import (
    answers_view,
    blocks,
    limits,
    plan_buttons,
    windows,
    wording_plans,
)
from bot.domain import units
from bot.flow import remedy_answers

Json = dict[str, Any]

NAMES = frozenset({plan_buttons.REJECT, plan_buttons.EDIT})
"""Callback ids, the same as the actions that open the windows."""

_FIELD = "asked"
_REASON = 500
"""Characters of a reason; it is shown on the card."""
_QUANTITY = 20


@dataclass(frozen=True, slots=True)
class Carried:
    """What a window carries unseen: the value of the button, and where that was pressed."""

    ticket: str
    channel: str
    least: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True)
class Form:
    """A window that was submitted. `problem` is what is wrong with what was filled in."""

    name: str
    view: str
    user: str
    carried: Carried
    text: str = ""
    size: int | None = None
    problem: str = ""


def reject(carried: Carried) -> Json:
    """Ask why a plan should not be done."""
    element = {
        "type": "plain_text_input",
        "action_id": _FIELD,
        "multiline": True,
        "min_length": 1,
        "max_length": _REASON,
        "focus_on_load": True,
    }
    return _form(
        plan_buttons.REJECT,
        carried,
        title=wording_plans.REJECT_TITLE,
        submit=wording_plans.REJECT_SUBMIT,
        label=wording_plans.REJECT_LABEL,
        hint=wording_plans.REJECT_HINT,
        element=element,
    )


def edit(carried: Carried, bounds: remedy_answers.MemoryBounds) -> Json:
    """Ask for another limit, within what may be chosen."""
    suggested = units.memory(bounds.suggested)
    element = {
        "type": "plain_text_input",
        "action_id": _FIELD,
        "initial_value": suggested,
        "min_length": 1,
        "max_length": _QUANTITY,
        "focus_on_load": True,
    }
    told = wording_plans.bounds(
        units.memory(bounds.least), units.memory(bounds.most), units.memory(bounds.present),
        suggested,
    )  # fmt: skip
    made = _form(
        plan_buttons.EDIT,
        Carried(carried.ticket, carried.channel, bounds.least, bounds.most),
        title=wording_plans.EDIT_TITLE,
        submit=wording_plans.EDIT_SUBMIT,
        label=wording_plans.EDIT_LABEL,
        hint=told,
        element=element,
    )
    why = "\n".join(limits.clean(each) for each in bounds.reasoning)
    if why:
        text = _plain(limits.cut(why, limits.PLAIN_SECTION))
        made["blocks"] = [{"type": "section", "text": text}, *made["blocks"]]
    return made


def _form(
    name: str, carried: Carried, *, title: str, submit: str, label: str, hint: str, element: Json
) -> Json:
    return {
        "type": "modal",
        "callback_id": name,
        "private_metadata": json.dumps(
            [carried.ticket[:200], carried.channel[:40], carried.least, carried.most]
        ),
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain(wording_plans.CLOSE),
        "blocks": [
            {
                "type": "input",
                "block_id": _FIELD,
                "label": _plain(label),
                "hint": _plain(hint),
                "element": element,
            }
        ],
    }


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}


def waiting() -> Json:
    """A window whose form is still being made."""
    return windows.view(blocks.render(answers_view.waiting()))


def read(body: Mapping[str, Any]) -> Form:
    """Read what was submitted; never raises, whatever it is."""
    view = _part(body, "view")
    name = str(view.get("callback_id") or "")
    carried = _carried(view.get("private_metadata"))
    typed = _part(_part(_part(_part(view, "state"), "values"), _FIELD), _FIELD).get("value")
    text = typed.strip()[:_REASON] if isinstance(typed, str) else ""
    size, problem = None, ""
    if name == plan_buttons.REJECT and not text:
        problem = wording_plans.REASON_NEEDED
    if name == plan_buttons.EDIT:
        size, problem = _size(text, carried)
    return Form(
        name=name,
        view=str(view.get("id") or ""),
        user=str(_part(body, "user").get("id") or ""),
        carried=carried,
        text=text,
        size=size,
        problem=problem,
    )


def _size(text: str, carried: Carried) -> tuple[int | None, str]:
    try:
        size = units.parsed_memory(text)
    except ValueError:
        return None, wording_plans.no_quantity(text)
    if not carried.least <= size <= carried.most:
        least, most = units.memory(carried.least), units.memory(carried.most)
        return None, wording_plans.out_of_bounds(least, most)
    return size, ""


def acknowledgement(body: Mapping[str, Any]) -> Json:
    """What a submission is acknowledged with: what to mend, or that it is under way."""
    form = read(body)
    if form.name in NAMES and form.problem:
        return {"response_action": "errors", "errors": {_FIELD: form.problem}}
    page = answers_view.told(wording_plans.SENT)
    return {"response_action": "update", "view": windows.view(blocks.render(page))}


def _carried(value: object) -> Carried:
    try:
        held = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        held = None
    match held:
        case [str(ticket), str(channel), int(least), int(most)]:
            return Carried(ticket, channel, least, most)
    return Carried("", "")


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}
