"""A reply in a thread, or a message of its own: the particulars behind a card."""

from bot.adapters.slack import interpreter, prose, wording_attention
from bot.domain import notice


def detail(value: notice.Detail) -> prose.Page:
    """Show each section: its heading, its sentences, its text as it is."""
    parts: list[prose.Paragraph | prose.Verbatim] = []
    for section in value.sections:
        lines = [prose.marked(text) for text in section.lines]
        if section.heading:
            lines.insert(0, prose.line(prose.strong(interpreter.told(section.heading))))
        parts.append(prose.paragraph(*lines))
        if section.verbatim.strip():
            parts.append(prose.Verbatim(section.verbatim))
    if value.people:
        named = prose.line(f"{wording_attention.ON_CALL} ", *prose.people(value.people))
        parts.append(prose.paragraph(named))
    return prose.Page(title=interpreter.told(value.title), parts=tuple(parts))
