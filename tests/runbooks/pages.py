"""The pages of docs/runbooks: each runbook's own words, and a plan that it really drafts."""

import inspect
import sys
from collections.abc import Callable, Iterator

from bot import runbooks
from bot.domain import units
from bot.domain.plan import Plan
from bot.runbooks import Case, NoPlan, Wishes
from tests.checks.worlds import MI, SAFE_FLAGS
from tests.runbooks import cases

POD = cases.pod("web-7", ip="10.244.1.7")
TRAPPED = {2: cases.host(2, trap=cases.VETH)}
SLAVE = cases.nic(3, "eth1", master="bond1")
EXAMPLES: dict[str, tuple[Case, Case]] = {
    "raise-memory-and-anchor": (
        cases.case(hosts=TRAPPED, broken=(2,), incident=cases.trouble(), peaks={"n1": 48 * MI}),
        cases.case(args=SAFE_FLAGS),
    ),
    "raise-memory": (
        cases.case(args=SAFE_FLAGS, incident=cases.trouble(), peaks={"n1": 48 * MI}),
        cases.case(hosts=TRAPPED),
    ),
    "anchor-regex": (
        cases.case(hosts={2: cases.host(2, own="bond1", before=(SLAVE,))}, strategy="OnDelete"),
        cases.case(args=("--kube-subnet-mgr", r"--iface-regex=10\.0\.")),
    ),
    "drain": (
        cases.trapped(POD, cases.pod("shipper", owner="DaemonSet/shipper", ip="10.244.1.9")),
        cases.trapped(POD, cases.pod("cache", empty_dir=True)),
    ),
    "evict-veth": (cases.trapped(POD), cases.trapped(cases.pod("web-8", ip="10.244.1.8"))),
    "restart": (cases.case(incident=cases.trouble("node_routes", "n1")), cases.trapped(POD)),
}
"""Of each runbook a case that gives a plan, and one that gives none."""


def page(name: str) -> str:
    """Return the page of one runbook."""
    draft = runbooks.ALL_RUNBOOKS[name]
    doc = inspect.getdoc(sys.modules[draft.__module__])
    plain, refused = (draft(each, Wishes()) for each in EXAMPLES[name])
    assert isinstance(plain, Plan)
    assert isinstance(refused, NoPlan)
    return "\n".join(
        (
            f"# {name}\n",
            "Made from the code by `make reference`; do not edit.\n",
            f"{doc}\n",
            "## A plan\n",
            *_plan(plain),
            "## When there is none\n",
            *_refused(refused),
        )
    )


def _plan(plan: Plan) -> Iterator[str]:
    approvals = units.count(plan.quorum, "approval")
    yield f"**{plan.title}** ({approvals}, about {units.duration(plan.expected)})\n"
    yield "```diff\n" + "\n".join(plan.diff) + "\n```\n"
    yield "Steps, those of one number together:\n"
    yield "\n".join(f"- {one.batch + 1}. {one.text}" for one in plan.steps) + "\n"
    yield "What is foretold:\n"
    told = (f"- {one.node}: {one.effect.value}; {one.text}" for one in plan.predictions)
    yield "\n".join(told) + "\n"
    for head, texts in (
        ("Why", plan.reasoning),
        ("What else it does", plan.side_effects),
        ("How it is verified", [one.text for one in plan.criteria]),
    ):
        yield f"{head}:\n"
        yield "\n".join(f"- {text}" for text in texts) + "\n"
    yield f"How it is stopped: {plan.brake}\n"
    yield f"How it is taken back: {plan.undo}\n"


def _refused(found: NoPlan) -> Iterator[str]:
    yield f"> {found.reason}\n"
    if found.instead:
        yield f"Then {', '.join(f'[{one}]({one}.md)' for one in found.instead)} may do.\n"
    if found.manual:
        yield f"```\n{found.manual}```\n"


def index() -> str:
    """Return the page that lists them."""
    lines = [
        "# Runbooks\n",
        "Made from the code by `make reference`; do not edit.\n",
        "What the bot could do about a trouble, once people approve exactly that. Each may be "
        "switched off (`remediation.runbooks`), and guards may veto any plan.\n",
        "| runbook | it would |\n| --- | --- |",
        *(f"| [{name}]({name}.md) | {text} |" for name, text in runbooks.SUMMARIES.items()),
    ]
    return "\n".join(lines) + "\n"


def made(name: str) -> Callable[[], str]:
    """Return what makes a page."""
    return lambda: page(name)


PAGES: dict[str, Callable[[], str]] = {
    "docs/runbooks/README.md": index,
    **{f"docs/runbooks/{name}.md": made(name) for name in runbooks.ALL_RUNBOOKS},
}
