"""`wording_memory` in Chinese."""

from collections.abc import Mapping

from bot.adapters.slack.measures import duration

NOW = "现在"
PEAK = "峰值"
LIMIT = "上限"
MARK = "内核记录"
KILLS = "OOM 次数"
FORECAST = "预测"
NEAR = "接近上限"
SEEN = "已看到"
NOT_SEEN = "未看到"
NOTE = "注意"
RESTARTS = "重启"
NO_LIMIT = "无：只受节点自身内存限制"
NOTHING_KNOWN = "不知道它用了多少内存。"
TOO_SHORT = "还没有：对本次运行了解得太少"
NOBODY_NEAR = "没有节点用过上限的 80 % 以上"
NO_FORECAST = "还没有：对每个节点都了解得太少"
NOBODY_GROWS = "没有节点在向上限增长"
SHORTER_THAN_SAMPLES = (
    "虽然没有样本接近上限，它还是被杀了：致命的占用短于两次采样的间隔，例如守护进程的突发或旁边的 "
    "iptables 程序。请按被杀的次数来定上限，而不是按这条曲线。"
)
PICTURE_TITLE = "flannel 的内存"
WORKING_SET = "工作集"
HIGHEST_NODE = "最高的节点"
P50 = "一半节点低于"
P90 = "90 % 的节点低于"

_MI = 2**20


def size(bytes_: float) -> str:
    """Memory as people compare it: MiB, with a digit behind the point where that says something."""
    shown = bytes_ / _MI
    text = f"{shown:.0f}" if abs(shown) >= 99.95 else f"{shown:.1f}".removesuffix(".0")
    return f"{text} MiB"


def share(part: float) -> str:
    """A share of the limit; never rounded up to all of it."""
    return f"{min(part * 100, 99.4) if part < 1 else part * 100:.0f} %"


def title(
    whose: str, *, kills: int, part: float | None, grows: bool, known: bool, limited: bool
) -> str:
    """Title of an answer about one node, the worst first."""
    return f"{whose} · 内存 · {_state(kills, part, grows, known, limited)}"


def _state(kills: int, part: float | None, grows: bool, known: bool, limited: bool) -> str:
    if kills:
        return f"🔴 OOM {kills:,} 次"
    if part is not None and part > 0.8:
        return f"🟠 用过上限的 {share(part)}"
    if grows:
        return "🟠 正在向上限增长"
    if not known:
        return "⚪ 未知"
    if not limited:
        return "🟢 没有上限"
    return f"🟢 最多用到上限的 {share(part or 0)}"


def fleet_title(
    cluster: str, *, kills: int, killed: int, near: int, grows: int, known: int, population: int
) -> str:
    """Title of `memory`, the worst first."""
    if kills:
        state = f"🔴 {killed:,} 个节点上 OOM {kills:,} 次"
    elif near:
        state = f"🟠 {near:,} 个节点接近上限"
    elif grows:
        state = f"🟠 {grows:,} 个节点在向上限增长"
    elif not known:
        state = "⚪ 未知"
    elif known < population:
        state = f"⚪ 没有看到问题，{population - known:,} 个节点未看到"
    else:
        state = "🟢 所有节点都远离上限"
    return f"{cluster} · 内存 · {state}"


def now(used: int, limit: int | None, ago: float) -> str:
    """The newest value and how old it is."""
    told = size(used)
    if limit:
        told += f"，上限 {size(limit)}（{share(used / limit)}）"
    return f"{told}，{duration(ago)} 前"


def peak(used: int, limit: int | None, over: float) -> str:
    """The highest value of the time told, and what it leaves."""
    told = f"{duration(over)} 内 {size(used)}"
    if not limit:
        return told
    left = limit - used
    room = f"低于上限 {size(left)}" if left >= 0 else f"高于现在的上限 {size(-left)}"
    return f"{told}（{share(used / limit)}），{room}"


def mark(used: int) -> str:
    """The kernel's high-water mark, which is no working set."""
    return f"启动以来最多 {size(used)}，含页缓存，页缓存不会致命"


def kills(number: int, over: float) -> str:
    """How many, before their moments."""
    return f"{duration(over)} 内 {number:,} 次：" if number else f"{duration(over)} 内没有"


def earlier(number: int) -> str:
    """Kills whose moments are not listed."""
    return f"更早 {number:,} 次，"


def unseen(number: int) -> str:
    """Restarts that nobody saw."""
    return f"还有 {number:,} 次重启，无人看到原因"


def slope(a_day: float, low: float, high: float) -> str:
    """Growth with its uncertainty."""
    return f"每天 {signed(a_day)}（95 %：{signed(low)} 至 {signed(high)}）"


def signed(bytes_: float) -> str:
    """A change of memory."""
    told = size(abs(bytes_))
    return told if told == "0 MiB" else f"{'−' if bytes_ < 0 else '+'}{told}"


def no_growth(trend: str) -> str:
    """Where no growth can be told from wobble."""
    return f"没有增长：{trend}"


def far(trend: str, horizon: float) -> str:
    """Where it grows, and the limit is far."""
    return f"{trend}：{duration(horizon)} 内不会达到上限"


def grows(trend: str) -> str:
    """Where it grows and there is no limit to be met."""
    return f"{trend}"


def reaches(trend: str, ahead: float, earliest: float, latest: float | None) -> str:
    """Where it grows and would meet the limit."""
    end = f"至 {duration(latest)} 之间" if latest is not None else "到晚得多之间"
    return f"{trend}：{duration(ahead)} 后达到上限，在 {duration(earliest)} {end}，时间为 "


def quantiles(p50: int, p90: int, highest: int) -> str:
    """All nodes at one moment."""
    return f"一半节点不超过 {size(p50)}，90 % 不超过 {size(p90)}，最高 {size(highest)}"


def limits(given: Mapping[int | None, int]) -> str:
    """Which limits are in force on how many nodes."""
    told = [
        f"{nodes:,} 个节点{'无上限' if limit is None else f'上限 {size(limit)}'}"
        for limit, nodes in given.items()
    ]
    return "，".join(told)


def source(name: str, step: float, over: float) -> str:
    """Where the numbers come from."""
    return f"{name}，{duration(over)} 内每 {duration(step)} 一个点"


def known(number: int, population: int) -> str:
    """Of how many nodes something is known."""
    return f"{population:,} 个节点中的 {number:,} 个，"


def gaps(number: int, longest: float) -> str:
    """Stretches of which nothing is known."""
    return f"{number:,} 段没有数值，最长 {duration(longest)}"


def begins(ago: float) -> str:
    """Where less is known than was asked for."""
    return f"{duration(ago)} 之前的一切"


def used(part: float, peak_: int) -> str:
    """Of one node near its limit."""
    return f"{share(part)}（{size(peak_)}）"


def soon(ahead: float) -> str:
    """Of one node that grows."""
    return f"{duration(ahead)} 后"


def over_limit(number: int) -> str:
    """Before nodes near their limit."""
    return f"{number:,} 个节点用过上限的 80 % 以上："


def growing(number: int) -> str:
    """Before nodes that grow towards their limit."""
    return f"{number:,} 个节点在向上限增长："


def too_short(number: int) -> str:
    """Nodes without a trend."""
    return f"对 {number:,} 个节点了解得太少，看不出趋势"


def kills_on(number: int) -> str:
    """Of one node's kills in a list."""
    return f" ×{number:,}" if number > 1 else ""


def highest_in(step: float) -> str:
    """Name of the curve of peaks."""
    return f"{duration(step)} 内最高"
