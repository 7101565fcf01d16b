"""Makes the parts of the documentation that are facts of the code: `python -m tests.reference`.

A test compares what is committed with what this makes.
"""

import inspect
import re
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot import checks, configuration, settings, settings_noise, settings_text
from bot.adapters import telemetry
from bot.adapters.cluster import script
from bot.adapters.slack import manifest, vocabulary, wording_work, works
from bot.flow import network
from tests import guided
from tests.packaging import schema
from tests.runbooks import pages

ROOT = Path(__file__).parent.parent
RULES = ROOT / "config" / "prometheus-rules.yaml"
NOTE = "<!-- Made by `make reference` from the code; a test compares. -->\n"


def value(default: object) -> str:
    """A default as one would write it in the file."""
    if isinstance(default, timedelta):
        return settings_text.shown(default)
    if isinstance(default, SecretStr):
        return '""'
    if isinstance(default, tuple):
        return "[" + ", ".join(str(each) for each in default) + "]"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, (dict, settings.Section)) or default is PydanticUndefined:
        return "{}"
    if default is None:
        return "null"
    text = str(default)
    return f'"{text}"' if text == "" or set(text) & set("*#:{}[]") else text


def kind(field: FieldInfo) -> str:
    """The sort of value, in a word or two."""
    annotation = field.annotation
    if annotation in OWN:
        return "section"
    if get_origin(annotation) is Literal:
        return " \\| ".join(f"`{each}`" for each in get_args(annotation))
    if any(meta is settings.Trigger.__metadata__[0] for meta in field.metadata):  # type: ignore[attr-defined]
        return "trigger"
    names = {
        timedelta: "duration",
        SecretStr: "secret",
        int: "number",
        float: "number",
        bool: "yes or no",
    }
    return names.get(annotation, "text") if isinstance(annotation, type) else "text"


LISTS: dict[str, type[settings.Section]] = {
    "clusters": settings.Cluster,
    "quiet": settings_noise.Quiet,
    "routing": settings_noise.Route,
}
"""Sections of which there are several."""


OWN = (settings.AccessKeys, settings.RemediationKeys, settings.InspectionKeys)
"""What a cluster may have of its own, instead of what is for all."""


EXAMPLES = {"when": '"night: daily 22:00 - 07:00"', "match": '"check=oom_killed"'}
"""Of what has no default."""


def sections() -> list[tuple[str, type[settings.Section]]]:
    found = []
    for name, field in settings.Settings.model_fields.items():
        found.append((name, LISTS.get(name) or type(field.default)))
    return found


def inside(field: FieldInfo) -> type[settings.Section] | None:
    """The section that a key of a section is; None where it is told as a section of its own."""
    kind = field.annotation
    if kind in OWN:
        return None
    return kind if isinstance(kind, type) and issubclass(kind, settings.Section) else None


def keys(section: type[settings.Section]) -> list[tuple[str, FieldInfo]]:
    """Every key of a section, those of sections in it with both names."""
    found = []
    for key, field in section.model_fields.items():
        inner = inside(field)
        if inner is None:
            found.append((key, field))
        else:
            found += [(f"{key}.{name}", each) for name, each in inner.model_fields.items()]
    return found


