"""What the API server fills into admission policies and their bindings, and refuses in them."""

from collections.abc import Iterator

from bot.sim.cluster import errors, expressions, objects, policies

Object = objects.Object
Cause = errors.Cause

_ACTIONS = ("Audit", "Deny", "Warn")
_RULES = ("resourceRules", "excludeResourceRules")


def complete_policy(obj: Object) -> None:
    """Fill in a policy's defaults, in place."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    if "matchConstraints" in spec:
        _complete(spec["matchConstraints"])


def complete_binding(obj: Object) -> None:
    """Fill in a binding's defaults, in place."""
    spec = obj.setdefault("spec", {})
    if "matchResources" in spec:
        _complete(spec["matchResources"])


def _complete(wanted: Object) -> None:
    wanted.setdefault("namespaceSelector", {})
    wanted.setdefault("objectSelector", {})
    wanted.setdefault("matchPolicy", "Equivalent")
    for field in _RULES:
        for rule in wanted.get(field) or ():
            rule.setdefault("scope", "*")


def of_policy(obj: Object) -> Iterator[Cause]:
    """What is wrong with a policy."""
    spec = obj["spec"]
    if "paramKind" in spec:
        message = "Forbidden: parameters of policies are not spoken by this simulated server"
        yield "FieldValueForbidden", message, "spec.paramKind"
    yield from _one_of(spec["failurePolicy"], ("Fail", "Ignore"), "spec.failurePolicy")
    constraints = spec.get("matchConstraints")
    if constraints is None:
        yield "FieldValueRequired", "Required value", "spec.matchConstraints"
    else:
        if not constraints.get("resourceRules"):
            message = "Required value: at least one resource rule must be specified"
            yield "FieldValueRequired", message, "spec.matchConstraints.resourceRules"
        yield from _rules(constraints, "spec.matchConstraints")
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        message = "Required value: validations or auditAnnotations must contain at least one item"
        yield "FieldValueRequired", message, "spec.validations"
        yield "FieldValueRequired", message, "spec.auditAnnotations"
    for field in ("variables", "matchConditions", "validations"):
        named: set[str] = set()
        for index, one in enumerate(spec.get(field) or ()):
            where = f"spec.{field}[{index}]"
            if field != "validations":
                yield from _name(str(one.get("name") or ""), named, f"{where}.name")
            yield from _expression(one, "expression", where)
    for index, one in enumerate(spec.get("validations") or ()):
        where = f"spec.validations[{index}]"
        if "messageExpression" in one:
            yield from _expression(one, "messageExpression", where)
        if "reason" in one:
            yield from _one_of(one["reason"], tuple(sorted(policies.CODES)), f"{where}.reason")


def of_binding(obj: Object) -> Iterator[Cause]:
    """What is wrong with a binding."""
    spec = obj["spec"]
    if not spec.get("policyName"):
        yield "FieldValueRequired", "Required value", "spec.policyName"
    if "paramRef" in spec:
        message = "Forbidden: parameters of policies are not spoken by this simulated server"
        yield "FieldValueForbidden", message, "spec.paramRef"
    yield from _rules(spec.get("matchResources") or {}, "spec.matchResources")
    actions = spec.get("validationActions") or ()
    where = "spec.validationActions"
    if not actions:
        yield (
            "FieldValueRequired",
            "Required value: at least one validation action is required",
            where,
        )
    for index, action in enumerate(actions):
        yield from _one_of(action, _ACTIONS, f"{where}[{index}]")
        if action in actions[:index]:
            yield "FieldValueDuplicate", f'Duplicate value: "{action}"', f"{where}[{index}]"
    if {"Deny", "Warn"} <= set(actions):
        shown = ",".join(f'"{action}"' for action in actions)
        message = (
            f"Invalid value: [{shown}]: must not contain both Deny and Warn (repeating the same "
            "validation failure information in the API response and headers serves no purpose)"
        )
        yield "FieldValueInvalid", message, where


def _rules(wanted: Object, where: str) -> Iterator[Cause]:
    for field in _RULES:
        for index, rule in enumerate(wanted.get(field) or ()):
            for needed in ("operations", "apiGroups", "apiVersions", "resources"):
                if not rule.get(needed):
                    path = f"{where}.{field}[{index}].{needed}"
                    yield "FieldValueRequired", "Required value", path


def _name(name: str, seen: set[str], where: str) -> Iterator[Cause]:
    if not name:
        yield "FieldValueRequired", "Required value: name is not specified", where
    elif name in seen:
        yield "FieldValueDuplicate", f'Duplicate value: "{name}"', where
    seen.add(name)


def _expression(holder: Object, field: str, where: str) -> Iterator[Cause]:
    text = str(holder.get(field) or "").strip()
    if not text:
        yield "FieldValueRequired", f"Required value: {field} is not specified", f"{where}.{field}"
        return
    try:
        expressions.read(text)
    except expressions.Unreadable as failure:
        message = f'Invalid value: "{text}": compilation failed: {failure}'
        yield "FieldValueInvalid", message, f"{where}.{field}"


def _one_of(value: str, known: tuple[str, ...], where: str) -> Iterator[Cause]:
    if value not in known:
        yield errors.unsupported(value, known, where)
