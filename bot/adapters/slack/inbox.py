"""What arrives, whichever way it came: acknowledged at once, judged, answered.

Bolt dispatches; every listener acknowledges before anything else and leaves the work to an
errand, so that a slow answer never costs an acknowledgement and none is lost at shutdown.
"""

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.adapters.slack import (
    actions,
    answers_view,
    attention_clicks,
    blocks,
    callers,
    catalogue,
    client,
    commands,
    errands,
    home,
    look_clicks,
    nics_view,
    prose,
    questions,
    remedy_clicks,
    remedy_forms,
    replies,
    shortcuts,
    windows,
    wording,
    works,
)
from bot.adapters.slack.options import Options

log = structlog.get_logger(__name__)

Json = dict[str, Any]

_ANY = re.compile("")
_Answer = Callable[[replies.Place], Awaitable[prose.Page | None]]
"""Something that answers, given the place where its progress can be shown; None if it has."""
_Windowed = remedy_clicks.Clicks | attention_clicks.AttentionClicks
"""What answers submitted windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Who answers what."""

    callers: callers.Callers
    commands: commands.Commands
    home: home.Home
    shortcuts: shortcuts.Shortcuts
    replies: replies.Replies
    questions: questions.Questions
    clicks: remedy_clicks.Clicks
    looks: look_clicks.LookClicks
    attention: attention_clicks.AttentionClicks
    errands: errands.Errands


