"""What people approve is told whole: nothing of a plan is ever cut out of its thread."""

import json
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.slack import blocks, details, limits
from bot.domain import notice, patch
from bot.domain.plan import Effect, Plan, Prediction, Step, StepKind
from bot.domain.target import Target
from bot.flow import parted, plancards
from tests.adapters.slack import judge
from tests.domain import plans

HOSTILE = st.text(
    st.one_of(
        st.sampled_from('`<>&"\\\x7f\u2028\x85😀 \t'),
        st.characters(codec="utf-8", exclude_characters="\n\r"),
    ),
    max_size=40,
)
LONG = st.builds(lambda text, times: text * times, HOSTILE, st.sampled_from([1, 1, 3, 40, 300]))


def told(detail: notice.Detail) -> list[blocks.Rendered]:
    """Render each part as a message, which Slack must take and which must leave nothing out."""
    made = []
    for part in parted.parted(detail):
        rendered = blocks.render(details.detail(part))
        judge.judge(rendered)
        assert rendered.whole, part
        made.append(rendered)
    return made


def shown(rendered: blocks.Rendered, kind: str) -> str:
    """All text of one kind of block, but its headings."""
    return "".join(
        run.get("text", "")
        for block in rendered.blocks
        for element in block.get("elements", ())
        if element["type"] == kind
        for run in element["elements"]
        if not run.get("style", {}).get("bold")
    )


@settings(max_examples=30)
@given(
    st.lists(st.tuples(HOSTILE, st.lists(LONG, max_size=4), st.lists(LONG, max_size=6)), max_size=5)
)
def test_whatever_is_told_is_told_whole(
    sections: list[tuple[str, list[str], list[str]]],
) -> None:
    detail = notice.Detail(
        "PLAN-7 in full",
        tuple(
            notice.Section(f"Part {number}", tuple(lines), "\n".join(verbatim))
            for number, (_, lines, verbatim) in enumerate(sections)
        ),
    )
    every = told(detail)
    for kind, texts in (
        ("rich_text_preformatted", [v for _, _, verbatim in sections for v in verbatim]),
        ("rich_text_section", [line for _, lines, _ in sections for line in lines]),
    ):
        said = _letters("".join(shown(one, kind) for one in every))
        for text in texts:
            assert _letters(limits.clean(text, lines=True)) in said


def _letters(text: str) -> str:
    """What is left when marks, room and breaks are not counted."""
    return "".join(text.replace("`", "").replace("\u200b", "").split())


def large() -> Plan:
    """A plan for a thousand nodes, with flags as long as people make them."""
    regex = "--iface-regex=^(?:" + "|".join(f"eth{n}" for n in range(600)) + ")$"
    path = "/spec/template/spec/containers/0/args/2"
    change = (patch.Operation("test", path, regex), patch.Operation("replace", path, regex[:-2]))
    node = Target("prod", "Pod", "kube-system", "")
    waits = tuple(
        Step(
            StepKind.DELETE_POD,
            replace(node, node=f"node-{n:04}"),
            timedelta(minutes=5),
            owner="u1",
            batch=n,
            text=f"Delete flannel's pod on node-{n:04}, so that it starts with the new template",
        )
        for n in range(1, 1000)
    )
    return plans.plan(
        replace(plans.step(StepKind.PATCH_DAEMONSET), change=change, undo=tuple(reversed(change))),
        *waits,
        predictions=tuple(
            Prediction(f"node-{n:04}", Effect.UNCHANGED, "eth1", "eth1") for n in range(1000)
        ),
        diff=(f"- {regex}", f"+ {regex[:-2]}"),
    )


def test_the_thread_of_a_plan_for_a_thousand_nodes_has_every_letter_of_it() -> None:
    plan = large()
    every = told(plancards.particulars(plan))
    exact = "".join(shown(one, "rich_text_preformatted") for one in every).replace("\n", "")
    for step in plan.steps:
        for operation in (*patch.document(step.change), *patch.document(step.undo)):
            assert json.dumps(operation, sort_keys=True) in exact
    assert all(line in exact for line in plan.diff)
    said = "".join(shown(one, "rich_text_section") for one in every)
    assert plan.digest in said
    assert all(f"node-{n:04}," in said for n in range(999))
    assert len(every) < 40


def test_parts_are_numbered_and_only_the_first_calls() -> None:
    section = notice.Section("Steps", tuple(f"{n}. " + "x" * 1000 for n in range(20)))
    parts = parted.parted(notice.Detail("RUN-3 failed", (section,), broadcast=True))
    assert len(parts) > 2
    assert parts[0].title == f"RUN-3 failed (1 of {len(parts)})"
    assert [part.broadcast for part in parts] == [True] + [False] * (len(parts) - 1)
    assert parts[1].sections[0].heading == "Steps, continued"
    short = notice.Detail("RUN-3 failed", (notice.Section("Why", ("so",)),), broadcast=True)
    assert parted.parted(short) == (short,)
