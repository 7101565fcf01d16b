"""Whatever is said fits Slack, mentions nobody, links nowhere, and is said twice the same."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.adapters.slack import answers_view, blocks, cards, details, limits, plan_cards, prose
from bot.domain import finding, health, incident, muting, notice
from bot.domain.target import Target
from bot.flow import answers, ports
from tests.adapters.slack import judge, samples, test_plan_cards

HOSTILE = [
    "<!channel>",
    "<!here|here>",
    "<@U1>",
    "<#C1|ops>",
    "<https://evil.example|ok>",
    "<mailto:a@b.c|a>",
    "&lt;!channel&gt; &amp; &amp;amp;",
    "`code` ```fence```",
    "*bold* _it_ ~no~ > quote",
    ":rotating_light: @channel @here #general",
    "\u202eabc\u2066def\u200f",
    "\x00\x07\x1b[31mred\x1b[0m\x9b",
    "\ud800 \udfff",
    "𝕏😀" * 50,
    "&" * 300,
    "<" * 300,
    '"\\' * 300,
    "x" * 10_000,
    "\n" * 500,
    "a\u2028b\u2029c\r\nd",
    "",
]
hostile = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=()), max_size=60)
hostile = hostile | st.tuples(hostile, hostile).map("".join)
quick = settings(max_examples=40)


def check(page: prose.Page) -> blocks.Rendered:
    rendered = blocks.render(page)
    judge.judge(rendered)
    plainest = blocks.plain(page)
    judge.slack.judge(list(plainest.blocks))
    assert plainest.blocks[0]["text"]["type"] == "plain_text"
    assert "<" not in plainest.text
    return rendered


@quick
@given(st.lists(hostile, min_size=8, max_size=8), st.integers(0, 30), st.booleans())
@example(HOSTILE[:8], 3, False)
@example(HOSTILE[12:20], 30, True)
def test_a_hostile_cluster_stays_text_on_a_card(said: list[str], number: int, over: bool) -> None:
    target = Target(said[0], said[1], said[2], said[3], said[4])
    members = tuple(
        samples.member(
            one,
            name=f"{said[4]}{one}" if one % 2 else said[5],
            summary=said[6],
            evidence=tuple(said),
            clear_since=samples.NOW if one % 3 == 0 else None,
        )
        for one in range(number)
    )
    value = samples.trouble(
        cluster=said[0],
        workload=target,
        summary=said[5],
        cure=said[7],
        members=() if over else members,
        recovered=members if over else (),
        state=incident.State.RESOLVED if over else incident.State.OPEN,
        resolved_at=samples.NOW if over else None,
        unseen=not over,
        reopened=2,
    )
    rendered = check(cards.card(samples.view(value, delayed_seconds=42)))
    assert len(judge.seen(rendered).splitlines()) <= 11
    check(cards.digest(notice.DigestView(incidents=(value,) * 30, now=samples.NOW)))


@quick
@given(
    st.lists(
        st.builds(
            notice.Section,
            heading=hostile,
            lines=st.lists(hostile, max_size=6).map(tuple),
            verbatim=hostile,
        ),
        max_size=40,
    ),
    hostile,
)
def test_a_hostile_log_stays_text_in_a_thread(sections: list[notice.Section], title: str) -> None:
    check(details.detail(notice.Detail(title=title, sections=tuple(sections))))


@quick
@given(hostile, hostile)
def test_hostile_words_stay_text_in_answers(said: str, other: str) -> None:
    target = Target(said, other, said, other, said)
    found = finding.Finding(
        "c", finding.Severity.INFO, target, target, said, said, (other,), cure=said
    )
    report = answers.CheckReport(
        cluster=said,
        taken_at=samples.NOW,
        health=health.Health.UNKNOWN,
        flannel=(answers.FlannelFound(said, other, said, other, (said, other), 1, 0),),
        findings=(found,) * 100,
        gaps=(samples.GAP,) * 20,
        notes=(other,),
    )
    check(answers_view.check(report))
    entry = ports.TimelineEntry(at=samples.NOW, subject="INC-1", kind=said, text=other)
    value = samples.trouble(30, summary=said)
    story = answers.IncidentStory(value, (entry,) * 60, "C1", "1.2")
    check(
        answers_view.story(story, now=samples.NOW, permalink="https://x.slack.com/archives/C1/p12")
    )
    check(answers_view.problem(said, other))


@pytest.mark.parametrize("number", [0, 1, 12, 13, 120, 5_000])
def test_any_number_of_nodes_makes_a_card_of_at_most_ten_lines(number: int) -> None:
    mute = muting.Mute(muting.Kind.SILENCE, "SIL-3", until=samples.NOW, by="U1", silence=3)
    value = samples.trouble(number, owner="U2", acknowledged_at=samples.NOW, muted=mute)
    rendered = check(cards.card(samples.view(value, acts=True, ticket="t")))
    lines = judge.seen(rendered).splitlines()
    first = [line for line in lines if not line.startswith(("Also affected", "[Propose"))]
    assert len(first) <= 10
    if number > 12:
        assert f"and {number - 12:,} more" in "".join(first)
        assert lines[-2].startswith("Also affected")


@pytest.mark.parametrize("number", [0, 1, 25, 400])
def test_any_number_of_incidents_makes_one_message(number: int) -> None:
    incidents = tuple(samples.trouble(2, id=one) for one in range(1, number + 1))
    rendered = check(cards.digest(notice.DigestView(incidents=incidents, now=samples.NOW)))
    told = sum(f"INC-{one} " in judge.seen(rendered) + " " for one in range(1, number + 1))
    if number <= 25:
        assert told == number
    else:
        assert f"{number - told:,} more lines do not fit" in judge.seen(rendered)


def test_what_is_seen_is_what_is_heard() -> None:
    desk_pages = [
        cards.card(samples.view()),
        cards.card(samples.view(samples.trouble(40, unseen=True), delayed_seconds=42)),
        answers_view.status(samples.status(), now=samples.NOW),
        details.detail(
            notice.Detail("particulars", (notice.Section("Log", ("a < b & c",), "l1\n`l2` <3>"),))
        ),
        cards.card(samples.view(on_call=("U0OPERATOR",), acts=True, ticket="t")),
        cards.card(samples.view(samples.trouble(summary="flannel OOM-killed " * 20))),
        plan_cards.card(test_plan_cards.view(test_plan_cards.proposed())),
    ]
    for page in desk_pages:
        rendered = check(page)
        shown = judge.seen(rendered, buttons=False).replace(" …\n… ", " ")
        assert judge.heard(rendered) == shown


def test_a_long_log_loses_its_beginning_never_its_end() -> None:
    log = "\n".join(f"I0102 {number:06} main.go:1] waiting & <watching>" for number in range(9_999))
    section = notice.Section(heading="Log", verbatim=log)
    rendered = check(details.detail(notice.Detail("particulars", (section,))))
    seen = judge.seen(rendered)
    assert "earlier characters left out]" in seen
    assert seen.endswith("I0102 009998 main.go:1] waiting & <watching>")
    assert limits.size(list(rendered.blocks)) > 10_000


def test_a_long_list_does_not_push_out_a_log() -> None:
    lines = tuple(f"node-{number:04}: OOM-killed" for number in range(5_000))
    sections = (notice.Section("Affected", lines), notice.Section("Log", (), "panic: last words"))
    seen = judge.seen(check(details.detail(notice.Detail("particulars", sections))))
    assert "panic: last words" in seen
    assert "more lines do not fit into one message" in seen
    assert "node-0100" in seen


def test_a_short_list_leaves_the_room_to_the_log() -> None:
    log = "\n".join(f"line {number}" for number in range(3_000))
    sections = (notice.Section("Affected", ("one",)), notice.Section("Log", (), log))
    rendered = check(details.detail(notice.Detail("particulars", sections)))
    assert limits.size(list(rendered.blocks)) > 10_000


def test_one_endless_line_is_cut_where_names_end() -> None:
    page = prose.Page("t", (prose.paragraph(prose.listed([f"node-{n}" for n in range(5_000)])),))
    seen = judge.seen(check(page))
    last = seen.split("\n")[1].rsplit(", ", 1)[0].rsplit(", ", 1)[1]
    assert last.startswith("node-")
    assert "1 more line does not fit" in seen


@pytest.mark.parametrize("word", ["OOM-killed ", "被终止", "veth0"])
def test_a_headline_too_long_for_a_header_goes_on_below_it_and_stands_nowhere_twice(
    word: str,
) -> None:
    page = cards.card(samples.view(samples.trouble(summary=f"flannel {word * 40}end")))
    rendered = check(page)
    head = rendered.blocks[0]["text"]["text"]
    below = judge.seen(rendered).split("\n")[1]
    assert len(head) <= 150
    assert head.removesuffix(" …").replace(" ", "") + below.removeprefix("… ").replace(" ", "") == (
        page.title.replace(" ", "")
    )
    first, second = rendered.text.split("\n")[:2]
    assert first == page.title
    assert second.startswith("Where")


def test_a_headline_is_parted_between_words() -> None:
    told = limits.parted("one two three four", 12)
    assert told == ("one two …", "… three four")
    assert limits.parted("one two", 12) == ("one two", "")


def test_moments_are_told_in_the_readers_own_zone_and_in_utc() -> None:
    rendered = check(cards.card(samples.view()))
    dates = [run for run in judge.runs(list(rendered.blocks)) if run["type"] == "date"]
    assert dates
    assert dates[0]["timestamp"] == int(samples.BEGAN.timestamp())
    assert dates[0]["fallback"] == "2026-01-02 03:04:05 UTC"
