"""Every word in every language: none is missing, none loses what it is about."""

import ast
import asyncio
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bot.adapters.slack
from bot.adapters.slack import (
    answers_view,
    blocks,
    cards,
    catalogue,
    limits,
    notifier,
    vocabulary,
    wording,
)
from bot.domain import incident
from bot.sim.slack import people
from tests.adapters.slack import judge, samples
from tests.adapters.slack.conftest import Slack, until

ROOM = Path(bot.adapters.slack.__file__).parent
PAIRS = [(name, package) for name in catalogue.MODULES for package in catalogue.PACKAGES.values()]
SAME = {
    ("wording_verdicts", "POINT"), ("wording_network", "SEVERITY"), ("wording_attention", "_PHASES"),
}  # fmt: skip
"""Signs without a word."""
ALIKE = {"becomes", "mtu", "run_line", "size", "share", "signed", "grows", "kills_on", "slope"}
"""Functions whose words are numbers, signs and what they are given."""
CJK = re.compile("[\u4e00-\u9fff]")


def modules(name: str, package: str) -> tuple[ModuleType, ModuleType]:
    english = importlib.import_module(f"bot.adapters.slack.{name}")
    return english, importlib.import_module(f"bot.adapters.slack.{package}.{name}")


def tree(name: str, package: str = "") -> ast.Module:
    return ast.parse((ROOM / package / f"{name}.py").read_text())


def words(found: ast.Module) -> set[str]:
    """The public names that a module defines."""
    names = {one.name for one in found.body if isinstance(one, ast.FunctionDef)}
    for one in found.body:
        targets = one.targets if isinstance(one, ast.Assign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_every_module_of_words_is_in_the_catalogue() -> None:
    there = {path.stem for path in ROOM.glob("wording*.py")} | {"helptexts"}
    assert there == set(catalogue.MODULES)
    for name in catalogue.MODULES:
        assert isinstance(modules(name, "chinese")[0], catalogue.Words)


@pytest.mark.parametrize(("name", "package"), PAIRS)
def test_a_translation_has_every_word_and_no_other(name: str, package: str) -> None:
    assert words(tree(name, package)) == words(tree(name))
    assert len((ROOM / package / f"{name}.py").read_text().splitlines()) <= 300


def texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value.values()]


def code(text: str) -> list[str]:
    return sorted(re.findall(r"`[^`]*`", text))


@pytest.mark.parametrize(("name", "package"), PAIRS)
def test_constants_are_translated_and_keep_their_keys_and_their_code(
    name: str, package: str
) -> None:
    english, other = modules(name, package)
    for word in sorted(words(tree(name))):
        one, its = getattr(english, word), getattr(other, word)
        if callable(one):
            continue
        assert type(one) is type(its), word
        if isinstance(one, dict):
            assert one.keys() == its.keys(), word
        for before, after in zip(texts(one), texts(its), strict=True):
            assert code(before) == code(after), (word, before, after)
            if (name, word) not in SAME and re.search("[A-Za-z]{2}", before):
                assert CJK.search(after), (word, after)


