"""Admission policies: which of them a write concerns, and what they say to it.

Source: apiserver's pkg/admission/plugin/policy/validating and its recorded answers. A policy does
nothing without a binding; parameters (`paramKind`) are not spoken here, and such a policy is
refused when it is to be stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from bot.sim.cluster import errors, expressions, objects, resources, selectors, store

Object = objects.Object

PLURAL = "validatingadmissionpolicies"
BINDINGS = "validatingadmissionpolicybindings"
CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}
"""The reasons that a validation may give, and how each is answered."""
_OWN = frozenset({PLURAL, BINDINGS})
"""What no policy is asked about, so that a bad one can always be taken away."""
_LONGEST_MESSAGE = 5120


@dataclass(frozen=True, slots=True)
class Change:
    """A write that is about to be done, or a command that is about to be run.

    `new` and `old` are None where there is none: before a creation, after a deletion.
    """

    row: resources.Resource
    operation: str
    """CREATE, UPDATE, DELETE or CONNECT."""
    new: Object | None = None
    old: Object | None = None
    _: KW_ONLY
    subresource: str = ""
    dry_run: bool = False
    of: store.Key | None = None
    """Namespace and name of the object, where the states themselves do not tell."""

    @property
    def key(self) -> store.Key:
        """Namespace and name of the object; no namespace if it is in none."""
        return self.of or store.key_of(self.new or self.old or {})


@dataclass(frozen=True, slots=True)
class Objection:
    """What one validation has against a request."""

    message: str
    reason: str = ""
    """The API's word for it; none where the policy could not be asked."""


def judge(
    storage: store.Store, change: Change, user: Mapping[str, Any], warnings: list[str]
) -> None:
    """Ask every policy that is bound.

    Args:
        storage: where policies, bindings and namespaces are.
        change: what is about to happen.
        user: who does it, as `request.userInfo` has it.
        warnings: for the client; what they warn of is added.

    Raises:
        errors.StatusError: one of them refuses.
    """
    bindings = storage.list(BINDINGS)
    if not bindings or change.row.plural in _OWN:
        return
    namespace, _ = change.key
    scope = storage.get("namespaces", "", namespace) if namespace else None
    refusals: list[errors.StatusError] = []
    for policy, bound in _bound(storage, bindings):
        if not _matches(policy["spec"]["matchConstraints"], change, scope):
            continue
        near = [
            binding
            for binding in bound
            if _matches(binding["spec"].get("matchResources") or {}, change, scope)
        ]
        found = list(objections(policy["spec"], _known(change, user, scope))) if near else []
        for binding in near:
            names = f"'{policy['metadata']['name']}' with binding '{binding['metadata']['name']}'"
            for one in found:
                for action in binding["spec"]["validationActions"]:
                    if action == "Warn":
                        warnings.append(
                            f"Validation failed for ValidatingAdmissionPolicy {names}: "
                            f"{one.message}"
                        )
                    elif action == "Deny":
                        refusals.append(_refusal(change, names, one))
    if refusals:
        raise refusals[0]


def objections(spec: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Objection]:
    """What a policy has against a request that it is asked about, in its own order.

    Args:
        spec: the policy's.
        known: what its expressions may name: `request`, `object`, `oldObject`, ...
    """
    asked = expressions.Scope(known)
    closed = spec.get("failurePolicy", "Fail") == "Fail"
    try:
        if not _concerned(asked, spec.get("matchConditions") or ()):
            return
    except expressions.Failed as failure:
        if closed:
            yield Objection(str(failure))
        return
    for variable in spec.get("variables") or ():
        asked.define(variable["name"], variable["expression"])
    for validation in spec.get("validations") or ():
        try:
            if asked.told(validation["expression"]) is not True:
                reason = validation.get("reason") or "Invalid"
                yield Objection(_message(asked, validation), reason)
        except expressions.Failed as failure:
            if closed:
                yield Objection(str(failure))


def _bound(
    storage: store.Store, bindings: Sequence[Object]
) -> Iterator[tuple[Object, list[Object]]]:
    for policy in storage.list(PLURAL):
        name = policy["metadata"]["name"]
        yield policy, [one for one in bindings if one["spec"]["policyName"] == name]


