"""What is said is shown: live, in its place, to whom it is for, and without moving anything."""

import struct
import zlib
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.workspace import ALERTS, OPS, App, button, plain, section

pytestmark = [
    pytest.mark.real("chromium"),
    pytest.mark.timeout(200),
    pytest.mark.xdist_group("browser"),
    pytest.mark.asyncio(loop_scope="session"),
]


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_an_edit_changes_the_words_and_leaves_the_reader_alone(app: App, page: Page) -> None:
    card = [section("*five* nodes"), {"type": "actions", "elements": [button("look", "Look")]}]
    ts = await app.say("five nodes", blocks=card)
    shown = page.get_by_test_id(f"message-{ts}")
    await shown.get_by_test_id("action-look").focus()
    await shown.evaluate("element => { element.stays = true; }")
    card[0] = section("*six* nodes")
    await app.client.chat_update(channel=ALERTS, ts=ts, text="six nodes", blocks=card)
    await expect(shown).to_contain_text("six nodes")
    await expect(shown).to_contain_text("(edited")
    assert await shown.evaluate("element => element.stays")
    await expect(shown.get_by_test_id("action-look")).to_be_focused()


async def test_a_button_whose_value_was_edited_sends_the_new_value(app: App, page: Page) -> None:
    def card(value: str) -> list[dict[str, Any]]:
        return [{"type": "actions", "elements": [button("again", "Again", value=value)]}]

    ts = await app.say("one", blocks=card("first"))
    shown = page.get_by_test_id(f"message-{ts}")
    await expect(shown.get_by_test_id("action-again")).to_be_visible()
    await app.client.chat_update(channel=ALERTS, ts=ts, text="two", blocks=card("second"))
    await expect(shown).to_contain_text("(edited")
    # What an edit brings is no stop of Tab either, as long as the message is not gone into.
    stops = "all => all.map(element => element.tabIndex)"
    assert set(await shown.locator("button").evaluate_all(stops)) == {-1}
    await shown.get_by_test_id("action-again").click()
    assert [used["value"] for used in await app.used("again")] == ["second"]


async def test_what_is_deleted_leaves_a_line_and_a_thread_its_stone(app: App, page: Page) -> None:
    alone = await app.say("a slip")
    root = await app.say("a beginning")
    await app.say("a reply", thread_ts=root)
    await expect(page.get_by_test_id(f"message-{alone}")).to_be_visible()
    for ts in (alone, root):
        await app.client.chat_delete(channel=ALERTS, ts=ts)
    await expect(page.get_by_test_id(f"deleted-{alone}")).to_contain_text("was deleted")
    await expect(page.get_by_test_id(f"message-{alone}")).to_have_count(0)
    await expect(page.get_by_test_id(f"message-{root}")).to_contain_text("message was deleted")


async def test_other_channels_count_what_is_new_and_calls_by_name(app: App, page: Page) -> None:
    entry = page.get_by_test_id(f"channel-{OPS}")
    await app.say("hello", channel=OPS)
    await expect(entry).to_have_accessible_name("ops, 1 unread")
    await app.say("<@U0OPERATOR> look", channel=OPS)
    await expect(entry).to_have_accessible_name("ops, 2 unread, you are mentioned")
    await entry.click()
    line = page.get_by_test_id("new-line")
    await expect(line).to_be_visible()
    after = line.locator("xpath=following-sibling::li[1]")
    await expect(after).to_contain_text("hello")
    called = page.locator(".message.calls-me").last
    await expect(called.locator(".mention.me")).to_have_text("@Olivia Operator")
    # Leaving and coming back: it is read, and the line has done its duty.
    await page.get_by_test_id(f"channel-{ALERTS}").click()
    await expect(entry).to_have_accessible_name("ops")
    await entry.click()
    await expect(line).to_have_count(0)


