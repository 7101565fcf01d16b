"""Files go to Slack in its three steps, or it is said why not."""

import pytest

from bot.adapters.slack import uploads
from bot.domain import errors
from bot.flow import ports
from tests.adapters.slack.conftest import Slack, until

FILE = ports.File("routes.txt", "Routes of prod", "n1 fehlt – é\n".encode(), alt="A list")


async def test_a_file_is_shared_with_its_title_and_alt_text(slack: Slack) -> None:
    async with slack.web() as web:
        await web.verify()
        identity = await uploads.share(web, FILE, channel="C0ALERTS")
        await until(slack.said)
    assert identity
    (asked,) = slack.calls("files.getUploadURLExternal")
    assert (asked["filename"], int(asked["length"])) == ("routes.txt", len(FILE.content))
    assert asked["alt_txt"] == "A list"
    file = slack.server.world.files.get(identity)
    assert file is not None
    assert file.body == FILE.content


async def test_a_file_goes_into_a_thread(slack: Slack) -> None:
    async with slack.web() as web:
        await web.verify()
        root = await web.sdk.chat_postMessage(channel="C0ALERTS", text="root")
        await uploads.share(web, FILE, channel="C0ALERTS", thread_ts=str(root["ts"]))
    (done,) = slack.calls("files.completeUploadExternal")
    assert done["thread_ts"] == root["ts"]


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
async def test_a_missing_scope_is_said(slack: Slack, method: str) -> None:
    async with slack.web() as web:
        await web.verify()
        await slack.fault("api_error", method=method, error="missing_scope")
        with pytest.raises(errors.BotError, match="missing_scope"):
            await uploads.share(web, FILE, channel="C0ALERTS")


async def test_an_empty_file_is_refused_before_slack_is_asked(slack: Slack) -> None:
    async with slack.web() as web:
        with pytest.raises(errors.Refused, match="empty"):
            await uploads.share(web, ports.File("a", "a", b""), channel="C0ALERTS")
    assert not slack.calls("files.getUploadURLExternal")


async def test_where_the_content_cannot_be_sent_the_address_is_not_told(slack: Slack) -> None:
    """It is a ticket: whoever has it may write there."""
    async with slack.web() as web:
        with pytest.raises(errors.Unavailable) as failed:
            await web.send("http://127.0.0.1:9/secret-ticket", b"x")
        assert "secret-ticket" not in str(failed.value)
        with pytest.raises(errors.Unavailable, match="HTTP 404"):
            await web.send(f"{slack.server.page}nowhere", b"x")
