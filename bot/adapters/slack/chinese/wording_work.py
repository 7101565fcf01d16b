"""`wording_work` in Chinese."""

CANCEL = "取消"
OVER = "已经结束；没有可取消的。"
NOT_YOURS = "只有提问的人可以取消。"
STOPPING = "正在停止。"
WHOLE_ANSWER = "完整答案在下面的文件中。"
FILES = "答案的附件在下面的文件中。"
PICTURE_ELSEWHERE = "图片会出现在你与机器人的私信中。"


def working(question: str) -> str:
    """Title while a question is being answered."""
    return f"查看中 · {question}"


def progress(done: int, total: int) -> str:
    """How far it is."""
    if not total:
        return "进行中。"
    return f"{total:,} 个节点中已查看 {done:,} 个。"


def stopped(question: str) -> str:
    """Title of a question that was cancelled."""
    return f"已取消 · {question}"


def stopped_after(done: int, total: int) -> str:
    """How far it had come. Looks only read."""
    if not total:
        return "在得到任何结果之前就取消了。没有更改任何东西。"
    return f"查看了 {total:,} 个节点中的 {done:,} 个后取消。没有更改任何东西。"


def no_file(reason: str) -> str:
    """When what a message leaves out could not be sent as a file."""
    return f"上面省略的内容无法以文件发送：{reason}"


def no_picture(reason: str) -> str:
    """When the picture of an answer could not be made or sent."""
    return f"图片无法发送：{reason}。文字内容相同。"


def no_node_name(word: str) -> str:
    """Of a word that cannot be a node's name."""
    return f"{word!r} 不可能是节点名。"


def unknown_flag(name: str, word: str) -> str:
    """Of a flag that a command does not have."""
    return f"`{name}` 没有参数 {word!r}。"


def no_value(flag: str) -> str:
    """Of a flag whose value is missing."""
    return f"`{flag}` 缺少值。"


def too_many_patterns(most: int) -> str:
    """Of more flags than a person would give flannel."""
    return f"一次最多模拟 {most} 个参数。"


def pattern_too_long(limit: int) -> str:
    """Of a pattern that nobody could judge."""
    return f"超过 {limit} 个字符的表达式不予模拟。"


LOOK = "用探测 pod 查看"
LOOK_ASKS = "在这个节点上创建一个 pod，从中查看，然后删除？"
LOOK_NO = "现在不"
LOOK_DEED = "用探测 pod 查看"
LOOKING = "探测 pod 正在查看节点；几秒后给出答案。"


PARKED = "⏸ 已停止"


def parked(name: str) -> str:
    """Of a run whose cluster is watched no more."""
    return f"请把它的集群放回配置，它就会继续；在此之前执行 `cancel {name}`，则届时会撤销它。"


def searched(entries: int) -> str:
    """Of deeds of one cluster, of which there may be more further back."""
    return f"只查找了最近的 {entries:,} 条。"
