"""The Web API, asked by Slack's own SDK."""

import asyncio
import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.sim.slack import faults, people, rates, serve

ALERTS = "C0ALERTS"


@pytest.fixture
async def slack():
    async with serve.SimulatedSlack(serve.SlackOptions(port=0)) as running:
        yield running


@pytest.fixture
async def client(slack):
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(
            token=people.BOT_TOKEN, base_url=slack.api, session=session, retry_handlers=[]
        )


async def error_of(call):
    with pytest.raises(SlackApiError) as refused:
        await call
    return refused.value.response["error"]


async def test_the_bot_learns_who_it_is_and_what_it_may(client):
    who = await client.auth_test()
    assert (who["team_id"], who["user_id"], who["bot_id"]) == ("T0DEMO", "U0BOT", "B0BOT")
    assert "chat:write" in who.headers["X-OAuth-Scopes"].split(",")


async def test_every_form_of_arguments_is_understood(slack):
    """JSON, a form with JSON inside it, and a query are one to Slack."""
    header = {"Authorization": f"Bearer {people.BOT_TOKEN}"}
    url = f"{slack.api}chat.postMessage"
    block = '[{"type":"section","text":{"type":"mrkdwn","text":"hi"}}]'
    metadata = '{"event_type":"e","event_payload":{"k":1}}'
    form = {"channel": ALERTS, "text": "hi", "blocks": block, "metadata": metadata}
    async with aiohttp.ClientSession(headers=header) as session:
        async with session.post(url, data=form) as answer:
            by_form = await answer.json()
        async with session.get(url, params=form) as answer:
            by_query = await answer.json()
        async with session.post(url, json=form) as answer:
            by_json = await answer.json()
    for body in (by_form, by_query, by_json):
        assert body["ok"], body
        assert body["message"]["blocks"][0]["text"]["text"] == "hi"
        assert body["message"]["metadata"]["event_payload"] == {"k": 1}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=form | {"token": people.BOT_TOKEN}) as answer,
    ):
        assert (await answer.json())["ok"]


async def test_stamps_are_the_true_time_unique_and_increasing(client):
    before = time.time()
    answers = await asyncio.gather(
        *(client.chat_postMessage(channel=ALERTS, text=str(n)) for n in range(8))
    )
    stamps = sorted((answer["ts"] for answer in answers), key=float)
    assert len(set(stamps)) == 8
    assert before - 0.001 <= float(stamps[0]) <= float(stamps[-1]) <= time.time() + 0.001


@pytest.mark.parametrize(
    ("token", "method", "expected"),
    [
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        (None, "auth.test", "not_authed"),
        (people.APP_TOKEN, "chat.postMessage", "not_allowed_token_type"),
        (people.BOT_TOKEN, "apps.connections.open", "not_allowed_token_type"),
        (people.BOT_TOKEN, "no.such.method", "unknown_method"),
    ],
)
async def test_a_wrong_token_or_method_is_answered_by_name(slack, token, method, expected):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(slack.api + method, headers=headers) as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["error"] == expected


async def test_a_scope_taken_away_is_named_as_needed(slack, client):
    slack.world.faults.put("missing_scope", {"scope": "users:read"})
    with pytest.raises(SlackApiError) as refused:
        await client.users_info(user="U0OPERATOR")
    body = refused.value.response
    assert (body["error"], body["needed"]) == ("missing_scope", "users:read")
    assert "users:read" not in body["provided"].split(",")


async def test_a_revoked_token_is_told_from_a_wrong_one(slack, client):
    slack.world.faults.put("token_revoked", {})
    assert await error_of(client.auth_test()) == "token_revoked"
    slack.world.faults.lift("token_revoked")
    assert (await client.auth_test())["ok"]


async def test_posting_where_one_may_not_is_refused_by_reason(slack, client):
    space = slack.world.space
    assert (
        await error_of(client.chat_postMessage(channel="C0NOWHERE", text="x"))
        == "channel_not_found"
    )
    space.leave("C0OPS", people.BOT_USER)
    assert await error_of(client.chat_postMessage(channel="C0OPS", text="x")) == "not_in_channel"
    space.alter_channel("C0SHARED", {"is_archived": True})
    assert await error_of(client.chat_postMessage(channel="C0SHARED", text="x")) == "is_archived"
    await client.conversations_join(channel="C0OPS")
    assert (await client.chat_postMessage(channel="#ops", text="x"))["channel"] == "C0OPS"


