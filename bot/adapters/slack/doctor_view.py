"""What the doctor found, as a page: what failed first, each with its cure; the good in short."""

from bot.adapters.slack import interpreter, prose, wording_doctor
from bot.flow import doctor


def report(found: doctor.Report) -> prose.Page:
    """Tell all of it."""
    parts: list[prose.Part] = []
    signs = {
        doctor.Mark.BAD: wording_doctor.FAILED,
        doctor.Mark.WARNING: wording_doctor.WARNING,
    }
    for mark, sign in signs.items():
        for each in found.lines:
            if each.mark is mark:
                lines = [prose.line(prose.strong(f"{sign}: {_whose(each)}"))]
                lines.append(prose.marked(each.said))
                if each.cure:
                    lines.append(prose.labelled(wording_doctor.CURE, *prose.marked(each.cure)))
                parts.append(prose.paragraph(*lines))
    good = [each for each in found.lines if each.mark is doctor.Mark.GOOD]
    if good:
        lines = [prose.line(prose.strong(wording_doctor.GOOD))]
        lines += [prose.line(f"{_whose(each)}: ", *prose.marked(each.said)) for each in good]
        parts.append(prose.paragraph(*lines))
    notes = [f"{each.name} {each.said}" for each in found.lines if each.mark is doctor.Mark.NOTE]
    if notes:
        parts.append(prose.paragraph(prose.line(", ".join(notes))))
    bad = sum(each.mark is doctor.Mark.BAD for each in found.lines)
    odd = sum(each.mark is doctor.Mark.WARNING for each in found.lines)
    return prose.Page(title=wording_doctor.title(bad, odd), parts=tuple(parts))


def _whose(one: doctor.Line) -> str:
    return f"{interpreter.told(one.part)}, {interpreter.told(one.name)}"
