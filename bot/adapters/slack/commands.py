"""From words to the desk and back: what was asked becomes a page."""

import asyncio

from bot.adapters.slack import (
    answers_view,
    client,
    grammar,
    network_commands,
    prose,
    wording,
    works,
)
from bot.domain import errors
from bot.flow import answers, ports


class Commands:
    """Answers the grammar out of the desk."""

    def __init__(
        self,
        desk: answers.Desk,
        web: client.Web,
        *,
        clock: ports.Clock,
        slash: str,
        timeout: float,
        long: float,
    ) -> None:
        self._desk = desk
        self._web = web
        self._clock = clock
        self._slash = slash
        self._timeout = timeout
        self._long = long

    async def answer(
        self, text: str, *, channel: str, work: works.Work | None = None
    ) -> prose.Page:
        """Answer what was typed in a channel; raises nothing that a BotError can say."""
        asked = grammar.parse(text)
        if isinstance(asked, grammar.Problem):
            return answers_view.problem(asked.text, asked.hint)
        allowed = self._long if network_commands.all_nodes(asked) else self._timeout
        try:
            async with asyncio.timeout(allowed):
                return await self._answer(asked, channel, work or works.Work("", text))
        except TimeoutError:
            return answers_view.problem(wording.TIMED_OUT)
        except errors.Refused as error:
            return answers_view.problem(error.reasons[0] if error.reasons else str(error),
                                        "; ".join(error.reasons[1:]))  # fmt: skip
        except errors.BotError as error:
            return answers_view.problem(wording.unavailable(str(error)))

    async def _answer(self, asked: grammar.Request, channel: str, work: works.Work) -> prose.Page:
        if asked.cluster is not None:
            unknown = self._unknown_cluster(asked.cluster)
            if unknown is not None:
                return unknown
        cluster = asked.cluster or self._desk.cluster_of(channel)
        if asked.name in network_commands.NAMES:
            return await network_commands.answer(self._desk.network(cluster), asked, work)
        match asked.name:
            case "status":
                return answers_view.status(await self._desk.status(cluster), now=self._clock.now())
            case "incidents":
                return answers_view.incidents(await self._desk.incidents(cluster))
            case "incident":
                return await self._story(asked.number)
            case "check":
                return answers_view.check(await self._desk.check(cluster))
            case "schedule":
                return answers_view.schedule(await self._desk.schedule())
            case _:
                return self._help(asked.topic)

    async def _story(self, number: int) -> prose.Page:
        story = await self._desk.incident(number)
        identity = self._web.identity
        link = identity.permalink(story.posted_channel, story.posted_ts) if identity else ""
        return answers_view.story(story, now=self._clock.now(), permalink=link)

    def _help(self, topic: str) -> prose.Page:
        found = grammar.command(topic)
        if found is not None:
            return answers_view.command_page(found, slash=self._slash)
        return answers_view.help_page(grammar.COMMANDS, slash=self._slash)

    def _unknown_cluster(self, name: str) -> prose.Page | None:
        known = self._desk.clusters()
        if name in known:
            return None
        near = grammar.nearest(name, known)
        hint = wording.did_you_mean([f"@{one}" for one in near]) if near else ""
        return answers_view.problem(wording.unknown_cluster(grammar.echo(name), known), hint)