@pytest.mark.filterwarnings("ignore:The top-level `text` argument is missing")
async def test_a_message_without_content_or_with_bad_parts_is_refused(client):
    cases = [
        ({}, "no_text"),
        ({"text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"text": "x", "blocks": "[not json"}, "invalid_blocks_format"),
        ({"text": "x", "blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"text": "x", "metadata": {"event_type": 1}}, "invalid_metadata_format"),
        ({"text": "x", "attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
    ]
    for arguments, expected in cases:
        call = client.api_call("chat.postMessage", json={"channel": ALERTS} | arguments)
        assert await error_of(call) == expected
    assert (
        await error_of(client.api_call("chat.postMessage", json={"text": "x"}))
        == "invalid_arguments"
    )


async def test_a_long_text_is_cut_when_posted_and_refused_when_edited(client):
    whole = await client.chat_postMessage(channel=ALERTS, text="x" * 40_000)
    assert len(whole["message"]["text"]) == 40_000
    assert "warning" not in whole.data
    cut = await client.chat_postMessage(channel=ALERTS, text="x" * 40_001)
    assert len(cut["message"]["text"]) == 40_000
    assert cut["warning"] == "message_truncated"
    await client.chat_update(channel=ALERTS, ts=cut["ts"], text="x" * 4000)
    too_long = client.chat_update(channel=ALERTS, ts=cut["ts"], text="x" * 4001)
    assert await error_of(too_long) == "msg_too_long"


async def test_blocks_too_big_together_are_refused_although_each_is_fine(client):
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}
    await client.chat_postMessage(channel=ALERTS, text="x", blocks=[block] * 4)
    five = client.chat_postMessage(channel=ALERTS, text="x", blocks=[block] * 5)
    assert await error_of(five) == "msg_blocks_too_long"


async def test_editing_with_text_alone_removes_blocks_and_keeps_metadata(client):
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "old"}}
    metadata = {"event_type": "e", "event_payload": {"outbox_id": "7"}}
    posted = await client.chat_postMessage(
        channel=ALERTS, text="old", blocks=[block], metadata=metadata
    )
    edited = await client.chat_update(channel=ALERTS, ts=posted["ts"], text="new")
    assert edited["ts"] == posted["ts"]
    assert "blocks" not in edited["message"]
    assert edited["message"]["metadata"] == metadata
    assert edited["message"]["edited"]["user"] == people.BOT_USER


async def test_only_the_bots_own_messages_can_be_changed(slack, client):
    theirs = slack.world.space.post(ALERTS, "U0OPERATOR", text="mine")
    assert (
        await error_of(client.chat_update(channel=ALERTS, ts=theirs.ts, text="x"))
        == "cant_update_message"
    )
    assert await error_of(client.chat_delete(channel=ALERTS, ts=theirs.ts)) == "cant_delete_message"
    assert (
        await error_of(client.chat_update(channel=ALERTS, ts="1.000001", text="x"))
        == "message_not_found"
    )
    shown = await client.chat_postEphemeral(channel=ALERTS, user="U0OPERATOR", text="psst")
    lost = client.chat_update(channel=ALERTS, ts=shown["message_ts"], text="x")
    assert await error_of(lost) == "message_not_found"


async def test_a_deleted_parent_leaves_a_tombstone_and_its_thread(client):
    parent = await client.chat_postMessage(channel=ALERTS, text="parent")
    reply = await client.chat_postMessage(channel=ALERTS, text="reply", thread_ts=parent["ts"])
    await client.chat_delete(channel=ALERTS, ts=parent["ts"])
    thread = await client.conversations_replies(channel=ALERTS, ts=parent["ts"])
    assert [m["ts"] for m in thread["messages"]] == [parent["ts"], reply["ts"]]
    assert thread["messages"][0]["subtype"] == "tombstone"
    gone = client.chat_update(channel=ALERTS, ts=parent["ts"], text="x")
    assert await error_of(gone) == "message_not_found"


async def test_an_edit_can_be_refused_on_demand(slack, client):
    posted = await client.chat_postMessage(channel=ALERTS, text="x")
    slack.world.faults.put("api_error", {"method": "chat.update", "error": "edit_window_closed"})
    late = client.chat_update(channel=ALERTS, ts=posted["ts"], text="y")
    assert await error_of(late) == "edit_window_closed"
    await client.chat_postMessage(channel=ALERTS, text="still fine")


async def test_history_is_newest_first_without_replies_and_pages(client):
    stamps = [(await client.chat_postMessage(channel=ALERTS, text=str(n)))["ts"] for n in range(5)]
    await client.chat_postMessage(channel=ALERTS, text="reply", thread_ts=stamps[0])
    first = await client.conversations_history(channel=ALERTS, limit=3)
    assert [m["ts"] for m in first["messages"]] == stamps[:1:-1]
    assert first["has_more"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=ALERTS, limit=3, cursor=cursor)
    assert [m["ts"] for m in rest["messages"]] == stamps[1::-1]
    assert rest["messages"][1]["reply_count"] == 1
    since = await client.conversations_history(channel=ALERTS, oldest=stamps[2])
    assert [m["ts"] for m in since["messages"]] == stamps[:2:-1]
    including = await client.conversations_history(channel=ALERTS, oldest=stamps[2], inclusive=True)
    assert [m["ts"] for m in including["messages"]] == stamps[:1:-1]


async def test_metadata_come_back_only_when_asked_for(client):
    metadata = {"event_type": "e", "event_payload": {"outbox_id": "7"}}
    parent = await client.chat_postMessage(channel=ALERTS, text="x", metadata=metadata)
    await client.chat_postMessage(
        channel=ALERTS, text="y", thread_ts=parent["ts"], metadata=metadata
    )
    for read, more in (
        (client.conversations_history, {}),
        (client.conversations_replies, {"ts": parent["ts"]}),
    ):
        without = await read(channel=ALERTS, **more)
        assert all("metadata" not in m for m in without["messages"])
        asked = await read(channel=ALERTS, include_all_metadata=True, **more)
        assert asked["messages"][0]["metadata"] == metadata


async def test_people_are_told_apart_as_slack_does(client):
    async def user(name):
        return (await client.users_info(user=name))["user"]

    assert (await user("U0GUEST"))["is_restricted"]
    stranger = await user("U0STRANGER")
    assert stranger["team_id"] == "T0OTHER"
    assert not stranger["is_stranger"], "in a shared channel, the team alone tells"
    assert (await user("U0BOT"))["is_bot"]
    assert await error_of(client.users_info(user="U0NOBODY")) == "user_not_found"
    shared = await client.conversations_info(channel="C0SHARED")
    assert shared["channel"]["is_ext_shared"]
    assert not (await client.conversations_info(channel=ALERTS))["channel"]["is_ext_shared"]
    everybody = [
        u["id"] async for page in await client.users_list(limit=3) for u in page["members"]
    ]
    assert set(everybody) == {person.id for person in people.PEOPLE}


async def test_groups_channels_and_team_can_be_listed(client):
    assert (await client.usergroups_users_list(usergroup="S0ONCALL"))["users"] == [
        "U0APPROVER",
        "U0APPROVER2",
    ]
    assert (await client.usergroups_list(include_users=True))["usergroups"][0]["users"]
    assert await error_of(client.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"
    listed = await client.conversations_list()
    assert {c["id"] for c in listed["channels"]} == {"C0ALERTS", "C0OPS", "C0SHARED"}
    members = await client.conversations_members(channel="C0SHARED")
    assert "U0STRANGER" in members["members"]
    assert (await client.team_info())["team"]["id"] == "T0DEMO"
    assert (await client.bots_info(bot="B0BOT"))["bot"]["user_id"] == "U0BOT"
    opened = await client.conversations_open(users="U0OPERATOR")
    assert (await client.chat_postMessage(channel=opened["channel"]["id"], text="hi"))["ok"]


async def test_a_permalink_leads_into_the_page(slack, client):
    posted = await client.chat_postMessage(channel=ALERTS, text="x")
    link = (await client.chat_getPermalink(channel=ALERTS, message_ts=posted["ts"]))["permalink"]
    async with (
        aiohttp.ClientSession() as session,
        session.get(link, allow_redirects=False) as answer,
    ):
        assert answer.headers["Location"] == f"/#{ALERTS}/{posted['ts']}"


async def test_a_reaction_is_given_once(client):
    posted = await client.chat_postMessage(channel=ALERTS, text="x")
    await client.reactions_add(channel=ALERTS, timestamp=posted["ts"], name="eyes")
    again = client.reactions_add(channel=ALERTS, timestamp=posted["ts"], name="eyes")
    assert await error_of(again) == "already_reacted"
    history = await client.conversations_history(channel=ALERTS)
    assert history["messages"][0]["reactions"] == [{"name": "eyes", "users": ["U0BOT"], "count": 1}]


async def test_a_home_tab_published_on_an_old_hash_conflicts(slack, client):
    home = {"type": "home", "blocks": []}
    first = await client.views_publish(user_id="U0OPERATOR", view=home)
    await client.views_publish(user_id="U0OPERATOR", view=home, hash=first["view"]["hash"])
    stale = client.views_publish(user_id="U0OPERATOR", view=home, hash=first["view"]["hash"])
    assert await error_of(stale) == "hash_conflict"


async def test_strict_limits_answer_429_and_the_sdk_waits_as_told(slack):
    slack.world.faults.put("rate_limits_strict", {})
    handler = AsyncRateLimitErrorRetryHandler(max_retry_count=3)
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api, retry_handlers=[handler])
    for n in range(3):
        await client.chat_postMessage(channel=ALERTS, text=str(n))
    seen = [
        e["status"] for e in slack.world.journal.since(0) if e.get("method") == "chat.postMessage"
    ]
    assert seen.count(200) == 3
    assert 429 in seen


async def test_a_rate_limit_on_demand_names_its_wait_and_hits_only_what_it_names(slack, client):
    slack.world.faults.put(
        "rate_limited",
        {"method": "chat.postMessage", "channel": ALERTS, "retry_after": 7, "times": 1},
    )
    await client.chat_postMessage(channel="C0OPS", text="x")
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=ALERTS, text="x")
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "7"
    assert refused.value.response["error"] == "ratelimited"
    await client.chat_postMessage(channel=ALERTS, text="x")
    assert len(slack.world.space.messages(ALERTS)) == 1


def test_a_bucket_refills_at_its_rate():
    now = 100.0
    meter = rates.Rates(clock=lambda: now)

    def post(channel="C", mode=rates.Mode.STRICT):
        return meter.retry_after("chat.postMessage", tier=None, channel=channel, mode=mode)

    assert [post(), post(), post()] == [None, None, 1]
    assert post("D") is None, "another channel has its own bucket"
    now += 1.0
    assert post() is None
    assert post() == 1
    assert all(post(mode=rates.Mode.OFF) is None for _ in range(50))


@pytest.mark.parametrize("tier", [2, 3, 4])
def test_a_tier_allows_its_calls_a_minute_and_then_asks_to_wait(tier):
    meter = rates.Rates()
    answers = [
        meter.retry_after("m", tier=tier, channel=None, mode=rates.Mode.REALISTIC)
        for _ in range(rates.TIERS[tier] + 1)
    ]
    assert answers[:-1] == [None] * rates.TIERS[tier]
    assert answers[-1] >= 1


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        ("dropped", 0),
        ("server_error", 0),
        ("dropped_after_storing", 1),
        ("server_error_after_storing", 1),
        ("timeout_after_storing", 1),
    ],
)
async def test_a_failing_call_stored_the_message_exactly_when_the_fault_says_so(
    slack, fault, stored
):
    client = AsyncWebClient(
        token=people.BOT_TOKEN, base_url=slack.api, timeout=1, retry_handlers=[]
    )
    slack.world.faults.put(fault, {"method": "chat.postMessage", "times": 1})
    with pytest.raises((aiohttp.ClientError, TimeoutError, SlackApiError)):
        await client.chat_postMessage(channel=ALERTS, text="x")
    assert len(slack.world.space.messages(ALERTS)) == stored
    await client.chat_postMessage(channel=ALERTS, text="y")
    assert len(slack.world.space.messages(ALERTS)) == stored + 1


async def test_the_sdks_own_retry_posts_twice_when_the_answer_is_lost(slack):
    """Why an outbox must not leave repeating to the SDK."""
    client = AsyncWebClient(token=people.BOT_TOKEN, base_url=slack.api)
    slack.world.faults.put("dropped_after_storing", {"method": "chat.postMessage", "times": 1})
    await client.chat_postMessage(channel=ALERTS, text="x")
    assert len(slack.world.space.messages(ALERTS)) == 2


async def test_an_error_page_is_html_as_from_a_balancer(slack):
    slack.world.faults.put("server_error", {"status": 502})
    async with aiohttp.ClientSession() as session, session.post(f"{slack.api}auth.test") as answer:
        assert answer.status == 502
        assert answer.content_type == "text/html"


async def test_a_slow_answer_ends_when_the_fault_is_lifted(slack, client):
    slack.world.faults.put("slow", {"seconds": 60})
    call = asyncio.create_task(client.auth_test())
    async with asyncio.timeout(5):
        while not slack.world.faults.standing()[0].struck:
            await asyncio.sleep(0.005)
        slack.world.faults.lift("slow")
        assert (await call)["ok"]


def test_a_fault_or_parameter_that_does_not_exist_is_refused():
    standing = faults.Faults()
    for name, params in (("nonsense", {}), ("dropped", {"colour": 1}), ("slow", {"seconds": "x"})):
        with pytest.raises(faults.UnknownFaultError):
            standing.put(name, params)
    standing.put("dropped:a", {"method": "chat.update"})
    standing.put("dropped:b", {"method": "chat.delete"})
    assert standing.strike("dropped", method="chat.postMessage") is None
    assert standing.strike("dropped", method="chat.delete").name == "dropped:b"


async def test_the_journal_keeps_arguments_but_no_tokens(slack, client):
    await client.api_call(
        "chat.postMessage", data={"token": people.BOT_TOKEN, "channel": ALERTS, "text": "x"}
    )
    entry = slack.world.journal.since(0)[-1]
    assert entry["args"]["channel"] == ALERTS
    assert entry["status"] == 200
    assert people.BOT_TOKEN not in repr(entry)


async def test_a_mark_is_given_once_taken_back_once_and_read(client):
    posted = await client.chat_postMessage(channel=ALERTS, text="x")
    where = {"channel": ALERTS, "timestamp": posted["ts"]}
    await client.reactions_add(name=":eyes:", **where)
    assert await error_of(client.reactions_add(name="eyes", **where)) == "already_reacted"
    told = (await client.reactions_get(**where))["message"]["reactions"]
    assert told == [{"name": "eyes", "users": ["U0BOT"], "count": 1}]
    await client.reactions_remove(name="eyes", **where)
    assert await error_of(client.reactions_remove(name="eyes", **where)) == "no_reaction"
    assert "reactions" not in (await client.reactions_get(**where))["message"]
    assert await error_of(client.reactions_add(name="not an emoji", **where)) == "invalid_name"
    lost = client.reactions_get(channel=ALERTS, timestamp="1.000001")
    assert await error_of(lost) == "message_not_found"


async def test_a_view_can_be_named_by_the_app_but_two_cannot_share_a_name(slack, client):
    def view(kind="home", **more):
        title = {"title": {"type": "plain_text", "text": "x"}} if kind == "modal" else {}
        return {"type": kind, "blocks": [{"type": "divider"}], **title, **more}

    await client.views_publish(user_id="U0OPERATOR", view=view(external_id="one"))
    await client.views_publish(user_id="U0OPERATOR", view=view(external_id="one"))
    other = client.views_publish(user_id="U0APPROVER", view=view(external_id="one"))
    assert await error_of(other) == "duplicate_external_id"
    trigger = slack.world.triggers.new("U0APPROVER")
    opening = client.views_open(trigger_id=trigger, view=view("modal", external_id="one"))
    assert await error_of(opening) == "duplicate_external_id"
    changed = await client.views_update(external_id="one", view=view(external_id="two"))
    assert changed["view"]["external_id"] == "two"
    gone = client.views_update(external_id="one", view=view())
    assert await error_of(gone) == "not_found"


async def test_a_view_is_refused_when_too_large_or_when_it_asks_without_a_way_to_send(
    slack, client
):
    text = {"type": "plain_text", "text": "x" * 2900}
    large = {"type": "home", "blocks": [{"type": "section", "text": text}] * 90}
    assert (
        await error_of(client.views_publish(user_id="U0OPERATOR", view=large)) == "view_too_large"
    )
    asking = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "x"},
        "blocks": [
            {
                "type": "input",
                "label": {"type": "plain_text", "text": "x"},
                "element": {"type": "plain_text_input"},
            }
        ],
    }
    for more, error in (({}, "invalid_arguments"), ({"submit": asking["title"]}, None)):
        trigger = slack.world.triggers.new("U0OPERATOR")
        call = client.views_open(trigger_id=trigger, view=asking | more)
        assert (await error_of(call) if error else (await call)["ok"]) == (error or True)
