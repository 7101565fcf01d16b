"""What the core says is known to every other language, sentence by sentence."""

import ast
import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bot
from bot.adapters.cluster import kinds
from bot.adapters.slack import catalogue, interpreter
from bot.flannel import catalogue as log_lines
from bot.flannel import deviants, faults, hazards, versions

ROOM = Path(bot.__file__).parent
LANGUAGES = list(catalogue.PACKAGES)
SOURCES = (
    *sorted(path.relative_to(ROOM).as_posix() for path in (ROOM / "guards").glob("*.py")),
    *sorted(
        path.relative_to(ROOM).as_posix()
        for path in (ROOM / "runbooks").glob("*.py")
        if path.name != "byhand.py"  # commands and files to be copied, as they are typed
    ),
    *sorted(path.relative_to(ROOM).as_posix() for path in (ROOM / "checks").glob("*.py")),
    "flannel/faults.py",
    "flannel/announced.py",
    "flannel/devices.py",
    "flannel/tables.py",
    "flannel/leftovers.py",
    "flannel/lease.py",
    "flannel/present.py",
    "flannel/anchoring.py",
    "flannel/choice.py",
    "flannel/deviants.py",
    "flannel/outlook.py",
    "flannel/rewriting.py",
    "flannel/rehearsal.py",
    "flannel/sizing.py",
    "flow/explain.py",
    "flow/plancards.py",
    "flow/approve.py",
    "flow/asking.py",
    "flow/granting.py",
    "flow/pulse.py",
    "flow/authority.py",
    "flow/drafting.py",
    "flow/recheck.py",
    "flow/records.py",
    "flow/tickets.py",
    "flow/belonging.py",
    "flow/unwatched.py",
    "flow/follow.py",
    "flow/permits.py",
    "flow/stops.py",
    *("flow/heldup.py", "flow/doctor.py", "flow/noise_report.py"),
    *("flow/summary.py", "flow/handover.py"),
    *("flow/hands.py", "flow/carry.py", "flow/propose.py", "flow/remediation.py", "domain/run.py"),
    "domain/approval.py",
    "domain/attention.py",
    "domain/verification.py",
    "domain/drain.py",
    "domain/freeze.py",
    "domain/inhibition.py",
    "domain/silence.py",
    "domain/tracking.py",
    *("flow/absence.py", "flow/attending.py", "flow/inspect.py", "flow/memory_history.py"),
    *("flow/network.py", "flow/podlog.py", "flow/probes.py", "flow/quota.py", "flow/sight.py"),
    *("flow/veths.py", "flow/desk.py", "flow/elsewhere.py", "flow/quieting.py", "flow/ports.py"),
    *("domain/matcher.py", "domain/nearest.py", "domain/alert.py", "domain/units.py"),
    *(
        "flow/journal.py",
        "flow/parted.py",
        "settings_text.py",
        "settings_sources.py",
        "settings_rules.py",
    ),
    *("settings_replicas.py", "settings_self.py", "settings.py"),
    *("doctoring.py", "options.py", "tending.py", "adapters/schedule.py", "attended.py"),
    *(f"flannel/{name}.py" for name in ("aspects", "discovery", "drift", "flags", "netconf")),
    "flannel/rehearsal.py",
    *(
        f"adapters/cluster/{name}.py"
        for name in (
            *("checkup", "client", "credentials", "discovery", "execution", "failures", "frames"),
            *("kinds", "kubeconfig", "lease", "listing", "looking", "mirror", "nodepods"),
            *("outcomes", "probing", "reader", "usage", "watching", "actuator"),
        )
    ),
    "adapters/metrics/prometheus.py",
    *(
        f"adapters/store/{name}.py"
        for name in ("faults", "location", "revision", "remedy", "turns")
    ),
    *(
        f"adapters/slack/{name}.py"
        for name in ("faults", "manifest", "client", "checkup", "people", "callers", "uploads")
    ),
)
"""Modules whose every sentence is translated. The list may only grow."""
LISTS = (
    *("flow/situations.py", "flow/judge.py"),
    "flannel/catalogue.py",
    "flannel/hazards.py",
    "flannel/selection.py",
    *("adapters/cluster/script.py", "adapters/store/sql.py", "app.py"),
)
"""Modules that hold others' words too; what they say is asked of their lists."""
NOT_SAID = {
    "condition Ready=": "a case of `condition {kind}=`",
    "mtu": "what `ip` prints",
    **dict.fromkeys(("- and", "- pod", "pods more", "DaemonSets"), "a diff"),
    **dict.fromkeys(("- resources.limits.memory:", "+ resources.limits.memory:"), "a diff"),
    "+ resources.requests.memory:": "a diff",
    **dict.fromkeys(("kubectl -n", "kubectl uncordon", "patch daemonset"), "a command"),
    "--type json -p": "a command",
    **dict.fromkeys(("resources can be set from v0.27.1 on", "may call it otherwise"), "a file"),
    **dict.fromkeys(("# flannel's own chart;", "# as flannel's own chart has it;"), "a file"),
    "ticket key": "a mark in the store",
    "a host NIC": "in a list of nodes and NICs, which is quoted whole",
    "not there now": "within a prediction, which is quoted whole",
    "the MTU in subnet.env": "a source's name, which is not shown",
    **dict.fromkeys(("Basic", "Bearer"), "a header"),
    "Status | None": "a type",
    **dict.fromkeys(("remove the probe pod of", "looking for flannel"), "a task's name"),
    "looks elsewhere": "a task's name",
    **dict.fromkeys(("Invalid value:", "HTTP Status Code", "no such table"), "another's words"),
    "does not support dry run": "another's words",
    **dict.fromkeys(("no such column", "Invalid request signature detected"), "another's words"),
    "Unhandled request|Invalid request signature detected": "another's words",
    "max by": "a query",
    **dict.fromkeys(("Value error,", "Assertion failed,"), "pydantic's, and taken away"),
    "the non-resource URL /version": "what a right is to, as RBAC calls it",
    "context": "a place in a kubeconfig",
    **dict.fromkeys(("how it stands,", "and what mends it", "nothing failed"), "the terminal's"),
    **dict.fromkeys(
        (
            *("Ask about flannel and kube-system", "Keeps flannel and kube-system healthy"),
            *("Show incident", "Tell the story of the incident that this message is about"),
            "[@cluster] status | nics <node> | routes | memory | simulate <regex> | logs <node> "
            "| verify | incidents | check | doctor | help",
        ),
        "the manifest's, of which an app has one",
    ),
}
MADE = {
    *("critical:", "warning:", "info:"),
    *("over the budget of", "within the budget of", "on the worst day,"),
    *("waits:", "wait:"),
    *("reopened", "severity rose", "spread grew"),
    *("unmuted", "acknowledged"),
    *("now info:", "now warning:", "now critical:"),
    *("by you already,", "one more needed.", "was deleted,", "was evicted,"),
    *(
        "needs human",
        "rolled back",
        "Changes to cluster",
        "Changes to all clusters are frozen until",
    ),
    *("names nobody.", "only approvers may allow a look by a probe pod,", "at a time:"),
    *("and so unavailable all the time,", "and so unavailable all the time:"),
    "in all clusters:",
    "and so many that the rollout cannot move:",
    *("earlier state.terminated.reason=", "with no address"),
    *("version and backend", "has no context", "grant get,"),
    *(f"{kind.resource} in" for kind in kinds.IN_NAMESPACES if kind is not kinds.PODS),
    *(deviants.title(fault) for fault in faults.Fault if "_" in fault.value),
    *("aborted", "silenced", "writable and whole", "no channel is named of"),
    *(
        made
        for whose in ("Slack's", "the API server's")
        for made in (f"agrees with {whose} within", f"s behind {whose}", f"s ahead of {whose}")
    ),
}
"""Texts that the core makes of values, such as an enumeration's names."""
CJK = re.compile("[\u4e00-\u9fff]")
HOLE_NAME = re.compile(r"\{([a-z_0-9]+)")
HOLE = re.compile(r"\{[a-z_0-9]+(?::[a-z]+)?\}")


