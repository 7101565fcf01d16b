"""Settings: precedence, and one clear sentence for whatever is wrong."""

import contextlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot import configuration, options, runbooks, settings, settings_sources, settings_text
from bot.domain import errors, finding
from bot.domain.access import Role
from bot.guards import Limits


def load(file: Path | None = None):
    return settings_sources.load(file)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "bot.yaml"
    file.write_text(text)
    return file


def test_environment_over_secret_files_over_plain_names_over_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(
        tmp_path,
        "slack: {bot_token: of-file, app_token: of-file, signing_secret: of-file, channel: C1}",
    )
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "slack__app_token").write_text("of-secret\n")
    (secrets / "SLACK_BOT_TOKEN").write_text("of-secret")
    (secrets / "..data").mkdir()
    monkeypatch.setenv("FLANNEL_BOT_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("SLACK_APP_TOKEN", "of-plain")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "of-plain")
    monkeypatch.setenv("FLANNEL_BOT_SLACK__BOT_TOKEN", "of-env")
    slack = load(file).slack
    assert slack.bot_token.get_secret_value() == "of-env"
    assert slack.app_token.get_secret_value() == "of-secret"
    assert slack.signing_secret.get_secret_value() == "of-plain"
    assert slack.channel == "C1"
    assert slack.api_url == "https://slack.com/api/"


def test_a_section_partly_in_the_environment_keeps_the_rest_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "checks: {pod_grace: 7m, node_grace: 9}")
    monkeypatch.setenv("FLANNEL_BOT_CHECKS__NODE_GRACE", "1h30m")
    checks = load(file).checks
    assert checks.pod_grace == timedelta(minutes=7)
    assert checks.node_grace == timedelta(hours=1, minutes=30)


def test_clusters_come_as_json_or_one_variable_for_each_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLANNEL_BOT_CLUSTERS", '[{"name": "a", "kubeconfig": "/k"}]')
    assert [one.name for one in load().clusters] == ["a"]
    monkeypatch.delenv("FLANNEL_BOT_CLUSTERS")
    monkeypatch.setenv("FLANNEL_BOT_CLUSTERS__0__NAME", "b")
    monkeypatch.setenv("FLANNEL_BOT_CLUSTERS__1__NAME", "c")
    monkeypatch.setenv("FLANNEL_BOT_CLUSTERS__1__CHANNEL", "C9")
    assert [(one.name, one.channel) for one in load().clusters] == [("b", ""), ("c", "C9")]


