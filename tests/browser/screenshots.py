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

from PIL import Image
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser import page as pages

WIDE = {"width": 1280, "height": 720}
TALL = {"width": 1280, "height": 1010}
PHONE = {"width": 390, "height": 844}
LARGEST = 150_000
"""Bytes; a README with larger ones is slow to open."""
COMMON, RARE = 160, 96
"""Colours kept exactly, the commonest; and those that stand for all others. Together 256."""
TRIES = 5
SLOW = 300_000
"""Milliseconds for what a rollout and its verification take."""
DRIFT = {
    "routes_flushed": ["phys-020", "vm-010"],
    "neighbours_flushed": ["vm-050"],
    "stale_route": ["phys-030"],
}
"""Faults of the pretend cluster that bend what nodes know of each other."""


class Studio:
    """Takes pictures of one demo into one directory."""

    def __init__(self, browser: Browser, ready: dict[str, Any], directory: Path) -> None:
        self._browser = browser
        self._url = ready["page"]
        self._control = ready["control"]
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
        with Image.open(path) as shot:
            flattened(shot.convert("RGB")).save(path, optimize=True)
        size = path.stat().st_size
        if size > LARGEST:
            raise SystemExit(f"{path} has {size} bytes, more than {LARGEST}")
        sys.stdout.write(f"{path}: {size // 1000} KB\n")

    async def asked(self, page: Page, text: str, *seen: str) -> Locator:
        """Ask by command; return the answer once it says all of that."""
        composer = page.get_by_test_id("composer")
        await composer.fill(f"/flannel {text}")
        await composer.press("Enter")
        answer = page.get_by_test_id("ephemeral").filter(has_text=f"answers /flannel {text}").last
        for words in seen:
            await expect(answer).to_contain_text(words)
        return answer

    async def pictured(self, name: str, question: str, *seen: str) -> None:
        """Ask in the channel, where the picture stands in the thread below the answer."""
        async with self.page(viewport=TALL) as page:
            composer = page.get_by_test_id("composer")
            await composer.fill(f"<@U0BOT> {question}")
            await composer.press("Enter")
            log = page.get_by_role("log").first
            asking = log.locator(".message", has_text=f"@flannel-bot {question}").last
            await asking.locator(".replies").click()
            pane = page.get_by_test_id("thread-pane")
            for words in seen:
                await expect(pane).to_contain_text(words)
            image = pane.locator("img.b-picture").last
            await image.evaluate("image => image.decode()")
            await image.scroll_into_view_if_needed()
            await self.take(page, name)

    async def nics(self) -> None:
        """Of a node where flannel would take a pod's NIC."""
        async with self.page(viewport=TALL) as page:
            log = page.get_by_role("log").first
            card = log.locator(".message", has_text="would not survive a restart on").first
            looping = log.locator(".message", has_text="crash-looping on").first
            told, down = await card.inner_text(), await looping.inner_text()
            nodes = [node for node in re.findall(r"phys-\d+", told) if node not in down]
            if not nodes:
                raise SystemExit("no node that would not survive a restart still runs")
            answer = await self.asked(page, f"nics {nodes[0]}", "a restart now would", "pod ")
            await at_the_top(answer)
            await self.take(page, "nics")

    async def simulate(self) -> None:
        async with self.page() as page:
            answer = await self.asked(page, "simulate --iface eth1", "Fails", "Nothing was changed")
            await at_the_top(answer)
            await self.take(page, "simulate")

    async def healed(self) -> None:
        """Propose as the operator, approve as another, and see it go green."""
        async with self.page(viewport=TALL) as page:
            log = page.get_by_role("log").first
            killed = log.locator(".message", has_text=re.compile(r"INC-\d+ · kube-flannel OOM-k"))
            plan = log.locator(".message:not(.whisper)", has_text="PLAN-1").last
            for _ in range(TRIES):  # a node whose flannel is just restarting cannot be foretold
                await killed.first.get_by_test_id("action-propose_fix").click()
                with contextlib.suppress(AssertionError):
                    await expect(plan).to_contain_text("Approval needed · PLAN-1", timeout=8_000)
                    break
            await expect(plan).to_contain_text("keep their NIC")
            await at_the_top(plan)
            await self.take(page, "plan")
            await page.get_by_test_id("person-U0APPROVER").click()
            await plan.get_by_test_id("action-approve_plan").click()
            await page.get_by_test_id("confirm-yes").click()
            await expect(plan).to_contain_text(re.compile(r"[1-9]\d/120 nodes"))
            await at_the_top(plan)
            await self.take(page, "running")
            await expect(plan).to_contain_text("Done · PLAN-1", timeout=SLOW)
            resolved = log.locator(".message", has_text=re.compile("Resolved.*crash-looping")).first
            await expect(resolved).to_contain_text("After RUN-1", timeout=SLOW)
            await at_the_top(resolved)
            await self.take(page, "healed")

    async def routes(self) -> None:
        """With drift on some nodes, which the pretend cluster makes."""
        async with self.page() as page:
            for fault, nodes in DRIFT.items():
                url = f"{self._control}/_sim/faults/{fault}"
                done = await page.request.put(url, data={"nodes": nodes, "params": {}})
                if not done.ok:
                    raise SystemExit(f"{url}: {await done.text()}")
            told = page.get_by_role("log").first.locator(".message", has_text="routes are not")
            await expect(told).to_contain_text(re.compile(r"not right on [3-9] of"), timeout=SLOW)
        await self.pictured("routes", "routes --all", "Cause", "nodes")

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


def flattened(shot: Image.Image) -> Image.Image:
    """The same in 256 colours: grounds and text as they are, small signs nearly so."""
    counted = sorted(shot.getcolors(shot.width * shot.height) or (), reverse=True)
    common = [channel for _, colour in counted[:COMMON] for channel in colour]
    few = shot.quantize(RARE, method=Image.Quantize.MAXCOVERAGE)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*common, *(few.getpalette() or ())][: 256 * 3])
    return shot.quantize(palette=palette, dither=Image.Dither.NONE)


async def at_the_top(message: Locator) -> None:
    await message.evaluate("e => { e.closest('.scroll').scrollTop = e.offsetTop - 60; }")


async def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        async with pages.demo(Path(data)) as ready, pages.browser() as browser:
            studio = Studio(browser, ready, directory)
            await studio.incident("light")
            await studio.incident("dark")
            await studio.status()
            await studio.home()
            await studio.traffic()
            await studio.phone()
            await studio.nics()
            await studio.simulate()
            await studio.healed()
            await studio.pictured("memory", "memory", "OOM kills", "Limit")
            await studio.routes()
            await studio.faults()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
