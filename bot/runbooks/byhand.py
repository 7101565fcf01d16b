"""What to do by hand where the bot changes nothing itself: exact commands and texts."""

import re
import shlex
from collections.abc import Iterator, Sequence

from bot.flannel import anchoring
from bot.runbooks.case import Json
from bot.runbooks.workloads import Workload

_VARIABLE = {"iface": "FLANNELD_IFACE", "iface-regex": "FLANNELD_IFACE_REGEX"}
_IN_SCRIPT = re.compile(r"--?iface-regex[= ](?P<quote>['\"]?)(?P<raw>[^\s'\";]+)(?P=quote)")


def edit(work: Workload) -> str:
    """Return the command that opens the DaemonSet."""
    return f"kubectl -n {work.flannel.namespace} edit daemonset {work.flannel.daemonset}"


def arguments(work: Workload, safe: Sequence[str]) -> str:
    """Return how to write these flags into the container."""
    return (
        f"{edit(work)}\n# container {work.flannel.container}, instead of its --iface-regex:\n"
        + "".join(f"- {word}\n" for word in safe)
    )


def script(work: Workload) -> str:
    """Return what to write into a script that starts flanneld, as far as its flags are found."""
    words = " ".join((*work.spec.command, *work.spec.args))
    found = list(_IN_SCRIPT.finditer(words))
    lines = [edit(work), f"# in the script of container {work.flannel.container}"]
    for one in found:
        safe = anchoring.anchor(one["raw"])
        if isinstance(safe, str) and safe != one["raw"]:
            lines.append(f"# instead of {one[0]} write")
            lines.append(f"--iface-regex={shlex.quote(safe)}")
        elif isinstance(safe, anchoring.Refused):
            lines.append(f"# {one[0]}: {safe.reason}")
    if not found:
        lines.append("# anchor its pattern: --iface-regex='^(?:PATTERN)$'")
    return "\n".join(lines) + "\n"


def environment(work: Workload, safe: Sequence[str]) -> str:
    """Return what to write where the flags come from the environment."""
    return "\n".join(_environment(work, safe)) + "\n"


def _environment(work: Workload, safe: Sequence[str]) -> Iterator[str]:
    flannel = work.flannel
    patterns = [one.partition("=")[2] for one in safe if one.startswith("--iface-regex=")]
    written = patterns[0] if len(patterns) == 1 == len(safe) else ""
    sources = dict(_sources(work))
    if not safe:
        yield "# which pattern is in force is not known here; PATTERN stands for it"
        written = "^(?:PATTERN)$"
    if not written:
        # A variable holds one value only.
        yield f"# several flags are needed, and a variable holds one: take {_named(sources)} out,"
        yield from arguments(work, safe).splitlines()
        return
    source = sources.get(_VARIABLE["iface-regex"])
    if source:
        kind, name, key = source
        yield f"kubectl -n {flannel.namespace} edit {kind} {name}"
        yield f"# {key}: {written}"
        yield "# then restart flannel, which reads this at its start only:"
        yield f"kubectl -n {flannel.namespace} rollout restart daemonset {flannel.daemonset}"
        return
    setting = shlex.quote(f"{_VARIABLE['iface-regex']}={written}")
    yield (
        f"kubectl -n {flannel.namespace} set env daemonset {flannel.daemonset} "
        f"-c {flannel.container} {setting}"
    )


def _named(sources: dict[str, tuple[str, str, str]]) -> str:
    return " and ".join(sorted(sources)) or _VARIABLE["iface-regex"]


def _sources(work: Workload) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Where variables for the NIC come from: kind, name and key of a ConfigMap or Secret."""
    for one in work.container.get("env") or ():
        if one.get("name") not in _VARIABLE.values():
            continue
        held: Json = one.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
            if field in held:
                yield one["name"], (kind, held[field].get("name", ""), held[field].get("key", ""))
