"""The manifest that the guide shows is the one that the bot needs, and the pretend app has it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.slack import app, client, shortcuts
from bot.adapters.slack.options import Options
from bot.sim.slack import events, people

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "slack-app.md"


def blocks() -> list[Any]:
    """The indented pieces of YAML in the guide, in order."""
    text = GUIDE.read_text()
    found = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return [yaml.safe_load(re.sub(r"^    ", "", piece, flags=re.MULTILINE)) for piece in found]


@pytest.fixture
def manifest() -> Any:
    return blocks()[0]


def test_it_grants_what_the_bot_asks_for(manifest: Any) -> None:
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    assert set(client.NEEDED_SCOPES) <= scopes
    assert {"channels:history", "groups:history"} <= scopes  # to settle whether a post was stored
    assert not scopes & {"chat:write.public", "users:read.email", "admin"}
    assert scopes <= set(people.BOT_SCOPES), "the pretend app has less than a real one"


def test_it_subscribes_to_what_the_bot_listens_to(manifest: Any) -> None:
    listed = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert listed == ["app_home_opened", "app_mention", "message.im"]
    assert set(listed) <= set(events.SUBSCRIBED)
    needed = {"app_mention": "app_mentions:read", "message.im": "im:history"}
    assert set(needed.values()) <= set(manifest["oauth_config"]["scopes"]["bot"])


def test_it_names_the_command_the_shortcut_and_the_home_tab(manifest: Any) -> None:
    features = manifest["features"]
    (command,) = features["slash_commands"]
    assert command["command"] == Options(bot_token="", app_token="").command == people.COMMAND
    assert command["should_escape"] is True
    assert len(command["description"]) <= 2000
    (shortcut,) = features["shortcuts"]
    assert shortcut["callback_id"] == shortcuts.SHOW_INCIDENT == people.SHORTCUT
    assert shortcut["type"] == "message"
    assert len(shortcut["name"]) <= 24
    assert len(shortcut["description"]) <= 150
    assert features["app_home"]["home_tab_enabled"]
    assert features["app_home"]["messages_tab_enabled"]
    assert not features["app_home"]["messages_tab_read_only_enabled"], "nobody could write to it"
    assert manifest["settings"]["interactivity"]["is_enabled"]
    assert manifest["settings"]["socket_mode_enabled"]


def test_over_http_everything_goes_to_the_one_path() -> None:
    over_http = blocks()[1]
    addresses = {
        over_http["features"]["slash_commands"][0]["url"],
        over_http["settings"]["event_subscriptions"]["request_url"],
        over_http["settings"]["interactivity"]["request_url"],
    }
    assert len(addresses) == 1
    assert addresses.pop().endswith(app.PATH)
