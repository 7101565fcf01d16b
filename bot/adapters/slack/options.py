"""How Slack is reached."""

from dataclasses import dataclass, field

from bot.adapters.slack import catalogue


@dataclass(frozen=True, slots=True)
class Options:
    """What the Slack adapter needs to know; durations in seconds.

    The three secrets never show in `repr`.
    """

    bot_token: str = field(repr=False)
    """Bot token, `xoxb-`: posts, edits, looks up callers."""

    app_token: str = field(repr=False)
    """App-level token, `xapp-`, with `connections:write`: opens Socket Mode."""

    signing_secret: str = field(default="", repr=False)
    """Needed over HTTP only; Socket Mode comes authenticated."""

    api_url: str = "https://slack.com/api/"
    """Base of every Web API call, and by its answers of the socket: any server that speaks
    Slack's protocols will do."""

    mode: str = "socket"
    """How Slack reaches the bot. `socket` needs no open port; `http` needs an address that Slack
    can reach, and the signing secret."""

    called: bool = True
    """Whether Slack reaches this process at all; one that only asks needs the bot token alone."""

    languages: catalogue.Languages = field(default_factory=catalogue.Languages)
    """Which language is spoken to whom."""

    command: str = "/flannel"
    """The slash command of the app's manifest."""

    timeout: float = 10.0
    """For one request as a whole. An edit is repeated after it; a post is looked for first."""

    connect_timeout: float = 5.0
    """For reaching the server, within `timeout`: failing here, a request was certainly not sent."""

    ping_interval: float = 5.0
    """Between pings on the socket; four without an answer make it stale."""

    watchdog_after: float = 30.0
    """How long the socket may be down before its address is thrown away and a new one asked
    for. The address is a ticket for one use; reusing a spent one fails for ever."""

    give_up_after: float = 300.0
    """How long the socket may be down before the adapter says it is dead; 0 for never."""

    answer_timeout: float = 60.0
    """For the desk to answer a question."""

    work_timeout: float = 900.0
    """For the desk to answer a question to all nodes; who asked sees its progress and may stop
    it."""

    progress_after: float = 2.0
    """How long a question may take before its progress is shown."""

    progress_every: float = 3.0
    """Between two edits of one message, as Slack wants it."""

    caller_ttl: float = 300.0
    """How long what Slack said of a caller is believed."""

    home_interval: float = 20.0
    """Between two looks whether open home tabs are still true."""

    home_watch: float = 900.0
    """How long a home tab is kept fresh after it was opened; Slack does not say that it closed."""

    drain_after: float = 5.0
    """How long answers under way may take at shutdown."""

    @property
    def connects(self) -> bool:
        """Whether it opens Socket Mode, which takes the app-level token."""
        return self.called and self.mode != "http"
