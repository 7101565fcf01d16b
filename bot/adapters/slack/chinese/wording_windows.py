"""`wording_windows` in Chinese."""

from collections.abc import Sequence

HOME_TITLE = "全部集群"
AS_OF = "截至 "
HELP_ELSEWHERE = "在私信中同样有效。卡片菜单里有 `Show incident`，机器人的主页标签显示全部状态。"
WAITING_TITLE = "请稍候"
WAITING = "答案马上就来。"
CLOSE = "关闭"

OLD_SHORTCUT = "机器人已不认识这个快捷方式；什么也没有做。"
NO_INCIDENT_THERE = "这条消息与事件无关；卡片才是，`incidents` 列出所有事件。"


def several_incidents(numbers: Sequence[int]) -> str:
    """Of a message that tells of more than one."""
    asked = " 或 ".join(f"`incident INC-{number}`" for number in numbers)
    return f"这条消息涉及多个事件；请用 {asked}。"
