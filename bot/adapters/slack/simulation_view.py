"""`simulate`: what every node would do with other flags, and whether they can be made safer."""

from bot.adapters.slack import interpreter, looks, prose, wording_network, wording_verdicts
from bot.flannel import rehearsal
from bot.flannel.outlook import Verdict
from bot.flow import network_answers


def simulation(value: network_answers.Simulation) -> prose.Page:
    """The flags in question, then their effects, the worst first."""
    if value.malformed:
        return _malformed(value)
    return looks.shortened(_simulation(value, most=looks.NAMES), _simulation(value, most=looks.ALL))


def _malformed(value: network_answers.Simulation) -> prose.Page:
    words = wording_verdicts
    lines = [prose.marked(words.malformed(raw, error)) for raw, error in value.malformed]
    return prose.Page(
        title=words.malformed_title(value.about.cluster),
        parts=(
            prose.paragraph(
                *lines, prose.line(words.MALFORMED_ENDS), prose.line(words.NOTHING_CHANGED)
            ),
        ),
    )


def _simulation(value: network_answers.Simulation, *, most: int) -> prose.Page:
    words = wording_verdicts
    found = value.rehearsal
    head = [
        prose.labelled(words.IN_QUESTION, prose.code(" ".join(value.flags))),
        prose.labelled(words.IN_FORCE, words.verdicts(found.now)),
        *[prose.labelled(words.MIXED, *looks.text(one)) for one in found.mixes],
    ]
    if found.advice:
        head.append(prose.labelled(words.SAFER, prose.code(" ".join(found.advice))))
    elif found.advice_refused:
        head.append(prose.labelled(words.NO_SAFER, *looks.text(found.advice_refused)))
    counts = {verdict: found.count(verdict) for verdict in Verdict}
    worst_first = (Verdict.FAILS, Verdict.CHANGES, Verdict.UNKNOWN, Verdict.UNCHANGED)
    seen = looks.coverage(value.coverage, value.about.now, most=most)
    return prose.Page(
        title=words.simulation_title(
            value.about.cluster, {verdict: counts[verdict] for verdict in worst_first}
        ),
        parts=(
            prose.paragraph(*head),
            *[_effect(one, most=most) for one in found.effects],
            looks.footer(value.about, [*seen, prose.line(words.NOTHING_CHANGED)]),
        ),
    )


def _effect(one: rehearsal.Effect, *, most: int) -> prose.Paragraph:
    words = wording_verdicts
    becomes = interpreter.told(one.becomes)
    what = words.becomes(one.was, becomes)
    if one.verdict in (Verdict.UNCHANGED, Verdict.UNKNOWN):
        what = one.was or becomes
    lines = [
        prose.line(
            prose.strong(words.EFFECT[one.verdict]),
            f"  {what}{wording_network.group_size(len(one.nodes))}",
            f", {words.anyway(one.anyway)}"
            if one.anyway and one.verdict is not Verdict.UNCHANGED
            else "",
        )
    ]
    if one.error:
        lines.append(prose.labelled(wording_network.WHY, *looks.text(one.error)))
    if one.verdict is Verdict.UNCHANGED:
        shown = names_of(one, most=0 if most == looks.NAMES and len(one.nodes) > most else most)
    else:
        shown = names_of(one, most=most)
        lines += [prose.labelled(wording_network.RISK, *looks.text(risk)) for risk in one.risks[:1]]
    return prose.paragraph(*lines, shown)


def names_of(one: rehearsal.Effect, *, most: int) -> prose.Line:
    """The nodes of an effect; none where they are only counted."""
    return looks.names(one.nodes, most=most) if most else ()
