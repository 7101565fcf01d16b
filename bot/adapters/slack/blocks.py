"""From pages to Block Kit: the one place where a message is made to fit Slack.

Only headers of plain text and rich text are used. Rich text is made of typed runs and knows no
markup, so nothing that a cluster says can mention, link or format.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.adapters.slack import limits, measures, prose, wording

Json = dict[str, Any]

_RESERVED = 4_000
"""Bytes kept for verbatim text, so that a long list cannot push out a log's last words."""
_FRAME = 120
"""Bytes of a block around its runs, with some to spare."""
_NOTE = 220
"""Bytes kept for saying that something did not fit."""
_LONG_LINE = 800
"""Bytes of a line that is worth being shown in part."""
_WORTH = 200
"""Less verbatim text than this is not worth its frame."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as Slack takes it; `text` is what notifications and screen readers get.

    `whole` is whether nothing had to be left out.
    """

    text: str
    blocks: tuple[Json, ...]
    whole: bool = True


def render(
    page: prose.Page, *, most: int = limits.BLOCKS, room: int = limits.BLOCKS_BYTES
) -> Rendered:
    """Render a page within every limit of one message; what does not fit is said not to.

    `most` blocks and `room` bytes are a message's unless it is for another place.
    """
    title = limits.clean(page.title).strip() or limits.ELLIPSIS
    parts = list(page.parts)
    shown, rest = limits.parted(title, limits.HEADER)
    if rest:
        parts.insert(0, prose.paragraph(prose.line(prose.strong(rest))))
    head = _header(shown)
    parts, left_out = _few(parts, most - 2)
    room -= limits.size(head) + _NOTE
    pressed = {
        index: (_actions(part), "")
        for index, part in enumerate(parts)
        if isinstance(part, prose.Buttons)
    }
    room -= sum(limits.size(block) for block, _ in pressed.values())
    exact = {
        index: limits.clean(part.text, lines=True).strip("\n")
        for index, part in enumerate(parts)
        if isinstance(part, prose.Verbatim)
    }
    wanted = sum(limits.size(text) + _FRAME for text in exact.values())
    reserved = min(_RESERVED, room // 2, wanted)
    made: dict[int, tuple[Json, str]] = dict(pressed)
    for index, part in enumerate(parts):
        if isinstance(part, prose.Paragraph):
            fitted, omitted = _fit(part.lines, room - reserved - _FRAME)
            left_out += omitted
            if fitted:
                made[index] = _rich("rich_text_section", _runs(fitted)), _plain_lines(fitted)
                room -= limits.size(made[index][0])
    cut = left_out > 0
    for position, (index, text) in enumerate(exact.items()):
        # Where there is room for all of them none needs to be cut to its share.
        shown = _tail(text, room if wanted <= room else room // (len(exact) - position))
        cut = cut or shown != text
        wanted -= limits.size(text) + _FRAME
        if shown:
            made[index] = _rich("rich_text_preformatted", [_text(shown)]), shown
            room -= limits.size(made[index][0])
    said = [made[index] for index in sorted(made)]
    if left_out:
        note = wording.does_not_fit(left_out)
        said.append((_rich("rich_text_section", [_text(note)]), note))
    # Notifications get the headline in one piece.
    told = [plain for _, plain in said if plain]
    text = "\n".join([title, *(told[1:] if rest and told else told)])
    blocks = (head, *(block for block, _ in said))
    return Rendered(text=_fallback(text), blocks=blocks, whole=not cut)


def plain(page: prose.Page) -> Rendered:
    """Render with the oldest and plainest block only, for a server that refuses better ones."""
    lines = [limits.clean(page.title).strip() or limits.ELLIPSIS]
    for part in page.parts:
        if isinstance(part, prose.Paragraph):
            lines.append(_plain_lines(part.lines))
        elif isinstance(part, prose.Verbatim):
            lines.append(_tail(limits.clean(part.text, lines=True), limits.PLAIN_SECTION))
    whole = "\n".join(lines)
    text = limits.cut(whole, limits.PLAIN_SECTION)
    section = {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
    return Rendered(text=_fallback(text), blocks=(section,), whole=text == whole)


def document(page: prose.Page) -> str:
    """Return a page as plain text with nothing cut, for a file."""
    lines = [limits.clean(page.title).strip()]
    for part in page.parts:
        if isinstance(part, prose.Paragraph):
            lines += ["", _plain_lines(part.lines)]
        elif isinstance(part, prose.Verbatim):
            lines += ["", limits.clean(part.text, lines=True).strip("\n")]
    return "\n".join(lines) + "\n"


def _fallback(text: str) -> str:
    # A server that shows this text reads it as markup, where backticks would make code.
    return limits.cut_escaped(text.replace("`", "`\u200b"), limits.TEXT)


def _actions(part: prose.Buttons) -> Json:
    made = []
    for one in part.buttons:
        button: Json = {
            "type": "button",
            "action_id": one.action,
            "text": {"type": "plain_text", "text": limits.cut(one.text, 75), "emoji": False},
            "value": one.value,
        }
        if one.danger or one.primary:
            button["style"] = "danger" if one.danger else "primary"
        if one.confirm is not None:
            button["confirm"] = _confirm(one.confirm)
        made.append(button)
    return {"type": "actions", "elements": made}


def _confirm(asked: prose.Confirm) -> Json:
    texts = (("title", asked.title, 100), ("text", asked.text, 300))
    answers = (("confirm", asked.yes, 30), ("deny", asked.no, 30))
    return {
        key: {"type": "plain_text", "text": limits.cut(limits.clean(text), most), "emoji": False}
        for key, text, most in (*texts, *answers)
    }


def _few(parts: Sequence[prose.Part], most: int) -> tuple[list[prose.Part], int]:
    kept = [part for part in parts if not isinstance(part, prose.Paragraph) or part.lines]
    lost = sum(len(p.lines) if isinstance(p, prose.Paragraph) else 1 for p in kept[most:])
    return kept[:most], lost


def _header(title: str) -> Json:
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": title, "emoji": False},
    }


def _rich(kind: str, runs: list[Json]) -> Json:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": runs}]}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _fit(lines: Sequence[prose.Line], room: int) -> tuple[list[prose.Line], int]:
    """Return the lines that fit, and how many do not; one too long by itself is cut."""
    kept: list[prose.Line] = []
    for index, line in enumerate(lines):
        # A line's end joins a plain run beside it, or needs one of its own.
        joins = _joins(_element(line[0])) or (kept and _joins(_element(kept[-1][-1])))
        cost = limits.size(_runs([line])) + (2 if joins else limits.size(_NEWLINE) + 1)
        if cost > room:
            part = _start(line, room) if cost > _LONG_LINE else ()
            if part:
                kept.append(part)
            return kept, len(lines) - index
        kept.append(line)
        room -= cost
    return kept, 0


def _start(line: prose.Line, room: int) -> prose.Line:
    kept: list[prose.Piece] = []
    room -= limits.size(_element(_CUT)) + len(",")
    for piece in line:
        room -= limits.size(_element(piece)) + len(",")
        if room < 0:
            break
        kept.append(piece)
    return (*kept, _CUT) if kept else ()


def _tail(text: str, room: int) -> str:
    if text.strip() and limits.size(text) <= room - _FRAME:
        return text
    if not text.strip() or room - _FRAME < _WORTH:
        return ""
    kept = limits.end_of(text, room - _FRAME - _NOTE)
    return f"{wording.earlier_cut(len(text) - len(kept))}\n{kept}"


def _runs(lines: Sequence[prose.Line]) -> list[Json]:
    """Runs of lines, neighbouring plain ones joined: each costs some 30 bytes by itself."""
    made: list[Json] = []
    for index, line in enumerate(lines):
        pieces = [*line] if index == 0 else [prose.Run("\n"), *line]
        for piece in pieces:
            element = _NEWLINE if piece == prose.Run("\n") else _element(piece)
            if _joins(element) and made and _joins(made[-1]):
                made[-1] = _text(made[-1]["text"] + element["text"])
            else:
                made.append(dict(element))
    return made


def _joins(element: Json) -> bool:
    return element["type"] == "text" and "style" not in element


_USER = re.compile(r"[UW][A-Z0-9]{2,31}", re.ASCII)
"""Anything else that acts, such as the command line, is no one to be called."""
_GROUP = re.compile(r"S[A-Z0-9]{2,31}", re.ASCII)
_CUT = prose.Run(f" {limits.ELLIPSIS}")
_NEWLINE: Json = {"type": "text", "text": "\n"}


def _element(piece: prose.Piece) -> Json:
    match piece:
        case prose.Moment(at=at):
            return {
                "type": "date",
                "timestamp": int(at.timestamp()),
                "format": "{date_short_pretty} {time_secs}",
                "fallback": measures.utc(at),
            }
        case prose.Link(url=url, text=text):
            return {"type": "link", "url": url, "text": text}
        case prose.Person(id=user) if _USER.fullmatch(user):
            return {"type": "user", "user_id": user}
        case prose.Person(id=group) if _GROUP.fullmatch(group):
            return {"type": "usergroup", "usergroup_id": group}
        case prose.Person(id=user):
            return _element(prose.code(user))
        case prose.Run(text=text, style=style):
            element = _text(limits.cut(limits.clean(text), limits.RUN) or " ")
            if style is prose.Style.STRONG:
                element["style"] = {"bold": True}
            elif style is prose.Style.CODE:
                element["style"] = {"code": True}
            return element


def _plain_lines(lines: Sequence[prose.Line]) -> str:
    return "\n".join("".join(_plain_piece(piece) for piece in line) for line in lines)


def _plain_piece(piece: prose.Piece) -> str:
    match piece:
        case prose.Moment(at=at):
            return measures.utc(at)
        case prose.Link(url=url, text=text):
            return f"{text} ({url})"
        case prose.Person(id=user):
            return f"@{limits.cut(limits.clean(user), limits.NAME)}"
        case prose.Run(text=text):
            return limits.cut(limits.clean(text), limits.RUN)
