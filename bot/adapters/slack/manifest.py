"""What the Slack app must be and may do, as Slack's app manifest has it.

The one list of scopes: the manifest, the guide and `doctor` come from it, and a test holds it to
the methods that this package calls and to the events that it listens to.
"""

from typing import Any

from bot.adapters.slack import app, shortcuts

COMMAND = "/flannel"
_HINT = (
    "[@cluster] status | nics <node> | routes | memory | simulate <regex> | logs <node> | verify | "
    "incidents | check | doctor | help"
)

METHODS: dict[str, tuple[str, ...]] = {
    "auth.test": (),
    "apps.connections.open": (),  # by the app-level token
    "chat.postMessage": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.update": ("chat:write",),
    "chat.delete": ("chat:write",),
    "conversations.info": ("channels:read", "groups:read"),
    "conversations.history": ("channels:history", "groups:history"),
    "conversations.replies": ("channels:history", "groups:history"),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
    "usergroups.users.list": ("usergroups:read",),
    "users.info": ("users:read",),
    "views.open": (),
    "views.publish": (),
    "views.update": (),
}
"""Every method of the Web API that is called, with the scopes of the bot token that it asks for."""

EVENTS: dict[str, tuple[str, ...]] = {
    "app_home_opened": (),
    "app_mention": ("app_mentions:read",),
    "message.im": ("im:history",),
}
"""Every event that is listened to, with the scopes that it asks for."""

LACKING: dict[str, str] = {
    "app_mentions:read": "a mention of the bot is not heard",
    "channels:history": "after a lost answer a message in a public channel may appear twice",
    "channels:read": "nothing may be changed from a public channel, since outsiders may be in it",
    "chat:write": "nothing can be told",
    "commands": "there is no slash command and no shortcut",
    "files:write": "an answer too long for a message is cut, and there are no pictures",
    "groups:history": "after a lost answer a message in a private channel may appear twice",
    "groups:read": "nothing may be changed from a private channel, since outsiders may be in it",
    "im:history": "a direct message to the bot is not heard",
    "usergroups:read": "members of `access.groups` have no role",
    "users:read": "nobody can be told from a guest, and nobody is answered",
}
"""What does not work without a scope. The keys are all scopes there are for the bot."""

VITAL = frozenset({"chat:write", "commands", "users:read"})
"""Without these the bot is of no use."""


def manifest(mode: str = "socket", url: str = "") -> dict[str, Any]:
    """Return the app manifest for a way to be reached.

    Args:
        mode: `socket` or `http`.
        url: in mode `http` the address, from `https://` on, that Slack posts to.
    """
    over_http = {"request_url": url} if mode == "http" else {}
    return {
        "display_information": {
            "name": "flannel-bot",
            "description": "Keeps flannel and kube-system healthy",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "flannel-bot", "always_online": True},
            "shortcuts": [
                {
                    "name": "Show incident",
                    "type": "message",
                    "callback_id": shortcuts.SHOW_INCIDENT,
                    "description": "Tell the story of the incident that this message is about",
                }
            ],
            "slash_commands": [
                {
                    "command": COMMAND,
                    **({"url": url} if mode == "http" else {}),
                    "description": "Ask about flannel and kube-system",
                    "usage_hint": _HINT,
                    "should_escape": True,
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": sorted(LACKING)}},
        "settings": {
            "event_subscriptions": {**over_http, "bot_events": sorted(EVENTS)},
            "interactivity": {"is_enabled": True, **over_http},
            "org_deploy_enabled": False,
            "socket_mode_enabled": mode == "socket",
            "token_rotation_enabled": False,
        },
    }


def address(base: str) -> str:
    """Return where Slack posts to, given the address at which the bot is reached."""
    return base if base.endswith(app.PATH) else base.rstrip("/") + app.PATH