async def test_a_followed_thread_counts_its_new_replies_on_its_door(app: App, page: Page) -> None:
    root = await app.say("a question")
    await app.say("first reply", thread_ts=root)
    door = page.get_by_test_id(f"thread-open-{root}")
    await expect(door).to_contain_text("1 reply")
    await expect(door).not_to_contain_text("new")
    await door.click()
    pane = page.get_by_test_id("thread-pane")
    await expect(pane).to_contain_text("first reply")
    field = page.get_by_test_id("thread-composer")
    await field.fill("mine")
    await field.press("Enter")
    await expect(pane).to_contain_text("mine")
    await page.keyboard.press("Escape")
    await expect(pane).to_be_hidden()
    await expect(door).to_be_focused()
    await app.say("second reply", thread_ts=root)
    await expect(door).to_contain_text("1 new")
    await door.click()
    await expect(pane).to_contain_text("second reply")
    await expect(door).not_to_contain_text("new")


async def test_a_reader_further_up_stays_there_and_is_told(app: App, page: Page) -> None:
    for number in range(30):
        await app.say(f"line {number}\nand more", channel=OPS)
    await page.get_by_test_id(f"channel-{OPS}").click()
    scroll = page.locator("#scroll")
    await expect(scroll).to_contain_text("line 29")
    # A reader scrolls what is drawn and measured, two frames later.
    await page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    await scroll.evaluate("element => { element.scrollTop = 120; }")
    newer = page.get_by_test_id("newer")
    await expect(newer).to_be_hidden()
    await page.wait_for_function("document.getElementById('scroll').scrollTop === 120")
    await app.say("the latest", channel=OPS)
    await expect(newer).to_be_visible()
    assert await scroll.evaluate("element => element.scrollTop") == 120
    # Another channel and back: still the same place.
    await page.get_by_test_id(f"channel-{ALERTS}").click()
    await page.get_by_test_id(f"channel-{OPS}").click()
    assert await scroll.evaluate("element => element.scrollTop") == 120
    await scroll.evaluate("element => { element.scrollTop = element.scrollHeight; }")
    await expect(newer).to_be_hidden()


async def test_a_whisper_says_for_whom_how_it_came_and_when_it_went(app: App, page: Page) -> None:
    field = page.get_by_test_id("composer")
    await field.fill("/flannel help")
    await field.press("Enter")
    whisper = page.get_by_test_id("ephemeral").last
    await expect(whisper).to_contain_text("Only visible to you")
    await expect(whisper).to_contain_text("answers /flannel help · by response_url · after")
    await page.get_by_test_id("person-U0APPROVER").click()
    await expect(page.get_by_text("Everything at a glance")).to_have_count(0)


async def test_an_app_that_does_not_acknowledge_is_told_of(app: App, page: Page) -> None:
    ts = await app.say("x", blocks=[{"type": "actions", "elements": [button("late", "Late")]}])
    app.silent = True
    shown = page.get_by_test_id(f"message-{ts}")
    await shown.get_by_test_id("action-late").click()
    await expect(shown.get_by_role("alert")).to_have_text("The app did not answer in time.")


async def test_pictures_and_files_are_shown_with_their_words(app: App, page: Page) -> None:
    shared = await app.client.files_upload_v2(
        channel=ALERTS, content=png(40, 20), filename="graph.png", title="Memory",
        alt_txt="Memory rose to its limit",
    )  # fmt: skip
    picture = page.get_by_alt_text("Memory rose to its limit").last
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
    await app.client.files_upload_v2(channel=ALERTS, content="a log", filename="node.log")
    file = page.locator("a.file").last
    await expect(file).to_contain_text("node.log")
    await expect(file).to_contain_text("5 bytes")
    reference = {"id": shared["files"][0]["id"]}
    image = {"type": "image", "slack_file": reference, "alt_text": "the same in a block"}
    await app.say("x", blocks=[image])
    again = page.get_by_alt_text("the same in a block")
    assert await again.evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
    away = {"type": "image", "image_url": "https://example.com/x.png", "alt_text": "elsewhere"}
    await app.say("x", blocks=[away])
    await expect(page.get_by_role("link", name="elsewhere")).to_be_visible()


