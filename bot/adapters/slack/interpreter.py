"""What the core says, in the language that is spoken.

The core speaks English, and what it said may be stored for long. So its sentences are known again
by templates, as a person would: a table maps an English template to one in another language.

In a template `{name}` is a word and `{name:text}` any text, both given back letter by letter.
`{name:said}` is a text of the core's own, and `{name:term}` one that may be another's: both are
interpreted if they can be. `{name:own}` is one that must be, and `{name:most}` too, as long as it
can be; `{name:count}` is a number with its noun and `{name:names}` a list of names, whose
end may be "and 3 more". What stands between `[[` and `]]` may be missing; `{{` and `}}` are braces.

What no template matches is tried sentence by sentence, and stays English where none does. Matching
is RE2's, so its time grows with a text's length and nothing worse.
"""

import functools
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import re2

from bot.adapters.slack import catalogue

_LONGEST = 8_000
"""Characters of the longest text that is looked at; the core's own are far shorter."""
_DEEPEST = 5
"""How often a text may stand within another."""
_TOGETHER = 4
"""Most sentences that one template has."""
_MOST_PARTS = 60
_MOST_TEXTS = 200
"""Texts within one text that are looked at: what is made to be slow is not worth more."""
_KEPT = 2_048
"""Answers remembered: a card is rendered many times before its text changes."""

