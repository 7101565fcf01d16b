"""What is answered to who asks for a change, in Chinese."""

from datetime import timedelta

from bot.adapters.slack.measures import duration

OFF = "什么也没有做：本机器人只观察。设置 `remediation.enabled: true` 后，它会修复人们批准的内容。"
CARD_COMES = "它的卡片正在发往集群的频道。"
PLANS_TITLE = "计划"
NO_PLANS = "没有等待批准的，也没有正在执行的。"
AUDIT_TITLE = "操作记录"
NO_DEEDS = "还没有任何请求或操作。"
FROZEN = "更改已冻结"


def proposed(name: str) -> str:
    """Title of the answer to who proposed."""
    return f"{name} 已提议"


def head(number: int, digest: str) -> str:
    """The end of the chain, to be compared with what was told before."""
    return f"记录链止于第 {number:,} 条，哈希为 {digest}。"


WHO = "谁可以"
EVERY_CLUSTER = "所有集群"
TAKES_A_WHILE = "进行中；答案会以单独的消息给出。"
SHARED_CHANNEL = "不能从与外部人员共享的频道更改任何东西；请使用集群自己的频道。"
UNKNOWN_CHANNEL = (
    "Slack 没有说明谁能看到这个频道，因此什么也没有做。请使用集群自己的频道，或一分钟后再试。"
)
DEEDS = {
    "propose_fix": "提议修复",
    "approve_plan": "批准计划",
    "reject_plan": "拒绝计划",
    "edit_plan": "修改计划",
    "cancel_run": "取消执行",
    "prolong_run": "让执行继续等待",
    "undo_run": "撤销执行",
}


def may_not(what: str) -> str:
    """Of somebody who lacks the role."""
    return f"您不能{what}。"


def nobody(role: str) -> str:
    """Where no one else may, either."""
    return f"没有人可以：`access.{role}s` 没有写任何人。"


BY_COMMAND = {
    "fix": "提议修复",
    "raise-memory": "提议新的内存上限",
    "anchor-regex": "提议新的参数",
    "raise-memory-and-anchor": "提议新的内存上限和参数",
    "drain": "提议排空节点",
    "evict-veth": "提议驱逐 pod",
    "restart": "提议重启 flannel",
    "plans": "查看计划列表",
    "plan": "查看计划",
    "withdraw": "撤回计划",
    "run": "查看执行",
    "cancel": "取消执行",
    "wait": "让执行继续等待",
    "undo": "撤销执行",
    "freeze": "冻结更改",
    "unfreeze": "解冻更改",
    "audit": "查看操作记录",
}


def no_number(word: str, kind: str) -> str:
    """Of a word that names no plan or run."""
    return f"{word!r} 不是名称；名称形如 {kind}-7。"


def no_node(word: str) -> str:
    """Of a word that cannot be a node's name."""
    return f"{word!r} 不可能是节点名。"


def no_runbook(word: str) -> str:
    """Of a word that is no way to fix anything."""
    return f"{word!r} 不是 runbook。"


def no_duration(word: str) -> str:
    """Of a word that is no length of time."""
    return f"{word!r} 不是时长：请写 90m、2h 或 3d 这样的时长。"


def freeze_too_long(most: timedelta) -> str:
    """Of a freeze that somebody would forget."""
    return f"冻结最长 {duration(most.total_seconds())}。"


def no_count(word: str) -> str:
    """Of a word that is no number of entries."""
    return f"{word!r} 不是条数。"


def no_offer(number: int) -> str:
    """Of an incident that nothing is known against."""
    return f"没有适合 INC-{number} 的 runbook。"