def settings_page() -> str:
    lines = [
        "# Settings\n",
        NOTE,
        "The environment counts more than secret files, these more than the YAML file, and that "
        "more than the defaults.",
        "The key `slack.channel` is the variable `FLANNEL_BOT_SLACK__CHANNEL`; the first "
        "cluster's name is `FLANNEL_BOT_CLUSTERS__0__NAME`, or all of them are one JSON list in "
        "`FLANNEL_BOT_CLUSTERS`.",
        "The file is the one that `--config` or `FLANNEL_BOT_CONFIG` names, else "
        "`config/flannel-bot.yaml` where it exists.",
        "Secrets may be files, named as the variables are, in the directory "
        "`FLANNEL_BOT_SECRETS_DIR`.",
        "An unknown key, a bad value or an unreadable file ends the start with exit code 2 and "
        "one sentence that names the key.\n",
        "A *duration* is a number of seconds or `90s`, `5m`, `1h30m`, `2d`. A *trigger* is a "
        "duration, five cron fields such as `0 9 * * mon-fri`, or `off`.\n",
    ]
    for name, section in sections():
        title = f"{name}[] · {section.__doc__}" if name in LISTS else section.__doc__
        lines.append(f"## {name}\n\n{title}\n")
        lines.append("| key | value | default | meaning |\n| --- | --- | --- | --- |")
        for key, field in keys(section):
            meaning = " ".join((field.description or "").split())
            default = "must be given" if field.is_required() else f"`{value(field.default)}`"
            default = f"[`{key}`](#{key})" if field.annotation in OWN else default
            lines.append(f"| `{key}` | {kind(field)} | {default} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def example() -> str:
    lines = [
        "# flannel-bot's settings, each with its default. Remove a # to change one.",
        "# What each means is told in docs/reference/settings.md. Tokens belong into the",
        "# environment (SLACK_BOT_TOKEN, SLACK_APP_TOKEN or, in mode http, SLACK_SIGNING_SECRET) or",
        "# into secret files, not here.",
        "",
    ]
    for name, section in sections():
        lines.append(f"# {name}:")
        lead = "#   - " if name in LISTS else "#   "
        for key, field in section.model_fields.items():
            if field.annotation is SecretStr:
                continue
            if (inner := inside(field)) is not None:
                lines.append(f"{lead}{key}:")
                lines += [
                    f"#     {name}: {value(each.default)}"
                    for name, each in inner.model_fields.items()
                ]
                continue
            shown = EXAMPLES[key] if field.is_required() else value(field.default)
            lines.append(f"{lead}{key}: {shown}")
            lead = "#     " if name in LISTS else "#   "
        lines.append("")
    return "\n".join(lines)


def metrics_page() -> str:
    lines = [
        "# Metrics\n",
        NOTE,
        "Served at `/metrics`. No label carries a node or a pod, so series do not grow with the "
        "cluster.",
        "[config/grafana-dashboard.json](../../config/grafana-dashboard.json) shows all of them, "
        "and [config/prometheus-rules.yaml](../../config/prometheus-rules.yaml) has alerts for the "
        "day on which the bot itself cannot speak.\n",
        "| name | type | labels | meaning |\n| --- | --- | --- | --- |",
    ]
    rows = [(n, "gauge", t, labels) for n, (t, labels) in telemetry.GAUGES.items()]
    rows += [(n, "counter", t, labels) for n, (t, labels) in telemetry.COUNTERS.items()]
    rows += [(n, "histogram", t, labels) for n, (t, labels, _) in telemetry.HISTOGRAMS.items()]
    for name, sort, text, labels in rows:
        listed = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{telemetry.PREFIX}{name}` | {sort} | {listed} | {text} |")
    return "\n".join(lines) + "\n"


def checks_page() -> str:
    lines = ["# Checks\n", NOTE, "Each is one file in `bot/checks`; the text is its own.\n"]
    for name, check in checks.ALL_CHECKS.items():
        module = inspect.getmodule(check)
        assert module is not None
        lines.append(f"## {name}\n\n{inspect.getdoc(module)}\n")
    return "\n".join(lines)


def commands_page() -> str:
    lines = [
        "# Commands\n",
        NOTE,
        "Typed as `/flannel ...`, or as a mention of the bot, which also works in threads.",
        "A leading `@cluster` picks the cluster; otherwise the channel's is meant. `plans`, `audit`, `silences`, `schedule` and `doctor` are of all clusters unless one is named; what is of no one cluster is always among them. With a number (`@prod undo RUN-5`) it is no need, and refused where that is of another cluster.",
        "A typo is answered with the nearest command.\n",
        "| command | what it answers |\n| --- | --- |",
    ]
    for each in vocabulary.COMMANDS:
        # A pipe would end the table's cell, even between backticks.
        usage = each.usage.replace("|", "\\|")
        lines.append(f"| `{usage}` | {each.help} |")
    lines += [
        "",
        "Flags may be written with one dash or two, with a space or `=` before their value.",
        "A node may be called by its name, its name before the first dot, or an address.\n",
        f"A question that takes longer shows its progress and a button *{wording_work.CANCEL}* "
        f"(action `{works.CANCEL}`, its value an opaque id), which obeys only who asked.",
        f"Each person may have one question to all nodes of a cluster under way, and "
        f"{network.MAX_ALL} may run at once in each cluster.",
    ]
    return "\n".join(lines) + "\n"


def networking_page() -> str:
    """The guide with its answers made anew: each stands below the command that it answers."""
    text = (ROOT / "docs/guides/networking.md").read_text()

    def made(found: re.Match[str]) -> str:
        answer = textwrap.indent(guided.answer(found["command"]), "    ")
        return f"{found['head']}{answer}\n\n<!-- -->\n"

    return re.sub(
        r"(?P<head>    /flannel (?P<command>.+)\n\n<!-- answers -->\n\n)(?:    .*\n|\n)*?<!-- -->\n",
        made,
        text,
    )


def manifest_file() -> str:
    head = (
        "# The manifest of the Slack app, for slack.mode socket; `flannel-bot slack manifest` "
        "prints it,\n# also for mode http. Made by `make reference` from the code.\n"
    )
    return head + configuration.written(manifest.manifest())


def slack_page() -> str:
    """The guide with the manifest in it made anew."""
    text = (ROOT / "docs/guides/slack-app.md").read_text()
    made = textwrap.indent(configuration.written(manifest.manifest()), "    ")
    return re.sub(
        r"<!-- manifest -->\n(?:    .*\n|\n)*?<!-- -->\n",
        lambda _: f"<!-- manifest -->\n\n{made}\n<!-- -->\n",
        text,
    )


PAGES = {
    "docs/guides/slack-app.md": slack_page,
    "config/slack-manifest.yaml": manifest_file,
    "docs/guides/networking.md": networking_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/checks.md": checks_page,
    "docs/reference/commands.md": commands_page,
    "config/flannel-bot.yaml": example,
    "helm/flannel-bot/values.schema.json": schema.text,
    "helm/flannel-bot/files/look.sh": lambda: script.SCRIPT,
    "helm/flannel-bot/files/prometheus-rules.yaml": RULES.read_text,
    **pages.PAGES,
}


def main() -> None:
    for path, make in PAGES.items():
        (ROOT / path).write_text(make())


if __name__ == "__main__":
    main()