WRONG_VARIABLES = [
    (
        "FLANNEL_BOT_SLAK__CHANNEL",
        "C1",
        "FLANNEL_BOT_SLAK__CHANNEL: there is no setting slak; did you mean slack?",
    ),
    ("FLANNEL_BOT_SLACK__CHANEL", "C1", "slack.chanel; did you mean channel?"),
    ("FLANNEL_BOT_HTTP__PORT", "x", "http.port: Input should be a valid integer"),
    ("FLANNEL_BOT_HTTP__PORT", "70000", "(from FLANNEL_BOT_HTTP__PORT)"),
    ("FLANNEL_BOT_SLACK__API_URL", "slack", "slack.api_url: 'slack' is no http or https URL"),
    ("FLANNEL_BOT_CHECKS__POD_GRACE", "5 parsecs", "checks.pod_grace: '5 parsecs' is no duration"),
    ("FLANNEL_BOT_CHECKS__POD_GRACE", "-1", "between 0 and a year"),
    ("FLANNEL_BOT_MIRROR__BACKOFF_FIRST", "0", "mirror.backoff_first: must be longer than zero"),
    ("FLANNEL_BOT_SCHEDULE__CYCLE", "61 * * * *", "is no cron expression"),
    ("FLANNEL_BOT_SCHEDULE__CYCLE", "0", "without pause"),
    (
        "FLANNEL_BOT_SCHEDULE__TIMEZONE",
        "Mars/Base",
        "schedule.timezone: 'Mars/Base' is no time zone",
    ),
    (
        "FLANNEL_BOT_ROUTING",
        '[{"match": "check=oom_kiled", "channel": "C02"}]',
        "routing.0.match: 'check=oom_kiled', at character 7: there is no check 'oom_kiled'; "
        "did you mean oom_killed",
    ),
    ("FLANNEL_BOT_ROUTING", '[{"match": "", "channel": "C02"}]', "routing.0.match: "),
    ("FLANNEL_BOT_ROUTING", '[{"match": "check=~(", "channel": "C02"}]', "missing closing )"),
    ("FLANNEL_BOT_ROUTING", '[{"match": "check=~a", "channel": "#ops"}]', "routing.0.channel: "),
    ("FLANNEL_BOT_QUIET", '[{"when": "at night"}]', "quiet.0.when: 'at night' is no span of time"),
    ("FLANNEL_BOT_QUIET", '[{"when": "n: daily 25:00 - 07:00"}]', "is no span of time: hour"),
    ("FLANNEL_BOT_QUIET", '[{"when": "n: daily 22:00 - 07:00", "timezone": "x"}]', "no time zone"),
    ("FLANNEL_BOT_NOISE__ON_CALL", '["ann"]', "noise.on_call.0: 'ann' is no id of a person"),
    ("FLANNEL_BOT_LANGUAGE__DEFAULT", "de", "language.default: Input should be 'en' or 'zh-CN'"),
    ("FLANNEL_BOT_CLUSTERS", "[{", "clusters: the value of FLANNEL_BOT_CLUSTERS is no JSON"),
    ("FLANNEL_BOT_CLUSTERS", '[{"name":"a"},{"name":"a"}]', "two clusters are named 'a'"),
    ("FLANNEL_BOT_CLUSTERS", '[{"name":"a b"}]', "clusters.0.name"),
    (
        "FLANNEL_BOT_ACCESS__APPROVERS",
        '["@ann"]',
        "access.approvers.0: '@ann' is no id of a person",
    ),
    ("FLANNEL_BOT_ACCESS__APPROVERS", '["S0123ABCD"]', "is no id of a person"),
    ("FLANNEL_BOT_ACCESS__APPROVERS", "U0123ABCD", "access"),
    ("FLANNEL_BOT_ACCESS__GROUPS__ADMINS", '["U0123ABCD"]', "access.groups.admins.0: 'U0123ABCD'"),
    ("FLANNEL_BOT_ACCESS__GROUPS__APPROVER", '["S0123"]', "did you mean approvers?"),
    ("FLANNEL_BOT_ACCESS__QUORUM", "3", "access: quorum_risky (2) must be at least quorum (3)"),
    ("FLANNEL_BOT_ACCESS__QUORUM", "0", "access.quorum: "),
    ("FLANNEL_BOT_REMEDIATION__RUNBOOKS", '["reboot"]', "remediation.runbooks.0: "),
    (
        "FLANNEL_BOT_REMEDIATION__LIMITS__MEMORY_CAP",
        "512",
        "remediation.limits.memory_cap: '512' is no amount of memory: write one such as 256Mi",
    ),
    ("FLANNEL_BOT_REMEDIATION__EXPIRY", "0", "remediation.expiry: must be longer than zero"),
    ("FLANNEL_BOT_REMEDIATION__LIMITS__MIN_HEALTHY", "50", "remediation.limits.min_healthy: "),
    (
        "FLANNEL_BOT_REMEDIATION__FROZEN",
        '["fri - mon"]',
        "remediation.frozen.0: 'fri - mon' is no span of time: write `weekend: fri 16:00",
    ),
    ("FLANNEL_BOT_REMEDIATION__FROZEN", '["x: 2026-02-30 - 2026-03-01"]', "is no span of time"),
    ("FLANNEL_BOT_REMEDIATION__FROZEN", '["x: 2026-03-02 - 2026-03-01"]', "ends before it begins"),
    ("FLANNEL_BOT_REMEDIATION__FROZEN", '["x: fri 25:00 - mon 08:00"]', "is no span of time"),
    ("FLANNEL_BOT_INSPECTION__PROBE_PODS", "maybe", "inspection.probe_pods: "),
    ("FLANNEL_BOT_SECRETS_DIR", "/does/not/exist", "FLANNEL_BOT_SECRETS_DIR: the directory"),
    (
        "FLANNEL_BOT_CONFIG",
        "/does/not/exist.yaml",
        "the configuration file /does/not/exist.yaml does not exist",
    ),
]