async def test_every_kind_of_block_is_drawn(app: App, page: Page) -> None:
    rich = {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_list", "style": "bullet", "elements": [
                {"type": "rich_text_section", "elements": [
                    {"type": "text", "text": "bold point", "style": {"bold": True}}]}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a < b"}]},
        ],
    }  # fmt: skip
    cell = lambda text: {"type": "raw_text", "text": text}  # noqa: E731
    table = {"type": "table", "rows": [[cell("node"), cell("MiB")], [cell("phys-1"), cell("49")]]}
    ts = await app.say(
        "all",
        blocks=[
            {"type": "header", "text": plain("Head")},
            section("<b>not bold</b>", fields=[{"type": "mrkdwn", "text": "*field* one"}]),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "small words"}]},
            {"type": "divider"}, rich, table,
        ],
    )  # fmt: skip
    shown = page.get_by_test_id(f"message-{ts}")
    await expect(shown.get_by_role("heading", name="Head")).to_be_visible()
    await expect(shown).to_contain_text("<b>not bold</b>")
    await expect(shown.locator("b", has_text="not bold")).to_have_count(0)
    await expect(shown.locator("ul li strong")).to_have_text("bold point")
    await expect(shown.locator("pre")).to_have_text("a < b")
    await expect(shown.get_by_role("columnheader")).to_have_text(["node", "MiB"])
    await expect(shown.get_by_role("cell")).to_have_text(["phys-1", "49"])


async def test_menus_and_are_you_sure_send_what_was_picked(app: App, page: Page) -> None:
    options = [{"text": plain(word), "value": word} for word in ("short", "long")]
    confirm = {
        "title": plain("Silence it?"), "text": plain("Nobody will hear."),
        "confirm": plain("Silence"), "deny": plain("Keep"),
    }  # fmt: skip
    ts = await app.say(
        "x",
        blocks=[
            section("a", accessory={"type": "overflow", "action_id": "more", "options": options}),
            {"type": "actions", "elements": [
                {"type": "static_select", "action_id": "pick", "options": options},
                button("mute", "Mute", confirm=confirm, style="danger")]},
        ],
    )  # fmt: skip
    shown = page.get_by_test_id(f"message-{ts}")
    more = shown.get_by_test_id("action-more")
    await more.click()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await app.used("more")
    await shown.get_by_test_id("action-pick").select_option("short")
    await app.used("pick")
    mute = shown.get_by_test_id("action-mute")
    await mute.click()
    dialog = page.get_by_role("dialog", name="Silence it?")
    await expect(dialog).to_contain_text("Nobody will hear.")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(mute).to_be_focused()
    assert app.clicked("mute") == []
    await mute.click()
    await page.get_by_role("button", name="Silence").click()
    await app.used("mute")
    assert [used["selected_option"]["value"] for used in app.clicked("more")] == ["long"]
    assert [used["selected_option"]["value"] for used in app.clicked("pick")] == ["short"]
    assert len(app.clicked("mute")) == 1


async def test_suggestions_are_what_the_app_itself_has_told(app: App, page: Page) -> None:
    field = page.get_by_test_id("composer")
    await page.get_by_test_id("person-U0BYSTANDER").click()
    await field.press_sequentially("/")
    options = page.locator("#composer-list").get_by_role("option")
    await expect(options).to_have_count(1)
    await expect(options).to_contain_text("Ask the app what it understands")
    await field.press("Tab")
    await field.press("Enter")
    await expect(page.get_by_test_id("ephemeral")).to_have_count(1)
    await field.press_sequentially("/flannel ")
    await expect(options).to_have_count(4)
    await expect(options.nth(2)).to_contain_text("nics <node>|--all")
    await field.press_sequentially("n")
    await field.press("Tab")
    await expect(field).to_have_value("/flannel nics ")
    await field.fill("")
    await field.press_sequentially("/flannel st")
    await expect(options).to_have_count(1)
    await field.press("ArrowDown")
    await field.press("Enter")
    await expect(field).to_have_value("/flannel status ")
    await field.fill("")
    # Up brings back what was sent.
    await field.press("ArrowUp")
    await expect(field).to_have_value("/flannel help")
    await field.press("ArrowDown")
    await expect(field).to_have_value("")


