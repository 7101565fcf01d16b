"""A newcomer's first minute, in a real browser."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser import page as pages

pytestmark = [
    pytest.mark.real("chromium"),
    pytest.mark.timeout(200),
    pytest.mark.xdist_group("browser"),
]


async def test_alerts_arrive_a_thread_opens_and_commands_are_answered(tmp_path: Path) -> None:
    async with pages.demo(tmp_path) as ready, pages.chromium() as page:
        await page.goto(ready["page"])
        await expect(page).to_have_title("flannel-bot demo")
        log = page.get_by_role("log").first

        # The alerts arrive without a reload.
        await expect(log).to_contain_text("kube-flannel OOM-killed on")
        await expect(log).to_contain_text("kube-flannel crash-looping on")
        await expect(log).to_contain_text("of 120")

        # The thread holds the particulars: history and the log's last words.
        card = log.locator(".message", has_text="kube-flannel OOM-killed on").first
        await card.locator("[data-testid^=thread-open-]").click()
        pane = page.get_by_test_id("thread-pane")
        await expect(pane).to_contain_text("particulars")
        await expect(pane).to_contain_text("Last lines of kube-flannel")
        await expect(pane).to_contain_text("restarts:")

        # A command is answered to the person alone.
        composer = page.get_by_test_id("composer")
        await composer.fill("/flannel status")
        await composer.press("Enter")
        answer = page.get_by_test_id("ephemeral").last
        await expect(answer).to_contain_text("of 120 nodes")
        await expect(answer).to_contain_text("v0.12.0")

        # A typo is answered with the nearest command.
        await composer.fill("/flannel statsu")
        await composer.press("Enter")
        await expect(page.get_by_test_id("ephemeral").last).to_contain_text("status")

        # A mention in the channel is answered in its thread.
        await composer.fill("@flannel-bot incidents")
        await composer.press("Escape")
        await composer.press("Enter")
        asked = log.locator(".message", has_text="@flannel-bot incidents").last
        await expect(asked).to_contain_text("1 reply")
        await asked.locator("[data-testid^=thread-open-]").click()
        await expect(pane).to_contain_text("INC-")
        await page.get_by_test_id("thread-close").click()

        # The bar tells the same story as the terminal.
        bar = page.get_by_test_id("scenario")
        await expect(bar).to_contain_text("120 nodes")
        await bar.click()
        await expect(page.get_by_test_id("happenings")).to_contain_text("was OOM-killed")
        await bar.click()

        # A guest gets no answer but a sentence.
        await page.get_by_test_id("person-U0GUEST").click()
        await composer.fill("/flannel status")
        await composer.press("Enter")
        refused = page.get_by_test_id("ephemeral").last
        await expect(refused).to_contain_text("Guests cannot")
        await expect(refused).not_to_contain_text("v0.12.0")
