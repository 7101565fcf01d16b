"""Who else writes a DaemonSet, whether a live change of it stays, and what belongs in their files.

Told by labels, annotations and managed fields: the owner's own marks first, and a `kubectl apply`
of a file last, since others leave that mark too. An entry of managed fields may be stale, so it
names an owner only where nothing better does.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bot.domain.plan import Ownership
from bot.runbooks.case import Json
from bot.runbooks.workloads import Workload


@dataclass(frozen=True, slots=True)
class _Mark:
    """A sign of an owner: a label, an annotation (by the start of its key) or a field manager."""

    owner: str
    reverts: str
    label: str = ""
    value: str = ""
    annotation: str = ""
    manager: str = ""


_FLUX = "Flux applies its source again at its next interval, minutes from now, and reverts this"
_FLUX_HELM = (
    "Flux's helm-controller reverts this at the next upgrade, and within minutes where drift "
    "detection is on"
)
_ARGO = "Argo CD shows it as out of sync; with self-heal it reverts this within minutes"
_HELM = "the next `helm upgrade` reverts this"
_RANCHER = "k3s or RKE2 applies its own manifest again when a server restarts or is upgraded"
_KOPS = "kOps applies its addon again at the next update of the cluster"
_ADDON = "the addon manager reverts this within a minute"
_APPLIED = "the next `kubectl apply` of the file that it came from reverts this"

_MARKS = (
    _Mark("Flux", _FLUX, label="kustomize.toolkit.fluxcd.io/name"),
    _Mark("Flux", _FLUX_HELM, label="helm.toolkit.fluxcd.io/name"),
    _Mark("Argo CD", _ARGO, annotation="argocd.argoproj.io/tracking-id"),
    _Mark("k3s or RKE2", _RANCHER, annotation="objectset.rio.cattle.io/"),
    _Mark("kOps", _KOPS, label="addon.kops.k8s.io/name"),
    _Mark("kOps", _KOPS, annotation="addon.kops.k8s.io/"),
    _Mark("the addon manager", _ADDON, label="addonmanager.kubernetes.io/mode", value="Reconcile"),
    _Mark("Argo CD", _ARGO, manager="argocd-controller"),
    _Mark("Argo CD", _ARGO, manager="argocd-application-controller"),
    _Mark("Flux", _FLUX, manager="kustomize-controller"),
    _Mark("Flux", _FLUX_HELM, manager="helm-controller"),
    _Mark("Helm", _HELM, annotation="meta.helm.sh/release-name"),
    _Mark("Helm", _HELM, label="app.kubernetes.io/managed-by", value="Helm"),
    _Mark("Helm", _HELM, manager="helm"),
    _Mark("a file", _APPLIED, annotation="kubectl.kubernetes.io/last-applied-configuration"),
    _Mark("a file", _APPLIED, manager="kubectl-client-side-apply"),
)
_SWITCHED_OFF = "kustomize.toolkit.fluxcd.io/reconcile"


def of(work: Workload, fields: Mapping[str, Json]) -> Ownership:
    """Return who owns it, and the container's changed `fields` as text for the owner's files."""
    meta = work.document["metadata"]
    found = next(_found(meta), None)
    if found is None:
        return Ownership()
    helm = found.owner == "Helm" or found.reverts == _FLUX_HELM
    return replace(found, values=_chart(work, fields) if helm else _overlay(work, fields))


def _found(meta: Json) -> Iterator[Ownership]:
    labels, notes = meta.get("labels") or {}, meta.get("annotations") or {}
    managers = {one.get("manager", "") for one in meta.get("managedFields") or ()}
    for mark in _MARKS:
        if mark.label and labels.get(mark.label) and mark.value in ("", labels[mark.label]):
            evidence = f"label {mark.label}={labels[mark.label]}"
        elif mark.annotation and (
            key := next((one for one in sorted(notes) if one.startswith(mark.annotation)), "")
        ):
            evidence = f"annotation {key}"
        elif mark.manager in managers - {""}:
            evidence = f"field manager {mark.manager}"
        else:
            continue
        reverts = mark.reverts
        if mark.owner == "Flux" and notes.get(_SWITCHED_OFF) == "disabled":
            reverts = f"Flux is told to leave it alone ({_SWITCHED_OFF}: disabled)"
        yield Ownership(mark.owner, reverts, evidence)


def _chart(work: Workload, fields: Mapping[str, Json]) -> str:
    labels = work.document["metadata"].get("labels") or {}
    chart = str(labels.get("helm.sh/chart", ""))
    words = fields.get("command") or fields.get("args")
    values: dict[str, Json] = {}
    if words:
        # The chart puts flannel.args behind the program, into `command`.
        values["args"] = words[1:] if "command" in fields else words
    if "resources" in fields:
        values["resources"] = fields["resources"]
    note = "# flannel's own chart; resources can be set from v0.27.1 on\n"
    if chart and not chart.startswith("flannel-"):
        note = f"# as flannel's own chart has it; {chart} may call it otherwise\n"
    return note + yaml({"flannel": values})


def _overlay(work: Workload, fields: Mapping[str, Json]) -> str:
    return yaml(
        {
            "apiVersion": work.document.get("apiVersion", "apps/v1"),
            "kind": "DaemonSet",
            "metadata": {"name": work.flannel.daemonset, "namespace": work.flannel.namespace},
            "spec": {
                "template": {"spec": {"containers": [{"name": work.flannel.container, **fields}]}}
            },
        }
    )


def yaml(value: Json, indent: int = 0) -> str:
    """Write a value as YAML: texts as JSON strings, which YAML reads alike."""
    pad = "  " * indent
    lines = []
    for key, held in value.items():
        if isinstance(held, dict):
            lines.append(f"{pad}{key}:\n{yaml(held, indent + 1)}")
        elif isinstance(held, list):
            lines.append(f"{pad}{key}:\n{''.join(_item(one, pad) for one in held)}")
        else:
            lines.append(f"{pad}{key}: {_scalar(held)}\n")
    return "".join(lines)


def _item(held: Json, pad: str) -> str:
    if not isinstance(held, dict):
        return f"{pad}- {_scalar(held)}\n"
    return f"{pad}- {yaml(held, len(pad) // 2 + 1).lstrip(' ')}"


def _scalar(held: Json) -> str:
    plain = isinstance(held, str) and held.replace("-", "").replace("/", "").isalnum()
    words = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
    if plain and held[0].isalpha() and held.lower() not in words:
        return str(held)
    return json.dumps(held, ensure_ascii=False)
