"""What a running bot answers in Chinese, read for English that is left."""

import re
from pathlib import Path

import pytest

from bot.adapters.slack import vocabulary
from tests.acceptance import processes
from tests.acceptance.test_network import asked

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("acceptance-a")]

CHANGING = {
    "FLANNEL_BOT_REMEDIATION__ENABLED": "true",
    "FLANNEL_BOT_SLACK__ALLOW_INSECURE": "true",
    "FLANNEL_BOT_ACCESS__REQUESTERS": '["U0OPERATOR"]',
    "FLANNEL_BOT_ACCESS__ADMINS": '["U0OPERATOR"]',
    "FLANNEL_BOT_ACCESS__APPROVERS": '["U0APPROVER"]',
    "FLANNEL_BOT_LANGUAGE__DEFAULT": "zh-CN",
}
IN_CHINESE = {
    "help": ["help", "help drain"],
    "status": ["status"],
    "nics": ["nics cp-1", "nics --all", "nics nobody"],
    "routes": ["routes", "routes cp-1", "routes --all"],
    "memory": ["memory", "memory cp-1"],
    "simulate": ["simulate eth1|bond1", "simulate --iface eth1", "simulate veth", "simulate (("],
    "logs": ["logs cp-1"],
    "verify": ["verify", "verify cp-1"],
    "check": ["check"],
    "schedule": ["schedule"],
    "doctor": ["doctor"],
    "incidents": ["incidents"],
    "ack": ["ack INC-1", "ack INC-99"],
    "own": ["own INC-1"],
    "silence": ["silence check=oom_killed 1h", "silence colour=red 1h", "silence check=oom 1h"],
    "silences": ["silences"],
    "unsilence": ["unsilence SIL-1", "unsilence SIL-9"],
    "incident": ["incident INC-1", "incident 99"],
    "noise": ["noise"],
    "handover": ["handover"],
    "fix": ["fix INC-1 --what-if"],
    "raise-memory": ["raise-memory 9Gi --what-if", "raise-memory 256Mi --what-if"],
    "anchor-regex": ["anchor-regex --what-if"],
    "raise-memory-and-anchor": ["raise-memory-and-anchor --what-if"],
    "drain": ["drain vm-01 --what-if"],
    "evict-veth": ["evict-veth vm-01 --what-if"],
    "restart": ["restart vm-01 --what-if", "restart vm-01"],
    "plans": ["plans"],
    "plan": ["plan PLAN-1", "plan PLAN-9"],
    "withdraw": ["withdraw PLAN-1", "withdraw PLAN-1"],
    "run": ["run RUN-9"],
    "cancel": ["cancel RUN-9"],
    "wait": ["wait RUN-9"],
    "undo": ["undo RUN-9"],
    "freeze": ["freeze 1h", "freeze 1h 维护", "freeze 1h 维护"],
    "unfreeze": ["unfreeze"],
    "audit": ["audit"],
}
"""Each command, so that it is answered well, and so that it is refused."""
QUOTED = re.compile(
    "failed to find IPv4 address for interface|error parsing regexp: [^\n]*|OAuth &amp; Permissions"
    "|error looking up interface [^\n]*|Failed to find interface to use that matches the interfaces "
    "and/or regexes provided"
)
"""What is others' own: flannel's errors, Go's, what Slack calls a page of its settings."""
ENGLISH = re.compile(
    r"(?<![-\w./=])(?:a|an|and|are|be|been|by|for|has|have|is|it|its|no|not|nothing|of|or|that"
    r"|the|they|this|to|was|were|which|with)(?![-\w./=])",
    re.IGNORECASE,
)
"""Words without which there is no English sentence, and which are nobody's name."""


def english(text: str) -> list[str]:
    """The lines that have an English sentence in them."""
    return [line for line in QUOTED.sub("", text).splitlines() if ENGLISH.search(line)]


async def test_every_command_is_answered_in_chinese_to_the_last_sentence(tmp_path: Path) -> None:
    assert IN_CHINESE.keys() == {one.name for one in vocabulary.COMMANDS}
    async with processes.outside(tmp_path, nodes=12, seed=3, speed=10) as outside:
        async with processes.started("run", environment=outside.environment(**CHANGING)) as bot:
            await processes.bot_ready(bot, outside.session)
            await processes.until(outside.cards, what="a card")
            left = []
            for text in (one for texts in IN_CHINESE.values() for one in texts):
                answer = await asked(outside, text)
                left += [(text, line) for line in english(answer)]

            # And what the channel was told meanwhile: cards, and what stands in their threads.
            async def told() -> list[str]:
                said = [one["text"] for one in await outside.messages() if one["user"] == "U0BOT"]
                return said if any("全文" in text for text in said) else []

            said = await processes.until(told, what="what is left out of a card")
            left += [("told", line) for text in said for line in english(text)]
            assert left == [], left
            assert await bot.end() == 0
