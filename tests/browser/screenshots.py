"""Makes the pictures of the README and the guides from a live demo: `make screenshots`.

Each picture is taken only after the text that it is to show has been seen on the page.
"""

import asyncio
import contextlib
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser import page as pages

WIDE = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}
LARGEST = 300_000
"""Bytes; a README with larger ones is slow to open."""


class Studio:
    """Takes pictures of one demo into one directory."""

    def __init__(self, browser: Browser, url: str, directory: Path) -> None:
        self._browser = browser
        self._url = url
        self._directory = directory

    @contextlib.asynccontextmanager
    async def page(self, **look: Any) -> AsyncIterator[Page]:
        look = {"viewport": WIDE, "reduced_motion": "reduce", **look}
        async with pages.opened(self._browser, **look) as page:
            await page.goto(self._url)
            await expect(page.get_by_text("bot connected")).to_be_visible()
            yield page

    async def take(self, page: Page, name: str) -> None:
        await page.mouse.move(130, 350)  # over nothing that shows it
        path = self._directory / f"{name}.png"
        await page.screenshot(path=path)
        size = path.stat().st_size
        if size > LARGEST:
            raise SystemExit(f"{path} has {size} bytes, more than {LARGEST}")
        sys.stdout.write(f"{path}: {size // 1000} KB\n")

    async def incident(self, scheme: str) -> None:
        async with self.page(color_scheme=scheme) as page:
            log = page.get_by_role("log").first
            await expect(log).to_contain_text("kube-flannel crash-looping on")
            critical = re.compile(r"Critical · INC-\d+ · kube-flannel OOM-killed on")
            card = log.locator(".message", has_text=critical).first
            await card.locator("[data-testid^=thread-open-]").click()
            pane = page.get_by_test_id("thread-pane")
            await expect(pane).to_contain_text("Last lines of kube-flannel")
            await at_the_top(card)
            await pane.get_by_text("Last lines of kube-flannel").first.scroll_into_view_if_needed()
            await expect(page.get_by_test_id("scenario")).to_contain_text("120 nodes")
            await self.take(page, f"incident-{scheme}")

    async def status(self) -> None:
        async with self.page() as page:
            composer = page.get_by_test_id("composer")
            await composer.fill("/flannel status")
            await composer.press("Enter")
            answer = page.get_by_test_id("ephemeral").last
            await expect(answer).to_contain_text("of 120 nodes")
            await expect(answer).to_contain_text("Only visible to you")
            await page.get_by_test_id("scenario").click()
            await expect(page.get_by_test_id("happenings")).to_contain_text("was OOM-killed")
            await at_the_top(answer)
            await self.take(page, "status")

    async def home(self) -> None:
        async with self.page() as page:
            await page.get_by_test_id("channel-app").click()
            await expect(page.get_by_test_id("home")).to_contain_text("120 nodes")
            await self.take(page, "home")

    async def faults(self) -> None:
        async with self.page() as page:
            await page.get_by_test_id("open-faults").click()
            pane = page.get_by_test_id("faults-pane")
            await pane.get_by_test_id("fault-node_down").click()
            await expect(pane).to_contain_text("Active on")
            log = page.get_by_role("log").first
            await expect(log).to_contain_text("NotReady")
            await at_the_top(log.locator(".message", has_text="NotReady").last)
            await pane.get_by_label("Filter faults").fill("node")
            await self.take(page, "faults")
            await pane.get_by_test_id("heal-all").click()
            await expect(pane).to_contain_text("nothing is broken now")

    async def traffic(self) -> None:
        async with self.page(color_scheme="dark") as page:
            await page.get_by_test_id("open-traffic").click()
            wire = page.get_by_test_id("wire")
            last = wire.get_by_test_id("wire-chat.postMessage").last
            await last.locator("summary").click()
            await expect(last.locator("pre")).to_contain_text('"event_type": "flannel_bot"')
            await last.scroll_into_view_if_needed()
            await self.take(page, "traffic")

    async def phone(self) -> None:
        async with self.page(
            viewport=PHONE, color_scheme="dark", is_mobile=True, has_touch=True
        ) as page:
            log = page.get_by_role("log").first
            await at_the_top(log.locator(".message", has_text="OOM-killed on").first)
            await expect(page.get_by_test_id("scenario")).to_contain_text("crash loops")
            await self.take(page, "phone")


async def at_the_top(message: Locator) -> None:
    await message.evaluate("e => { e.closest('.scroll').scrollTop = e.offsetTop - 60; }")


async def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        async with pages.demo(Path(data)) as ready, pages.browser() as browser:
            studio = Studio(browser, ready["page"], directory)
            await studio.incident("light")
            await studio.incident("dark")
            await studio.status()
            await studio.home()
            await studio.traffic()
            await studio.phone()
            await studio.faults()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
