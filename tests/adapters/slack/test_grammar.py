"""What people type, and what Slack makes of it, is read or answered; never a crash."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.adapters.slack import grammar
from bot.adapters.slack import typed as typed_text

Request, Problem = grammar.Request, grammar.Problem


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Request("help")),
        ("help", Request("help")),
        ("  HELP  ", Request("help")),
        ("help incident", Request("help", topic="incident")),
        ("incident --help", Request("help", topic="incident")),
        ("incident —help", Request("help", topic="incident")),
        ("status", Request("status")),
        ("Status", Request("status")),
        ("`status`", Request("status")),
        ("“status”", Request("status")),
        ("@prod status", Request("status", cluster="prod")),
        ("<@U0PROD|prod> status", Request("status", cluster="prod")),
        ("<!subteam^S1|@prod> status", Request("status", cluster="prod")),
        ("@<http://prod.example.com|prod.example.com> check",
         Request("check", cluster="prod.example.com")),
        ("@prod", Request("help", cluster="prod")),
        ("incidents", Request("incidents")),
        ("incident INC-42", Request("incident", number=42)),
        ("incident inc-42", Request("incident", number=42)),
        ("incident inc42", Request("incident", number=42)),
        ("incident 42", Request("incident", number=42)),
        ("incident #42", Request("incident", number=42)),
        ("incident 0042", Request("incident", number=42)),
        ("incident INC\u201142", Request("incident", number=42)),
        ("incident INC–42", Request("incident", number=42)),
        ("incident\u00a0INC-42", Request("incident", number=42)),
        ("\u200bincident INC-42\u200b", Request("incident", number=42)),
        ("schedule", Request("schedule")),
    ],
)  # fmt: skip
def test_what_is_meant_is_understood(typed: str, meant: grammar.Request) -> None:
    assert grammar.parse(typed) == meant


@pytest.mark.parametrize(
    ("typed", "said", "hint"),
    [
        ("staus", "staus", "status"),
        ("incidnet INC-1", "incidnet", "incident"),
        ("shedule", "shedule", "schedule"),
        ("frobnicate", "frobnicate", "help"),
        ("drain node-1", "drain", "help"),
        ("help staus", "staus", "status"),
        ("incident", "incident", "incident INC-n"),
        ("incident foo", "foo", "incident INC-n"),
        ("incident 0", "'0'", "incident INC-n"),
        ("incident 99999999999", "99999999999", "INC-n"),
        ("incident " + "9" * 2_900, "999", "INC-n"),
        ("incident ٤٢", "٤٢", "INC-n"),
        ("incident 1 2", "'2'", "incident INC-n"),
        ("status now", "'now'", "status"),
        ("status @prod", "@prod", "before the command"),
        ("@ status", "name", "status"),
        ('status "now', "does not end", "help"),
        ("status `now", "does not end", "help"),
        ('sta"tus', "does not end", "help"),
        ("x" * 3_001, "3,000", "help"),
    ],
)
def test_what_is_not_understood_is_answered_with_what_would_be(
    typed: str, said: str, hint: str
) -> None:
    found = grammar.parse(typed)
    assert isinstance(found, Problem)
    assert said in found.text
    assert hint in found.hint


def test_only_what_works_is_told_and_suggested() -> None:
    told = {command.name for command in grammar.COMMANDS}
    assert told == {"help", "status", "incidents", "incident", "check", "schedule"}
    for word in ("statu", "incidens", "chek", "schedul", "hlep", "rn", "pla", "freez"):
        found = grammar.parse(word)
        assert isinstance(found, Problem)
        assert all(name in told for name in grammar.nearest(word, grammar.NAMES))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ('a "b c" d', ["a", "b c", "d"]),
        ("a 'b c' d", ["a", "b c", "d"]),
        ("a “b c” d", ["a", "b c", "d"]),
        ("a ‘b c’", ["a", "b c"]),
        (r"simulate ^(eth1|bond1)\d$", ["simulate", r"^(eth1|bond1)\d$"]),
        ("--iface='a b'", ["--iface=a b"]),
        ("—iface eth1", ["--iface", "eth1"]),
        ("node–1", ["node-1"]),
        ("don't", ["don't"]),
        ("don’t stop", ["don't", "stop"]),
        ('""', [""]),
        ("see <http://example.com|example.com>", ["see", "example.com"]),
        ("see <https://example.com>", ["see", "https://example.com"]),
        ("ask <mailto:a@b.c|a@b.c>", ["ask", "a@b.c"]),
        ("in <#C0OPS|ops>", ["in", "#ops"]),
        ("a &amp;&lt;b&gt; &amp;amp;", ["a", "&<b>", "&amp;"]),
        ("&lt;@U1&gt;", ["<@U1>"]),
    ],
)
def test_words_are_what_was_meant_to_be_typed(typed: str, words: list[str]) -> None:
    assert typed_text.split(typed_text.normalise(typed)) == words


anything = st.text(st.characters(exclude_categories=()), max_size=400) | st.text(
    "<>@#!|&;\"'`“”’—–- \u00a0incdtstau0123456789=\\", max_size=80
)


@settings(max_examples=300, deadline=None)
@given(anything)
@example("<<<@>>>|")
@example("incident " + "9" * 5_000)
@example("@" * 3_000)
def test_no_text_is_too_strange(typed: str) -> None:
    found = grammar.parse(typed)
    if isinstance(found, Problem):
        assert found.text
        assert len(found.text) + len(found.hint) < 400
        assert found.text.isprintable() or "�" in found.text
    else:
        assert found.name in grammar.NAMES
        assert 0 <= found.number < 1_000_000_000


@settings(deadline=None)
@given(st.lists(st.text("abcXYZ019-_.:/$^|()\\", min_size=1, max_size=12), max_size=6))
def test_quoting_brings_every_word_back_whole(words: list[str]) -> None:
    typed = " ".join(f'"{word} {word}"' for word in words)
    assert typed_text.split(typed) == [f"{word} {word}" for word in words]
