"""From words to the desk and back: what was asked becomes a page."""

from bot.adapters.slack import (
    answering,
    answers_view,
    attention_commands,
    client,
    doctor_view,
    grammar,
    memory_view,
    names,
    network_commands,
    prose,
    remedy_commands,
    rights,
    vocabulary,
    wording,
    works,
)
from bot.domain import errors
from bot.flow import answers, ports

_NAMING = frozenset({"handover", "incident", "audit"})
"""What tells who did something, in stored texts."""


_KINDS = {
    **dict.fromkeys(("incident", "ack", "own", "silence", "fix"), "INC"),
    **dict.fromkeys(("plan", "withdraw"), "PLAN"),
    **dict.fromkeys(("run", "cancel", "wait", "undo"), "RUN"),
    "unsilence": "SIL",
}
"""Commands that name something by its number, and what it is."""


def _subject(asked: grammar.Request) -> str:
    """Return what a command names by its number, such as RUN-7; empty where it names nothing."""
    number = asked.number or asked.change.number or asked.heed.number
    return f"{_KINDS[asked.name]}-{number}" if number and asked.name in _KINDS else ""


class Commands:
    """Answers the grammar out of the desk."""

    def __init__(
        self,
        desk: answers.Desk,
        web: client.Web,
        *,
        may: rights.Rights,
        clock: ports.Clock,
        slash: str,
        timeout: float,
        long: float,
    ) -> None:
        self._desk = desk
        self._web = web
        self._rights = may
        self._clock = clock
        self._slash = slash
        self._timeout = timeout
        self._long = long
        self._names = names.Names(web, clock=clock)

    async def answer(
        self, text: str, *, channel: str, work: works.Work | None = None
    ) -> prose.Page:
        """Answer what was typed in a channel; raises nothing that a BotError can say."""
        asked = grammar.parse(text)
        if isinstance(asked, grammar.Problem):
            return answers_view.problem(asked.text, self._near(asked, channel) or asked.hint)
        slow = network_commands.all_nodes(asked) or asked.name in remedy_commands.NAMES
        allowed = self._long if slow else self._timeout
        page = await answering.within(
            allowed, self._answer(asked, channel, work or works.Work("", text))
        )
        return await self._names.told(page) if asked.name in _NAMING else page

    async def _answer(self, asked: grammar.Request, channel: str, work: works.Work) -> prose.Page:
        if asked.cluster is not None:
            unknown = self._unknown_cluster(asked.cluster)
            if unknown is not None:
                return unknown
            subject = _subject(asked)
            if subject:
                await self._desk.refuse_elsewhere(subject, asked.cluster)
        cluster = asked.cluster or self._desk.cluster_of(channel)
        if asked.name in network_commands.NAMES:
            return await network_commands.answer(self._desk.network(cluster), asked, work)
        if asked.name in attention_commands.NAMES:
            return await attention_commands.answer(
                self._desk,
                self._rights,
                asked,
                cluster=cluster,
                channel=channel,
                work=work,
                clock=self._clock,
            )
        if asked.name in remedy_commands.NAMES:
            return await remedy_commands.answer(
                self._desk, self._rights, asked, cluster=cluster, channel=channel, work=work
            )
        if asked.name == "memory":
            memory = self._desk.memory(cluster)
            if asked.node:
                return memory_view.node(await memory.node(asked.node))
            return memory_view.fleet(await memory.fleet())
        return await self._about(asked, cluster)

    async def _about(self, asked: grammar.Request, cluster: str | None) -> prose.Page:
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
                return answers_view.schedule(await self._desk.schedule(asked.cluster))
            case "doctor":
                return doctor_view.report(await self._desk.doctor(asked.cluster))
            case _:
                return self._help(asked.topic)

    async def _story(self, number: int) -> prose.Page:
        story = await self._desk.incident(number)
        identity = self._web.identity
        link = identity.permalink(story.posted_channel, story.posted_ts) if identity else ""
        return answers_view.story(story, now=self._clock.now(), permalink=link)

    def _help(self, topic: str) -> prose.Page:
        found = vocabulary.command(topic)
        if found is not None:
            return answers_view.command_page(found, slash=self._slash)
        return answers_view.help_page(vocabulary.COMMANDS, slash=self._slash)

    def _near(self, problem: grammar.Problem, channel: str) -> str:
        """Name the nodes that a word which is no name may have meant."""
        if not problem.node:
            return ""
        try:
            network = self._desk.network(problem.cluster or self._desk.cluster_of(channel))
            near = network.near(problem.node)
        except errors.BotError:
            return ""
        return wording.did_you_mean(near) if near else ""

    def _unknown_cluster(self, name: str) -> prose.Page | None:
        known = self._desk.clusters()
        if name in known:
            return None
        near = grammar.nearest(name, known)
        hint = wording.did_you_mean([f"@{one}" for one in near]) if near else ""
        return answers_view.problem(wording.unknown_cluster(grammar.echo(name), known), hint)
