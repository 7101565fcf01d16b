"""`wording_network` in Chinese."""

from collections.abc import Mapping, Sequence

from bot.adapters.slack.measures import duration
from bot.domain import finding
from bot.flannel import inspection, roles
from bot.flannel.outlook import Verdict

NOW = "现在"
BEFORE = "之前"
STOPPED = "🔴 flannel 没有运行"
LAST_WORDS = "flannel 最后的日志"
OUTLOOK = "展望"
WHY = "原因"
RISK = "风险"
WORDS = "flannel 会说"
NICS = "网卡"
IN_ORDER = "按 flannel 选择的顺序"
CAUSE = "起因"
DO = "处理"
SEEN = "已看到"
NOT_SEEN = "未看到"
FLANNEL = "flannel 组件"
BUT = "但是"
NOTE = "注意"
CAREFUL = "小心"
UNSAFE_CURE = "在那里重启 flannel 不安全，或无法判断；`nics` 加节点名会说明原因。"
EVIDENCE = "证据"
EXAMPLE = "例如"
NOT_KNOWN = "未知"
NICS_NOT_READ = "读不到它的网卡。"

VERDICT = {
    Verdict.UNCHANGED: "🟢 重启后不变",
    Verdict.CHANGES: "🟠 重启后会改变",
    Verdict.FAILS: "🔴 重启后会反复崩溃",
    Verdict.UNKNOWN: "⚪ 无法判断",
}
FOR_NOW = "🟡 目前重启后不变"
WAY = {
    inspection.Way.EXEC: "通过在其 flannel pod 中 exec",
    inspection.Way.PROBE: "通过探测 pod",
    inspection.Way.LOG: "仅通过 flannel 的日志",
}
BY = {
    inspection.Way.EXEC: "通过 exec 查看",
    inspection.Way.PROBE: "通过探测 pod",
    inspection.Way.LOG: "仅通过 flannel 的日志",
}
STATE = {
    roles.State.UP: "启用",
    roles.State.NO_LINK: "无链路",
    roles.State.DOWN: "停用",
    roles.State.UNKNOWN: "状态未知",
}
ROLE = {
    roles.Role.FLANNEL: "flannel 的网卡",
    roles.Role.DEFAULT_ROUTE: "默认路由",
    roles.Role.DEVICE: "flannel 的设备",
    roles.Role.BRIDGE: "pod 网桥",
    roles.Role.BOND: "聚合口",
    roles.Role.SLAVE: "聚合口成员",
    roles.Role.VIRTUAL: "虚拟",
}


def stopped(pod: str) -> str:
    """Of a node where flannel does not run."""
    return f"flannel 没有运行：{pod}"


def seen_ago(seconds: float) -> str:
    """Age of a look."""
    return "刚刚" if seconds < 1 else f"{duration(seconds)} 前"


def part_of(master: str) -> str:
    """Of a NIC in a bond or bridge."""
    return f"属于 {master}"


def mtu(size: int) -> str:
    """Of a NIC."""
    return f"MTU {size}"


def more(number: int) -> str:
    """After what is listed."""
    return f" 以及另外 {number:,} 个"


def pods_nics(number: int) -> str:
    """The NICs of pods, summed up."""
    return f"{number:,} 个 pod 网卡"


def hit_by(pattern: str, ip: str) -> str:
    """Of a pod's NIC that a pattern hits."""
    how = f"（按其地址 {ip}）" if ip else ""
    return f"被 `{pattern}` 匹配{how}"


def of_pod(pod: str, ip: str) -> str:
    """Whose NIC it is."""
    if pod:
        return f"属于 pod {pod}"
    return f"属于 IP 为 {ip} 的 pod" if ip else "属于未知的 pod"


def idle(names: Sequence[str]) -> str:
    """NICs without an address or a role."""
    shown = ", ".join(names[:6])
    rest = more(len(names) - 6) if len(names) > 6 else ""
    return f"没有地址或角色：{shown}{rest}"


def coverage(seen: int, population: int) -> str:
    """How many nodes an answer is about."""
    return f"{population:,} 个节点中的 {seen:,} 个"


