"""Commands about attention: from a request to the desk and back to a page."""

from bot.adapters.slack import (
    answers_view,
    attention_view,
    grammar,
    grammar_attention,
    prose,
    rights,
    wording_attention,
    works,
)
from bot.domain.access import Role
from bot.flow import answers, attending, attention_answers, ports

NAMES = grammar_attention.NAMES

NEEDED: dict[str, tuple[Role, ...]] = {
    "ack": (Role.VIEWER,),
    "own": (Role.VIEWER,),
    "silence": attending.SAY,
    "unsilence": attending.SAY,
}
"""The role that each needs, one of them; what only tells needs none."""


async def answer(
    desk: answers.Desk,
    may: rights.Rights,
    asked: grammar.Request,
    *,
    cluster: str | None,
    channel: str,
    work: works.Work,
    clock: ports.Clock,
) -> prose.Page:
    """Answer one of `NAMES`. Raises what attention does."""
    attention = desk.attention
    if attention is None:
        return answers_view.problem(wording_attention.NO_ATTENTION)
    roles = NEEDED.get(asked.name, ())
    if roles:
        refusal = await may.refusal(
            work.user, roles, channel=channel, what=wording_attention.BY_COMMAND[asked.name]
        )
        if refusal is not None:
            return refusal
    heed, user = asked.heed, work.user
    match asked.name:
        case "ack" | "own":
            done = await attention.acknowledge(heed.number, user, take=asked.name == "own")
            return attention_view.acknowledged(done)
        case "silence":
            made = await _silence(attention, asked, cluster, user)
            return attention_view.silenced(made, now=clock.now())
        case "unsilence":
            return answers_view.told((await attention.unsilence(heed.number, user)).text)
        case "silences":
            found = await attention.silences()
            return attention_view.silences(found.within(asked.cluster) if asked.cluster else found)
        case "noise":
            return attention_view.report(cluster, await attention.noise(cluster))
        case _:
            return attention_view.handover(await attention.handover(cluster))


async def _silence(
    attention: attention_answers.Attention,
    asked: grammar.Request,
    cluster: str | None,
    user: str,
) -> attention_answers.Silenced:
    heed = asked.heed
    if heed.number:
        return await attention.silence_incident(
            heed.number, user, lasts=heed.lasts, reason=heed.reason
        )
    return await attention.silence(
        cluster, heed.expression, user, lasts=heed.lasts, after=heed.after, reason=heed.reason
    )
