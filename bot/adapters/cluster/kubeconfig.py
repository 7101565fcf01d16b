"""Where an API server is and how to prove who we are, read from a kubeconfig or the pod.

The library's own loader is not used: it swallows the failure of an exec plugin and goes on
anonymously, raises TypeError for a context without a user, and keeps private keys in files until
the process ends. Understood here: token, token file, client certificate, password, exec plugin
(refreshed by `credentials`), CA from file or data, server name, proxy, impersonated user name. A
token of an OIDC auth-provider is used as it stands and not refreshed: use an exec plugin.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib import parse

import yaml

from bot.adapters.cluster.options import Options
from bot.domain import errors

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Plugin:
    """An exec plugin as a kubeconfig's user names it."""

    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    api_version: str
    install_hint: str = ""
    cluster_info: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Everything needed to reach one API server; certificates and keys are PEM.

    `files` are those whose change makes all of this stale.
    """

    server: str
    origin: str
    ca: str = ""
    verify: bool = True
    server_name: str = ""
    proxy: str = ""
    token: str = ""
    token_file: Path | None = None
    user: str = ""
    password: str = ""
    certificate: bytes = b""
    key: bytes = b""
    plugin: Plugin | None = None
    impersonate: str = ""
    files: tuple[Path, ...] = ()


def load(
    options: Options,
    environ: Mapping[str, str] | None = None,
    *,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """Read how to reach the cluster.

    Raises:
        Misconfigured: with the file and the key that is wrong.
    """
    around = os.environ if environ is None else environ
    if options.kubeconfig is not None:
        return _from_files((options.kubeconfig.expanduser(),), options.context)
    if around.get("KUBERNETES_SERVICE_HOST"):
        return _from_pod(around, service_account)
    named = around.get("KUBECONFIG", "")
    paths = [Path(p).expanduser() for p in named.split(os.pathsep) if p]
    if not paths:
        paths = [Path("~/.kube/config").expanduser()]
    return _from_files(tuple(paths), options.context)


def _from_pod(environ: Mapping[str, str], directory: Path) -> Access:
    host = environ["KUBERNETES_SERVICE_HOST"]
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    ca_file, token_file = directory / "ca.crt", directory / "token"
    token = _text(token_file, "the pod's service account").strip()
    if not token:
        raise errors.Misconfigured(f"the service account token {token_file} is empty")
    return Access(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        origin="the pod's service account",
        ca=_text(ca_file, "the pod's service account"),
        token_file=token_file,
        files=(ca_file,),
    )


def _from_files(paths: tuple[Path, ...], context: str | None) -> Access:
    found = [path for path in paths if path.is_file()]
    if not found:
        raise errors.Misconfigured(
            f"there is no kubeconfig at {', '.join(map(str, paths))}; "
            "hint: set clusters[].kubeconfig, or run inside a pod with a service account"
        )
    documents = [(path, _document(path)) for path in found]
    chosen = context or next(
        (str(d["current-context"]) for _, d in documents if d.get("current-context")), ""
    )
    if not chosen:
        raise errors.Misconfigured(
            f"{found[0]} has no current-context; hint: set clusters[].context"
        )
    path, entry = _named(documents, "contexts", "context", chosen)
    cluster_path, cluster = _named(
        documents, "clusters", "cluster", _string(entry, "cluster", f"{path}: context {chosen}")
    )
    user_name = str(entry.get("user") or "")
    user_path, user = (
        _named(documents, "users", "user", user_name) if user_name else (cluster_path, {})
    )
    access = _of_cluster(cluster_path, cluster)
    access = _of_user(access, user_path, user_name, user, cluster=cluster)
    return replace(access, files=tuple(dict.fromkeys((*found, *access.files))))


def _of_cluster(path: Path, cluster: Mapping[str, Any]) -> Access:
    server = str(cluster.get("server") or "").rstrip("/")
    try:
        parts = parse.urlsplit(server)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise errors.Misconfigured(f"{path}: clusters[].cluster.server is no URL: {server!r}")
    ca, files = _pem(path, cluster, "certificate-authority", f"{path}: cluster")
    return Access(
        server=server,
        origin=str(path),
        ca=ca.decode("utf-8", errors="replace"),
        verify=not cluster.get("insecure-skip-tls-verify"),
        server_name=str(cluster.get("tls-server-name") or ""),
        proxy=str(cluster.get("proxy-url") or ""),
        files=files,
    )


def _of_user(
    access: Access,
    path: Path,
    name: str,
    user: Mapping[str, Any],
    *,
    cluster: Mapping[str, Any],
) -> Access:
    where = f"{path}: user {name}"
    for key in ("as-groups", "as-uid", "as-user-extra"):
        if user.get(key):
            raise errors.Misconfigured(
                f"{where}: {key} is not supported, and ignoring it would mean other rights"
            )
    certificate, files = _pem(path, user, "client-certificate", where)
    private_key, key_files = _pem(path, user, "client-key", where)
    if bool(certificate) != bool(private_key):
        raise errors.Misconfigured(f"{where}: client-certificate and client-key go together")
    token, token_file = str(user.get("token") or ""), None
    provider = user.get("auth-provider")
    if isinstance(provider, dict):
        token = token or _provider_token(provider, where)
    # A token file wins over a token, as for kubectl.
    if user.get("tokenFile"):
        token, token_file = "", _beside(path, str(user["tokenFile"]))
        _text(token_file, where)
    plugin = user.get("exec")
    return replace(
        access,
        token=token.strip(),
        token_file=token_file,
        user=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        certificate=certificate,
        key=private_key,
        plugin=_plugin(path, plugin, where, access, cluster) if plugin is not None else None,
        impersonate=str(user.get("as") or ""),
        files=(*access.files, *files, *key_files),
    )


def _plugin(
    path: Path, value: object, where: str, access: Access, cluster: Mapping[str, Any]
) -> Plugin:
    if not isinstance(value, dict):
        raise errors.Misconfigured(f"{where}: exec is no mapping")
    command = _string(value, "command", f"{where}: exec")
    if "/" in command:
        command = str(_beside(path, command))
    info = None
    if value.get("provideClusterInfo"):
        info = {"server": access.server, "insecure-skip-tls-verify": not access.verify}
        if access.ca:
            info["certificate-authority-data"] = base64.b64encode(access.ca.encode()).decode()
        for extension in cluster.get("extensions") or ():
            if extension.get("name") == "client.authentication.k8s.io/exec":
                info["config"] = extension.get("extension")
    return Plugin(
        command=command,
        args=tuple(str(a) for a in value.get("args") or ()),
        env={str(e["name"]): str(e["value"]) for e in value.get("env") or ()},
        api_version=str(value.get("apiVersion") or "client.authentication.k8s.io/v1"),
        install_hint=str(value.get("installHint") or ""),
        cluster_info=info,
    )


def _provider_token(provider: Mapping[str, Any], where: str) -> str:
    config = provider.get("config") or {}
    token = config.get("id-token") or config.get("access-token")
    if not token:
        raise errors.Misconfigured(
            f"{where}: auth-provider {provider.get('name')} holds no token; "
            "hint: use an exec plugin, auth-providers are not refreshed"
        )
    return str(token)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        value = yaml.safe_load(_text(path, "clusters[].kubeconfig"))
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise errors.Misconfigured(f"the kubeconfig {path} is no valid YAML{place}") from exc
    if not isinstance(value, dict):
        raise errors.Misconfigured(f"the kubeconfig {path} is empty or no mapping")
    return value


def _named(
    documents: list[tuple[Path, Mapping[str, Any]]], plural: str, single: str, name: str
) -> tuple[Path, Mapping[str, Any]]:
    known: list[str] = []
    for path, document in documents:
        for entry in document.get(plural) or ():
            if not isinstance(entry, dict):
                continue
            if entry.get("name") == name:
                return path, entry.get(single) or {}
            known.append(str(entry.get("name")))
    hint = f"; hint: it has {', '.join(sorted(known))}" if known else ""
    setting = " (clusters[].context)" if single == "context" else ""
    raise errors.Misconfigured(
        f"the kubeconfig {documents[0][0]} has no {single} {name!r}{setting}{hint}"
    )


def _pem(
    path: Path, entry: Mapping[str, Any], key: str, where: str
) -> tuple[bytes, tuple[Path, ...]]:
    data = entry.get(f"{key}-data")
    if data:
        try:
            return base64.b64decode(str(data), validate=True), ()
        except (binascii.Error, ValueError) as exc:
            raise errors.Misconfigured(f"{where}: {key}-data is no base64") from exc
    if entry.get(key):
        file = _beside(path, str(entry[key]))
        return _text(file, f"{where}: {key}").encode(), (file,)
    return b"", ()


def _beside(path: Path, name: str) -> Path:
    return path.parent / Path(name).expanduser()


def _string(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not value:
        raise errors.Misconfigured(f"{where} has no {key}")
    return str(value)


def _text(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "not text"
        raise errors.Misconfigured(f"cannot read {path} ({where}): {why}") from exc
