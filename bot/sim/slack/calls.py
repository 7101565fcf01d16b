"""One call of a Web API method: its arguments as sent in any of Slack's forms, and its rules."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from bot.sim.slack import errors, people, world

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A method called with a token and arguments."""

    method: str
    token: str | None
    args: Mapping[str, Any]
    base_url: str
    """Scheme and host by which the caller reached this server, for addresses in the answer."""

    def need(self, name: str) -> str:
        """A required text argument.

        Raises:
            errors.ApiError: `invalid_arguments` naming it.
        """
        value = self.text(name)
        if not value:
            raise errors.missing_field(name)
        return value

    def text(self, name: str, default: str = "") -> str:
        """A text argument; numbers are taken as their text."""
        value = self.args.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else str(value)

    def flag(self, name: str) -> bool:
        """A truth value in any of the forms in use."""
        return str(self.args.get(name, "")).lower() in {"1", "true"}

    def number(self, name: str, default: int) -> int:
        """A whole number.

        Raises:
            errors.ApiError: `invalid_arguments`.
        """
        value = self.args.get(name)
        if value is None or value == "":
            return default
        try:
            return int(str(value))
        except ValueError:
            raise errors.with_messages(
                "invalid_arguments", [f"must be an integer [json-pointer:/{name}]"]
            ) from None

    def structure(self, name: str, *, error: str) -> Any:  # noqa: ANN401 -- JSON
        """A structured argument, which forms carry as JSON text; None when absent or empty.

        Raises:
            errors.ApiError: `error` when the text is not JSON.
        """
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise errors.ApiError(error) from None


Handler = Callable[[world.World, Call], Json]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method's name, its work and who may call it how often."""

    name: str
    run: Handler
    scopes: tuple[str, ...] = ()
    """One of these must have been granted; none means any token will do."""
    by: Literal["bot", "app", "either", "anybody"] = "bot"
    """Whose token is asked for."""
    tier: int | None = 3
    """Slack's tier; None marks the special limit of `chat.postMessage`."""


def granted(token: str) -> tuple[str, ...] | None:
    """The scopes of a token, None when it is not one of ours."""
    return {people.BOT_TOKEN: people.BOT_SCOPES, people.APP_TOKEN: people.APP_SCOPES}.get(token)


async def arguments(request: web.Request) -> dict[str, Any]:
    """The arguments from the query, a form or JSON; the body wins over the query.

    Raises:
        errors.ApiError: `invalid_json`, `json_not_object` or `invalid_form_data`.
    """
    found: dict[str, Any] = dict(request.query)
    if request.method == "GET" or not request.can_read_body:
        return found
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text())
        except ValueError:
            raise errors.ApiError("invalid_json") from None
        if not isinstance(body, dict):
            raise errors.ApiError("json_not_object")
        return found | body
    try:
        form = await request.post()
    except ValueError:
        raise errors.ApiError("invalid_form_data") from None
    return found | {key: value for key, value in form.items() if isinstance(value, str)}
