"""Matchers: read with exact complaints, and of several nodes about all of them."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import matcher
from bot.domain.finding import Severity
from tests.domain.troubles import trouble

KNOWN = matcher.Dialect(
    fault=lambda text: "missing closing )" if "(" in text and ")" not in text else "",
    known={"check": ("oom_killed", "pod_not_ready"), "cluster": ("prod",)},
)


def like(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def read(text: str) -> tuple[matcher.Matcher, ...]:
    found = matcher.parse(text, KNOWN)
    assert not isinstance(found, matcher.Problem), found
    return found


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("check=oom_killed", "check=oom_killed"),
        (" CHECK = oom_killed , node != n1", "check=oom_killed,node!=n1"),
        ('node=~"n(1,2)"', 'node=~"n(1,2)"'),
        ("node=~n[1,2]{1,2}", 'node=~"n[1,2]{1,2}"'),
        ('workload="a b"', 'workload="a b"'),
        ("severity!~warn.*", "severity!~warn.*"),
        ("node=a,node=a", "node=a"),
        ("check=KubeDaemonSetMisScheduled", "check=KubeDaemonSetMisScheduled"),
    ],
)
def test_an_expression_is_read_and_written_again_alike(text: str, again: str) -> None:
    written = ",".join(str(each) for each in read(text))
    assert written == again
    assert read(written) == read(text)


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 1, "a name is missing"),
        ("=x", 1, "a name is missing"),
        ("nod=n1", 1, "did you mean node"),
        ("zzz=n1", 1, "known are check"),
        ("check=oom_killed,nod=n1", 18, "did you mean node"),
        ("check", 6, "one of = != =~ !~"),
        ("check==oom_killed", 6, "one of = != =~ !~"),
        ("node=", 6, "a value is missing"),
        ("node=n1,", 9, "a name is missing"),
        ("check=oom_kiled", 7, "did you mean oom_killed"),
        ("cluster=bad", 9, "known are prod"),
        ("severity=bad", 10, "known are critical"),
        ("node=~a(", 7, "missing closing )"),
        ('node="a', 6, "not closed"),
        ("node=" + "x" * 254, 6, "longer than 253"),
        ("x" * 501, 501, "longer than 500"),
        (",".join(f"node!=n{i}" for i in range(11)), 91, "more than 10"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, position: int, words: str) -> None:
    found = matcher.parse(text, KNOWN)
    assert isinstance(found, matcher.Problem)
    assert (found.position, words in found.text) == (position, True), found


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("check=pod_not_ready", True),
        ("check=oom_killed", False),
        ("node=n1", False),  # n2 is affected too
        ("node=~n.", True),
        ("node!=n3", True),
        ("node!=n1", False),
        ("node=~1", False),  # a whole value
        ("severity=warning,workload=flannel,namespace=kube-system,cluster=~c", True),
        ("severity=critical,workload=flannel", False),
    ],
)
def test_of_several_nodes_every_one_must_be_meant(text: str, matched: bool) -> None:
    assert matcher.matches(read(text), trouble("n1", "n2"), like) is matched


def test_what_is_on_no_node_is_meant_by_no_node() -> None:
    one = trouble(members=(), severity=Severity.CRITICAL)
    assert not matcher.matches(read("node=~.*"), one, like)
    assert matcher.matches(read("node!=n1"), one, like)
    assert not matcher.matches((), one, like)


@given(st.text(max_size=60) | st.from_regex(r"[a-z]{1,9}(=|!=|=~)[^,]{0,9}(,[a-z=]{0,9}){0,3}"))
def test_whatever_is_written_is_read_or_complained_of_within_it(text: str) -> None:
    found = matcher.parse(text, KNOWN)
    if isinstance(found, matcher.Problem):
        assert 1 <= found.position <= len(text) + 1
        assert found.text
    else:
        assert read(",".join(str(each) for each in found)) == found


def test_ten_thousand_spoilt_expressions_are_read_or_complained_of() -> None:
    luck = random.Random(20260102)
    parts = [
        *matcher.FIELDS, "=", "!=", "=~", "!~", "==", ",", ",,", '"', "\\", "(", "(a*)*", "[", "*",
        "oom_killed", "n1", " ", "\n", "\x00", "\u202e", "\ud800", "🔥", "x" * 300, "<!channel>",
    ]  # fmt: skip
    understood = 0
    for _ in range(10_000):
        text = "".join(luck.choices(parts, k=luck.randint(0, 9)))
        found = matcher.parse(text, KNOWN)
        if isinstance(found, matcher.Problem):
            assert 1 <= found.position <= len(text) + 1, text
        else:
            understood += 1
    assert understood > 50
