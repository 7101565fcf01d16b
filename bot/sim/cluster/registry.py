"""The API server without HTTP: what a create, an update, a patch and a delete mean.

Used by the HTTP side for clients and directly by the controllers and kubelets of the simulated
cluster. Everything returned is stored state and must not be changed in place.
"""

import copy
import random
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.sim.cluster import (
    admission,
    defaults,
    deletion,
    dependents,
    errors,
    normal,
    objects,
    ownership,
    patches,
    policies,
    resources,
    schemas,
    store,
    validation,
)

Object = dict[str, Any]
StatusError = errors.StatusError

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What generated names are made of: no vowels, nothing easily confused."""


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Registry:
    """The kinds' behaviour over a `Store`.

    Args:
        storage: where they are kept. The system namespaces are created in it if absent.
        clock: aware UTC time, stamped on what is made and deleted.
        rng: makes uids and the random part of generated names, so that a seed repeats a world.
    """

    def __init__(
        self,
        storage: store.Store,
        *,
        clock: Callable[[], datetime] = utc_now,
        rng: random.Random,
    ) -> None:
        self.store = storage
        self._clock = clock
        self._rng = rng
        self.judge: Callable[[policies.Change], None] | None = None
        """Hears of each change before it is done, and may raise."""
        for name in SYSTEM_NAMESPACES:
            if storage.get("namespaces", "", name) is None:
                self.create("namespaces", "", {"metadata": {"name": name}})

    def judged(self, judge: Callable[[policies.Change], None] | None) -> "Registry":
        """The same objects, with a judge of all that is changed by this way."""
        view = copy.copy(self)
        view.judge = judge
        return view

    def now(self, *, after: float = 0) -> str:
        """The time as objects carry it, some seconds from now."""
        return stamp(self._clock() + timedelta(seconds=after))

    def suffix(self) -> str:
        """Five random characters, as generated names end."""
        return "".join(self._rng.choice(NAME_ALPHABET) for _ in range(5))

    def row(self, resource: str) -> resources.Resource:
        """What is known of a resource.

        Raises:
            errors.StatusError: 404, there is no such resource.
        """
        row = resources.BY_PLURAL.get(resource)
        if row is None or not row.stored:
            raise errors.no_such_resource()
        return row

    def get(self, resource: str, namespace: str, name: str) -> Object:
        """One object.

        Raises:
            errors.StatusError: 404.
        """
        row = self.row(resource)
        obj = self.store.get(resource, namespace if row.namespaced else "", name)
        if obj is None:
            raise errors.not_found(row.plural, row.group, name)
        return obj

    def create(
        self,
        resource: str,
        namespace: str,
        obj: Mapping[str, Any],
        *,
        dry_run: bool = False,
        writer: ownership.Writer | None = None,
        owned: list[Object] | None = None,
    ) -> Object:
        """Store a new object with everything the server adds to it.

        `metadata.generateName` is completed with five random characters when there is no name.
        What a `writer` creates is noted as its own, unless it is told whose each field is.

        Raises:
            errors.StatusError: 400, 404 (no such namespace), 409 (the name is taken), 422.
        """
        row = self.row(resource)
        fresh = objects.copied(dict(obj))
        metadata = normal.created_metadata(fresh, row, namespace)
        if row.namespaced and self.store.get("namespaces", "", namespace) is None:
            raise errors.not_found("namespaces", "", namespace)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._generated(row, namespace, metadata["generateName"])
        metadata["uid"] = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        metadata["creationTimestamp"] = self.now()
        if row.generation:
            metadata["generation"] = 1
        normal.quantities_of(row.kind, fresh)
        admission.on_create(row.kind, fresh, suffix=self.suffix)
        if row.kind == "Pod" and (fresh.get("spec") or {}).get("nodeName"):
            admission.place(metadata, self.store.get("nodes", "", fresh["spec"]["nodeName"]))
        defaults.apply(row.kind, fresh)
        if row.status:
            defaults.fresh_status(row.kind, fresh)
        validation.check(row, fresh)
        fresh = normal.ordered(row, fresh)
        self._ask(row, "CREATE", new=fresh, dry_run=dry_run)
        if self.store.get(resource, metadata.get("namespace", ""), metadata["name"]) is not None:
            raise errors.already_exists(row.plural, row.group, metadata["name"])
        if writer is not None:
            owned = ownership.noted(row, None, fresh, writer, now=self.now())
        if owned is not None:
            fresh["metadata"]["managedFields"] = owned
        if dry_run:
            return fresh
        return self._stored(row, fresh)

    def replace(
        self,
        resource: str,
        namespace: str,
        name: str,
        obj: Mapping[str, Any],
        *,
        subresource: str = "",
        dry_run: bool = False,
        writer: ownership.Writer | None = None,
    ) -> Object:
        """Put another state in an object's place (HTTP PUT).

        Raises:
            errors.StatusError: 400, 404, 409 (stale resourceVersion, other uid), 422.
        """
        row = self.row(resource)
        fresh = objects.copied(dict(obj))
        validation.check_names(row, fresh, namespace=namespace, name=name)
        old = self.get(resource, namespace, name)
        metadata = fresh.setdefault("metadata", {})
        metadata["name"] = name
        uid = metadata.get("uid")
        if uid and uid != old["metadata"]["uid"]:
            raise errors.conflict(
                row.plural,
                row.group,
                name,
                f"StorageError: invalid object, Code: 4, Key: {normal.storage_key(row, old)}, "
                "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
                f"precondition: {uid}, UID in object meta: {old['metadata']['uid']}",
            )
        return self._updated(
            row, old, fresh, subresource=subresource, dry_run=dry_run, writer=writer
        )

    def patch(
        self,
        resource: str,
        namespace: str,
        name: str,
        body: objects.Json,
        *,
        kind: patches.Kind,
        subresource: str = "",
        dry_run: bool = False,
        decode: Callable[[Object], objects.Json] | None = None,
        writer: ownership.Writer | None = None,
    ) -> Object:
        """Change an object by describing the change (HTTP PATCH).

        Args:
            resource: the plural.
            namespace: empty for cluster-scoped resources.
            name: of the object.
            body: the decoded patch: a list of operations for `json`, else an object.
            kind: how to read it.
            subresource: `status`, or empty for the object itself.
            dry_run: answer what would be, store nothing.
            decode: what the HTTP side puts between patching and storing, to judge unknown fields
                and wrong types; in-process callers are trusted.
            writer: whose the changed fields are from now on; nobody's if absent.

        Raises:
            errors.StatusError: 400, 404, 409 (stale resourceVersion in the patch), 422.
        """
        row = self.row(resource)
        old = self.get(resource, namespace, name)
        fresh = patches.applied(old, objects.copied(body), kind=kind)
        if not isinstance(fresh, dict):
            raise errors.patch_rejected()
        if decode is not None:
            fresh = decode(fresh)
        validation.check_names(row, fresh, namespace=namespace, name=name)
        uid = (fresh.get("metadata") or {}).get("uid")
        if uid != old["metadata"]["uid"]:
            cause = ("FieldValueInvalid", f'Invalid value: "{uid}": field is immutable')
            raise errors.invalid(row.kind, row.group, name, [(*cause, "metadata.uid")] * 2)
        return self._updated(
            row, old, fresh, subresource=subresource, dry_run=dry_run, writer=writer
        )

    def apply(
        self,
        resource: str,
        namespace: str,
        name: str,
        wanted: Object,
        writer: ownership.Writer,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """Make an object have the fields that are wanted (server-side apply).

        Returns:
            The object, and whether it is new.

        Raises:
            errors.StatusError: 400, 404, 409 (fields of other managers), 422.
        """
        row = self.row(resource)
        validation.check_names(row, wanted, namespace=namespace, name=name)
        old = self.store.get(resource, namespace if row.namespaced else "", name)
        uid = wanted["metadata"].get("uid")
        if old is None and subresource:
            raise errors.not_found(row.plural, row.group, name)
        if uid and (old is None or old["metadata"]["uid"] != uid):
            there = "no existing object was found"
            if old is not None:
                there = f"the existing object has uid {old['metadata']['uid']}"
            why = f"uid mismatch: the provided object specified uid {uid}, and {there}"
            raise errors.conflict(row.plural, row.group, name, why)
        if row.status and not subresource:
            wanted = {key: value for key, value in wanted.items() if key != "status"}
        result, owned = ownership.applied(
            row, old, wanted, writer, now=self.now(), subresource=subresource
        )
        checked, _ = schemas.decoded(row.kind, result, refused=errors.bad_request)
        if old is None:
            checked["metadata"]["name"] = name
            fresh = self.create(resource, namespace, checked, dry_run=dry_run, owned=owned)
            return fresh, True
        if "resourceVersion" in wanted["metadata"]:
            checked["metadata"]["resourceVersion"] = wanted["metadata"]["resourceVersion"]
        stored = self._updated(
            row, old, checked, subresource=subresource, dry_run=dry_run, owned=owned
        )
        return stored, False

    def bind(self, namespace: str, name: str, node: str, *, dry_run: bool = False) -> Object:
        """Place a pod on a node, as the scheduler's binding does; generation stays.

        Raises:
            errors.StatusError: 404, or 409 when the pod is placed already or terminates.
        """
        row = self.row("pods")
        pod = self.get("pods", namespace, name)
        if pod["spec"].get("nodeName"):
            why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
            raise errors.conflict("pods/binding", "", name, why)
        if pod["metadata"].get("deletionTimestamp"):
            why = f"pod {name} is being deleted, cannot be assigned to a host"
            raise errors.conflict("pods/binding", "", name, why)
        fresh = admission.on_bind(pod, self.store.get("nodes", "", node), node, now=self.now())
        fresh = normal.ordered(row, fresh)
        return fresh if dry_run else self._stored(row, fresh)

    def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        *,
        grace_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete an object, or ask for it: a pod on a node waits for its kubelet.

        With `Orphan` or `Foreground` as `propagation` it is held until what it owns is released
        or gone; pods own nothing.

        Returns:
            What the API answers: the object where it is (or was) a pod or is held by a
            finalizer, a Status for the rest.

        Raises:
            errors.StatusError: 404, or 409 when uid or resourceVersion are not as given.
        """
        row = self.row(resource)
        old = self.get(resource, namespace, name)
        deletion.check_preconditions(row, old, uid=uid, resource_version=resource_version)
        self._ask(row, "DELETE", old=old, dry_run=dry_run)
        cascading = propagation in dependents.FINALIZERS and not row.graceful
        asked = dependents.held(old, str(propagation)) if cascading else old
        if propagation == dependents.BACKGROUND:
            asked = dependents.let_go(old)
        marked = deletion.marked(row, asked, grace_seconds=grace_seconds, now=self._clock())
        marked = normal.ordered(row, marked)
        if dry_run:
            return deletion.answer(row, marked, gone=deletion.is_over(row, marked))
        if marked != old:
            old = self._stored(row, marked)
        if cascading:
            self._cascade(row, old, orphaning=propagation == dependents.ORPHAN)
            # As it was held: it may be gone by now.
            return old
        gone = deletion.is_over(row, old)
        if gone:
            if row.plural == "namespaces":
                self._empty(name)
            old = self._removed(row, old)
        return deletion.answer(row, old, gone=gone)

    def _generated(self, row: resources.Resource, namespace: str, base: str) -> str:
        for _ in range(8):
            name = base[:58] + self.suffix()
            if self.store.get(row.plural, namespace if row.namespaced else "", name) is None:
                return name
        raise errors.already_exists(row.plural, row.group, name)

    def _updated(
        self,
        row: resources.Resource,
        old: Object,
        fresh: Object,
        *,
        subresource: str,
        dry_run: bool,
        writer: ownership.Writer | None = None,
        owned: list[Object] | None = None,
    ) -> Object:
        version = fresh["metadata"].get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise errors.conflict(
                row.plural,
                row.group,
                old["metadata"]["name"],
                "the object has been modified; please apply your changes to the latest version "
                "and try again",
            )
        if row.kind == "Lease" and not version:
            cause = ("FieldValueInvalid", "Invalid value: 0: must be specified for an update")
            name = old["metadata"]["name"]
            # In the words of the store below the strategies, which knows only the plural.
            raise errors.invalid(
                row.plural, row.group, name, [(*cause, "metadata.resourceVersion")]
            )
        given = fresh["metadata"].get("managedFields")
        fresh = normal.updated(row, old, fresh, subresource=subresource)
        if subresource != "status":
            normal.quantities_of(row.kind, fresh)
            defaults.apply(row.kind, fresh)
            validation.check(row, fresh, old=old)
            normal.count_generation(row, old, fresh)
        self._ask(row, "UPDATE", new=fresh, old=old, subresource=subresource, dry_run=dry_run)
        if writer is not None:
            given = given if given != old["metadata"].get("managedFields") else None
            owned = ownership.noted(
                row, old, fresh, writer, now=self.now(), subresource=subresource, given=given
            )
        if owned is not None:
            fresh["metadata"]["managedFields"] = owned
        fresh = normal.ordered(row, fresh)
        if fresh == old and objects.same(fresh, old):
            return old
        if dry_run:
            return fresh
        if old["metadata"].get("deletionTimestamp") and deletion.is_over(row, fresh):
            # Without its last finalizer it is not stored once more, but gone.
            self._removed(row, fresh)
            return fresh
        return self._stored(row, fresh)

    def _ask(
        self,
        row: resources.Resource,
        operation: str,
        *,
        new: Object | None = None,
        old: Object | None = None,
        subresource: str = "",
        dry_run: bool,
    ) -> None:
        if self.judge is not None:
            seen = None if new is None else normal.ordered(row, new)
            self.judge(
                policies.Change(row, operation, seen, old, subresource=subresource, dry_run=dry_run)
            )

    def _stored(self, row: resources.Resource, obj: Object) -> Object:
        stored = self._stamped(obj)
        self.store.put(row.plural, stored)
        return stored

    def _removed(self, row: resources.Resource, obj: Object) -> Object:
        last = self._stamped(obj)
        self.store.remove(row.plural, last)
        for reference in dependents.owners(last):
            self._end_of_wait(reference, last["metadata"].get("namespace", ""))
        return last

    def _cascade(self, row: resources.Resource, owner: Object, *, orphaning: bool) -> None:
        """The garbage collector's work on a held object, done at once."""
        uid = owner["metadata"]["uid"]
        for kind, obj in list(dependents.of(self.store, row, owner)):
            if orphaning:
                self._stored(kind, dependents.released(obj, uid))
            elif "deletionTimestamp" not in obj["metadata"]:
                owns = any(dependents.of(self.store, kind, obj))
                policy = dependents.FOREGROUND if owns else None
                # The collector's own doing, of which whoever deleted the owner is not asked.
                self.judged(None).delete(kind.plural, *store.key_of(obj), propagation=policy)
        self._let_go_unless_blocked(row, store.key_of(owner), uid)

    def _end_of_wait(self, reference: Object, namespace: str) -> None:
        """Let an owner go that waited in the foreground, if this was the last it waited for."""
        row = resources.BY_KIND.get(reference["kind"])
        if row is None:
            return
        place = namespace if row.namespaced else ""
        self._let_go_unless_blocked(row, (place, reference["name"]), reference["uid"])

    def _let_go_unless_blocked(self, row: resources.Resource, key: store.Key, uid: str) -> None:
        owner = self.store.get(row.plural, *key)
        if owner is None or owner["metadata"]["uid"] != uid or not dependents.is_held(owner):
            return
        left = dependents.of(self.store, row, owner)
        if any(dependents.blocks(obj, uid) for _, obj in left):
            return
        free = dependents.let_go(owner)
        settle = self._removed if deletion.is_over(row, free) else self._stored
        settle(row, free)

    def _stamped(self, obj: Object) -> Object:
        metadata = obj["metadata"] | {"resourceVersion": str(self.store.next_revision())}
        return objects.Stored(obj | {"metadata": metadata})

    def _empty(self, namespace: str) -> None:
        # The namespace controller's work, done at once: nothing here needs a Terminating one.
        for row in resources.ALL:
            if row.namespaced and row.stored:
                for obj in self.store.list(row.plural, namespace):
                    self._removed(row, obj)


def stamp(moment: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
