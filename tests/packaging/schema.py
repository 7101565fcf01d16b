"""The schema of the chart's values: closed, each key told, the bot's own settings taken from it."""

import json
from typing import Any

from bot import settings

LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECT = {"type": "object"}
OBJECTS = {"type": "array", "items": {"type": "object"}}
NAME = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", "maxLength": 253}
NAMED = {**NAME, "minLength": 1}
QUANTITY = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"}
SWITCH = {"type": "boolean"}
TEXT = {"type": "string"}
NOT_IN_FILE = {"database"}
"""Sections that the chart sets itself."""


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def listed(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, "uniqueItems": True, **more}


def one_of(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


def schema() -> dict[str, Any]:
    values = closed(
        image=closed(
            repository={**TEXT, "minLength": 1},
            tag=TEXT,
            digest={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
            pullPolicy=one_of("Always", "IfNotPresent", "Never"),
            pullSecrets=listed(NAMED),
        ),
        nameOverride=TEXT,
        fullnameOverride=TEXT,
        replicas={"type": "integer", "minimum": 0, "maximum": 5},
        clusterName={"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"},
        flannel=closed(namespace=NAMED, daemonsets=listed(NAMED, minItems=1), container=NAMED),
        namespaces=listed(NAMED),
        config={"$ref": "#/$defs/Settings"},
        slack=closed(existingSecret=NAME, botToken=TEXT, appToken=TEXT, signingSecret=TEXT),
        prometheusTokenSecret=NAME,
        database=closed(postgresql=closed(existingSecret=NAME, key={**TEXT, "minLength": 1})),
        persistence=closed(
            enabled=SWITCH,
            existingClaim=NAME,
            storageClass=NAME,
            accessMode=one_of("ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"),
            size=QUANTITY,
            keep=SWITCH,
        ),
        hostNetwork=SWITCH,
        dnsPolicy=one_of("", "Default", "ClusterFirst", "ClusterFirstWithHostNet"),
        privateCA=closed(configMap=NAME, key={**TEXT, "minLength": 1}),
        kubeconfigSecret=NAME,
        extraEnv=OBJECTS,
        size=one_of("small", "medium", "large"),
        resources=closed(requests=OBJECT, limits=OBJECT, claims=OBJECTS),
        tolerations=OBJECTS,
        nodeSelector=LABELS,
        affinity=OBJECT,
        priorityClassName=NAME,
        topologyKey={**TEXT, "minLength": 1},
        podAnnotations=LABELS,
        podLabels=LABELS,
        serviceAccount=closed(create=SWITCH, name=NAME, annotations=LABELS),
        rbac=closed(create=SWITCH),
        admissionPolicy=closed(enabled=SWITCH),
        service=closed(
            enabled=SWITCH,
            type=one_of("ClusterIP", "NodePort", "LoadBalancer"),
            annotations=LABELS,
        ),
        networkPolicy=closed(**{"enabled": SWITCH, "from": OBJECTS}),
        podDisruptionBudget=closed(enabled=SWITCH),
        serviceMonitor=closed(
            enabled=SWITCH,
            interval={"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"},
            labels=LABELS,
        ),
        prometheusRule=closed(enabled=SWITCH, labels=LABELS),
        # Helm's own, where this chart is another's part.
        **{"global": OBJECT},
    )
    of_bot = settings.Settings.model_json_schema()
    sections = of_bot.pop("$defs")
    for name in NOT_IN_FILE:
        del of_bot["properties"][name]
        sections.pop(name.capitalize())
    sections["Settings"] = of_bot
    for name, section in sections.items():
        model = getattr(settings, name)
        sections[name] = _section(model, section)
    return {
        "$schema": "https://json-schema.org/draft-07/schema#",
        "title": "flannel-bot's values",
        **values,
        "$defs": sections,
    }


def _section(model: type[Any], section: dict[str, Any]) -> dict[str, Any]:
    """One section as a person may write it: Helm hands over YAML's own kinds."""
    properties = {}
    for key, found in section["properties"].items():
        metadata = model.model_fields[key].metadata
        if found.get("format") == "password" or found.get("writeOnly"):
            continue  # secrets do not belong into a ConfigMap
        text = found.get("description", "")
        kept = {k: v for k, v in found.items() if k not in {"title", "default", "description"}}
        if kept.get("format") == "duration":
            kept = {"type": ["string", "number"]}
        elif any(meta is settings.Trigger.__metadata__[0] for meta in metadata):  # type: ignore[attr-defined]
            kept = {"type": ["string", "number", "boolean"]}
        elif "off" in kept.get("enum", ()):
            kept["enum"] = [*kept["enum"], True, False]
            kept.pop("type", None)
        if text:
            kept["description"] = " ".join(text.split())
        properties[key] = kept
    return closed(**properties)


def text() -> str:
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