_PART = re.compile(r"(\[\[|\]\]|\{\{|\}\}|\{[a-z_0-9]+(?::[a-z]+)?\})")
_HOLE = re.compile(r"\{([a-z_0-9]+)(?::([a-z]+))?\}")
_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z`a-z])")
_LONE = re.compile("[\ud800-\udfff]")
"""Half a character, which RE2 does not take."""
_BETWEEN = "; "
_CLAUSE = re.compile(_BETWEEN)
_SURPLUS = re.compile(r"^(.*) and ([0-9,]+) more$", re.DOTALL)
_SHAPES = {
    "": r"[^\s]+",
    "text": r".+?",
    "said": r".+?",
    "own": r".+?",
    "most": r".+",
    "term": r".+?",
    "count": r"-?[0-9][0-9,]* [A-Za-z][A-Za-z. '-]*?",
    "names": r".+?",
}
"""What each kind of place in a template matches."""

Told = tuple[str, tuple[str, ...]]
"""A text in another language, and those parts of it that stayed English."""

Known = dict[str, Told]
"""What is known already of texts within a text: each is asked of once."""

_options = re2.Options()
_options.log_errors = False
_options.dot_nl = True


@dataclass(frozen=True)
class Template:
    """One template with its translation; it is compiled when first it may match."""

    english: str
    translation: str

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The texts that it has in any case."""
        found, depth = [""], 0
        for part in _PART.split(self.english):
            if part in ("[[", "]]"):
                depth += 1 if part == "[[" else -1
                found.append("")
            elif _HOLE.fullmatch(part):
                found.append("")
            elif depth == 0:
                found[-1] += _plain(part)
        return tuple(one for one in found if one)

    @cached_property
    def known_by(self) -> str:
        """The longest of them, without which a text need not be matched."""
        return max(self.literals, key=len, default="")

    @cached_property
    def pattern(self) -> "re2._Regexp":
        """The template as a pattern of RE2."""
        made, seen = [], set()
        for part in _PART.split(self.english):
            hole = _HOLE.fullmatch(part)
            if part in ("[[", "]]"):
                made.append("(?:" if part == "[[" else ")?")
            elif hole:
                name, kind = hole[1], hole[2] or ""
                assert name not in seen, f"{name} stands twice in {self.english!r}"
                seen.add(name)
                made.append(f"(?P<{name}>{_SHAPES[kind]})")
            else:
                made.append(re2.escape(_plain(part)))
        return re2.compile("".join(made), _options)

    @cached_property
    def holes(self) -> Mapping[str, str]:
        """The kind of each place, by its name."""
        return {hole[1]: hole[2] or "" for hole in _HOLE.finditer(self.english)}


def _plain(part: str) -> str:
    return {"{{": "{", "}}": "}"}.get(part, part)


@dataclass(frozen=True)
class Tables:
    """The templates of one language, the most telling first, and its words for counts."""

    templates: Sequence[Template]
    counts: Mapping[str, str]
    surplus: str
    semicolon: str

    def interpret(self, text: str, depth: int = 0, known: Known | None = None) -> Told:
        """Return a text in this language, and those parts of it that stayed English."""
        known = {} if known is None else known
        if text not in known:
            # What is asked again meanwhile stands within itself, and stays as it is.
            known[text] = text, (text,)
            known[text] = self._interpret(text, depth, known)
        return known[text]

    def _interpret(self, text: str, depth: int, known: Known) -> Told:
        if len(known) > _MOST_TEXTS:
            return text, (text,)
        if depth > _DEEPEST or len(text) > _LONGEST or _LONE.search(text):
            return text, (text,)
        # What is put in a row is known part by part first: a quotation would take in all the rest.
        row = self._clauses(text, depth, known, least=2)
        if row is not None:
            return row
        found = self._whole(text, depth, known)
        if found is not None:
            return found
        sentences = _parts(_SENTENCE, text)
        if len(sentences) > 1:
            return self._each(sentences, depth, known)
        return self._clauses(text, depth, known) or (text, (text,))

    def _each(self, sentences: Sequence[str], depth: int, known: Known) -> Told:
        """Sentences one after the other, as many at once as one template has."""
        left: list[str] = []
        said, at, foreign = "", 0, True
        while at < len(sentences):
            for end in range(min(len(sentences), at + _TOGETHER), at, -1):
                found = self._whole(" ".join(sentences[at:end]), depth, known)
                if found is not None:
                    break
            own = (
                found
                or self._clauses(sentences[at], depth, known)
                or (sentences[at], (sentences[at],))
            )
            left += own[1]
            # A full-width stop has its space within; beside English a space is needed.
            said += f" {own[0]}" if said and (foreign or own[1]) else own[0]
            foreign, at = bool(own[1]), end
        return said, tuple(left)

    def _clauses(self, text: str, depth: int, known: Known, *, least: int = 1) -> Told | None:
        """What is put in a row by semicolons, where as much of it is known."""
        clauses = _parts(_CLAUSE, text)
        recognised = 0
        at, said, left = 0, list[str](), list[str]()
        while at < len(clauses):
            for end in range(at + 1, min(len(clauses), at + _TOGETHER) + 1):
                found = self._whole(_BETWEEN.join(clauses[at:end]), depth, known)
                if found is not None:
                    break
            own = found or (clauses[at], (clauses[at],))
            recognised += found is not None
            said.append(own[0])
            left += own[1]
            at = end if found else at + 1
        return (self.semicolon.join(said), tuple(left)) if recognised >= least else None

    def _whole(self, text: str, depth: int, known: Known) -> Told | None:
        for one in self.templates:
            if one.known_by not in text:
                continue
            found = one.pattern.fullmatch(text)
            if found is not None:
                told = self._filled(one, found.groupdict(), depth, known)
                if told is not None:
                    return told
        return None

    def _filled(
        self, one: Template, given: Mapping[str, str | None], depth: int, known: Known
    ) -> Told | None:
        values: dict[str, str] = {}
        left: list[str] = []
        for name, kind in one.holes.items():
            text = given[name]
            if text is None:
                continue
            values[name] = text
            if kind in ("said", "own", "most", "term"):
                values[name], english = self.interpret(text, depth + 1, known)
                if english and kind in ("own", "most"):
                    return None
                left += english if kind == "said" else ()
            elif kind == "count":
                number, _, noun = text.partition(" ")
                word = self.counts.get(noun) or self.counts.get(noun.removesuffix("s"))
                if word is None:
                    return None
                values[name] = f"{number} {word}"
            elif kind == "names":
                values[name] = _SURPLUS.sub(self.surplus, text)
        return _fill(one.translation, values), tuple(left)


def _parts(between: re.Pattern[str], text: str) -> list[str]:
    """The parts of a text; none ends within backticks."""
    made: list[str] = []
    at = 0
    for found in (*between.finditer(text), None):
        end = found.start() if found else len(text)
        if found is None or (len(made) < _MOST_PARTS and text.count("`", at, end) % 2 == 0):
            made.append(text[at:end])
            at = found.end() if found else end
    return made


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put the values in, and leave out what may be missing where one of its own is."""
    made: list[str] = []
    inner: list[str] = []
    target, whole = made, True
    for part in _PART.split(template):
        hole = _HOLE.fullmatch(part)
        if part == "[[":
            target = inner = []
            whole = True
        elif part == "]]":
            target = made
            made += inner if whole else []
        elif hole:
            whole = whole and hole[1] in values
            target.append(values.get(hole[1], ""))
        else:
            target.append(_plain(part))
    return "".join(made)


@functools.cache
def tables(language: str) -> Tables | None:
    """Return the tables of a language, made when first it is spoken; None for English."""
    package = catalogue.PACKAGES.get(language)
    if package is None:
        return None
    place = f"{__package__}.{package}"
    made = {}
    for name in catalogue.CORE:
        made.update(importlib.import_module(f"{place}.{name}").TEXTS)
    common = importlib.import_module(f"{place}.core_common")
    templates = [Template(english, other) for english, other in made.items()]
    # What says more of itself is tried first, so that the general never hides the particular.
    templates.sort(key=lambda one: -sum(map(len, one.literals)))
    return Tables(templates, common.COUNTS, common.SURPLUS, common.SEMICOLON)


def told(text: str) -> str:
    """Return what the core says in the language that is spoken; never raises."""
    language = catalogue.spoken()
    return text if language not in catalogue.PACKAGES else _remembered(language, text)


@functools.lru_cache(maxsize=_KEPT)
def _remembered(language: str, text: str) -> str:
    known = tables(language)
    return known.interpret(text)[0] if known else text


def left(text: str, language: str) -> Iterator[str]:
    """Yield what of a text would stay English in that language."""
    known = tables(language)
    if known is not None:
        yield from known.interpret(text)[1]
