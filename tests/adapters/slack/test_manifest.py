"""The manifest is what the code registers and calls; the pretend app and the guide have the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import cli
from bot.adapters.slack import app, client, inbox, manifest, shortcuts
from bot.adapters.slack.options import Options
from bot.sim.slack import events, people

SOURCES = sorted(Path(inbox.__file__).parent.glob("*.py"))


def called() -> set[str]:
    """Every `….sdk.some_method(…)` of the package, in Slack's spelling."""
    text = "\n".join(path.read_text() for path in SOURCES)
    return {name.replace("_", ".") for name in re.findall(r"\.sdk\.(\w+_\w+)\(", text)}


def listened_to() -> set[str]:
    found = re.findall(r'bolt\.event\("([a-z_]+)"\)', Path(inbox.__file__).read_text())
    return {"message.im" if name == "message" else name for name in found}


def test_every_method_that_is_called_is_listed_with_its_scopes_and_no_other() -> None:
    assert called() == set(manifest.METHODS)
    assert listened_to() == set(manifest.EVENTS)


def test_a_scope_is_asked_for_where_something_needs_it_and_only_there() -> None:
    needed = {scope for scopes in manifest.METHODS.values() for scope in scopes}
    needed |= {scope for scopes in manifest.EVENTS.values() for scope in scopes}
    assert needed | {"commands"} == set(manifest.LACKING)
    assert set(manifest.LACKING) >= manifest.VITAL
    assert set(client.NEEDED_SCOPES) <= set(manifest.LACKING)
    assert set(manifest.LACKING) <= set(people.BOT_SCOPES), "the pretend app has less"
    assert set(manifest.EVENTS) <= set(events.SUBSCRIBED)


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_it_names_the_command_the_shortcut_and_the_home_tab(mode: str) -> None:
    made = manifest.manifest(mode, "https://bot.example.com/slack/events")
    features = made["features"]
    (command,) = features["slash_commands"]
    assert command["command"] == Options(bot_token="", app_token="").command == people.COMMAND
    assert command["should_escape"] is True
    assert len(command["description"]) <= 2000
    assert len(command["usage_hint"]) <= 1000
    (shortcut,) = features["shortcuts"]
    assert shortcut["callback_id"] == shortcuts.SHOW_INCIDENT == people.SHORTCUT
    assert shortcut["type"] == "message"
    assert len(shortcut["name"]) <= 24
    assert len(shortcut["description"]) <= 150
    assert len(made["display_information"]["description"]) <= 140
    assert features["app_home"]["home_tab_enabled"]
    assert features["app_home"]["messages_tab_enabled"]
    assert not features["app_home"]["messages_tab_read_only_enabled"], "nobody could write to it"
    assert made["settings"]["interactivity"]["is_enabled"]
    assert made["settings"]["socket_mode_enabled"] == (mode == "socket")


def addresses(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [each for key, each in value.items() if key in ("url", "request_url")]
        return here + [found for each in value.values() for found in addresses(each)]
    if isinstance(value, list):
        return [found for each in value for found in addresses(each)]
    return []


def test_over_http_everything_goes_to_the_one_path_and_over_a_socket_nowhere() -> None:
    address = manifest.address("https://bot.example.com/")
    assert address == f"https://bot.example.com{app.PATH}" == manifest.address(address)
    assert addresses(manifest.manifest("http", address)) == [address] * 3
    assert addresses(manifest.manifest()) == []


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["slack", "manifest"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == manifest.manifest()
    over_http = ["slack", "manifest", "--mode", "http"]
    assert cli.main([*over_http, "--url", "https://b.example.com"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed == manifest.manifest("http", "https://b.example.com/slack/events")
    for wrong in (
        over_http,
        [*over_http, "--url", "http://b"],
        ["slack", "manifest", "--url", "x"],
    ):
        assert cli.main(wrong) == 2
        assert capsys.readouterr().err.startswith("error: --url: ")
