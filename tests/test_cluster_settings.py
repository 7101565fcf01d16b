"""What a cluster gives replaces what is given for all, key by key, and never by surprise."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot import configuration, options, settings, settings_sources
from bot.domain import errors
from bot.domain.access import Role

FOR_ALL = """
access:
  requesters: [U0REQ]
  approvers: [U0APP]
  admins: [U0ADM]
  groups: {approvers: [S0LEADS], admins: [S0SRE]}
  quorum: 2
remediation:
  enabled: true
  limits: {max_nodes: 50, cooldown: 20m}
inspection: {exec: true, sample: 5}
"""


def load(tmp_path: Path, own: str) -> settings.Settings:
    file = tmp_path / "bot.yaml"
    file.write_text(f"{FOR_ALL}\nclusters:\n  - name: plain\n  - name: own\n{own}")
    return settings_sources.load(file)


def test_what_is_not_given_is_what_is_given_for_all(tmp_path: Path) -> None:
    given = load(tmp_path, "    remediation: {limits: {max_nodes: 3}}\n")
    own, plain = given.of("own"), given.of("plain")
    assert own.remediation.limits.max_nodes == 3
    assert own.remediation.limits.cooldown == timedelta(minutes=20)
    assert own.remediation.enabled
    assert own.access == given.access
    assert plain.remediation == given.remediation
    assert own.inspection == given.inspection


@pytest.mark.parametrize(
    ("own", "user", "groups", "roles"),
    [
        ("approvers: []", "U0APP", ["S0LEADS"], set()),
        ("approvers: [U0OTHER]", "U0APP", ["S0LEADS"], set()),
        ("approvers: [U0OTHER]", "U0OTHER", [], {Role.APPROVER}),
        ("groups: {approvers: [S0OWN]}", "U0APP", ["S0LEADS"], set()),
        ("groups: {approvers: [S0OWN]}", "U0ANY", ["S0OWN"], {Role.APPROVER}),
        ("groups: {approvers: []}", "U0APP", ["S0LEADS"], set()),
        ("approvers: [U0OTHER]", "U0ADM", ["S0SRE"], {Role.ADMIN}),
        ("quorum: 2", "U0APP", [], {Role.APPROVER}),
    ],
)
def test_a_role_is_replaced_as_a_whole_and_an_empty_list_is_nobody(
    tmp_path: Path, own: str, user: str, groups: list[str], roles: set[Role]
) -> None:
    policies = options.policies(load(tmp_path, f"    access: {{{own}}}\n"))
    assert policies.person(user, "own", groups=groups).roles == {Role.VIEWER, *roles}
    everywhere = policies.person("U0APP", "plain", groups=["S0LEADS"]).roles
    assert Role.APPROVER in everywhere
    assert policies.person("U0APP", "elsewhere", groups=["S0LEADS"]).roles == {Role.VIEWER}


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ("    access: {approvers: }\n", "clusters.1.access.approvers"),
        ("    access: {quorum: 5}\n", "clusters.1.access: quorum_risky"),
        ("    access: {aprovers: [U0A]}\n", "did you mean approvers"),
        ("    remediation: {timing: {poll: 1s}}\n", "clusters.1.remediation.timing"),
        ("    remediation: {limits: {min_healthy: 7}}\n", "clusters.1.remediation.limits.min_he"),
        ("    inspection: {exec: false, probe_pods: on}\n", "clusters.1.inspection: probe_pods"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_key(tmp_path: Path, own: str, why: str) -> None:
    with pytest.raises(errors.Misconfigured) as caught:
        load(tmp_path, own)
    assert why in str(caught.value)


def test_an_insecure_slack_is_refused_also_where_one_cluster_alone_is_changed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bot.yaml"
    text = (
        "slack: {api_url: 'http://slack.test/'}\nclusters: [{name: a}, {name: b, remediation: %s}]"
    )
    file.write_text(text % "{enabled: true}")
    with pytest.raises(errors.Misconfigured, match="api_url"):
        settings_sources.load(file)
    file.write_text(text % "{enabled: false}")
    assert settings_sources.load(file).of("b").remediation.enabled is False


def test_emptying_a_list_is_a_change_though_its_value_is_that_of_the_default(
    tmp_path: Path,
) -> None:
    before, after = load(tmp_path, ""), load(tmp_path, "    access: {approvers: []}\n")
    assert after.differs(before)
    assert before.differs(after)
    assert not load(tmp_path, "").differs(before)


def test_showing_tells_what_is_in_force_in_each_cluster_and_can_be_read_back(
    tmp_path: Path,
) -> None:
    given = load(tmp_path, "    access: {approvers: [U0OTHER]}\n    inspection: {exec: false}\n")
    text = configuration.shown(given).replace("(not set)", "''")
    file = tmp_path / "shown.yaml"
    file.write_text(text)
    again = settings_sources.load(file)
    for name in ("own", "plain"):
        assert options.rules(again.of(name)) == options.rules(given.of(name))
        assert options.roles(again.of(name)) == options.roles(given.of(name))
        assert again.of(name).inspection == given.of(name).inspection


def test_rights_and_missing_roles_are_told_for_each_cluster(tmp_path: Path) -> None:
    given = load(
        tmp_path,
        "    access: {approvers: []}\n    inspection: {exec: false}\n"
        "    remediation: {runbooks: [restart]}\n",
    )
    (sentence,) = options.nobody(given)
    assert sentence.startswith("cluster own: remediation is enabled and nobody is approver")
    plain, own = options.doing(given, "plain"), options.doing(given, "own")
    assert plain.exec
    assert not own.exec
    assert own.steps < plain.steps
