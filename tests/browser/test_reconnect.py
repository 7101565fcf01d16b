"""A page that stays open while its server goes and comes."""

import pytest
from playwright.async_api import Route, expect

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


async def test_what_is_said_while_the_page_asks_for_all_stays_when_the_older_answer_comes() -> None:
    async with serve.SimulatedSlack(serve.SlackOptions(port=0)) as slack, pages.chromium() as page:
        await page.goto(slack.page)
        await expect(page.get_by_text("bot not connected")).to_be_visible()
        log = page.get_by_role("log").first

        async def late(route: Route) -> None:
            response = await route.fetch()
            slack.world.space.post("C0ALERTS", "U0BOT", text="in between")
            await expect(log).to_contain_text("in between")
            await route.fulfill(response=response)

        await page.route("**/_sim/messages", late, times=1)
        slack.world.space.alter_channel("C0ALERTS", {"topic": "All was asked for anew"})
        await expect(page.get_by_text("All was asked for anew")).to_be_visible()
        await expect(log).to_contain_text("in between")


async def test_a_page_whose_question_fails_says_so_and_asks_again() -> None:
    async with serve.SimulatedSlack(serve.SlackOptions(port=0)) as slack, pages.chromium() as page:
        slack.world.space.post("C0ALERTS", "U0BOT", text="hello")

        async def broken(route: Route) -> None:
            await route.fulfill(status=500, body="no")

        await page.route("**/_sim/state", broken)
        await page.goto(slack.page)
        said = page.get_by_text("This page cannot read the server: HTTP 500. Trying again…")
        await expect(said).to_be_visible()
        await page.unroute("**/_sim/state")
        await expect(page.get_by_role("log").first).to_contain_text("hello")
        await expect(said).to_be_hidden()
