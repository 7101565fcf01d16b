"""flannel's patterns: Go's dialect, Go's errors, and anchoring that does not make things worse."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.snapshot import ContainerSpec
from bot.flannel import anchoring, flags, regex, syntax, veth

GO = "error parsing regexp: "


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ("(", "missing closing ): `(`"),
        ("eth1|(bond1", "missing closing ): `eth1|(bond1`"),
        ("eth1)", "unexpected ): `eth1)`"),
        ("a)|(b", "unexpected ): `a)|(b`"),
        ("[a-z", "missing closing ]: `[a-z`"),
        ("eth[", "missing closing ]: `[`"),
        ("[b-a]", "invalid character class range: `b-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ("\\pX", "invalid character class range: `\\pX`"),
        ("*eth", "missing argument to repetition operator: `*`"),
        ("eth**", "invalid nested repetition operator: `**`"),
        ("eth++", "invalid nested repetition operator: `++`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        ("a{9876543210}", "invalid repeat count: `{9876543210}`"),
        ("a{1,9876543210}?", "invalid repeat count: `{1,9876543210}`"),
        ("(?!veth)eth1", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?=eth)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?>eth)", "invalid or unsupported Perl syntax: `(?>`"),
        ("(?P=nic)", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?x)eth", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?P<a b>x)", "invalid named capture: `(?P<a b>`"),
        ("(?<!v)eth1", "invalid named capture: `(?<!v)eth1`"),
        ("\\1", "invalid escape sequence: `\\1`"),
        ("eth\\Z", "invalid escape sequence: `\\Z`"),
        ("\\C", "invalid escape sequence: `\\C`"),
        ("e\\Cth", "invalid escape sequence: `\\C`"),
        ("eth1\\", "trailing backslash at end of expression: ``"),
        ("\ud800", "invalid UTF-8: `?`"),
    ],
)
def test_a_pattern_that_does_not_compile_is_refused_in_gos_words(raw: str, error: str) -> None:
    found = regex.read(raw)
    assert isinstance(found, regex.Malformed)
    assert found.error == GO + error
    assert not regex.matches(raw, "eth1")
    assert not regex.covers(raw, "eth1")
    assert isinstance(anchoring.anchor(raw), anchoring.Refused)


def test_older_go_knows_no_angled_names() -> None:
    assert isinstance(regex.read("(?<nic>eth1)"), regex.Pattern)
    for raw in ("(?<nic>eth1)", "(?<!v)eth1"):
        found = regex.read(raw, named_groups=False)
        assert isinstance(found, regex.Malformed)
        assert found.error == f"{GO}invalid or unsupported Perl syntax: `(?<`"
    assert isinstance(regex.read("(?P<nic>eth1)", named_groups=False), regex.Pattern)
    assert isinstance(regex.read(r"[(?<a>]\(?<a>", named_groups=False), regex.Pattern)


@pytest.mark.parametrize(
    ("raw", "text", "hit"),
    [
        ("eth1", "veth17f90f70", True),
        ("eth1", "eth10", True),
        ("^eth1", "veth17f90f70", False),
        ("eth1$", "eth1\n", False),  # Python's $ would match
        ("10.1", "210.1.2.3", True),
        (r"\Qbond.1\E", "bond.1", True),
        (r"\Qbond.1\E", "bondx1", False),
        ("[[:digit:]]", "eth1", True),
        ("[[:digit:]]", "eth", False),
        ("eth(?i)A", "etha", True),
        (r"\pL+\z", "eth", True),
        ("x{,3}", "x{,3}", True),
        (r"\d", "eth٣", False),  # ASCII only
        ("", "anything", True),
        ("a|", "anything", True),
        (r"\\C", "a\\C", True),
        ("(?<nic>eth1)", "eth1", True),
        ("a{0000000001}", "a{0000000001}", True),
    ],
)
def test_a_pattern_means_what_it_means_to_go(raw: str, text: str, hit: bool) -> None:
    assert regex.matches(raw, text) is hit


@pytest.mark.parametrize(
    ("raw", "anchored"),
    [
        ("eth1|bond1", "^(?:eth1|bond1)$"),
        ("^eth1|bond1$", "^(?:^eth1|bond1$)$"),
        ("^(eth1|bond1)", "^(?:^(eth1|bond1))$"),
        ("eth1$", "^(?:eth1$)$"),
        ("(?i)ETH1|BOND1", "^(?:(?i)ETH1|BOND1)$"),
        ("eth.*", "^(?:eth.*)$"),
        (r"\Qeth.1\E", r"^(?:\Qeth.1\E)$"),
        ("^eth1$|bond1", "^(?:^eth1$|bond1)$"),
        ("(?m)^eth1$", "^(?:(?m)^eth1$)$"),
        ("^(?m)eth1$", "^(?:^(?m)eth1$)$"),
        ("^*eth1$", "^(?:^*eth1$)$"),
        (r"eth1\$", r"^(?:eth1\$)$"),
        ("eth1[$]", "^(?:eth1[$])$"),
        ("^(eth1)|(bond1)$", "^(?:^(eth1)|(bond1)$)$"),
    ],
)
def test_a_pattern_is_wrapped_whole(raw: str, anchored: str) -> None:
    assert anchoring.anchor(raw) == anchored
    assert anchoring.is_anchored(anchored)
    assert not anchoring.is_anchored(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "^(?:eth1|bond1)$", "^(bond1|eth1)$", "^eth1$", "^eth1$|^bond1$", r"\Aeth1\z",
        "^(?P<nic>eth1)$", "^(?i:eth1)$", "^eth[0-9]$",
    ],
)  # fmt: skip
def test_what_is_anchored_stays_as_it_is(raw: str) -> None:
    assert anchoring.is_anchored(raw)
    assert anchoring.anchor(raw) == raw


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ("", "empty"),
        ("e.h1|", "empty alternative"),
        ("|eth1", "empty alternative"),
        ("eth1||bond1", "empty alternative"),
        ("eth(|1)", "empty alternative"),
        ("eth(1|)", "empty alternative"),
        ("(?i)|eth1", "empty alternative"),
        ("()", "empty alternative"),
        (r"\Q\E|eth1", "empty alternative"),
        (".*", "everything"),
        ("x*", "everything"),
        ("^$", "everything"),
        (r"eth1|\Qbond1", "quotation"),
        ("eth1\n", "control"),
        ("eth1\x7f", "control"),
        ("e" * 257, "257 characters"),
        ("a)|(b", "does not compile"),
        ("eth1\\", "does not compile"),
        (".*eth1.*", "pods' NICs"),
        ("veth.*", "pods' NICs"),
        ("^veth[0-9a-f]+$", "pods' NICs"),
    ],
)
def test_what_would_reach_over_the_wrapping_or_take_everything_is_refused(
    raw: str, part: str
) -> None:
    found = anchoring.anchor(raw)
    assert isinstance(found, anchoring.Refused)
    assert part in found.reason
    assert not found.reason.endswith(".")


def test_the_longest_pattern_can_be_anchored_twice() -> None:
    once = anchoring.anchor("e" * 256)
    assert isinstance(once, str)
    assert anchoring.anchor(once) == once


@pytest.mark.parametrize(
    ("argument", "stands"),
    [
        ("--iface-regex=^(?:eth1|bond1)$", "--iface-regex=^(?:eth1|bond1)$"),
        ("--iface-regex=eth1$(x)", "--iface-regex=eth1$$(x)"),
        ("--iface-regex=$$", "--iface-regex=$$$"),
        ("--iface-regex=a$$(b)", "--iface-regex=a$$$$(b)"),
        ("--iface-regex=a$|b$", "--iface-regex=a$|b$"),
    ],
)
def test_an_argument_is_written_so_that_the_kubelet_leaves_it(argument: str, stands: str) -> None:
    assert anchoring.escaped(argument) == stands


@given(st.text(alphabet="$()abH_{}|", max_size=20))
def test_an_escaped_argument_comes_back_from_the_kubelet_unchanged(text: str) -> None:
    word = f"--iface-regex={text}"
    spec = ContainerSpec(
        "kube-flannel", "flannel", (), (anchoring.escaped(word),), env={"a": "1", "H": "2"}
    )
    assert flags.of(spec).iface_regex == (text,)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ("eth1|bond1", ("eth1", "bond1")),
        ("^(bond1|eth1)$", ("bond1", "eth1")),
        ("^eth1$|^bond1$", ("eth1", "bond1")),
        ("^(?:eth0\\.100)$", ("eth0.100",)),
        ("((a)|(b|c))", ("a", "b", "c")),
        ("(?P<sim>eth1)", ("eth1",)),
        ("eth1|eth1", ("eth1",)),
        ("eth[01]", ()),
        ("eth.1", ()),
        ("eth1|bond.*", ()),
        ("(?i)eth1", ()),
        ("(?i:eth1)", ()),
        ("eth1|", ()),
        ("", ()),
        (r"\Qeth1", ()),
        (r"eth\d", ()),
        ("(a)(b)", ()),
    ],
)
def test_a_plain_list_of_names_is_read_as_one(raw: str, names: tuple[str, ...]) -> None:
    assert syntax.literals(raw) == names


PIECES = st.sampled_from(
    [
        "eth", "bond", "1", "0", ".", "*", "+", "?", "|", "(", ")", "(?:", "(?i)", "(?m)", "(?P<n>", "(?<n>", "^",
        "$", "[01]", "[^a]", "[", "]", "\\", "\\d", "\\.", "\\Q", "\\E", "\\C", "\\A", "\\z", "\\b", "{2}", "{1,}",
        "{", "}", "[[:alpha:]]", "[]a]", "x", "é", "v", "-", "\n",
    ]
)  # fmt: skip
PATTERNS = st.lists(PIECES, max_size=12).map("".join)
NAMES = st.one_of(
    st.sampled_from(
        [
            "eth0",
            "eth1",
            "eth10",
            "bond1",
            "veth17f90f70",
            "lo",
            "flannel.1",
            "",
            "ETH1",
            "x\n",
            "eth1\n",
        ]
    ),
    st.text(alphabet="ethbond01.xv\n", max_size=8),
    st.text(max_size=8),
)


@given(PATTERNS, NAMES)
@example("e.h1|", "x")
@example("a)|(b", "xxb")
@example("(?m)^eth1$", "a\neth1\nb")
@example("eth1|\\Qx", "x)$")
def test_an_anchored_pattern_matches_exactly_what_the_raw_one_covers(raw: str, name: str) -> None:
    anchored = anchoring.anchor(raw)
    if isinstance(anchored, str):
        assert regex.matches(anchored, name) == regex.covers(raw, name)
        assert anchoring.anchor(anchored) == anchored
        assert anchoring.is_anchored(anchored)


@given(st.one_of(PATTERNS, st.text(max_size=20)), NAMES)
def test_no_pattern_makes_anything_raise(raw: str, name: str) -> None:
    found = regex.read(raw)
    assert isinstance(found, (regex.Pattern, regex.Malformed))
    assert isinstance(regex.matches(raw, name), bool)
    assert isinstance(anchoring.anchor(raw), (str, anchoring.Refused))
    assert "".join(token.text for token in syntax.scan(raw).tokens) == raw
    assert isinstance(syntax.literals(raw), tuple)
    assert isinstance(veth.example(raw), str)
    if isinstance(found, regex.Malformed):
        assert found.error.startswith(GO)


@given(
    PATTERNS,
    PATTERNS,
    st.sampled_from(["^{}$", "^({})$", "^{}$|^{}$", "(?m)^{}$", "^*{}$", r"\A{}\z"]),
    NAMES,
)
def test_what_is_judged_anchored_never_matches_a_part(
    one: str, other: str, frame: str, name: str
) -> None:
    raw = frame.format(one, other)
    if anchoring.is_anchored(raw):
        assert regex.matches(raw, name) == regex.covers(raw, name)


WORDS = st.lists(st.text(alphabet="ethbond019.-_", min_size=1, max_size=6), min_size=1, max_size=4)


@given(WORDS, st.sampled_from(["{}", "^({})$", "^(?:{})$", "({})", "^{}$", "(?P<nic>{})"]), NAMES)
def test_a_list_of_names_covers_those_names_and_no_other(
    words: list[str], frame: str, name: str
) -> None:
    raw = frame.format("|".join(word.replace(".", r"\.") for word in words))
    assert syntax.literals(raw) == tuple(dict.fromkeys(words))
    assert all(regex.covers(raw, word) for word in words)
    assert regex.covers(raw, name) == (name in words)


@given(
    st.text("0123456789abcdef", min_size=8, max_size=8),
    st.sampled_from(["eth1|bond1", "^eth1|bond1$", "eth.*", "eno1"]),
)
def test_an_anchored_list_takes_no_pods_nic(digits: str, raw: str) -> None:
    anchored = anchoring.anchor(raw)
    assert isinstance(anchored, str)
    assert not regex.matches(anchored, f"veth{digits}")
