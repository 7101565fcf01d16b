"""A page that stays open while its server goes and comes."""

import pytest
from playwright.async_api import expect

from bot.sim.slack import serve
from tests.browser import page as pages

pytestmark = [
    pytest.mark.real("chromium"),
    pytest.mark.timeout(200),
    pytest.mark.xdist_group("browser"),
]


async def test_the_page_says_that_it_is_cut_off_and_finds_back_by_itself() -> None:
    first = serve.SimulatedSlack(serve.SlackOptions(port=0))
    await first.start()
    port = first.port
    first.world.space.post("C0ALERTS", "U0BOT", text="before")
    async with pages.chromium() as page:
        await page.goto(first.page)
        log = page.get_by_role("log").first
        await expect(log).to_contain_text("before")
        await expect(page.get_by_text("bot not connected")).to_be_visible()
        await page.get_by_test_id("open-traffic").click()
        await page.get_by_test_id("composer").fill("half a sent")
        await first.stop()
        await expect(page.get_by_text("Connection lost. Trying again…")).to_be_visible()
        await page.get_by_test_id("composer").press("Enter")
        await expect(page.get_by_text("Not sent: the server does not answer")).to_be_visible()
        await expect(page.get_by_test_id("composer")).to_have_value("half a sent")
        async with serve.SimulatedSlack(serve.SlackOptions(port=port)) as second:
            second.world.space.post("C0ALERTS", "U0BOT", text="after")
            await expect(log).to_contain_text("after")
            await expect(log).not_to_contain_text("before")
            await expect(page.get_by_text("Connection lost. Trying again…")).to_be_hidden()
            await page.get_by_test_id("composer").press("Enter")
            await expect(log).to_contain_text("half a sent")