def _concerned(asked: expressions.Scope, conditions: Sequence[Object]) -> bool:
    """Whether all conditions hold: one that does not outweighs those that have no value.

    Raises:
        expressions.Failed: the others hold, and this one has no value.
    """
    failed: expressions.Failed | None = None
    for condition in conditions:
        try:
            if asked.told(condition["expression"]) is not True:
                return False
        except expressions.Failed as failure:
            failed = failed or failure
    if failed is not None:
        raise failed
    return True


def _message(asked: expressions.Scope, validation: Object) -> str:
    if validation.get("messageExpression"):
        try:
            told = asked.told(validation["messageExpression"])
        except expressions.Failed:
            told = None
        made = told.strip() if isinstance(told, str) else ""
        if made and "\n" not in made and len(made.encode()) <= _LONGEST_MESSAGE:
            return made
    given = str(validation.get("message") or "").strip()
    return given or f"failed expression: {validation['expression'].strip()}"


def _matches(wanted: Object, change: Change, scope: Object | None) -> bool:
    """Whether `matchConstraints`, or a binding's `matchResources`, mean this change."""
    rules = wanted.get("resourceRules")
    return (
        (rules is None or any(_meant(rule, change) for rule in rules))
        and not any(_meant(rule, change) for rule in wanted.get("excludeResourceRules") or ())
        and _in_namespaces(wanted.get("namespaceSelector") or {}, change, scope)
        and _labelled(wanted.get("objectSelector") or {}, change)
    )


def _meant(rule: Object, change: Change) -> bool:
    row, names = change.row, rule.get("resourceNames")
    own_scope = "Namespaced" if row.namespaced else "Cluster"
    return (
        bool({change.operation, "*"} & set(rule.get("operations") or ()))
        and bool({row.group, "*"} & set(rule.get("apiGroups") or ()))
        and bool({row.version, "*"} & set(rule.get("apiVersions") or ()))
        and any(_named(one, change) for one in rule.get("resources") or ())
        and rule.get("scope", "*") in ("*", own_scope)
        and (not names or change.key[1] in names)
    )


def _named(pattern: str, change: Change) -> bool:
    """Whether `pods`, `pods/exec`, `pods/*` or `*/*` is what is written."""
    plural, _, subresource = pattern.partition("/")
    return plural in ("*", change.row.plural) and subresource in ("*", change.subresource)


def _in_namespaces(selector: Object, change: Change, scope: Object | None) -> bool:
    if not selector:
        return True
    if change.row.plural == "namespaces":
        scope = change.new or change.old
    elif not change.row.namespaced:
        # What is in no namespace is meant by all of them.
        return True
    return selectors.chosen(selector, _labels(scope))


def _labelled(selector: Object, change: Change) -> bool:
    if not selector:
        return True
    states = [state for state in (change.new, change.old) if state is not None]
    return any(selectors.chosen(selector, _labels(state)) for state in states)


def _labels(obj: Object | None) -> Object:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}


def _known(change: Change, user: Mapping[str, Any], scope: Object | None) -> dict[str, Any]:
    row, (namespace, name) = change.row, change.key
    seen = change.new or change.old or {}
    group, _, version = str(seen.get("apiVersion") or row.api_version).rpartition("/")
    kind = {"group": group, "version": version, "kind": seen.get("kind", row.kind)}
    resource = {"group": row.group, "version": row.version, "resource": row.plural}
    # As in an AdmissionReview: what is empty is absent.
    optional = {
        "subResource": change.subresource,
        "requestSubResource": change.subresource,
        "name": name,
        "namespace": namespace,
    }
    request = {
        "uid": "",
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        **{key: value for key, value in optional.items() if value},
        "operation": change.operation,
        "userInfo": dict(user),
        "dryRun": change.dry_run,
    }
    return {
        "request": request,
        "object": change.new,
        "oldObject": change.old,
        "namespaceObject": scope,
    }


def _refusal(change: Change, names: str, objection: Objection) -> errors.StatusError:
    row, reason = change.row, objection.reason or "Invalid"
    message = f"ValidatingAdmissionPolicy {names} denied request: {objection.message}"
    _, name = change.key
    subject = f'{errors.qualified(row.plural, row.group)} "{name}"'
    details = {"name": name, "group": row.group, "kind": row.plural}
    return errors.StatusError(
        CODES[reason],
        reason,
        f"{subject} is forbidden: {message}",
        details={
            **{key: value for key, value in details.items() if value},
            "causes": [{"message": message}],
        },
    )
