"""What the Table of a binding of a role tells of it."""

from bot.sim.cluster import objects

Object = objects.Object


def bound(binding: Object, *, age: str) -> list[str]:
    """Its cells behind the name: the role, the age, and who is bound, by kind."""
    role = binding.get("roleRef") or {}
    told: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in binding.get("subjects") or ():
        name = subject.get("name", "")
        if subject.get("kind") == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        told.setdefault(subject.get("kind", ""), []).append(name)
    people = (", ".join(told[kind]) for kind in ("User", "Group", "ServiceAccount"))
    return [f"{role.get('kind', '')}/{role.get('name', '')}", age, *people]
