"""Behind the scenes: the scenario, the switches that break and heal, and what goes over the wire."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from bot.sim import gateway
from bot.sim.cluster import serve as cluster_serve
from tests.browser.workspace import ALERTS, App

pytestmark = [
    pytest.mark.real("chromium"),
    pytest.mark.timeout(200),
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]


@pytest_asyncio.fixture(loop_scope="session", scope="module", autouse=True)
async def cluster(app: App) -> AsyncIterator[cluster_serve.SimulatedCluster]:
    """A pretend cluster beside the workspace, as the demo has it."""
    options = cluster_serve.ClusterOptions(nodes=5, scenario="healthy", speed=50)
    running = cluster_serve.SimulatedCluster(options)
    await running.start()
    front = gateway.Gateway(cluster=running.control_url, slack=app.slack.page)
    app.slack.world.faults.lift_all()
    address = {"control": await front.start()}
    async with app.session.put(f"{app.slack.page}_sim/outside", json=address) as answer:
        assert answer.ok
    yield running
    await front.stop()
    await running.stop()


async def test_a_machine_is_broken_and_healed_and_the_bar_tells(app: App, page: Page) -> None:
    bar = page.get_by_test_id("scenario")
    await expect(bar).to_contain_text("Scenario healthy")
    await expect(bar).to_contain_text("5 nodes")
    await expect(bar).to_contain_text("Nothing more comes by itself")
    await page.get_by_test_id("open-faults").click()
    pane = page.get_by_test_id("faults-pane")
    for group in ("Machines and pods", "Kubernetes API", "Slack"):
        await expect(pane.get_by_role("heading", name=group)).to_be_visible()
    await pane.get_by_label("Filter faults").fill("unreachable")
    switch = pane.get_by_role("switch", name="node down")
    await expect(pane.get_by_role("switch")).to_have_count(1)
    await pane.get_by_test_id("fault-options-node_down").click()
    await pane.get_by_label("Filter nodes").fill("cp-")
    boxes = pane.get_by_test_id("fault-node_down").locator("xpath=ancestor::li")
    await boxes.locator("label:visible", has_text="cp-1").check()
    await switch.click()
    await expect(switch).to_have_attribute("aria-checked", "true")
    await expect(boxes).to_contain_text("Active on cp-1")
    await expect(page.locator("#faults-on")).to_have_text("1")
    await expect(bar).to_contain_text("1 silent")
    await bar.click()
    story = page.get_by_test_id("story-pane")
    await expect(story.get_by_test_id("happenings")).to_contain_text("cp-1 is silent")
    await expect(story.get_by_test_id("happenings")).to_contain_text("node_down")
    await expect(story.get_by_test_id("node-cp-1")).to_contain_text("is silent")
    await page.get_by_test_id("open-faults").click()
    await pane.get_by_test_id("heal-all").click()
    await expect(switch).to_have_attribute("aria-checked", "false")
    await expect(bar).not_to_contain_text("silent")


async def test_a_fault_of_slack_takes_parameters_and_bad_ones_are_told(
    app: App, page: Page
) -> None:
    await page.keyboard.press("Escape")
    await page.get_by_test_id("open-faults").click()
    pane = page.get_by_test_id("faults-pane")
    await pane.get_by_label("Filter faults").fill("api error")
    await pane.get_by_test_id("fault-options-api_error").click()
    await pane.get_by_label("method").last.fill("chat.delete")
    await pane.get_by_label("error", exact=True).last.fill("is_archived")
    await pane.get_by_test_id("fault-api_error").click()
    await expect(pane.get_by_text("error is_archived")).to_be_visible()
    [fault] = [f for f in app.slack.world.faults.standing() if f.kind == "api_error"]
    assert fault.params == {"method": "chat.delete", "error": "is_archived"}
    await pane.get_by_test_id("fault-api_error").click()
    await expect(pane.get_by_test_id("fault-api_error")).to_have_text("off")
    await pane.get_by_label("Filter faults").fill("services")
    await pane.get_by_test_id("fault-options-services").click()
    await pane.get_by_label("factor").fill("-3")
    await pane.get_by_test_id("fault-services").click()
    await expect(pane.get_by_role("alert")).to_be_visible()
    await expect(pane.get_by_test_id("fault-services")).to_have_attribute("aria-checked", "false")


async def test_traffic_shows_calls_envelopes_and_acknowledgements(
    app: App, page: Page, cluster: cluster_serve.SimulatedCluster
) -> None:
    await app.say("hello")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_test_id("composer").fill("/flannel help")
    await page.get_by_test_id("composer").press("Enter")
    await expect(page.get_by_test_id("ephemeral").last).to_be_visible()
    await page.get_by_test_id("open-traffic").click()
    wire = page.get_by_test_id("wire")
    await expect(wire.get_by_test_id("wire-chat.postMessage").last).to_contain_text(ALERTS)
    await expect(wire.get_by_test_id("wire-slash_commands").last).to_contain_text("/flannel help")
    await expect(wire.get_by_test_id("wire-acknowledged").last).to_contain_text("ms")
    await page.get_by_test_id("traffic-filter").fill("postmessage")
    await expect(wire.locator("details:visible").last).to_contain_text("chat.postMessage")
    await expect(wire.get_by_test_id("wire-slash_commands").last).to_be_hidden()
    last = wire.get_by_test_id("wire-chat.postMessage").last
    await last.locator("summary").click()
    await expect(last.locator("pre")).to_contain_text('"text": "hello"')
    await expect(last.locator("pre")).to_contain_text('"ok": true')
    await last.get_by_test_id("copy-json").click()
    await expect(last.get_by_test_id("copy-json")).to_have_text("Copied")
    copied = json.loads(await page.evaluate("navigator.clipboard.readText()"))
    assert copied["args"]["text"] == "hello"
    assert "xoxb" not in json.dumps(copied)
    # Lines come while one looks.
    await app.say("another")
    await expect(wire.locator("details:visible", has_text="chat.postMessage").last).to_be_visible()
    # The other side: what is asked of the API server.
    async with app.session.get(f"{cluster.url}/api/v1/nodes", ssl=False) as answer:
        assert answer.status == 403  # nobody in particular
    await page.get_by_test_id("traffic-filter").fill("")
    await page.get_by_test_id("traffic-Kubernetes").click()
    asked = wire.locator("details", has_text="nodes").last
    await expect(asked).to_contain_text("403")
    await expect(wire.get_by_test_id("wire-chat.postMessage")).to_have_count(0)


async def test_a_workspace_alone_says_so_and_breaks_only_itself(app: App, page: Page) -> None:
    async def alone(route):
        await route.fulfill(json={"ok": False, "alone": True, "error": "no cluster beside"})

    await page.route("**/_sim/outside/**", alone)
    await page.reload()
    await expect(page.get_by_test_id("scenario")).to_have_text("No cluster beside this Slack")
    await expect(page.get_by_test_id("scenario")).to_be_disabled()
    await page.get_by_test_id("open-faults").click()
    pane = page.get_by_test_id("faults-pane")
    await expect(pane.get_by_role("heading", level=3)).to_have_text(["Slack"])
    await pane.get_by_test_id("fault-link_refused").click()
    await expect(pane.get_by_test_id("fault-link_refused")).to_have_text("on")
    assert any(f.kind == "link_refused" for f in app.slack.world.faults.standing())
    await pane.get_by_test_id("fault-link_refused").click()
    await expect(pane.get_by_test_id("fault-link_refused")).to_have_text("off")