def placeholders(function: ast.FunctionDef) -> set[str]:
    """What of its arguments a function uses."""
    given = {arg.arg for arg in (*function.args.args, *function.args.kwonlyargs)}
    used = {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
    return given & used


@pytest.mark.parametrize(("name", "package"), PAIRS)
def test_sentences_take_and_use_the_same_and_are_translated(name: str, package: str) -> None:
    english, other = modules(name, package)
    found = {one.name: one for one in tree(name, package).body if isinstance(one, ast.FunctionDef)}
    for one in tree(name).body:
        if not isinstance(one, ast.FunctionDef) or one.name.startswith("_"):
            continue
        its = found[one.name]
        same = inspect.signature(getattr(english, one.name))
        assert inspect.signature(getattr(other, one.name)) == same, one.name
        assert placeholders(one) == placeholders(its), one.name
        body = ast.unparse(ast.Module(its.body[1:], []))
        plain = one.name in ALIKE or not re.search(r"[a-z]{3,} [a-z]", _strings(one))
        assert plain or CJK.search(body) or "_state(" in body, one.name


def _strings(function: ast.FunctionDef) -> str:
    parts = [
        each.value
        for statement in function.body[1:]
        for each in ast.walk(statement)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    return "".join(parts)


def test_no_word_is_taken_before_it_is_known_in_which_language() -> None:
    """What is taken at import is English for ever."""

    class Early(ast.NodeVisitor):
        def __init__(self) -> None:
            self.found: list[str] = []

        def visit_FunctionDef(self, node: Any) -> None:
            for each in (*node.args.defaults, *node.args.kw_defaults, *node.decorator_list):
                if each is not None:
                    self.visit(each)

        def visit_AsyncFunctionDef(self, node: Any) -> None:
            self.visit_FunctionDef(node)

        def visit_Attribute(self, node: ast.Attribute) -> None:
            if isinstance(node.value, ast.Name) and node.value.id in catalogue.MODULES:
                self.found.append(f"{node.value.id}.{node.attr}")
            self.generic_visit(node)

    for path in ROOM.rglob("*.py"):
        early = Early()
        early.visit(ast.parse(path.read_text()))
        assert early.found == [], path


def test_a_card_in_chinese_keeps_names_and_has_chinese_buttons() -> None:
    value = samples.trouble(state=incident.State.ACKNOWLEDGED, owner="U0OPERATOR")
    with catalogue.speaking("zh-CN"):
        made = blocks.render(cards.card(samples.view(value, acts=True)))
        title = answers_view.help_page(vocabulary.COMMANDS, slash="/flannel").title
    assert "🔴 严重 · INC-42 · flannel 被 OOM 终止：120 个节点中的 4 个" in made.text
    assert "prod · DaemonSet kube-system/kube-flannel-ds" in made.text
    assert "状态  已认领 · 认领人 @U0OPERATOR" in made.text
    assert "静默" in str(made.blocks)
    assert title == "flannel-bot · 帮助"
    assert wording.WHERE == "Where"


def test_a_persons_language_counts_more_than_the_channels() -> None:
    languages = catalogue.Languages("en", {"C1": "zh-CN"}, {"U1": "en", "U2": "zh-CN"})
    cases = {("", ""): "en", ("C1", ""): "zh-CN", ("C1", "U1"): "en", ("C9", "U2"): "zh-CN"}
    found = {(channel, user): languages.of(channel=channel, user=user) for channel, user in cases}
    assert found == cases


async def test_an_unknown_language_and_a_word_that_lacks_are_english() -> None:
    with catalogue.speaking("tlh"):
        assert wording.WHERE == "Where"
    with catalogue.speaking("zh-CN"):
        assert wording.Sequence is not None
        task = asyncio.create_task(asyncio.sleep(0, wording.WHERE))
    assert await task == "位置"


async def test_each_is_answered_and_each_channel_told_in_its_own_language(slack: Slack) -> None:
    languages = catalogue.Languages("en", {"C0OPS": "zh-CN"}, {"U0BYSTANDER": "zh-CN"})
    async with slack.app(samples.Desk(), languages=languages) as app:
        for user, channel in (("U0BYSTANDER", "C0ALERTS"), ("U0OPERATOR", "C0ALERTS")):
            await slack.act("command", user=user, channel=channel, text="incidents")
        await slack.act("command", user="U0OPERATOR", channel="C0OPS", text="staus")
        await until(lambda: len(slack.whispers("U0OPERATOR")) == 2)
        await until(lambda: slack.whispers("U0BYSTANDER"))
        messenger = notifier.Notifier(app._web, languages=languages)
        await messenger.post("C0OPS", samples.view(), row=samples.row())
        await messenger.post("C0ALERTS", samples.view(), row=samples.row("row-2"))
    assert slack.whispers("U0BYSTANDER")[0].text.startswith("事件")
    said = sorted(each.text for each in slack.whispers("U0OPERATOR"))
    assert said[0].startswith("Incidents")
    assert "您是指" in said[1]
    assert "严重" in slack.said("C0OPS")[0].text
    assert "Critical" in slack.said("C0ALERTS")[0].text
    assert people.BOT_USER


@pytest.mark.parametrize("language", [catalogue.ENGLISH, *catalogue.PACKAGES])
def test_help_leaves_room_in_one_message_for_commands_to_come(language: str) -> None:
    with catalogue.speaking(language):
        page = answers_view.help_page(vocabulary.COMMANDS, slash="/flannel")
        made = blocks.render(page)
    assert made.whole
    assert limits.ELLIPSIS not in made.text
    assert len(made.text) < 0.9 * limits.TEXT
    assert limits.size(made.blocks) < 0.9 * limits.BLOCKS_BYTES
    for command in vocabulary.COMMANDS:
        assert f"/flannel {command.name}" in made.text


@pytest.mark.parametrize("command", vocabulary.COMMANDS, ids=lambda one: one.name)
def test_a_commands_own_help_has_all_that_the_list_leaves_out(command: vocabulary.Command) -> None:
    told = judge.seen(blocks.render(answers_view.command_page(command, slash="/flannel")))
    assert command.usage in told
    assert command.help in told