@pytest.mark.parametrize(("name", "value", "told"), WRONG_VARIABLES)
def test_a_wrong_variable_is_one_sentence_that_names_it(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(errors.Misconfigured) as caught:
        load()
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


WRONG_FILES = [
    (
        "slack: {chanel: C1}",
        "slack.chanel: there is no setting of that name; did you mean channel?",
    ),
    ("slak: {}", "slak: there is no setting of that name; did you mean slack?"),
    ("slack: [1", "is no YAML"),
    ("- a\n- b", "must hold sections"),
    ("slack: 3", "slack:"),
    ("clusters: [{name: a, kubeconfg: x}]", "clusters.0.kubeconfg: there is no setting"),
    ("http: {port: 0.5}", "http.port"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_FILES)
def test_a_wrong_file_is_told_with_its_key_and_its_name(
    text: str, told: str, tmp_path: Path
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(errors.Misconfigured) as caught:
        load(file)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, "slack: {chanel: C1}\nhttp: {port: x}\nlog: {level: loud}")
    with pytest.raises(errors.Misconfigured) as caught:
        load(file)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "slack.chanel",
        "http.port",
        "log.level",
    ]


def test_a_wrong_value_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-canary-secret")
    monkeypatch.setenv("FLANNEL_BOT_SLACK", '{"bot_token": ["xoxb-canary-secret"]}')
    with pytest.raises(errors.Misconfigured) as caught:
        load()
    assert "canary" not in str(caught.value)


def test_showing_the_settings_hides_every_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-canary-secret")
    monkeypatch.setenv(
        "FLANNEL_BOT_DATABASE__URL", "postgresql+asyncpg://bot:canary-secret@db/flannel"
    )
    text = configuration.shown(load())
    assert "canary" not in text
    assert "bot_token: (set)" in text
    assert "app_token: (not set)" in text


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=300)))
def test_a_duration_survives_being_shown(value: timedelta) -> None:
    value = timedelta(seconds=round(value.total_seconds(), 1))
    again = settings_text.duration(settings_text.shown(value))
    assert isinstance(again, timedelta)
    assert abs((again - value).total_seconds()) <= max(1e-6, value.total_seconds() * 1e-9)


@given(st.text(max_size=40))
def test_no_text_for_a_duration_or_trigger_does_anything_but_work_or_be_told(text: str) -> None:
    for read in (settings_text.duration, settings_text.trigger):
        with contextlib.suppress(ValueError):
            read(text)


def test_private_prefixes_are_read_and_a_bad_one_is_named() -> None:
    good = settings.Cluster(private_cidrs=("10.0.0.0/8", "fd00::/8"))
    assert good.private_cidrs == ("10.0.0.0/8", "fd00::/8")
    for bad in ("10.0.0.0/33", "10.0.0.1/8", "eth1", ""):
        with pytest.raises(ValidationError, match="is no prefix: write one such as"):
            settings.Cluster(private_cidrs=(bad,))


INSECURE = [
    ("http://slack.com/api/", "is not https"),
    ("https://localhost:8443/api/", "is this machine"),
    ("https://127.8.0.1/api/", "is this machine"),
    ("https://[::1]/api/", "is this machine"),
    ("http://slack.localhost/", "is this machine"),
]


@pytest.mark.parametrize(("url", "told"), INSECURE)
def test_with_remediation_no_one_but_slack_may_say_who_approved(
    url: str, told: str, tmp_path: Path
) -> None:
    text = f"slack: {{api_url: '{url}'}}\nremediation: {{enabled: true}}"
    with pytest.raises(errors.Misconfigured) as caught:
        load(written(tmp_path, text))
    assert str(caught.value).startswith(f"slack.api_url: '{url}' {told}")
    meant = text.replace("slack: {", "slack: {allow_insecure: true, ")
    assert load(written(tmp_path, meant)).remediation.enabled
    asking = text.replace("remediation: {enabled: true}", "inspection: {probe_pods: approve}")
    with pytest.raises(errors.Misconfigured, match=r"inspection\.probe_pods whoever answers"):
        load(written(tmp_path, asking))
    observing = text.replace("enabled: true", "enabled: false")
    assert load(written(tmp_path, observing)).slack.api_url.startswith(url)
    safe = text.replace(url, "https://slack.com/api/")
    assert load(written(tmp_path, safe)).remediation.enabled


