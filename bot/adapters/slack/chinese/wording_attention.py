"""`wording_attention` in Chinese."""

from collections.abc import Sequence

OWNER = "认领人"
MUTED = "不告知"
FIXED_BY = "此前"
ON_CALL = "值班："
UNTIL = " 直到 "
SINCE = " 自 "
NOT_FIXED_BY_US = "本机器人没有做过更改：自行恢复，或有人手动处理"
FLAPPING = "反复"

ACKNOWLEDGE = "认领"
TAKE_OVER = "接管"
SILENCE = "静默"

DEEDS = {
    "ack_incident": "认领事件",
    "silence_incident": "静默事件",
}
BY_COMMAND = {
    "ack": "认领事件",
    "own": "接管事件",
    "silence": "静默告警",
    "unsilence": "结束静默",
}

SILENCE_TITLE = "静默一个事件"
SILENCE_SUBMIT = "静默"
LASTS_LABEL = "多长时间？"
LASTS_HINT = "例如 90m、4h 或 3d；最长 31 天。情况一旦恶化立即结束。"
REASON_LABEL = "为什么？"
REASON_HINT = "别人会在卡片和操作记录中看到。"

SILENCES_TITLE = "静默列表"
NO_SILENCES = "没有任何静默。"
ENDED = "最近结束"
NO_ATTENTION = "什么也没有做：这里不能认领或静默。"
BREAKS = "如果受影响的更多、扩散到更多节点或变得更严重，静默会自行解除。"
MATCHERS = (
    "匹配条件形如 `check=oom_killed`、`node=~edge-.*` 或 `severity!=critical`，用逗号连接；"
    "或者用 `INC-n` 表示该事件所涉及的内容。"
)


def acknowledged(name: str, title: str) -> str:
    """Of an incident that was just taken on."""
    return f"您已认领 {name}：{title}。只要不恶化，就不再提醒任何人。"


def yours_already(name: str) -> str:
    """Of an incident that the same person has."""
    return f"{name} 已经由您认领；没有更改。"


def taken_already(name: str) -> str:
    """Of an incident that somebody else has."""
    return f"{name} 已被认领；用 `own {name}` 接管。"


def silenced(name: str, expression: str, *, pending: bool) -> str:
    """Of a silence that was just made."""
    when = "届时静默" if pending else "现已静默"
    return f"{name}：`{expression}` {when}"


def hides(incidents: Sequence[str], members: int, critical: int) -> str:
    """How much a silence hides."""
    if not incidents:
        return "目前没有隐藏任何事件。"
    names = ", ".join(incidents[:8])
    if len(incidents) > 8:
        names += f" 以及另外 {len(incidents) - 8:,} 个"
    worst = f"，其中 {critical:,} 个严重" if critical else ""
    return f"隐藏了 {len(incidents):,} 个事件，共 {members:,} 个受影响{worst}：{names}。"


_PHASES = {"pending": "待生效", "active": "生效中", "expired": "已结束"}


def silence_line(phase: str, expression: str) -> str:
    """One silence of a list."""
    return f"  {_PHASES.get(phase, phase)}：{expression}"


def withheld(number: int) -> str:
    """How many calls a silence kept from people."""
    return f"拦下 {number:,} 次呼叫。"


def broken(why: str) -> str:
    """Why a silence ended before its time."""
    return f"自行解除：{why}"


EXPIRED = "到期"
ENDED_BY = "结束者 "


def somebody(user: str) -> str:
    """Of a person whose name cannot be had now."""
    return f"某人（{user}）"


def no_silence_number(word: str) -> str:
    """Of a word that names no silence."""
    return f"{word!r} 不是静默名；静默名形如 SIL-3。"


def no_length(word: str) -> str:
    """Of a word that is no length of time."""
    return f"{word!r} 不是时长：请写 90m、4h 或 3d 这样的时长。"


def silence_too_long(days: int) -> str:
    """Of a silence that would outlive everybody's memory."""
    return f"静默必须长于零，最长 {days} 天。"
