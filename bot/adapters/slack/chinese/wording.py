"""`wording` in Chinese."""

from collections.abc import Sequence

from bot.adapters.slack.measures import duration
from bot.domain import finding, health, incident


def does_not_fit(lines: int) -> str:
    """Said at the end of a message that had to be cut."""
    return f"…… 还有 {lines:,} 行放不进一条消息。"


def earlier_cut(characters: int) -> str:
    """Said above verbatim text whose beginning was cut."""
    return f"[前面省略了 {characters:,} 个字符]"


SEVERITY = {
    finding.Severity.CRITICAL: "🔴 严重",
    finding.Severity.WARNING: "🟠 警告",
    finding.Severity.INFO: "🔵 信息",
}
RESOLVED = "🟢 已恢复"
UNWATCHED = "⚪ 不再监视"
HEALTH = {
    health.Health.HEALTHY: "🟢 健康",
    health.Health.UNHEALTHY: "🔴 不健康",
    health.Health.UNKNOWN: "⚪ 未知",
}
STATE = {
    incident.State.OPEN: "未处理",
    incident.State.ACKNOWLEDGED: "已认领",
    incident.State.RESOLVED: "已恢复",
}

WHERE = "位置"
AFFECTED = "受影响"
ALSO = "另外受影响"
RECOVERING = "恢复中"
RECOVERED = "已恢复"
WHY = "原因"
SINCE = "开始于"
STATUS = "状态"
UNSEEN = "目前看不到"
NEXT = "下一步"
TOLD = "告知"
LASTED = "持续"

UNWATCHED_TEXT = "机器人已不再监视该集群；问题是否仍然存在，无从得知"
UNSEEN_TEXT = "其中一些目前无法查看；在看到之前，一律不算恢复"


def affected(number: int, population: int) -> str:
    """How many of how many."""
    return f"{population:,} 个中的 {number:,} 个" if population else f"{number:,} 个"


def at_worst(peak: int) -> str:
    """The largest number affected at once."""
    return f"（最多时 {peak:,} 个）"


def more(number: int) -> str:
    """After the names that fit on a card."""
    return f" 以及另外 {number:,} 个"


def ago(seconds: float) -> str:
    """After a moment."""
    return f"（{duration(seconds)}）"


LAST_AT = "，最近一次在 "
FROM_TO = " 至 "


def state(value: incident.Incident) -> str:
    """Where an incident stands, in a few words."""
    if value.unwatched:
        text = "不再监视"
    elif value.state is incident.State.RESOLVED:
        text = STATE[value.state]
    elif not value.affected and value.members and not value.unseen:
        text = f"{STATE[value.state]}，恢复中：已经正常，继续观察直到稳定"
    else:
        text = STATE[value.state]
    if value.reopened:
        text += f"，复发 {value.reopened:,} 次"
    return text


def latency(*, seen: float | None, told: float | None) -> str:
    """How fast the alert was."""
    if seen is not None and told is not None:
        return f"发生后 {duration(seen)} 发现，再过 {duration(told)} 告知"
    if seen is not None:
        return f"发生后 {duration(seen)} 发现"
    return f"发现后 {duration(told or 0.0)} 告知"


def delayed(seconds: float) -> str:
    """Said of an alert that Slack kept waiting."""
    return f"由于无法连接 Slack，延迟了 {duration(seconds)}"


def digest_title(incidents: Sequence[incident.Incident]) -> str:
    """Title of one message for many incidents."""
    standing = [i for i in incidents if i.state is not incident.State.RESOLVED]
    if not standing:
        return f"{RESOLVED} · 全部 {len(incidents):,} 个事件"
    worst = max((i.severity for i in standing), key=lambda severity: severity.rank)
    title = f"{SEVERITY[worst]} · 合计 {len(incidents):,} 个事件"
    resolved = len(incidents) - len(standing)
    return f"{title}，其中 {resolved:,} 个已恢复" if resolved else title


HELP_TITLE = "flannel-bot · 帮助"
HELP_INTRO = "以 @cluster 开头可指定集群；否则指本频道的集群，或所有集群。"
HELP_MENTION = "在讨论串中提及本机器人，同样的命令也有效。"
STATUS_TITLE = "状态"
INCIDENTS_TITLE = "事件"
CHECK_TITLE = "检查"
SCHEDULE_TITLE = "计划任务"
LATELY_RESOLVED = "最近恢复"
NO_INCIDENTS = "没有未恢复的事件。"
NO_FINDINGS = "没有发现问题。"
NO_JOBS = "没有计划任务。"
STORY = "经过"
ALL_NAMES = "全部名称"
OPEN_CARD = "在 Slack 中打开它的卡片"
FLANNEL = "flannel 组件"
NO_FLANNEL = "没有找到 flannel 的 DaemonSet"
CANNOT_SEE = "看不到"
SLACK = "Slack 连接"
SLACK_UP = "已连接"
SLACK_DOWN = "未连接"
BOT = "机器人"
LED_BY = "主副本"
OBSERVE_ONLY = "只观察"
REMEDIATES = "经批准后修复"
NEVER = "从未"
JUDGED_AT = "检查于 "


