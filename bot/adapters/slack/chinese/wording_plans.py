"""`wording_plans` in Chinese."""

from datetime import timedelta

from bot.adapters.slack.measures import duration
from bot.domain import plan, run

PLAN = {
    plan.State.PROPOSED: "🟡 需要批准",
    plan.State.APPROVED: "✅ 已批准",
    plan.State.REJECTED: "⛔ 已拒绝",
    plan.State.EXPIRED: "⌛ 已过期",
    plan.State.WITHDRAWN: "↩️ 已撤回",
    plan.State.SUPERSEDED: "♻️ 已被取代",
}
RUN = {
    run.State.RUNNING: "⏳ 执行中",
    run.State.SUCCEEDED: "🟢 完成",
    run.State.FAILED: "🔴 失败，需要人来决定",
    run.State.ABORTED: "🟠 已取消",
    run.State.ROLLED_BACK: "🟠 已撤销",
}
PHASE = {
    run.Phase.STEPS: "正在执行各步骤",
    run.Phase.VERIFYING: "正在查看是否有效",
    run.Phase.UNDOING: "正在撤销",
    run.Phase.OVER: "已结束",
}
WHAT_IF = "🔍 假设"
DENIED = "⛔ 被守护规则拒绝"
NO_PLAN = "没有计划"

ON = "对象"
RISK = "风险"
PREDICTED = "预测"
EFFECTS = "副作用"
OWNER = "所有者"
HELPED_IF = "有效的标准"
UNDO = "撤销方式"
BRAKE = "刹车"
ASKED_BY = "请求人"
NEEDS = "需要"
EXPIRES = "过期"
DIGEST = "摘要"
AGAINST = "反对理由"
DECIDED = "决定"
REASON = "理由"
RUNS = "执行"
PROGRESS = "现在"
GIVES_UP = "放弃等待"
STEPS = "步骤"
BECAUSE = "因为"
DECIDE = "请决定"
ENDED = "结束"
CANCELLED = "取消"
INSTEAD = "替代方案"
BY_HAND = "手动处理"
SINCE = " 自 "
BEGUN = "，始于 "
AT = "，"
FOR = "，为了 "
BY = " 由 "
MAY = "；可以批准的有："
APPROVED_SO_FAR = "；已批准："
NOBODY_MAY = "；没有人可以：`access.approvers` 没有写任何人"
UNCHANGED = "没有更改任何东西。"
EXPIRED = "没有人及时决定。没有更改任何东西；请重新提议。"
LAPSED = "已批准，但没有及时开始。没有更改任何东西；请重新请求计划。"
SUPERSEDED = "集群已经变化，此计划作废。它没有更改任何东西。"
WAITS = "已批准，即将开始"
NO_OTHER = "没有提出请求，没有更改任何东西"


def nodes_touched(nodes: int, at_once: int) -> str:
    """How far a plan reaches."""
    told = f"涉及 {nodes:,} 个节点"
    return f"{told}，每次 {at_once:,} 个" if 0 < at_once < nodes else told


MOVES_NICS = "会更换网卡：属于维护"


def effects(number: int, effect: plan.Effect) -> str:
    """What becomes of the NICs of so many nodes."""
    nodes = f"{number:,} 个节点"
    return {
        plan.Effect.UNCHANGED: f"{nodes}网卡不变",
        plan.Effect.CHANGES: f"{nodes}会更换网卡",
        plan.Effect.FAILS: f"{nodes}会找不到网卡",
        plan.Effect.UNKNOWN: f"{nodes}无法预测",
    }[effect]


def approvals(given: int, quorum: int) -> str:
    """How many approvals there are and must be."""
    return f"需要 {quorum:,} 个批准，已有 {given:,} 个"


def takes(expected: timedelta) -> str:
    """How long it will take."""
    return f"用时约 {duration(expected.total_seconds())}"


def in_thread(number: int) -> str:
    """Of a list on a card that goes on elsewhere."""
    return f"；讨论串中还有 {number:,} 条"


def steps(done: int, total: int, skipped: int, failed: int) -> str:
    """How the steps stand."""
    told = f"{total:,} 步中完成 {done:,} 步"
    told += f"，{skipped:,} 步不需要" if skipped else ""
    return told + (f"，{failed:,} 步失败" if failed else "")


def undone(number: int) -> str:
    """How much was taken back."""
    return f"；撤销了 {number:,} 步"


PROPOSE = "提议修复"
APPROVE = "批准"
REJECT = "拒绝"
EDIT = "修改上限"
CANCEL = "取消执行"
WAIT = "继续等待"
UNDO_RUN = "撤销"
NO = "否"


def confirm_approve(name: str, what: str, digest: str) -> str:
    """Asked before an approval counts."""
    return f"{name}（{digest}）：{what}。批准人数足够后立即开始。"


CONFIRM_APPROVE = "批准的正是这项更改吗？"
CONFIRM_CANCEL = "取消这次执行？"
CONFIRM_CANCEL_TEXT = "已开始的会做完，不再开始新的，能撤销的会撤销。"
CONFIRM_UNDO = "提议撤销？"
CONFIRM_UNDO_TEXT = "这会提出一个须由他人批准的请求。"
YES_APPROVE = "批准"
YES_CANCEL = "取消执行"
YES_UNDO = "提议撤销"

REJECT_TITLE = "拒绝计划"
REJECT_LABEL = "为什么不应该做？"
REJECT_HINT = "看到此计划的人都能看到。"
REJECT_SUBMIT = "拒绝"
EDIT_TITLE = "内存上限"
EDIT_LABEL = "新的上限，例如 256Mi"
EDIT_SUBMIT = "重新拟定"
CLOSE = "关闭"
SENT = "进行中：答案会以只有您能看到的消息给出。"
WINDOW_GONE = "窗口无法打开；请再按一次按钮。"
OLD_WINDOW = "机器人已不认识这个窗口；什么也没有做。"


def bounds(least: str, most: str, present: str, suggested: str) -> str:
    """Between what a limit may be."""
    return f"从 {least} 到 {most}。现在是 {present}；证据建议 {suggested}。"


def no_quantity(word: str) -> str:
    """Of a word that is no amount of memory."""
    return f"{word!r} 不是内存数量：请写 256Mi 或 1Gi 这样的数量。"


def out_of_bounds(least: str, most: str) -> str:
    """Of a limit that is not offered."""
    return f"上限必须在 {least} 和 {most} 之间。"


UNKNOWN_GROUPS = "Slack 目前没有说明用户组里有谁，因此什么也没有做。请一分钟后再试。"
REASON_NEEDED = "拒绝需要理由。"
