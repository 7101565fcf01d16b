"""Every way in which a kubeconfig can be wrong has one clear message."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.cluster import kubeconfig, options
from bot.domain import errors

PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()


def document(**changes: Any) -> dict[str, Any]:
    return {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443/"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        **changes,
    }


def load(
    path: Path, content: Any, *, context: str | None = None, environ: dict[str, str] | None = None
) -> kubeconfig.Access:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    chosen = options.Options(name="prod", kubeconfig=path, context=context)
    return kubeconfig.load(chosen, environ or {})


def user(**entry: Any) -> dict[str, Any]:
    return document(users=[{"name": "u", "user": entry}])


def cluster(**entry: Any) -> dict[str, Any]:
    base = {"server": "https://10.0.0.1:6443"}
    return document(clusters=[{"name": "c", "cluster": {**base, **entry}}])


def test_what_is_read(tmp_path: Path) -> None:
    access = load(tmp_path / "config", document())
    assert access.server == "https://10.0.0.1:6443"
    assert access.token == "t"
    assert access.verify
    assert access.files == (tmp_path / "config",)


def test_a_context_without_a_user_is_allowed_and_anonymous(tmp_path: Path) -> None:
    content = document(contexts=[{"name": "one", "context": {"cluster": "c"}}])
    assert load(tmp_path / "config", content).token == ""


def test_files_are_found_beside_the_kubeconfig_and_watched(tmp_path: Path) -> None:
    for name in ("ca", "crt", "key"):
        (tmp_path / name).write_text(name)
    content = document(
        clusters=[{"name": "c", "cluster": {"server": "https://h", "certificate-authority": "ca"}}],
        users=[{"name": "u", "user": {"client-certificate": "crt", "client-key": "./key"}}],
    )
    access = load(tmp_path / "config", content)
    assert (access.ca, access.certificate, access.key) == ("ca", b"crt", b"key")
    assert set(access.files) == {tmp_path / n for n in ("config", "ca", "crt", "key")}


def test_a_token_file_wins_over_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("fresh")
    access = load(tmp_path / "config", user(token="stale", tokenFile="token"))
    assert access.token == ""
    assert access.token_file == tmp_path / "token"


def test_the_token_of_an_oidc_provider_is_used_as_it_stands(tmp_path: Path) -> None:
    provider = {"name": "oidc", "config": {"id-token": "jwt"}}
    assert load(tmp_path / "config", user(**{"auth-provider": provider})).token == "jwt"


@pytest.mark.parametrize(
    ("content", "context", "told"),
    [
        ("", None, "is empty or no mapping"),
        ("just text", None, "is empty or no mapping"),
        ("a: [1,\nb: 2", None, "no valid YAML"),
        (document(**{"current-context": ""}), None, r"no current-context.*clusters\[\].context"),
        (document(), "two", r"no context 'two' \(clusters\[\].context\); hint: it has one"),
        (document(contexts=None), None, "no context 'one'"),
        (document(clusters=[]), None, "no cluster 'c'"),
        (document(users=[]), None, "no user 'u'"),
        (document(contexts=[{"name": "one", "context": {}}]), None, "context one has no cluster"),
        (cluster(server=""), None, "server is no URL"),
        (cluster(server="10.0.0.1:6443"), None, "server is no URL"),
        (cluster(server="https://"), None, "server is no URL"),
        (cluster(server="https://h:port"), None, "server is no URL"),
        (cluster(**{"certificate-authority": "gone"}), None, "cannot read .*gone"),
        (cluster(**{"certificate-authority-data": "%%%"}), None, "is no base64"),
        (user(**{"client-certificate-data": PEM}), None, "go together"),
        (user(**{"client-key": "gone"}), None, "cannot read .*gone"),
        (user(tokenFile="gone"), None, "cannot read .*gone"),
        (user(**{"auth-provider": {"name": "gcp"}}), None, "auth-provider gcp holds no token"),
        (user(exec={}), None, "exec has no command"),
        (user(exec="aws"), None, "exec is no mapping"),
        (user(**{"as-groups": ["admins"]}), None, "as-groups is not supported"),
    ],
)
def test_what_is_wrong_is_told_with_its_file(
    tmp_path: Path, content: Any, context: str | None, told: str
) -> None:
    with pytest.raises(errors.Misconfigured, match=told) as caught:
        load(tmp_path / "config", content, context=context)
    assert str(tmp_path) in str(caught.value)


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path) -> None:
    chosen = options.Options(name="prod", kubeconfig=tmp_path / "none")
    with pytest.raises(errors.Misconfigured, match=r"no kubeconfig at .*none"):
        kubeconfig.load(chosen, {})


def test_a_kubeconfig_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(errors.Misconfigured, match="not text"):
        kubeconfig.load(options.Options(name="prod", kubeconfig=tmp_path / "config"), {})


def test_several_kubeconfigs_of_the_environment_are_one(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(yaml.safe_dump(document(users=[], clusters=[])))
    second.write_text(yaml.safe_dump(document()))
    environ = {"KUBECONFIG": os.pathsep.join(map(str, (first, second, tmp_path / "none")))}
    access = kubeconfig.load(options.Options(name="prod"), environ)
    assert access.token == "t"
    assert access.files == (first, second)


def service_account(tmp_path: Path, *, token: str = "t\n") -> Path:
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_text("CA")
    return tmp_path


@pytest.mark.parametrize(
    ("host", "url"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_inside_a_pod_its_service_account_is_used(tmp_path: Path, host: str, url: str) -> None:
    environ = {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": "443",
        "KUBECONFIG": "/elsewhere",
    }
    access = kubeconfig.load(
        options.Options(name="prod"), environ, service_account=service_account(tmp_path)
    )
    assert access.server == url
    assert access.ca == "CA"
    assert access.token_file == tmp_path / "token"


@pytest.mark.parametrize("missing", ["token", "ca.crt"])
def test_a_service_account_without_its_files_is_told(tmp_path: Path, missing: str) -> None:
    (service_account(tmp_path) / missing).unlink()
    environ = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    with pytest.raises(errors.Misconfigured, match=missing):
        kubeconfig.load(options.Options(name="prod"), environ, service_account=tmp_path)


def test_an_empty_service_account_token_is_told(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    with pytest.raises(errors.Misconfigured, match="is empty"):
        kubeconfig.load(
            options.Options(name="prod"),
            environ,
            service_account=service_account(tmp_path, token="\n"),
        )