def on_nodes(number: int) -> str:
    """Before what could not be seen of so many nodes."""
    return f"在 {number:,} 个节点上："


def between(oldest: float, newest: float) -> str:
    """Ages of several looks."""
    if round(oldest) <= round(newest) + 1:
        return seen_ago(oldest)
    return f"{duration(newest)} 至 {duration(oldest)} 前"


SEVERITY = {
    finding.Severity.CRITICAL: "🔴",
    finding.Severity.WARNING: "🟠",
    finding.Severity.INFO: "⚪",
}


def nics_title(cluster: str, deviants: int, unseen: int) -> str:
    """Title of `nics --all`."""
    return f"{cluster} · 网卡 · {_state(deviants, unseen)}"


def routes_title(cluster: str, deviants: int, unseen: int) -> str:
    """Title of `routes` and `routes --all`."""
    return f"{cluster} · 路由 · {_state(deviants, unseen)}"


def _state(deviants: int, unseen: int) -> str:
    if deviants:
        return f"🔴 {deviants:,} 个节点有误"
    if unseen:
        return f"⚪ 没有看到错误，{unseen:,} 个节点未看到"
    return "🟢 所有节点正确"


def group_size(number: int) -> str:
    """Beside a group's name."""
    return f" · {number:,} 个节点"


def near(number: int) -> str:
    """Of nodes that are right by the order of their NICs only."""
    return (
        f"其中 {number:,} 个节点上表达式也匹配到 pod 的网卡：只有当那个网卡排在主机网卡之后时，"
        "重启才安全。"
    )


def rest(number: int, nics: Mapping[str, int]) -> str:
    """The nodes where nothing is wrong."""
    if not number:
        return "没有一个节点可以说是没有问题的。"
    on = "，".join(f"{nodes:,} 个用 {nic}" for nic, nodes in nics.items())
    return f"{number:,} 个节点没有问题：{on}。"


def entries(right: int, expected: int) -> str:
    """Of one node or of all."""
    return f"{expected:,} 个条目中 {right:,} 个正确"


def peers(number: int) -> str:
    """How many other nodes it must reach."""
    return f"{number:,} 个对端"


ALL_RIGHT = "路由、邻居和转发条目都正确。"
NO_TABLES = "只能读到 flannel 的日志，其中没有路由：无法判断。"
NOTHING_EXPECTED = "这里不应有任何条目：没有其他节点公告了它能用的内容。"


def node_routes_title(node: str, faults: int, *, judged: bool) -> str:
    """Title of `routes <node>`."""
    if faults:
        return f"{node} · 路由 · 🔴 {faults:,} 处错误"
    return f"{node} · 路由 · {'🟢 正确' if judged else '⚪ 无法判断'}"


def before_restart(node: str) -> str:
    """Where the usual cure would do harm."""
    return f"在那里重启 flannel 之前，请先看 `nics {node}` 的结果。"


def settling(nodes: Sequence[str]) -> str:
    """Peers whose entries may still be on their way."""
    shown = ", ".join(nodes[:5])
    rest_of = more(len(nodes) - 5) if len(nodes) > 5 else ""
    return f"刚刚加入、离开或变更，不计入错误：{shown}{rest_of}"


def peers_named(names: Sequence[str], number: int) -> str:
    """Which peers a fault is about: some of so many."""
    rest_of = more(number - len(names)) if number > len(names) else ""
    return f"{number:,} 个对端：{', '.join(names)}{rest_of}"


def more_faults(number: int) -> str:
    """After the faults that are shown."""
    return f"完整答案中还有 {number:,} 处错误。"


def matrix_title(cluster: str, wrong: int, population: int) -> str:
    """Title of the picture of all nodes' entries for all peers."""
    return f"{cluster} · {population:,} 个节点中 {wrong:,} 个的条目有误"


def matrix_alt(title: str, names: Sequence[str]) -> str:
    """The picture in words."""
    shown = ", ".join(names[:20])
    rest_of = more(len(names) - 20) if len(names) > 20 else ""
    return f"{title}：每行一个节点、每列一个对端的网格。有误的是：{shown}{rest_of}。"