async def test_a_home_and_a_modal_are_drawn_and_sent(app: App, page: Page) -> None:
    async def open_modal(payload: dict[str, Any]) -> None:
        view = {
            "type": "modal", "callback_id": "c", "title": plain("Why silence?"),
            "submit": plain("Send"), "close": plain("Not now"),
            "blocks": [
                {"type": "input", "block_id": "why", "label": plain("Reason"),
                 "element": {"type": "plain_text_input", "action_id": "text"}},
                {"type": "input", "block_id": "who", "label": plain("Who"), "optional": True,
                 "element": {"type": "multi_users_select", "action_id": "users"}},
                {"type": "input", "block_id": "long", "label": plain("How long"),
                 "element": {"type": "radio_buttons", "action_id": "hours", "options": [
                     {"text": plain("one hour"), "value": "1"}]}},
            ],
        }  # fmt: skip
        await app.client.views_open(trigger_id=payload["trigger_id"], view=view)

    answers = [{"response_action": "errors", "errors": {"why": "Say more."}}, None]
    heard: list[dict[str, Any]] = []

    async def submitted(payload: dict[str, Any]) -> dict[str, Any] | None:
        heard.append(payload["view"]["state"]["values"])
        return answers.pop(0)

    async def opened(payload: dict[str, Any]) -> None:
        blocks = [section("*All is well*"), {"type": "actions", "elements": [button("why", "Why")]}]
        user = payload["event"]["user"]
        await app.client.views_publish(user_id=user, view={"type": "home", "blocks": blocks})

    app.on.update(app_home_opened=opened, why=open_modal, view_submission=submitted)
    await page.get_by_test_id("channel-app").click()
    home = page.get_by_role("tabpanel", name="Home of flannel-bot")
    await expect(home).to_contain_text("All is well")
    await home.get_by_test_id("action-why").click()
    modal = page.get_by_role("dialog", name="Why silence?")
    await expect(modal.get_by_test_id("input-text")).to_be_focused()
    await modal.get_by_test_id("modal-submit").click()
    await expect(modal.get_by_role("alert")).to_have_text(["Please fill this in."] * 2)
    await modal.get_by_test_id("input-text").fill("no")
    await modal.get_by_role("radiogroup", name="How long").get_by_label("one hour").check()
    await modal.get_by_test_id("input-users").select_option(["U0APPROVER", "U0GUEST"])
    await modal.get_by_test_id("modal-submit").click()
    await expect(modal.get_by_role("alert")).to_have_text("Say more.")
    await modal.get_by_test_id("input-text").fill("noise")
    await modal.get_by_test_id("modal-submit").click()
    await expect(modal).to_be_hidden()
    assert heard[1]["why"]["text"] == {"type": "plain_text_input", "value": "noise"}
    assert heard[1]["long"]["hours"]["selected_option"]["value"] == "1"
    assert heard[1]["who"]["users"]["selected_users"] == ["U0APPROVER", "U0GUEST"]
    # Another person has a home and messages of their own.
    await page.get_by_test_id("tab-messages").click()
    await page.get_by_test_id("person-U0APPROVER").click()
    await page.get_by_test_id("composer").fill("hello, app")
    await page.get_by_test_id("composer").press("Enter")
    await expect(page.get_by_role("log").first).to_contain_text("hello, app")
    await page.get_by_test_id("person-U0OPERATOR").click()
    await expect(page.get_by_role("log").first).not_to_contain_text("hello, app")
    await page.get_by_test_id("tab-home").click()
    await expect(home).to_contain_text("All is well")
    # A window stays in the page that opened it.
    await home.get_by_test_id("action-why").click()
    await expect(modal).to_be_visible()
    await page.reload()
    await expect(home).to_contain_text("All is well")
    await expect(modal).to_be_hidden()
    # Escape closes, and the server knows.
    await home.get_by_test_id("action-why").click()
    await expect(modal).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(modal).to_be_hidden()
    assert app.slack.world.views.stack("U0OPERATOR") == ()