ROLES = """
access:
  requesters: [U0OPERATOR]
  approvers: [U0APPROVER, W0APPROVER2]
  groups: {approvers: [S0LEADS], admins: [S0SRE]}
remediation: {enabled: true}
"""


def test_roles_come_from_ids_and_groups_and_an_empty_list_is_nobody(tmp_path: Path) -> None:
    policy = options.roles(load(written(tmp_path, ROLES)))
    assert policy.person("U0OPERATOR").roles == {Role.VIEWER, Role.REQUESTER}
    assert policy.person("W0APPROVER2").roles == {Role.VIEWER, Role.APPROVER}
    assert policy.person("U0ANY", groups=["S0SRE"]).roles == {Role.VIEWER, Role.ADMIN}
    assert options.roles(load()).person("U0OPERATOR", groups=["S0SRE"]).roles == {Role.VIEWER}


NOBODY = [
    ("remediation: {enabled: false}", []),
    ("inspection: {probe_pods: approve}", ["access.approvers"]),
    ("inspection: {probe_pods: approve}\naccess: {approvers: [U0A]}", []),
    ("remediation: {enabled: true}", ["access.requesters", "access.approvers"]),
    ("access: {requesters: [U0A]}\nremediation: {enabled: true}", ["access.approvers"]),
    (
        "access: {requesters: [U0A], groups: {approvers: [S0A]}}\nremediation: {enabled: true}",
        [],
    ),
]


@pytest.mark.parametrize(("text", "keys"), NOBODY)
def test_it_is_told_which_role_nobody_has(text: str, keys: list[str], tmp_path: Path) -> None:
    told = options.nobody(load(written(tmp_path, text)))
    assert len(told) == len(keys)
    assert all(key in sentence for key, sentence in zip(keys, told, strict=True))


def test_what_plans_are_drafted_by_comes_from_the_settings(tmp_path: Path) -> None:
    text = (
        "access: {quorum: 2, quorum_risky: 3, many_nodes: 10}\n"
        "remediation: {expiry: 5m, limits: {memory_cap: 512Mi, batch: 7, look_age: 1m}}"
    )
    assert options.drafting(load(written(tmp_path, text))) == runbooks.Limits(
        quorum=2,
        quorum_risky=3,
        many_nodes=10,
        expiry=timedelta(minutes=5),
        memory_cap=512 * 2**20,
        batch=7,
        look_age=timedelta(minutes=1),
    )
    assert options.drafting(load()) == runbooks.Limits()


def test_every_runbook_can_be_switched(tmp_path: Path) -> None:
    assert set(runbooks.ALL_RUNBOOKS) <= set(settings.RUNBOOKS)
    file = written(tmp_path, "remediation: {runbooks: [anchor-regex]}")
    assert load(file).remediation.runbooks == ("anchor-regex",)


WINDOWS = [
    # 2026-03-06 is a Friday.
    ("weekend: fri 16:00 - mon 08:00", "2026-03-06T15:00:00+01:00", "2026-03-09T08:00:00+01:00"),
    ("night: Mon 22:00-Tue 06:00", "2026-03-02T22:00:00+01:00", "2026-03-03T06:00:00+01:00"),
    ("always: wed 09:00 - wed 09:00", "2026-03-04T09:00:00+01:00", "2026-03-11T09:00:00+01:00"),
    ("year end: 2026-12-20 - 2027-01-03", "2026-12-20T00:00:00+01:00", "2027-01-04T00:00:00+01:00"),
]


