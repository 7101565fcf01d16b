"""Makes the README's pictures from a live demo: `make screenshots`.

Each picture is taken only after the text that it is to show has been seen on the page.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import expect

from tests.browser import page as pages


async def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        async with pages.demo(Path(data)) as ready:
            for scheme in ("light", "dark"):
                async with pages.chromium(
                    viewport={"width": 1320, "height": 860}, color_scheme=scheme
                ) as page:
                    await page.goto(ready["page"])
                    log = page.get_by_role("log").first
                    await expect(log).to_contain_text("kube-flannel OOM-killed on")
                    await expect(log).to_contain_text("kube-flannel crash-looping on")
                    await page.locator("[data-testid^=thread-open-]").first.click()
                    pane = page.get_by_test_id("thread-pane")
                    await expect(pane).to_contain_text("Last lines of kube-flannel")
                    await page.wait_for_timeout(4000)  # edits and replies come to rest
                    await page.locator("[data-testid^=message-]").first.scroll_into_view_if_needed()
                    await log.evaluate("element => { element.parentElement.scrollTop = 0; }")
                    await page.mouse.move(5, 400)
                    await page.screenshot(path=directory / f"incident-{scheme}.png")
            async with pages.chromium(viewport={"width": 1320, "height": 860}) as page:
                await page.goto(ready["page"])
                composer = page.get_by_test_id("composer")
                await composer.fill("/flannel status")
                await composer.press("Enter")
                answer = page.get_by_test_id("ephemeral").last
                await expect(answer).to_contain_text("of 120 nodes")
                await answer.scroll_into_view_if_needed()
                await page.screenshot(path=directory / "status.png")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