async def test_times_are_local_with_the_whole_stamp_on_hover(app: App, page: Page) -> None:
    ts = await app.say("when?")
    shown = page.get_by_test_id(f"message-{ts}").locator("time").first
    local = await shown.evaluate(
        "(element, ts) => new Date(ts * 1000).toTimeString().slice(0, 5)", float(ts)
    )
    await expect(shown).to_have_text(local)
    whole = await shown.evaluate(
        "(element, ts) => [new Date(ts * 1000).getFullYear(), new Date(ts * 1000).toTimeString()"
        ".slice(0, 8)]",
        float(ts),
    )
    title = str(await shown.get_attribute("title"))
    assert [str(part) in title for part in whole] == [True, True], title


async def test_the_menu_of_a_message_has_the_shortcut_and_ones_own_can_be_changed(
    app: App, page: Page
) -> None:
    ts = await app.say("a card")
    shown = page.get_by_test_id(f"message-{ts}")
    await shown.hover()
    await shown.get_by_role("button", name="More").click()
    items = shown.get_by_role("menuitem")
    await expect(items).to_have_text(["Show incident", "React with 👀", "Copy link"])
    await items.first.click()
    await expect(shown.get_by_role("menu")).to_have_count(0)
    await expect(shown.get_by_role("button", name="More")).to_be_focused()
    await shown.get_by_role("button", name="More").click()
    await items.nth(1).click()
    await expect(shown.locator(".reaction")).to_contain_text("1")
    used = [e["payload"] for e in app.sent if e["payload"].get("type") == "message_action"]
    assert [one["message"]["ts"] for one in used] == [ts]

    field = page.get_by_test_id("composer")
    await field.fill("a tpyo")
    await field.press("Enter")
    mine = page.locator(".message", has_text="a tpyo").last
    stamp = str(await mine.get_attribute("data-ts"))
    mine = page.get_by_test_id(f"message-{stamp}")
    await mine.hover()
    await mine.get_by_role("button", name="More").click()
    await mine.get_by_role("menuitem", name="Edit…").click()
    await page.get_by_test_id("asked").fill("a typo")
    await page.get_by_role("button", name="Save").click()
    await expect(mine).to_contain_text("a typo")
    await expect(mine).to_contain_text("(edited")
    await mine.get_by_role("button", name="More").click()
    await mine.get_by_role("menuitem", name="Delete…").click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_test_id(f"deleted-{stamp}")).to_be_visible()


async def test_words_without_end_and_markup_of_others_break_nothing(app: App, page: Page) -> None:
    endless = "x" * 600
    hostile = "<script>document.title = 'x'</script><img src=x onerror=\"document.title = 'x'\">"
    await app.say(f"{endless} `{endless}`")
    cell = {"type": "raw_text", "text": "a cell"}
    ts = await app.say(
        "x",
        blocks=[
            section(f"{hostile} <javascript:alert(1)|press> {endless}"),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": endless}]},
            {"type": "actions", "elements": [button(f"b{n}", endless[:70]) for n in range(3)]},
            {"type": "table", "rows": [[cell] * 20]},
        ],
    )
    shown = page.get_by_test_id(f"message-{ts}")
    await expect(shown).to_contain_text("<script>document.title")
    assert await shown.locator("script, .b-text img, a").count() == 0
    assert await page.title() == "flannel-bot demo"
    for width in (1280, 390, 320):
        await page.set_viewport_size({"width": width, "height": 700})
        sideways = await page.evaluate(
            "[document.scrollingElement, document.getElementById('scroll')]"
            ".map(e => e.scrollWidth - e.clientWidth)"
        )
        assert sideways == [0, 0], width


async def test_a_long_channel_opens_and_stays_quick_to_change(app: App, page: Page) -> None:
    """No time is asserted: what is drawn again is counted instead."""
    space = app.slack.world.space
    said = [space.post("C0SHARED", "U0BOT", text=f"number {n}") for n in range(600)]
    await page.get_by_test_id("channel-C0SHARED").click()
    await expect(page.locator("#log .message")).to_have_count(600)
    await page.evaluate(
        "window.changes = 0; new MutationObserver(all => { changes += all.length; })"
        ".observe(document.getElementById('log'),"
        " {subtree: true, childList: true, characterData: true, attributes: true})"
    )
    space.edit(said[300], user="U0BOT", text="changed")
    await expect(page.get_by_test_id(f"message-{said[300].ts}")).to_contain_text("changed")
    assert await page.evaluate("changes") < 12