@functools.cache
def templates(language: str) -> dict[str, str]:
    found = interpreter.tables(language)
    assert found is not None
    return {one.english: one.translation for one in found.templates}


def pieces(text: str) -> Iterator[str]:
    """The parts of a sentence between what is put in, without what is code."""
    for part in re.sub(r"`[^`]*`", "\0", text).split("\0"):
        for sentence in re.split(r"(?<=[.;:,]) |[()]", part):
            if re.search(r"[A-Za-z]{2,} |^ [a-z]{2,}| [a-z]{2,}", sentence):
                yield sentence.strip()


def said(tree: ast.AST) -> Iterator[str]:
    """Every text in a module that is no docstring, its places as zeros."""
    inner = {
        id(each)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for each in node.values
        if isinstance(each, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(each.value) if isinstance(each, ast.Constant) else "\0" for each in node.values
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
        ):
            yield HOLE.sub("\0", node.value)


@functools.cache
def spoken(source: str) -> set[str]:
    return {
        piece for text in said(ast.parse((ROOM / source).read_text())) for piece in pieces(text)
    }


@functools.cache
def known(language: str) -> set[str]:
    found = set()
    for english in templates(language):
        bare = re.sub(r"\[\[|\]\]", "\0", HOLE.sub("\0", english)).replace("{{", "{")
        found |= set(pieces(bare.replace("}}", "}")))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("source", SOURCES)
def test_every_sentence_of_the_core_is_in_every_other_language(source: str, language: str) -> None:
    there = "\n".join(known(language))
    counts = importlib.import_module(
        f"bot.adapters.slack.{catalogue.PACKAGES[language]}.core_common"
    ).COUNTS
    lacking = {one for one in spoken(source) if one not in there and one not in counts}
    assert sorted(lacking - NOT_SAID.keys()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_left_of_a_sentence_that_nobody_says(language: str) -> None:
    there = "\n".join(piece for source in (*SOURCES, *LISTS) for piece in spoken(source))
    assert {one for one in known(language) if one not in there} == MADE


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_knowledge_of_flannel_is_in_every_other_language(language: str) -> None:
    entries = (
        *log_lines.REASONS, *log_lines.ENTRIES, *log_lines.WAITING, *log_lines.EVENTS,
        log_lines.CHOSE_FOREIGN_NIC,
    )  # fmt: skip
    everywhere = [
        hazards.of(version, hazards.Surroundings(
            backend="vxlan", nodes=nodes, patterns=("10.0",), public_ip=True,
            memory_limit=50 * 2**20, kernels=("4.9.0",),
        ))
        for nodes in (5, 9_000)
        for version in (None, *(versions.Version(0, minor, 0) for minor in range(7, 30)))
    ]  # fmt: skip
    restarts = [
        said
        for backend in ("vxlan", "host-gw", "wireguard", "udp", "ipsec", "ipip", "alloc")
        for version in (None, *(versions.Version(0, minor, 0) for minor in range(7, 30)))
        for new_nic in (False, True)
        for said in hazards.restart(version, backend, new_nic=new_nic)
    ]
    told = [
        *(text for one in entries for text in (one.cause, one.cure)),
        *(text for one in faults.FACTS.values() for text in (one.cause, one.cure)),
        *(text for one in everywhere for hazard in one for text in (hazard.text, hazard.cure)),
        *restarts,
        *(deviants.title(fault) for fault in faults.Fault),
    ]
    assert len(told) > 200
    assert [left for text in told if text for left in interpreter.left(text, language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_same_places_and_code_and_is_translated(language: str) -> None:
    for english, other in templates(language).items():
        holes = sorted(HOLE_NAME.findall(english))
        assert holes == sorted(HOLE_NAME.findall(other)), english
        code = re.findall(r"`[^`]*`", re.sub(r":[a-z]+\}", "}", english))
        assert sorted(code) == sorted(re.findall(r"`[^`]*`", other)), english
        words = re.sub(r"`[^`]*`", "", HOLE.sub("", english))
        assert other == english or CJK.search(other) or not re.search("[a-z]{2} [a-z]{2}", words), (
            english
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_template_knows_itself_again_and_is_hidden_by_no_other(language: str) -> None:
    """Filled with names, a sentence comes out with these names and no word of English."""
    samples = {"": "n-7", "text": "x y", "names": "a, b and 3 more", "count": "3 nodes"}
    for english, other in templates(language).items():
        kinds = {hole[1]: hole[2] or "" for hole in interpreter._HOLE.finditer(english)}
        if any(kind in ("own", "most", "said", "term") for kind in kinds.values()):
            continue
        filled = interpreter._fill(
            english_holes(english), {n: samples[k] for n, k in kinds.items()}
        )
        assert list(interpreter.left(filled, language)) == [], english
        told = interpreter.tables(language).interpret(filled)[0]
        assert told == filled or CJK.search(told) or not CJK.search(other), (english, told)
        for kind in kinds.values():
            assert kind in ("names", "count") or samples[kind] in told, (english, told)


def english_holes(english: str) -> str:
    return re.sub(r"(\{[a-z_0-9]+):[a-z]+\}", r"\1}", english)


NASTY = st.one_of(
    st.text(),
    st.text(alphabet="`<@!>|*_~[]{}\\;.: \nand7more", max_size=200),
    st.builds(
        lambda a, n: a * n,
        st.sampled_from(["<@U1> ", "a. ", "; ", "`", " and 3 more", "{x}"]),
        st.integers(0, 2_000),
    ),
)


@given(NASTY)
@settings(max_examples=50)
def test_interpreting_any_text_never_raises_and_loses_nothing_it_does_not_know(text: str) -> None:
    with catalogue.speaking("zh-CN"):
        told = interpreter.told(text)
    if not CJK.search(told):
        assert told == text


@given(NASTY.filter(lambda text: text.strip()))
@example("flannel on worker-1")
@settings(max_examples=50)
def test_what_others_say_comes_out_as_it_went_in(text: str) -> None:
    """But for what is word for word a sentence of ours."""
    said = f"The log could not be read: {text}"
    with catalogue.speaking("zh-CN"):
        told = interpreter.told(said)
        ours = interpreter.told(text)
    assert told in (said, f"读不到日志：{text}", f"读不到日志：{ours}")
    name = "".join(text.split())
    with catalogue.speaking("zh-CN"):
        assert name in interpreter.told(
            f"{name} was OOM-killed 3 times on {name} (memory limit 50Mi)"
        )


def test_a_long_text_takes_no_longer_than_its_length_asks_for() -> None:
    """A pattern that backtracks would need ages for these."""
    tables = interpreter.tables("zh-CN")
    assert tables is not None
    for text in ("no route to " + "a, " * 2_600, "; ".join(["x: x"] * 1_900), ": " * 3_900):
        assert tables.interpret(text)


def test_english_needs_no_tables_and_stays_as_it_is() -> None:
    assert interpreter.tables(catalogue.ENGLISH) is None
    assert interpreter.told("kube-flannel OOM-killed") == "kube-flannel OOM-killed"


def test_every_module_of_the_cores_words_is_in_the_catalogue_and_none_says_a_thing_twice() -> None:
    for package in catalogue.PACKAGES.values():
        place = Path(interpreter.__file__).parent / package
        assert {path.stem for path in place.glob("core_*.py")} == set(catalogue.CORE)
        seen: dict[str, str] = {}
        for name in catalogue.CORE:
            for english in importlib.import_module(f"bot.adapters.slack.{package}.{name}").TEXTS:
                assert seen.setdefault(english, name) == name
            assert len((place / f"{name}.py").read_text().splitlines()) <= 300


def test_a_quotation_within_a_row_takes_in_nothing_of_what_follows() -> None:
    row = "now: flannel.1 is bound to eth1; --iface=eth9 fails: no such NIC; memory limit 50Mi"
    with catalogue.speaking("zh-CN"):
        told = interpreter.told(f"n1 (a/b): {row}")
    assert (
        told
        == "n1（a/b）：现在：flannel.1 绑定在 eth1；--iface=eth9 失败：no such NIC；内存上限 50Mi"
    )


@pytest.mark.parametrize(
    "text",
    [
        "oom_killed of kube-flannel-ds (lab): 3 incidents, 4 calls; acknowledged 2, silenced 1",
        "oom_killed (lab): 1 incident, 1 call; planned for 1",
        "INC-7 critical: kube-flannel OOM-killed, taken on by U1",
        "INC-7 critical: kube-flannel OOM-killed, taken on by U1, not told: seen again",
        "INC-7 info: kube-flannel OOM-killed, not told: seen again",
        "RUN-3 rolled back: step 2 failed: it was interrupted",
        "RUN-3 aborted",
        "#ops, of lab, shop: the bot is no member",
        "of lab: is archived",
        "this machine's is 71 s behind the API server's",
        "channel C1",
        "channel (none)",
        "right to get nodes/proxy in kube-system",
        "v0.27.4, vxlan, no flags",
        "v0.27.4, unknown, --ip-masq",
        "PLAN-1 in full (1 of 3)",
        "n3: no route and neighbour for n1, n2 and 7 more (11 of 11 peers)",
        "n1: no route to 10.244.1.0/24, no neighbour 10.244.1.0",
        "nothing of it has been seen for the whole hold-down; after RUN-1: Restart flannel on n1",
        "PLAN-1 (8afdfc), approved by U1: Restart flannel on n1",
        "kube-system/kube-flannel-x, not ready, CrashLoopBackOff, 7 restarts, being deleted",
        "there is no node 'n9'; there are 12, such as n1, n2 and n3",
        "cannot list pods in kube-system: HTTP 503: an HTML page instead of an answer, from a proxy "
        "or load balancer",
        "log.levl: there is no setting of that name; did you mean level? (in /bot.yaml)",
    ],
)
def test_what_the_core_puts_together_of_parts_is_said_whole(text: str) -> None:
    assert list(interpreter.left(text, "zh-CN")) == []
