"""What an API server lets the bot do, against what the bot does.

One list of needs, made from the settings in force; `SelfSubjectAccessReview` says which of them
are denied, `SelfSubjectRulesReview` what is granted beyond them.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from bot.adapters.cluster import actuator, client, failures, kinds, lease, looking
from bot.domain import errors
from bot.domain.plan import StepKind
from bot.flow import doctor

T = TypeVar("T")

_REVIEWS = "/apis/authorization.k8s.io/v1"
_API_VERSION = "authorization.k8s.io/v1"
_READS = ("list", "watch")
_EXEC = ("get", "create")
_OWN = frozenset({"authorization.k8s.io", "authentication.k8s.io"})
"""Groups in which every account may ask about itself."""
_MEMORY = "metrics.k8s.io"


@dataclass(frozen=True, slots=True)
class Doing:
    """What the settings have the bot do in a cluster."""

    exec: bool = True
    exec_in_pods: bool = False
    probe_pods: bool = False
    steps: frozenset[StepKind] = frozenset()
    """Kinds of steps that plans may have; none where nothing may be changed."""
    on_nodes: bool = False
    """Whether some of those plans are about a node, and are told of there."""
    samples: bool = True
    lease: tuple[str, str] | None = None
    """Namespace and name of the Lease by which replicas elect a leader, where they do."""


class _Status(msgspec.Struct, gc=False):
    allowed: bool = False


class _Review(msgspec.Struct, gc=False):
    status: _Status


class _Rule(msgspec.Struct, gc=False, rename="camel"):
    verbs: list[str] | None = None
    api_groups: list[str] | None = None
    resources: list[str] | None = None


class _Rules(msgspec.Struct, gc=False, rename="camel"):
    resource_rules: list[_Rule] | None = None
    incomplete: bool = False


class _RulesReview(msgspec.Struct, gc=False):
    status: _Rules


class _Version(msgspec.Struct, gc=False, rename="camel"):
    git_version: str = ""


_REVIEW = msgspec.json.Decoder(_Review)
_RULES = msgspec.json.Decoder(_RulesReview)
_VERSION = msgspec.json.Decoder(_Version)


def needs(
    namespaces: Iterable[str], flannels: Sequence[tuple[str, str]], doing: Doing
) -> list[doctor.Need]:
    """Return every right that is needed, with what for.

    Args:
        namespaces: those that are mirrored.
        flannels: flannel's DaemonSets, by namespace and name.
        doing: what the settings have the bot do.
    """
    places = sorted(set(namespaces))
    found = [
        *_needs("nodes are not seen", "", "nodes", verbs=_READS, vital=True),
        *_needs("flannel is not found outside the namespaces named", "apps", "daemonsets"),
        *(need for one in places for need in _reading(one)),
        *(need for one in sorted({at for at, _ in flannels}) for need in _looking(one, doing)),
    ]
    if doing.exec:
        found += _needs("whose a veth is cannot be told", "", "pods")
    if doing.exec_in_pods:
        why = "pods are not asked for their NIC (`inspection.exec_in_pods`)"
        found += _needs(why, "", "pods/exec", verbs=_EXEC)
    if doing.steps:
        found += _changing(flannels, doing)
    if doing.lease:
        found += _electing(*doing.lease)
    return list({need.right: need for need in reversed(found)}.values())[::-1]


def _changing(flannels: Sequence[tuple[str, str]], doing: Doing) -> Iterator[doctor.Need]:
    """What changes take: of flannel's own objects in its namespaces, of others wherever they are.

    A role may name the DaemonSets that may be patched.
    """
    why = "a change would fail (`remediation.enabled`)"
    homes = [(namespace, "") for namespace in sorted({at for at, _ in flannels})]
    patched = StepKind.PATCH_DAEMONSET in doing.steps
    # Events of nodes are kept in "default".
    told = [*(homes if patched else ()), *([("default", "")] if doing.on_nodes else ())]
    steps = sorted(doing.steps & actuator.FOR_STEP.keys())
    rights = [*actuator.READS, *(right for kind in steps for right in actuator.FOR_STEP[kind])]
    for right in [*rights, *actuator.TELLS]:
        match right.verb, right.resource:
            case "patch", "daemonsets":
                places = list(flannels)
            case "delete", "pods":
                places = homes
            case "create", "events":
                places = told
            case _:
                places = [("", "")]
        for place in places:
            made = doctor.Right(right.verb, right.group, right.resource, *place)
            yield doctor.Need(made, why)


def _electing(namespace: str, name: str) -> Iterator[doctor.Need]:
    """What a Lease takes; a right to create cannot be narrowed to a name."""
    for right in lease.RIGHTS:
        named = "" if right.verb == "create" else name
        made = doctor.Right(right.verb, right.group, right.resource, namespace, named)
        yield doctor.Need(made, "no replica can lead (`replicas.enabled`)", vital=True)


def _needs(
    why: str,
    group: str,
    resource: str,
    namespace: str = "",
    *,
    verbs: Sequence[str] = ("list",),
    vital: bool = False,
) -> list[doctor.Need]:
    rights = (doctor.Right(verb, group, resource, namespace) for verb in verbs)
    return [doctor.Need(right, why, vital=vital) for right in rights]


def _reading(namespace: str) -> Iterator[doctor.Need]:
    """What watching a namespace takes."""
    for kind in kinds.IN_NAMESPACES:
        yield from _needs(
            f"{kind.resource} in {namespace} are not seen",
            kind.grant.partition(".")[2],
            kind.resource,
            namespace,
            verbs=_READS,
            vital=kind in (kinds.PODS, kinds.DAEMONSETS),
        )
    why = "why a container failed is not told"
    yield from _needs(why, "", "pods/log", namespace, verbs=("get",))


def _looking(namespace: str, doing: Doing) -> Iterator[doctor.Need]:
    """What looking at nodes takes where flannel is."""
    config = doctor.Right("get", "", "configmaps", namespace, looking.CONFIG_MAP)
    yield doctor.Need(config, "flannel's configuration is not known")
    if doing.samples:
        yield from _needs("flannel's memory is not known", _MEMORY, "pods", namespace)
    if doing.exec:
        why = "nodes are not looked at: routes and NICs are unknown (`inspection.exec`)"
        yield from _needs(why, "", "pods/exec", namespace, verbs=_EXEC)
    if doing.probe_pods:
        why = "no probe pod can be made or removed (`inspection.probe_pods`)"
        yield from _needs(why, "", "pods", namespace, verbs=("create", "get", "delete"))


async def version(api: client.Client) -> str:
    """Return the server's version, such as v1.36.2. Raises Unavailable."""
    ask = client.Ask(
        verb="get", resource="version", what="the version", grant="/version", path="/version"
    )
    return _decoded(_VERSION, await api.send(ask), ask).git_version


