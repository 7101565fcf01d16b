"""The documentation says what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot import cli, settings_sources
from tests import reference

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("path", reference.PAGES)
def test_reference_pages_are_as_the_code_makes_them(path: str) -> None:
    assert (ROOT / path).read_text() == reference.PAGES[path](), "run `make reference`"


def test_every_setting_of_the_example_file_is_one(tmp_path: Path) -> None:
    text = (ROOT / "config" / "flannel-bot.yaml").read_text()
    lines = [line for line in text.splitlines() if re.match(r"# {0,6}[- ]*\w+:", line)]
    file = tmp_path / "all.yaml"
    file.write_text("\n".join(line[2:] for line in lines))
    assert len(yaml.safe_load(file.read_text())) > 5
    loaded = settings_sources.load(file)
    lists = {name: getattr(loaded, name) for name in ("clusters", "quiet", "routing")}
    assert loaded == settings_sources.load(None).model_copy(update=lists)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_pages_exist(page: Path) -> None:
    """Every `flannel-bot X` and `make X` that a page names is there."""
    groups = {
        "sim": {"cluster", "slack"},
        "db": {"upgrade"},
        "config": {"show"},
        "audit": {"verify"},
        "slack": {"manifest"},
    }
    known = {command.name or command.callback.__name__ for command in cli.cli.registered_commands}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    for name, sub in re.findall(r"`flannel-bot ([a-z]+)(?: ([a-z]+))?", text):
        assert name in known | groups.keys(), name
        if name in groups and sub:
            assert sub in groups[name]
    for name in re.findall(r"`make ([a-z-]+)", text):
        assert name in targets, name


def test_the_commands_of_the_readme_are_the_two_that_set_everything_up() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text


def test_help_of_every_command_is_quick_and_complete() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("run", "check", "demo", "sim", "db", "config"):
        assert name in done.stdout
