"""Who exists in the pretend workspace: its teams, people, channels, groups and tokens.

The identifiers are fixed, because tests are written against them from outside. Everybody's
rights towards the bot follow from the bot's settings, not from anything here.
"""

from dataclasses import dataclass

TEAM = "T0DEMO"
OTHER_TEAM = "T0OTHER"
APP = "A0DEMO"
BOT_USER = "U0BOT"
BOT = "B0BOT"
COMMAND = "/flannel"
SHORTCUT = "show_incident"
"""The message shortcut of the app's manifest."""
SHORTCUT_NAME = "Show incident"

BOT_TOKEN = "xoxb-demo"  # noqa: S105 -- opens nothing but this process
APP_TOKEN = "xapp-demo"  # noqa: S105 -- likewise
SIGNING_SECRET = "demo-signing-secret"  # noqa: S105 -- likewise

BOT_SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
)
APP_SCOPES = ("connections:write",)


@dataclass(frozen=True, kw_only=True)
class Team:
    """A workspace."""

    id: str
    name: str
    domain: str


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user as `users.info` knows them."""

    id: str
    name: str
    real_name: str
    title: str = ""
    team: str = TEAM
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    """A guest who sees only some channels."""
    is_ultra_restricted: bool = False
    """A guest who sees one channel."""
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A conversation: a public or private channel, or a direct message."""

    id: str
    name: str
    members: frozenset[str]
    topic: str = ""
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Group:
    """A user group, as people mention it with @."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...]


TEAMS = (
    Team(id=TEAM, name="Demo", domain="flannel-demo"),
    Team(id=OTHER_TEAM, name="Other company", domain="other-company"),
)

PEOPLE = (
    Person(id=BOT_USER, name="flannel-bot", real_name="flannel-bot", is_bot=True),
    Person(id="U0OPERATOR", name="olivia", real_name="Olivia Operator", title="On call"),
    Person(id="U0APPROVER", name="adam", real_name="Adam Approver", title="Platform lead"),
    Person(id="U0APPROVER2", name="astrid", real_name="Astrid Approver", title="Network lead"),
    Person(id="U0BYSTANDER", name="ben", real_name="Ben Bystander", title="Application team"),
    Person(
        id="U0GUEST",
        name="gita",
        real_name="Gita Guest",
        title="Contractor",
        is_restricted=True,
    ),
    Person(
        id="U0STRANGER",
        name="sam",
        real_name="Sam Stranger",
        title="Other company",
        team=OTHER_TEAM,
    ),
)

ROLES = {
    "U0OPERATOR": ("operator", "may request repairs"),
    "U0APPROVER": ("approver", "may approve repairs"),
    "U0APPROVER2": ("approver", "may approve repairs"),
    "U0BYSTANDER": ("bystander", "may ask, changes nothing"),
    "U0GUEST": ("guest", "may read, gets no answers"),
    "U0STRANGER": ("stranger", "other company, no answers"),
}
"""What each of them stands for in a demo, and what to expect. The app's settings decide."""

STAFF = frozenset({"U0OPERATOR", "U0APPROVER", "U0APPROVER2", "U0BYSTANDER"})

CHANNELS = (
    Channel(
        id="C0ALERTS",
        name="flannel-alerts",
        members=STAFF | {BOT_USER, "U0GUEST"},
        topic="What is wrong with flannel and kube-system, and what is being done",
    ),
    Channel(
        id="C0OPS",
        name="ops",
        members=STAFF | {BOT_USER},
        topic="Operations talk",
    ),
    Channel(
        id="C0SHARED",
        name="shared",
        members=STAFF | {BOT_USER, "U0GUEST", "U0STRANGER"},
        topic="Shared with another company",
        is_ext_shared=True,
    ),
)

GROUPS = (
    Group(
        id="S0ONCALL",
        handle="net-approvers",
        name="Network approvers",
        users=("U0APPROVER", "U0APPROVER2"),
    ),
)