class Inbox:
    """Takes payloads and sees that each is answered once."""

    def __init__(self, web: client.Web, rooms: Rooms, *, options: Options) -> None:
        self._web = web
        self._rooms = rooms
        self._seen = errands.Seen()
        self._languages = options.languages
        self._bolt = self._listeners(options)

    def _listeners(self, options: Options) -> AsyncApp:
        bolt = AsyncApp(
            name="flannel-bot",
            logger=self._web.sdk.logger,
            client=self._web.sdk,
            authorize=_authorizing(self._web, options.bot_token),
        )
        bolt.command(_ANY)(self._on_command)
        bolt.event("app_mention")(self._on_mention)
        bolt.event("app_home_opened")(self._on_home)
        bolt.event("message")(self._on_message)
        bolt.event(_ANY)(self._on_other_event)
        bolt.action(_ANY)(self._on_click)
        bolt.shortcut(_ANY)(self._on_shortcut)
        bolt.view(_ANY)(self._on_form)
        return bolt

    async def take(self, kind: str, body: Json) -> Json | None:
        """Take one payload and return what its acknowledgement carries.

        `kind` is slash_commands, interactive or events_api. Whatever it is, it is acknowledged,
        even if nobody here knows it: else Slack would send it again.
        """
        carried: Json | None = None
        try:
            # It was proved to be Slack's on the way here, whichever way that was.
            response = await self._bolt.async_dispatch(
                AsyncBoltRequest(mode="socket_mode", body=body)
            )
            known = response is not None and response.status == 200
            if known and response.body:
                carried = json.loads(response.body)
        except Exception:  # the seam of one envelope: a forged one must not end the connection
            log.exception("slack_envelope_failed", type=kind)
            known = False
        if not known:
            log.warning("slack_envelope_unknown", type=kind)
            if isinstance(body, dict) and kind in ("interactive", "slash_commands"):
                # Bolt could not place it; whoever sent it still waits for an answer.
                (self._click if kind == "interactive" else self._command)(body)
        return carried

    async def _on_command(self, ack: AsyncAck, body: Json) -> None:
        await ack()
        self._command(body)

    def _command(self, body: Json) -> None:
        if self._seen.before(str(body.get("trigger_id") or "")):
            return
        asked = replies.Asked(
            user=str(body.get("user_id") or ""),
            channel=str(body.get("channel_id") or ""),
            response_url=str(body.get("response_url") or ""),
        )
        text = str(body.get("text") or "")
        self._serve(asked, callers.of_command(body), self._answering(text, asked))

    async def _on_mention(self, ack: AsyncAck, body: Json) -> None:
        await ack()
        self._message(body, body.get("event"), in_thread=True)

    async def _on_message(self, ack: AsyncAck, body: Json) -> None:
        await ack()
        event = body.get("event")
        if isinstance(event, Mapping) and event.get("channel_type") == "im":
            self._message(body, event, in_thread=False)

    async def _on_home(self, ack: AsyncAck, body: Json) -> None:
        await ack()
        event = body.get("event")
        if not isinstance(event, Mapping) or event.get("tab", "home") != "home":
            return
        if not self._seen.before(str(body.get("event_id") or "")):
            user = str(event.get("user") or "")
            self._rooms.errands.run(self._rooms.home.opened(user), name=f"home {user}")

    async def _on_other_event(self, ack: AsyncAck) -> None:
        """Events nobody asked for are acknowledged, or Slack would send them again."""
        await ack()

    async def _on_click(self, ack: AsyncAck, body: Json) -> None:
        await ack()
        self._click(body)

    async def _on_shortcut(self, ack: AsyncAck, body: Json) -> None:
        await ack()
        if not self._seen.before(str(body.get("trigger_id") or "")):
            user = callers.of_interaction(body).user
            with catalogue.speaking(self._languages.of(user=user)):
                self._rooms.errands.run(self._rooms.shortcuts.used(body), name="shortcut")

    async def _on_form(self, ack: AsyncAck, body: Json) -> None:
        with catalogue.speaking(self._languages.of(user=callers.of_interaction(body).user)):
            await self._form(ack, body)

    async def _form(self, ack: AsyncAck, body: Json) -> None:
        if body.get("type") != "view_submission":
            await ack()
            return
        if attention_clicks.ours(body):
            told = attention_clicks.acknowledgement(body)
            await ack(**told)
            if told["response_action"] != "errors":
                self._submission(body, self._rooms.attention)
            return
        form = remedy_forms.read(body)
        if form.name not in remedy_forms.NAMES:
            page = answers_view.problem(wording.NO_FORMS)
            await ack(response_action="update", view=windows.view(blocks.render(page)))
            return
        await ack(**remedy_forms.acknowledgement(body))
        if not form.problem:
            self._submission(body, self._rooms.clicks)

    def _submission(self, body: Json, room: _Windowed) -> None:
        self._rooms.errands.run(self._submitted(body, room), name="window")

    async def _submitted(self, body: Json, room: _Windowed) -> None:
        # What a window shows by its acknowledgement would replace an answer that came before it.
        await asyncio.sleep(windows.ACKNOWLEDGED)
        refusal = await self._rooms.callers.refusal(callers.of_interaction(body))
        try:
            await room.submitted(body, refusal)
        except Exception:  # the seam of one window: whoever submitted it hears of it
            reference = uuid.uuid4().hex[:8]
            log.exception("window_failed", reference=reference)
            await room.went_wrong(body, reference)

    def _message(self, body: Json, event: object, *, in_thread: bool) -> None:
        if not isinstance(event, Mapping) or event.get("bot_id") or event.get("subtype"):
            # Other bots, and changes of messages: answering those could go on for ever.
            return
        if self._seen.before(str(body.get("event_id") or "")):
            return
        root = str(event.get("thread_ts") or (event.get("ts") if in_thread else "") or "")
        asked = replies.Asked(
            user=str(event.get("user") or ""),
            channel=str(event.get("channel") or ""),
            thread_ts=root,
            # What a member may ask, an outsider who reads along may not read.
            open=not body.get("is_ext_shared_channel"),
        )
        text = self._spoken(str(event.get("text") or ""))
        self._serve(asked, callers.of_event(event), self._answering(text, asked))

    def _spoken(self, text: str) -> str:
        """What was said to the bot: the words after its name, or before if none follow."""
        user = self._web.identity.user_id if self._web.identity else ""
        before, _, after = re.sub(rf"<@{re.escape(user)}(?:\|[^>]*)?>", "\0", text).partition("\0")
        return (after.strip() or before).replace("\0", " ")

    def _click(self, body: Json) -> None:
        if self._seen.before(actions.key(body)):
            return

        async def answer(_place: replies.Place) -> prose.Page | None:
            if actions.action(body).get("action_id") == nics_view.LOOK:
                return await self._rooms.looks.answer(body)
            if actions.action(body).get("action_id") in attention_clicks.NEEDED:
                return await self._rooms.attention.answer(body)
            if actions.action(body).get("action_id") in remedy_clicks.NEEDED:
                return await self._rooms.clicks.answer(body)
            return actions.answer(body, self._rooms.questions.running)

        self._serve(actions.asked(body), callers.of_interaction(body), answer)

    def _answering(self, text: str, asked: replies.Asked) -> _Answer:
        work = works.Work(user=asked.user, question=text)

        async def page() -> prose.Page:
            return await self._rooms.commands.answer(text, channel=asked.channel, work=work)

        async def answer(place: replies.Place) -> prose.Page:
            return await self._rooms.questions.ask(work, place, page)

        return answer

    def _serve(self, asked: replies.Asked, caller: callers.Caller, answer: _Answer) -> None:
        with catalogue.speaking(self._languages.of(channel=asked.channel, user=asked.user)):
            self._rooms.errands.run(
                self._served(asked, caller, answer), name=f"answer {asked.user}"
            )

    async def _served(self, asked: replies.Asked, caller: callers.Caller, answer: _Answer) -> None:
        every = self._rooms.questions.every
        place = self._rooms.replies.place(asked, every=every)
        try:
            refusal = await self._rooms.callers.refusal(caller)
            if refusal:
                log.info("caller_refused", user=caller.user, teams=caller.teams, reason=refusal)
                place = self._rooms.replies.place(replace(asked, open=False), every=every)
                page: prose.Page | None = answers_view.problem(refusal)
            else:
                page = await answer(place)
        except Exception:  # the seam of one question: whoever asked hears of it
            reference = uuid.uuid4().hex[:8]
            log.exception("answer_failed", user=asked.user, reference=reference)
            page = answers_view.problem(wording.went_wrong(reference))
        if page is not None:
            await place.finish(page)


def _authorizing(web: client.Web, token: str) -> Callable[[], Awaitable[AuthorizeResult]]:
    """Tell Bolt who the app is. Who the caller is, and may do, is judged by `callers`."""

    # A plain function, because Bolt takes the `self` of a method for an argument of its own.
    async def authorize() -> AuthorizeResult:
        identity = web.identity
        if identity is None:
            return AuthorizeResult(enterprise_id=None, team_id=None)
        return AuthorizeResult(
            enterprise_id=identity.enterprise_id or None,
            team_id=identity.team_id,
            bot_user_id=identity.user_id,
            bot_id=identity.bot_id or None,
            bot_token=token,
        )

    return authorize