@pytest.mark.parametrize(("text", "begins", "ends"), WINDOWS)
def test_the_calendar_is_read_in_the_schedules_time_zone(
    text: str, begins: str, ends: str, tmp_path: Path
) -> None:
    file = written(
        tmp_path, f"schedule: {{timezone: Europe/Berlin}}\nremediation: {{frozen: ['{text}']}}"
    )
    (window,) = options.frozen(load(file))
    assert window.name == text.partition(":")[0]
    begin, end = datetime.fromisoformat(begins), datetime.fromisoformat(ends)
    inside = begin if "weekend" not in text else begin + timedelta(hours=1)
    assert window.until(inside) == end
    assert not window.covers(end) or "always" in text


def test_limits_reach_the_guards(tmp_path: Path) -> None:
    text = (
        "remediation: {expiry: 5m, limits: {max_nodes: 7, min_healthy: 0.9, cooldown: 1m, "
        "drains_at_once: 2, control_plane: true, snapshot_age: 30s}}"
    )
    assert options.changing(load(written(tmp_path, text))) == Limits(
        max_nodes=7,
        min_healthy=0.9,
        cooldown=timedelta(minutes=1),
        drains_at_once=2,
        control_plane=True,
        snapshot_age=timedelta(seconds=30),
    )
    assert options.changing(load()) == Limits()


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("off", "off"),
        ("on", "on"),
        ("'on'", "on"),
        ("false", "off"),
        ("true", "on"),
        ("approve", "approve"),
    ],
)
def test_on_and_off_are_words_whatever_yaml_makes_of_them(
    tmp_path: Path, text: str, mode: str
) -> None:
    given = load(written(tmp_path, f"inspection: {{probe_pods: {text}}}"))
    assert given.inspection.probe_pods == mode


@pytest.mark.parametrize("text", ["probe_pods: on", "exec_in_pods: true"])
def test_what_needs_exec_is_refused_without_it(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, f"inspection: {{{text}, exec: false}}")
    with pytest.raises(errors.Misconfigured, match=f"{text.partition(':')[0]} needs exec"):
        load(file)
    load(written(tmp_path, f"inspection: {{{text}}}"))


def test_what_is_quiet_routed_and_repeated_reaches_the_cycle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLANNEL_BOT_SLACK__CHANNEL", "C1")
    monkeypatch.setenv("FLANNEL_BOT_SCHEDULE__TIMEZONE", "Asia/Shanghai")
    monkeypatch.setenv(
        "FLANNEL_BOT_QUIET",
        '[{"when": "night: daily 22:00 - 07:00"},'
        ' {"when": "party: fri 16:00 - sat 02:00", "timezone": "UTC", "match": "severity=info"}]',
    )
    monkeypatch.setenv(
        "FLANNEL_BOT_ROUTING",
        '[{"match": "check=oom_killed", "channel": "C02", "on_call": ["S01"]}]',
    )
    monkeypatch.setenv("FLANNEL_BOT_NOISE__ON_CALL", '["U01"]')
    monkeypatch.setenv("FLANNEL_BOT_NOISE__REPEAT_WARNING", "0")
    monkeypatch.setenv("FLANNEL_BOT_LANGUAGE__CHANNELS", '{"C02": "zh-CN"}')
    given = load()
    assert options.slack(given).languages.of(channel="C02", user="U01") == "zh-CN"
    made = options.judging(given, given.watched[0]).quiet
    assert made is not None
    assert (made.otherwise.channel, made.otherwise.on_call) == ("C1", ("U01",))
    assert [(one.channel, one.on_call) for one in made.routes] == [("C02", ("S01",))]
    zones = [one.window.timezone for one in made.hours]
    assert zones == ["Asia/Shanghai"] * 7 + ["UTC"]
    assert made.policy.repeat[finding.Severity.WARNING] == timedelta()
    assert made.policy.repeat[finding.Severity.CRITICAL] == timedelta(hours=4)


def test_a_file_of_the_secrets_directory_that_names_no_setting_is_told_with_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slack__bot_tokn").write_text("xoxb-1")
    monkeypatch.setenv("FLANNEL_BOT_SECRETS_DIR", str(tmp_path))
    with pytest.raises(errors.Misconfigured) as refused:
        settings_sources.load(None)
    assert "slack.bot_tokn" in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "xoxb-1" not in str(refused.value)
