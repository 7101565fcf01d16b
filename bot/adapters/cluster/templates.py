"""From the wire to the domain: pod templates, and what of them decides where their pods run."""

from collections.abc import Iterable
from sys import intern

from bot.adapters.cluster import quantities, wire
from bot.domain import snapshot

_MATCHES_NOTHING = (("metadata.name", "In", ()),)
"""A node selector whose terms are all empty selects no node."""


def template(value: wire.Template) -> snapshot.Template:
    """Translate a pod template."""
    spec = value.spec or wire.TemplateSpec()
    labels = value.metadata.labels if value.metadata is not None else None
    return snapshot.Template(
        containers=_containers(spec.containers),
        init_containers=_containers(spec.init_containers),
        node_selector=dict(spec.node_selector or {}),
        required_node_labels=_required(spec.affinity),
        tolerations=tuple(
            snapshot.Toleration(
                key=t.key or "",
                operator=t.operator or "Equal",
                value=t.value or "",
                effect=t.effect or "",
            )
            for t in spec.tolerations or ()
        ),
        host_network=bool(spec.host_network),
        labels=dict(labels or {}),
    )


def memory(value: wire.Memory | None) -> int | None:
    """Return bytes, or None where nothing is set. Raises ValueError for what is no quantity."""
    if value is None or value.memory is None:
        return None
    return quantities.whole(value.memory)


def _containers(
    values: Iterable[wire.TemplateContainer] | None,
) -> tuple[snapshot.ContainerSpec, ...]:
    return tuple(_container(value) for value in values or ())


def _container(value: wire.TemplateContainer) -> snapshot.ContainerSpec:
    variables = value.env or ()
    resources = value.resources or wire.Resources()
    return snapshot.ContainerSpec(
        name=intern(value.name),
        image=intern(value.image or ""),
        command=tuple(value.command or ()),
        args=tuple(value.args or ()),
        env={v.name: v.value or "" for v in variables if not _is_set(v)},
        env_from_elsewhere=(
            *(v.name for v in variables if _is_set(v)),
            *_sources(value.env_from),
        ),
        memory_limit=memory(resources.limits),
        memory_request=memory(resources.requests),
    )


def _is_set(variable: wire.EnvVar) -> bool:
    return bytes(variable.value_from) not in (b"", b"null")


def _sources(values: Iterable[wire.EnvFrom] | None) -> Iterable[str]:
    for value in values or ():
        if value.config_map_ref is not None:
            yield f"configmap/{value.config_map_ref.name}"
        if value.secret_ref is not None:
            yield f"secret/{value.secret_ref.name}"


def _required(
    value: wire.Affinity | None,
) -> tuple[tuple[tuple[str, str, tuple[str, ...]], ...], ...]:
    if value is None or value.node_affinity is None or value.node_affinity.required is None:
        return ()
    terms = value.node_affinity.required.node_selector_terms or []
    translated = tuple(
        tuple(
            (r.key, r.operator, tuple(r.values or ()))
            for r in (*(term.match_expressions or ()), *(term.match_fields or ()))
        )
        for term in terms
    )
    return tuple(term for term in translated if term) or (_MATCHES_NOTHING,)
