"""Modals and App Home tabs: what each person has open, and what the app put there."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sim.slack import blocks, errors, limits, people, stamps
from bot.sim.slack.checking import Problems

Json = dict[str, Any]

_FIELDS = (
    *("title", "blocks", "close", "submit", "private_metadata", "callback_id"),
    *("clear_on_close", "notify_on_close", "external_id", "submit_disabled"),
)


@dataclass(frozen=True, kw_only=True)
class View:
    """One modal of a stack, or a home tab."""

    id: str
    user: str
    body: Json
    hash: str
    root: str
    previous: str | None = None

    def shape(self) -> Json:
        """As the API and the payloads show it."""
        return {
            "id": self.id,
            "team_id": people.TEAM,
            "app_id": people.APP,
            "app_installed_team_id": people.TEAM,
            "bot_id": people.BOT,
            "root_view_id": self.root,
            "previous_view_id": self.previous,
            "hash": self.hash,
            "state": {"values": {}},
            "callback_id": "",
            "private_metadata": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            **self.body,
        }


def judge(view: object, *, kind: str) -> Json:
    """A view the server takes, with its blocks named.

    Raises:
        errors.ApiError: `invalid_arguments` or `invalid_blocks` with the problems.
    """
    problems = Problems()
    if not isinstance(view, dict) or view.get("type") != kind:
        raise errors.with_messages(
            "invalid_arguments", [f"must be a view of type {kind} [json-pointer:/view/type]"]
        )
    required = ("title", "blocks") if kind == "modal" else ("blocks",)
    problems.keys(view, "/view", allowed=_FIELDS, required=required)
    for key in ("title", "submit", "close"):
        problems.optional_text(view, key, "/view", maximum=limits.MODAL_TITLE)
    problems.optional(view, "private_metadata", "/view", maximum=limits.PRIVATE_METADATA)
    for key in ("callback_id", "external_id"):
        problems.optional(view, key, "/view", maximum=limits.IDENTIFIER)
    if problems.found:
        raise errors.with_messages("invalid_arguments", problems.found)
    if len(json.dumps(view, ensure_ascii=False)) > limits.VIEW_BYTES:
        raise errors.ApiError("view_too_large")
    blocks.judge(view["blocks"], path="/view/blocks", maximum=limits.VIEW_BLOCKS)
    asks = any(block["type"] == "input" for block in view["blocks"])
    if kind == "modal" and asks and view.get("submit") is None:
        raise errors.with_messages(
            "invalid_arguments",
            ["submit is required when an input block is in blocks [json-pointer:/view/submit]"],
        )
    return view | {"blocks": list(blocks.named(view["blocks"]))}


class Views:
    """All views there are."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}
        self._stacks: dict[str, list[str]] = {}
        self.homes: dict[str, View] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` whose views have changed, from now on; it must not block."""
        self._listeners.append(listener)

    def _tell(self, user: str) -> None:
        for listener in self._listeners:
            listener(user)

    def get(self, view_id: str) -> View | None:
        """A view by its id."""
        return self._views.get(view_id)

    def by_external_id(self, external_id: str) -> View | None:
        """A view by the name that the app gave it."""
        return next(
            (v for v in self._views.values() if v.body.get("external_id") == external_id), None
        )

    def judge_external_id(self, body: Json, *, unless: View | None = None) -> None:
        """Refuse a name that another view has.

        Raises:
            errors.ApiError: `duplicate_external_id`.
        """
        wanted = body.get("external_id")
        holder = self.by_external_id(wanted) if wanted else None
        if holder is not None and (unless is None or holder.id != unless.id):
            raise errors.ApiError("duplicate_external_id")

    def stack(self, user: str) -> tuple[View, ...]:
        """The modals a person has open, the topmost last."""
        return tuple(self._views[view_id] for view_id in self._stacks.get(user, ()))

    def open(self, user: str, body: Json) -> View:
        """Show a modal, in place of any others."""
        self.close(user)
        return self.push(user, body)

    def push(self, user: str, body: Json) -> View:
        """Show a modal above the others.

        Raises:
            errors.ApiError: `push_limit_reached`.
        """
        stack = self._stacks.setdefault(user, [])
        if len(stack) >= limits.VIEW_STACK:
            raise errors.ApiError("push_limit_reached")
        view = _view(user, body, root=stack[0] if stack else None)
        view = dataclasses.replace(view, previous=stack[-1] if stack else None)
        self._views[view.id] = view
        stack.append(view.id)
        self._tell(user)
        return view

    def update(self, view: View, body: Json) -> View:
        """Replace what a view shows; its hash changes."""
        changed = dataclasses.replace(view, body=body, hash=_hash())
        self._views[view.id] = changed
        if self.homes.get(view.user, view).id == view.id and body.get("type") == "home":
            self.homes[view.user] = changed
        self._tell(view.user)
        return changed

    def close(self, user: str, *, top_only: bool = False) -> None:
        """Close a person's modals, or only the topmost."""
        stack = self._stacks.get(user, [])
        for view_id in (stack[-1:] if top_only else tuple(stack))[::-1]:
            stack.remove(view_id)
            del self._views[view_id]
        self._tell(user)

    def publish(self, user: str, body: Json) -> View:
        """Set a person's home tab."""
        present = self.homes.get(user)
        if present is not None:
            return self.update(present, body)
        view = _view(user, body, root=None)
        self._views[view.id] = self.homes[user] = view
        self._tell(user)
        return view


def _hash() -> str:
    return f"{stamps.Stamps().next()}.{stamps.short()}"


def _view(user: str, body: Json, *, root: str | None) -> View:
    view_id = stamps.name("V")
    return View(id=view_id, user=user, body=body, hash=_hash(), root=root or view_id)