async def lacking(api: client.Client, wanted: Sequence[doctor.Need]) -> list[doctor.Need]:
    """Return the needs that the server denies. Raises Unavailable if it cannot be asked."""
    allowed = await asyncio.gather(*(_allowed(api, need.right) for need in wanted))
    return [need for need, yes in zip(wanted, allowed, strict=True) if not yes]


async def excess(
    api: client.Client, namespaces: Iterable[str], wanted: Sequence[doctor.Need]
) -> list[doctor.Right]:
    """Return what is granted in these namespaces and needed nowhere. Raises Unavailable."""
    needed = {(n.right.verb, n.right.group, n.right.resource) for n in wanted}
    # Whoever may list and watch may as well get; no rule of RBAC is written without it.
    needed |= {("get", group, resource) for verb, group, resource in needed if verb in _READS}
    found: set[doctor.Right] = set()
    for namespace in sorted(set(namespaces)):
        for rule in await _rules(api, namespace):
            found |= {
                doctor.Right(verb, group, resource)
                for verb in rule.verbs or ()
                for group in rule.api_groups or ()
                for resource in rule.resources or ()
                if group not in _OWN and (verb, group, resource) not in needed
            }
    return sorted(found)


async def _rules(api: client.Client, namespace: str) -> list[_Rule]:
    ask = _review("SelfSubjectRulesReview", {"namespace": namespace})
    return _decoded(_RULES, await api.send(ask), ask).status.resource_rules or []


async def _allowed(api: client.Client, right: doctor.Right) -> bool:
    resource, _, part = right.resource.partition("/")
    about = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "namespace": right.namespace,
        "name": right.name,
    }
    spec = {"resourceAttributes": {key: value for key, value in about.items() if value}}
    ask = _review("SelfSubjectAccessReview", spec)
    return _decoded(_REVIEW, await api.send(ask), ask).status.allowed


def _review(kind: str, spec: object) -> client.Ask:
    plural = f"{kind.lower()}s"
    return client.Ask(
        verb="create",
        resource=plural,
        what=f"a {kind}",
        grant=f"{plural}.authorization.k8s.io",
        path=f"{_REVIEWS}/{plural}",
        method="POST",
        body={"apiVersion": _API_VERSION, "kind": kind, "spec": spec},
    )


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes, ask: client.Ask) -> T:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise failures.Failure(f"cannot {ask.verb} {ask.what}: odd answer") from error


def explained(error: errors.BotError) -> doctor.Answer:
    """Return why a server did not answer, with what mends it."""
    cure = "see whether the API server runs and can be reached from here"
    if isinstance(error, failures.Unauthorized):
        cure = "renew the token or certificate of the kubeconfig or service account"
    elif isinstance(error, failures.Untrusted):
        cure = "give the kubeconfig the authority that signed the server's certificate"
    elif isinstance(error, errors.Misconfigured):
        cure = "correct clusters[].kubeconfig and clusters[].context"
    return doctor.Answer(error=str(error), cure=cure)
