"""`logs`: why flannel failed last on a node, its line as it is, and what to do."""

from bot.adapters.slack import interpreter, limits, looks, prose, wording_network, wording_verdicts
from bot.flannel import aspects, logs
from bot.flow import network_answers

_ALSO = 4


def log(value: network_answers.NodeLog) -> prose.Page:
    """The newest failure first: classified, quoted, with cause and cure."""
    words = wording_verdicts
    name = limits.cut(value.node, limits.NAME)
    parts: list[prose.Part] = []
    told = next((run for _, run in value.runs if run.final is not None), None)
    state = value.runs[0][1].outcome if value.runs else logs.Outcome.UNKNOWN
    if told is not None and told.final is not None:
        parts += _failure(told.final)
    elif value.runs:
        parts.append(
            prose.paragraph(
                prose.line(words.no_failure(len(value.runs), unread=bool(value.unread)))
            )
        )
    else:
        parts.append(prose.paragraph(prose.line(words.NO_LOG)))
    lines = [
        prose.line(
            words.run_line(interpreter.told(title), run.outcome),
            words.used(run.chosen, run.address),
        )
        for title, run in value.runs
    ]
    lines += [
        prose.labelled(words.ALSO, *looks.text(one.cause), words.times(one.times))
        for one in ((told or value.runs[0][1]).also[:_ALSO] if value.runs else ())
    ]
    lines += [prose.labelled(wording_network.NOT_SEEN, *looks.text(one)) for one in value.unread]
    pod = aspects.of_pod(value.pod)
    lines.append(
        prose.labelled(words.POD, f"{words.POINT[pod.state]} {interpreter.told(pod.text)}")
    )
    parts.append(looks.footer(value.about, lines))
    return prose.Page(
        title=f"{name} · {words.LOG_TITLE} · {words.LOG_OUTCOME[state]}", parts=tuple(parts)
    )


def _failure(final: logs.Told) -> list[prose.Part]:
    words = wording_network
    lines = [prose.labelled(words.CAUSE, *prose.marked(final.cause))]
    if final.cure:
        lines.append(prose.labelled(words.DO, *prose.marked(final.cure)))
    return [
        prose.paragraph(*lines, prose.line(prose.strong(wording_verdicts.SAYS))),
        prose.Verbatim(final.line),
    ]
