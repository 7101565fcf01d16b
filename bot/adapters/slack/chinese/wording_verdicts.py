"""`wording_verdicts` in Chinese."""

from collections.abc import Mapping

from bot.flannel import aspects, logs
from bot.flannel.outlook import Verdict

IN_QUESTION = "所问参数"
IN_FORCE = "现行参数"
MIXED = "混杂"
SAFER = "更安全"
NO_SAFER = "没有安全的写法"
NOTHING_CHANGED = "没有更改任何东西。"

EFFECT = {
    Verdict.UNCHANGED: "🟢 不变",
    Verdict.CHANGES: "🟠 改变",
    Verdict.FAILS: "🔴 失败",
    Verdict.UNKNOWN: "⚪ 无法判断",
}


def simulation_title(cluster: str, counts: Mapping[Verdict, int]) -> str:
    """Title of `simulate`."""
    told = [f"{EFFECT[verdict]} {number:,}" for verdict, number in counts.items() if number]
    return f"{cluster} · 模拟 · {' · '.join(told) or '没有看到任何节点'}"


def malformed_title(cluster: str) -> str:
    """Title where a pattern is no pattern."""
    return f"{cluster} · 模拟 · 🔴 flannel 读不懂这个表达式"


def malformed(pattern: str, error: str) -> str:
    """Of a pattern that does not compile, in flannel's words."""
    return f"`{pattern}` 不是表达式：{error}"


MALFORMED_ENDS = "flannel 在每个读到它的节点上都会失败。没有查看任何节点。"


def verdicts(counts: Mapping[Verdict, int]) -> str:
    """What the flags in force would do."""
    words = {
        Verdict.UNCHANGED: "不变",
        Verdict.CHANGES: "改变",
        Verdict.FAILS: "失败",
        Verdict.UNKNOWN: "无法判断",
    }
    return "，".join(f"{counts[one]:,} 个{words[one]}" for one in words if counts.get(one))


def anyway(number: int) -> str:
    """Nodes to which it happens by the flags in force too."""
    return f"其中 {number:,} 个按现行参数也会如此"


def becomes(was: str, then: str) -> str:
    """A NIC and the one after it."""
    return f"{was or '未知'} → {then}" if then else f"{was or '未知'} → 无"


LOG_OUTCOME = {
    logs.Outcome.RUNNING: "🟢 运行中",
    logs.Outcome.FAILED: "🔴 失败",
    logs.Outcome.WAITING: "🟠 等待中",
    logs.Outcome.STARTING: "⚪ 启动中",
    logs.Outcome.STOPPED: "🟢 已停止",
    logs.Outcome.UNKNOWN: "⚪ 无法判断",
}
LOG_TITLE = "flannel 的日志"
SAYS = "日志说"
ALSO = "另外"
POD = "Pod 名称"
NO_LOG = "读不到它的任何日志。"


def no_failure(read: int, *, unread: bool) -> str:
    """Of runs that did not fail; `unread` is whether there is another that is not known."""
    if read > 1:
        return "最近两次运行都没有失败。"
    return "能读到的那次运行没有失败。" if unread else "它只运行过一次，没有失败。"


def run_line(title: str, outcome: logs.Outcome) -> str:
    """One run and how it went."""
    return f"{title[:1].upper()}{title[1:]} {LOG_OUTCOME[outcome]}"


def used(nic: str, address: str) -> str:
    """The NIC that a run chose."""
    return f"，使用 {nic}，地址 {address}" if nic else ""


def times(number: int) -> str:
    """How often a line came."""
    return f"（{number:,} 次）" if number > 1 else ""


POINT = {
    aspects.State.RIGHT: "🟢",
    aspects.State.WRONG: "🔴",
    aspects.State.UNSEEN: "⚪",
    aspects.State.NONE: "➖",
}
ASPECT = {
    aspects.Aspect.POD: "pod 本身",
    aspects.Aspect.NIC: "网卡",
    aspects.Aspect.RESTART: "重启",
    aspects.Aspect.ANNOUNCED: "公告",
    aspects.Aspect.DEVICE: "设备",
    aspects.Aspect.ROUTES: "路由",
    aspects.Aspect.NEIGHBOURS: "邻居",
    aspects.Aspect.FORWARDING: "转发",
    aspects.Aspect.SUBNET_ENV: "subnet.env 文件",
}
POINT_WORD = {
    aspects.State.RIGHT: "正确",
    aspects.State.WRONG: "错误",
    aspects.State.UNSEEN: "未看到",
    aspects.State.NONE: "未使用",
}


def verify_title(what: str, wrong: int, unseen: int) -> str:
    """Title of `verify`."""
    if wrong:
        return f"{what} · 核查 · 🔴 {wrong:,} 项错误"
    if unseen:
        return f"{what} · 核查 · ⚪ {unseen:,} 项未看到"
    return f"{what} · 核查 · 🟢 全部正确"


def tally(right: int, wrong: int, unseen: int) -> str:
    """One point over all nodes."""
    parts = [f"{right:,} 个正确"]
    parts += [f"{wrong:,} 个错误"] if wrong else []
    parts += [f"{unseen:,} 个未看到"] if unseen else []
    return "，".join(parts)


def all_right(right: int, population: int) -> str:
    """Nodes without any wrong or unseen point."""
    return f"{population:,} 个节点中 {right:,} 个各项正确"
