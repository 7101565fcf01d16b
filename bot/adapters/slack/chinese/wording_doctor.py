"""`wording_doctor` in Chinese."""

FAILED = "失败"
WARNING = "警告"
GOOD = "正常"
CURE = "处理方法"


def title(bad: int, odd: int) -> str:
    """Return the sum of it."""
    if not bad and not odd:
        return "诊断 · 全部正常"
    told = [f"{bad} 项失败"] if bad else []
    if odd:
        told.append(f"{odd} 项警告")
    return f"诊断 · {'，'.join(told)}"
