"""What people type, and what Slack makes of it, is read or answered; never a crash."""

import random
import string
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.adapters.slack import grammar, grammar_attention, grammar_changes, helptexts, vocabulary
from bot.adapters.slack import typed as typed_text
from bot.flannel import rehearsal

Request, Problem = grammar.Request, grammar.Problem


def simulated(**asked: Any) -> grammar.Request:
    return Request("simulate", simulated=rehearsal.Asked(**asked))


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
        ("nics node-7", Request("nics", node="node-7")),
        ("nics <http://node-7.example.com|node-7.example.com>",
         Request("nics", node="node-7.example.com")),
        ("@prod nics node–7", Request("nics", cluster="prod", node="node-7")),
        ("nics --all", Request("nics", everything=True)),
        ("nics -all", Request("nics", everything=True)),
        ("nics —all", Request("nics", everything=True)),
        ("nics –all", Request("nics", everything=True)),
        ("nics --ALL", Request("nics", everything=True)),
        ("nics 10.0.0.7", Request("nics", node="10.0.0.7")),
        ("routes", Request("routes")),
        ("routes node-7", Request("routes", node="node-7")),
        ("routes -–all", Request("routes", everything=True)),
        ("logs node-7", Request("logs", node="node-7")),
        ("verify", Request("verify")),
        ("verify node-7", Request("verify", node="node-7")),
        ("verify --all", Request("verify", everything=True)),
        ("simulate ^(bond1|eth1)$", simulated(regex=("^(bond1|eth1)$",))),
        ("simulate `^(bond1|eth1)$`", simulated(regex=("^(bond1|eth1)$",))),
        ("simulate eth1 bond1", simulated(regex=("eth1", "bond1"))),
        (r"simulate ^eth\d+$", simulated(regex=(r"^eth\d+$",))),
        ("simulate eth[0–9]", simulated(regex=("eth[0-9]",))),
        ("simulate a&amp;b", simulated(regex=("a&b",))),
        ("simulate --iface eth1 --iface bond1", simulated(iface=("eth1", "bond1"))),
        ("simulate -iface=eth1 —iface bond1", simulated(iface=("eth1", "bond1"))),
        ("simulate --iface=eth1 ^bond1$",
         simulated(iface=("eth1",), regex=("^bond1$",))),
        ("simulate --iface-regex=^bond1$ ^eth1$",
         simulated(regex=("^bond1$", "^eth1$"))),
        ("simulate –iface–regex ^bond1$", simulated(regex=("^bond1$",))),
        ("simulate --iface-can-reach 10.0.0.1",
         simulated(once={"iface-can-reach": "10.0.0.1"})),
        ("simulate --public-ip 10.0.0.1 -public-ipv6=fd00::1 --public-ip=10.0.0.2 --iface=",
         simulated(iface=("",), once={"public-ip": "10.0.0.2", "public-ipv6": "fd00::1"})),
        ("simulate -- -x", simulated(regex=("-x",))),
        ("simulate --iface <http://10.0.0.7|10.0.0.7>", simulated(iface=("10.0.0.7",))),
        ("nics --help", Request("help", topic="nics")),
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
        ("drian node-1", "drian", "drain"),
        ("drain", "drain", "drain <node>"),
        ("undo PLAN-3", "PLAN-3", "undo RUN-n"),
        ("freeze soon why", "soon", "freeze"),
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
        ("nics", "know more", "nics <node>"),
        ("nic node-7", "nic", "nics"),
        ("nics a b", "'b'", "nics <node>"),
        ("nics node-7 --all", "'node-7'", "nics <node>"),
        ("nics @prod", "@prod", "before the command"),
        ("nics $(reboot)", "$(reboot)", "nics <node>"),
        ("nics ../../etc", "../../etc", "nics <node>"),
        ("nics node;ls", "node;ls", "nics <node>"),
        ("nics " + "n" * 300, "nnn", "nics <node>"),
        ("nics &lt;!channel&gt;", "!channel", "nics <node>"),
        ("nics --every", "--every", "nics <node>"),
        ("nics --all=yes", "--all=yes", "nics <node>"),
        ("routes -x", "-x", "routes [<node>"),
        ("logs", "know more", "logs <node>"),
        ("logs --all", "'--all'", "logs <node>"),
        ("simulate", "know more", "simulate <regex>"),
        ("simulate --", "know more", "simulate <regex>"),
        ("simulate --iface", "lacks its value", "simulate <regex>"),
        ("simulate --ifaces eth1", "--ifaces", "simulate <regex>"),
        ("simulate " + "x " * 11, "More than 10", "simulate <regex>"),
        ("simulate " + "x" * 257, "256", "simulate <regex>"),
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
    told = {command.name for command in vocabulary.COMMANDS}
    assert told == {
        "help", "status", "nics", "routes", "simulate", "logs", "verify", "incidents",
        "incident", "check", "schedule", "memory", "doctor", *grammar_changes.NAMES,
        *grammar_attention.NAMES,
    }  # fmt: skip
    assert told == set(helptexts.HELP)
    for word in ("statu", "incidens", "chek", "schedul", "hlep", "rn", "pla", "freez"):
        found = grammar.parse(word)
        assert isinstance(found, Problem)
        assert all(name in told for name in grammar.nearest(word, vocabulary.NAMES))


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


@settings(max_examples=300)
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
        assert found.name in vocabulary.NAMES
        assert 0 <= found.number < 1_000_000_000


def test_ten_thousand_strange_texts_are_read_or_answered() -> None:
    """Whatever a client, a script or a cat types: a request or a sentence, never a crash."""
    dice = random.Random(4)
    pieces = [
        "nics", "routes", "simulate", "logs", "verify", "status", "incident", "help", "@prod", "@",
        "--all", "-all", "—all", "–all", "--iface", "-iface=", "--iface-regex", "--", "-", "=",
        "eth1", "^(bond1|eth1)$", "veth*", "(?!x)", "[", "]", "\\", '"', "'", "`", "“", "”",
        "<http://a.b|a.b>", "<@U1|x>", "<!channel>", "&lt;", "&amp;", "\u200b", "\u202e", "\x00",
        "\ud800", "INC-1", "9" * 400, "node-1", "n" * 300, " ", "\n", "\t", "…", "|", ">", "<",
    ]  # fmt: skip
    for _ in range(10_000):
        typed = "".join(
            dice.choice(pieces) + dice.choice(["", " "]) for _ in range(dice.randint(0, 12))
        )
        found = grammar.parse(typed)
        if isinstance(found, Problem):
            assert 0 < len(found.text) + len(found.hint) < 500
            continue
        assert found.name in vocabulary.NAMES
        assert not (found.node and found.everything)
        assert len(found.simulated.iface) + len(found.simulated.regex) <= 10
        if found.node:
            assert set(found.node) <= set(string.ascii_letters + string.digits + ".:_-")
            assert len(found.node) <= 253


@given(st.lists(st.text("abcXYZ019-_.:/$^|()\\", min_size=1, max_size=12), max_size=6))
def test_quoting_brings_every_word_back_whole(words: list[str]) -> None:
    typed = " ".join(f'"{word} {word}"' for word in words)
    assert typed_text.split(typed) == [f"{word} {word}" for word in words]
