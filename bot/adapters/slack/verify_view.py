"""`verify`: one line a point, since a table is unreadable on a phone."""

from bot.adapters.slack import limits, looks, prose, wording_network, wording_verdicts
from bot.flannel import aspects
from bot.flow import network_answers

_CASES = 3
_FEW = 6


def node(value: network_answers.Verification) -> prose.Page:
    """One node, point by point; then what to do about what is wrong."""
    words = wording_verdicts
    states = [point.state for point in value.points]
    cures = dict.fromkeys(
        point.cure for point in value.points if point.cure and point.state is aspects.State.WRONG
    )
    seen = looks.look(value.look, value.about.now) if value.look else []
    if value.unseen:
        seen.append(prose.labelled(wording_network.NOT_SEEN, *looks.text(value.unseen)))
    return prose.Page(
        title=words.verify_title(
            limits.cut(value.node, limits.NAME),
            states.count(aspects.State.WRONG),
            states.count(aspects.State.UNSEEN),
        ),
        parts=(
            prose.paragraph(*[_point(point) for point in value.points]),
            prose.paragraph(
                *[prose.labelled(wording_network.DO, *prose.marked(cure)) for cure in cures]
            ),
            looks.footer(value.about, seen),
        ),
    )


def _point(point: aspects.Point) -> prose.Line:
    words = wording_verdicts
    return prose.line(
        f"{words.POINT[point.state]} ",
        prose.strong(words.ASPECT[point.aspect]),
        f"  {words.POINT_WORD[point.state]} · ",
        *looks.text(point.text),
    )


def fleet(value: network_answers.FleetVerification) -> prose.Page:
    """All nodes: each point counted, those that are wrong named."""
    return looks.shortened(_fleet(value, most=_CASES), _fleet(value, most=looks.ALL))


def _fleet(value: network_answers.FleetVerification, *, most: int) -> prose.Page:
    words = wording_verdicts
    lines: list[prose.Line] = [prose.line(words.all_right(value.right, value.coverage.population))]
    for tally in value.tallies:
        lines += _tally(tally, most=most)
    seen = looks.coverage(value.coverage, value.about.now, most=most)
    return prose.Page(
        title=words.verify_title(
            value.about.cluster,
            sum(bool(tally.wrong) for tally in value.tallies),
            sum(bool(tally.unseen) for tally in value.tallies),
        ),
        parts=(prose.paragraph(*lines), looks.footer(value.about, seen)),
    )


def _tally(tally: aspects.Tally, *, most: int) -> list[prose.Line]:
    words = wording_verdicts
    state = aspects.State.RIGHT
    if tally.wrong:
        state = aspects.State.WRONG
    elif tally.unseen:
        state = aspects.State.UNSEEN
    elif not tally.right:
        state = aspects.State.NONE
    told = words.tally(tally.right, len(tally.wrong), len(tally.unseen))
    if state is aspects.State.NONE:
        told = words.POINT_WORD[state]
    lines = [
        prose.line(f"{words.POINT[state]} ", prose.strong(words.ASPECT[tally.aspect]), f"  {told}")
    ]
    for name, point in tally.wrong[:most]:
        lines.append(
            prose.line(
                "· ", prose.code(limits.cut(name, limits.NAME)), " ", *looks.text(point.text)
            )
        )
    left = [name for name, _ in tally.wrong[most:]]
    if left:
        lines.append(prose.line("· ", *looks.names(left, most=looks.NAMES)))
    if tally.unseen and len(tally.unseen) <= max(_FEW, most):
        lines.append(
            prose.line(
                f"· {wording_network.NOT_SEEN.lower()}: ",
                *looks.names(tally.unseen, most=max(most, looks.NAMES)),
            )
        )
    return lines
