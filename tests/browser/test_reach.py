"""The page for everybody: by keyboard alone, by screen reader, on a phone, in light and dark."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser import page as pages
from tests.browser.workspace import ALERTS, OPS, App, button, plain, section

pytestmark = [
    pytest.mark.real("chromium"),
    pytest.mark.timeout(200),
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]

CONTRAST = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8")
NAMED = {
    "button", "link", "textbox", "combobox", "radio", "switch", "tab", "checkbox", "searchbox",
    "image", "dialog", "navigation", "complementary", "log", "listitem", "region",
}  # fmt: skip


async def furnish(app: App) -> str:
    """Something of everything to look at; the stamp of the card."""
    card = [
        {"type": "header", "text": {"type": "plain_text", "text": "Critical"}},
        section("*Where* `demo` <@U0OPERATOR> <https://example.com|runbook>\n> quoted"),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "seen 0.8 s later"}]},
        {"type": "actions", "elements": [
            button("a", "Approve", style="primary"), button("r", "Reject", style="danger"),
            button("n", "Later")]},
    ]  # fmt: skip
    ts = await app.say("Critical: five nodes", blocks=card)
    await app.say("particulars\n```log line```", thread_ts=ts)
    await app.client.chat_postEphemeral(channel=ALERTS, user="U0OPERATOR", text="for you")
    await app.say("unread there", channel=OPS)
    return ts


async def open_modal(app: App, payload: dict[str, Any]) -> None:
    typed = {"type": "plain_text_input", "action_id": "t", "placeholder": plain("Why?")}
    view = {
        "type": "modal", "title": plain("Silence"), "submit": plain("Send"),
        "blocks": [
            section("*one* `two`"),
            {"type": "input", "label": plain("Reason"), "hint": plain("Kept."), "element": typed},
        ],
    }  # fmt: skip
    await app.client.views_open(trigger_id=payload["trigger_id"], view=view)


async def unnamed(page: Page) -> list[str]:
    """Controls, landmarks and pictures of the accessibility tree that have no name."""
    session = await page.context.new_cdp_session(page)
    tree: list[dict[str, Any]] = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    await session.detach()
    seen = [node for node in tree if not node["ignored"] and "role" in node]
    assert len(seen) > 50
    return [
        f"{node['role']['value']} {node.get('properties', [])[:2]}"
        for node in seen
        if node["role"]["value"] in NAMED
        and not node.get("name", {}).get("value", "").strip()
        # A plain list's items are read by what is in them.
        and node["role"]["value"] != "listitem"
    ]


async def test_everything_is_reached_by_keyboard_alone(app: App, page: Page) -> None:
    ts = await furnish(app)
    message = page.get_by_test_id(f"message-{ts}")
    await expect(message).to_contain_text("1 reply")
    press = page.keyboard.press
    await press("Tab")
    await expect(page.get_by_role("link", name="Skip to the message field")).to_be_focused()
    await press("m")
    await press("End")
    for _ in range(20):
        if await message.evaluate("element => element === document.activeElement"):
            break
        await press("ArrowUp")
    await expect(message).to_be_focused()
    outline = await message.evaluate("element => getComputedStyle(element).outlineStyle")
    assert outline == "solid"
    await press("ArrowRight")
    await expect(message.get_by_role("link", name="runbook")).to_be_focused()
    await press("Tab")
    await expect(message.get_by_role("button", name="Approve")).to_be_focused()
    # Of all messages, only the one that has the focus is gone through by Tab.
    elsewhere = page.locator("#log .message:not(:focus-within) :is(a, button:not([role]), pre)")
    assert await elsewhere.evaluate_all("all => all.filter(e => e.tabIndex >= 0).length") == 0
    assert await page.locator("#log > .message[tabindex='0']").count() == 1
    await message.focus()
    await press("Enter")
    reply = page.get_by_test_id("thread-composer")
    await expect(reply).to_be_focused()
    await page.keyboard.type("by keys alone")
    await press("Enter")
    await expect(page.get_by_test_id("thread-pane")).to_contain_text("by keys alone")
    await press("Escape")
    await expect(page.get_by_test_id(f"thread-open-{ts}")).to_be_focused()
    # Channels: one stop of Tab, the arrows inside.
    await press("k")
    await expect(page.get_by_test_id(f"channel-{ALERTS}")).to_be_focused()
    await press("ArrowDown")
    await press("Enter")
    await expect(page.get_by_role("heading", name="# ops")).to_be_visible()
    await press("Alt+ArrowUp")
    await expect(page.get_by_role("heading", name="# flannel-alerts")).to_be_visible()
    # Panes.
    await press("Escape")
    await page.get_by_test_id("theme").focus()
    await press("f")
    await expect(page.get_by_label("Filter faults")).to_be_focused()
    await page.keyboard.type("link refused")
    await expect(page.locator("li.fault:not([hidden])")).to_have_count(1)
    await press("Tab")
    await press("Tab")
    for _ in range(6):
        if await page.evaluate("document.activeElement.getAttribute('role')") == "switch":
            break
        await press("Tab")
    await press("Space")
    switch = page.get_by_role("switch", name="link refused")
    await expect(switch).to_have_attribute("aria-checked", "true")
    await press("Space")
    await expect(switch).to_have_attribute("aria-checked", "false")
    await press("Escape")
    await expect(page.get_by_test_id("open-faults")).to_be_focused()
    # People.
    await press("u")
    await press("ArrowDown")
    await expect(page.get_by_role("radio", name="Adam")).to_be_checked()
    await press("ArrowUp")
    await expect(page.get_by_role("radio", name="Olivia")).to_be_checked()


async def test_the_shortcuts_are_listed_and_single_letters_can_be_switched_off(
    app: App, page: Page
) -> None:
    await page.get_by_test_id("theme").focus()
    await page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    await expect(dialog).to_contain_text("break things")
    await dialog.get_by_label("Single letters are shortcuts").uncheck()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await page.keyboard.press("f")
    await expect(page.get_by_test_id("faults-pane")).to_be_hidden()
    # In a field they are letters, whatever is chosen.
    field = page.get_by_test_id("composer")
    await field.press_sequentially("fi?")
    await expect(field).to_have_value("fi?")


async def test_a_screen_reader_finds_names_and_landmarks_everywhere(app: App, page: Page) -> None:
    ts = await furnish(app)
    await page.get_by_test_id(f"thread-open-{ts}").click()
    assert await unnamed(page) == []
    for role in ("banner", "navigation", "main", "complementary"):
        await expect(page.get_by_role(role).first).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    for opener in ("open-faults", "open-traffic"):
        await page.get_by_test_id(opener).click()
        assert await unnamed(page) == []
    await page.get_by_test_id("help-open").click()
    assert await unnamed(page) == []
    twice = await page.evaluate(
        "[...document.querySelectorAll('[id]')].map(e => e.id)"
        ".filter((id, at, all) => all.indexOf(id) !== at)"
    )
    assert twice == []


async def test_new_messages_are_announced_in_a_line_and_edits_are_not(app: App, page: Page) -> None:
    told = page.get_by_test_id("announcer")
    ts = await app.say("<@U0OPERATOR> flannel &lt; 3 nodes\nin <#C0OPS> more\nand yet more")
    await expect(told).to_have_text(
        "flannel-bot in flannel-alerts: @Olivia Operator flannel < 3 nodes, in #ops more"
    )
    await app.client.chat_update(channel=ALERTS, ts=ts, text="now on 4 nodes")
    await expect(page.get_by_test_id(f"message-{ts}")).to_contain_text("now on 4")
    await app.client.chat_postEphemeral(channel=ALERTS, user="U0OPERATOR", text="psst")
    await expect(told).to_have_text("Only for you: psst")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_text_stands_out_from_its_ground(
    app: App, browser: Browser, theme: str
) -> None:
    ts = await furnish(app)
    look: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "color_scheme": theme}
    async with pages.opened(browser, **look) as page:
        await page.goto(app.slack.page)
        await expect(page.get_by_test_id(f"message-{ts}")).to_contain_text("1 reply")

        async def poor(*, at_least: int = 20) -> list[str]:
            found = await page.evaluate(CONTRAST)
            assert found["seen"] >= at_least
            return list(found["poor"])

        await page.get_by_test_id(f"thread-open-{ts}").click()
        assert await poor() == []
        await page.get_by_test_id("composer").fill("/")
        for opener in ("open-faults", "open-traffic"):
            await page.get_by_test_id(opener).click()
            await expect(
                page.locator(".pane:visible li, .pane:visible details").first
            ).to_be_visible()
            assert await poor() == []
        await page.get_by_test_id("help-open").click()
        assert await poor() == []
        await page.keyboard.press("Escape")
        app.on["n"] = lambda payload: open_modal(app, payload)
        await page.get_by_test_id(f"message-{ts}").get_by_test_id("action-n").click()
        await expect(page.get_by_test_id("modal-submit")).to_be_visible()
        await page.get_by_test_id("modal-submit").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await poor(at_least=6) == []
        await page.keyboard.press("Escape")


async def test_the_theme_follows_the_system_until_one_is_chosen(app: App, page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    await page.emulate_media(color_scheme="dark")
    dark = await page.evaluate(ground)
    await page.emulate_media(color_scheme="light")
    light = await page.evaluate(ground)
    assert dark != light
    switch = page.get_by_test_id("theme")
    await expect(switch).to_have_accessible_name("Theme: as the system. Change to light")
    await switch.click()
    await switch.click()
    await expect(switch).to_have_accessible_name("Theme: dark. Change to system")
    assert await page.evaluate(ground) == dark
    await page.reload()
    await expect(switch).to_have_accessible_name("Theme: dark. Change to system")
    assert await page.evaluate(ground) == dark


async def test_a_phone_shows_one_thing_at_a_time_and_nothing_sideways(
    app: App, browser: Browser
) -> None:
    ts = await furnish(app)
    wide = "document.scrollingElement.scrollWidth"
    async with pages.opened(browser, viewport={"width": 390, "height": 844}) as page:
        await page.goto(app.slack.page)
        await expect(page.get_by_test_id(f"message-{ts}")).to_be_visible()
        assert await page.evaluate(wide) == 390
        side = page.get_by_role("navigation", name="Channels and people")
        await expect(side).to_be_hidden()
        await page.get_by_role("button", name="Channels and people").click()
        await expect(side).to_be_visible()
        await page.get_by_test_id(f"channel-{OPS}").click()
        await expect(side).to_be_hidden()
        await expect(page.get_by_role("heading", name="# ops")).to_be_visible()
        await page.get_by_role("button", name="Channels and people").click()
        await page.get_by_test_id(f"channel-{ALERTS}").click()
        await page.get_by_test_id(f"thread-open-{ts}").click()
        for name in ("thread", "faults", "traffic"):
            if name != "thread":
                await page.get_by_test_id(f"open-{name}").click()
            box = await page.get_by_test_id(f"{name}-pane").bounding_box()
            assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
            assert await page.evaluate(wide) == 390
            await page.get_by_test_id(f"{name}-close").click()
        small = await page.evaluate(
            "[...document.querySelectorAll('button, a, select, input')]"
            ".filter(e => e.checkVisibility() && !e.closest('.b-text, .side'))"
            ".map(e => [e.getBoundingClientRect(), e.className])"
            ".filter(([r]) => r.width && (r.height < 24 || r.width < 24)).map(([, name]) => name)"
        )
        assert [name for name in small if name != "skip"] == []


async def test_edits_of_the_same_size_shift_nothing(app: App, page: Page) -> None:
    ts = await app.say("count 10", blocks=[section("count 10"), section("below")])
    shown = page.get_by_test_id(f"message-{ts}")
    await expect(shown).to_contain_text("count 10")
    await app.client.chat_update(
        channel=ALERTS, ts=ts, text="count 11", blocks=[section("count 11"), section("below")]
    )
    await expect(shown).to_contain_text("count 11")
    await page.evaluate(
        "window.shifts = []; new PerformanceObserver(list => shifts.push(...list.getEntries()))"
        ".observe({type: 'layout-shift'})"
    )
    for number in range(12, 20):
        text = f"count {number}"
        blocks = [section(text), section("below")]
        await app.client.chat_update(channel=ALERTS, ts=ts, text=text, blocks=blocks)
        await expect(shown).to_contain_text(text)
    assert await page.evaluate("shifts.length") == 0


async def test_each_person_shows_what_they_are_and_may(app: App, page: Page) -> None:
    people = page.get_by_role("radio")
    await expect(people).to_have_count(6)
    for name, role, may in (
        ("Olivia", "operator", "may request repairs"),
        ("Adam", "approver", "may approve repairs"),
        ("Astrid", "approver", "may approve repairs"),
        ("Ben", "bystander", "may ask, changes nothing"),
        ("Gita", "guest", "may read, gets no answers"),
        ("Sam", "stranger", "other company, no answers"),
    ):
        one = page.get_by_role("radio", name=name)
        await expect(one).to_have_accessible_name(f"{name} {role} {may}")
    await page.get_by_test_id("person-U0STRANGER").click()
    await expect(page.get_by_test_id("channel-C0SHARED")).to_have_attribute("aria-current", "page")
    await expect(page.get_by_test_id(f"channel-{ALERTS}")).to_have_count(0)