def nodes_ready(ready: int, nodes: int) -> str:
    """Of a cluster."""
    return f"{nodes:,} 个节点中 {ready:,} 个就绪"


def pods_ready(ready: int, desired: int) -> str:
    """Of a DaemonSet."""
    return f"{desired:,} 个 pod 中 {ready:,} 个就绪"


def outbox(pending: int, waited: float, failed: int) -> str:
    """What waits to be told, and since when."""
    told = "没有待发消息"
    if pending:
        told = f"{pending:,} 条消息待发，最早的已等待 {duration(waited)}"
    return f"{told}，{failed:,} 条被 Slack 永久拒绝" if failed else told


def mirror_age(objects: int, seconds: float | None) -> str:
    """How fresh the picture of a cluster is."""
    if seconds is None:
        return f"镜像中有 {objects:,} 个对象，尚未收到消息"
    return f"镜像中有 {objects:,} 个对象，{duration(seconds)} 前收到消息"


def job_line(result: str, *, failures: int, missed: int, overlapped: int) -> str:
    """How a job fares."""
    told = [result or "尚未运行"]
    told += [
        f"{word} {number:,} 次"
        for word, number in (("失败", failures), ("延迟", missed), ("重叠", overlapped))
        if number
    ]
    return "，".join(told)


LAST_RUN = "上次 "
NEXT_RUN = "，下次 "
TOOK = "，用时 "

REFUSED_TITLE = "未执行"
DONE_TITLE = "已完成"
TRY_HELP = "输入 `help` 查看本机器人的功能。"


def too_long(limit: int) -> str:
    """Of a command."""
    return f"超过了 {limit:,} 个字符；请说得短一些。"


def unbalanced(quote: str) -> str:
    """Of a quotation that never ends."""
    return f"以 {quote} 开始的引号没有结束。"


def unknown_command(word: str) -> str:
    """Of a word that is no command."""
    return f"本机器人不会做 {word!r}。"


def did_you_mean(names: Sequence[str]) -> str:
    """The nearest names."""
    return "您是指 " + " 或 ".join(f"`{name}`" for name in names) + " 吗？"


def usage(command: str) -> str:
    """How a command is written."""
    return f"用法：`{command}`"


def too_few(name: str) -> str:
    """Of a command that wants more."""
    return f"`{name}` 还需要更多信息。"


def too_many(name: str, word: str) -> str:
    """Of a command that wants less."""
    return f"`{name}` 不知道如何处理 {word!r}。"


def no_incident_number(word: str) -> str:
    """Of a word that names no incident."""
    return f"{word!r} 不是事件名；事件名形如 INC-42。"


def no_cluster_name() -> str:
    """Of a bare @."""
    return "@ 之后必须是集群名。"


def unknown_cluster(name: str, known: Sequence[str]) -> str:
    """Of a cluster that is not configured."""
    return f"没有集群 {name!r}；已知的有：{', '.join(known) or '无'}。"


CLUSTER_FIRST = "请把 @cluster 写在命令之前。"

GUEST = "访客不能使用本机器人；工作区的正式成员可以。"
OUTSIDER = "只有本工作区的成员可以使用本机器人。"
BOT_CALLER = "机器人不能使用本机器人。"
DEACTIVATED = "已停用的账号不能使用本机器人。"
UNKNOWN_CALLER = "Slack 目前没有说明您是谁，因此什么也没有做。请一分钟后再试。"
NOT_READY = "机器人还在启动，暂时无法回答。请一分钟后再试。"
TIMED_OUT = "用时过长，已放弃。请再试一次。"
NO_FORMS = "本机器人没有这样的表单；什么也没有做。"


def unavailable(reason: str) -> str:
    """When something the answer needs did not answer."""
    return f"现在无法回答：{reason}"


def went_wrong(reference: str) -> str:
    """When the fault is the bot's own."""
    return f"机器人内部出错；日志中 {reference} 处有详情。"


def cannot_act(what: str) -> str:
    """On a button that a bot which only observes cannot obey."""
    return f"什么也没有做：本机器人只观察，不能{what}。"


OLD_BUTTON = "机器人已不认识这个按钮；什么也没有做。"
