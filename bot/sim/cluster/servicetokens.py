"""Tokens of service accounts: made on request, good until they expire or their account is gone.

Each is a JSON Web Token as a real server makes them, but for the key: this server alone reads
them, so it signs with a secret of its own. Nothing is remembered of a token: what it is good for
stands in it. Their ids and the key are no part of a world that a seed repeats.
"""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.sim.cluster import http_access, objects, store

AUDIENCE = "https://kubernetes.default.svc"
"""Whom a token is for that names nobody: this server."""
_HEAD = {"alg": "HS256", "typ": "JWT"}


class Issuer:
    """Makes tokens for the accounts of a store, and says whose a token is.

    Args:
        storage: where the accounts are.
        key: what tokens are signed with; one of its own by default.
    """

    def __init__(self, storage: store.Store, *, key: bytes = b"") -> None:
        self._store = storage
        self._key = key or secrets.token_bytes(32)

    def issue(
        self, account: objects.Object, *, audiences: Sequence[str], seconds: int, now: datetime
    ) -> str:
        """A token for an account, from now on."""
        metadata = account["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        begins = int(now.timestamp())
        claims = {
            "aud": list(audiences),
            "exp": begins + seconds,
            "iat": begins,
            "iss": AUDIENCE,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": name, "uid": metadata["uid"]},
            },
            "nbf": begins,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        signed = f"{_encoded(_HEAD)}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def identify(self, token: str, *, now: datetime) -> http_access.Identity | None:
        """Whose a token is; None where it is not, or no longer, good here."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(_bytes(signature), _bytes(self._signature(signed))):
            return None
        claims = _decoded(signed.partition(".")[2])
        if AUDIENCE not in claims["aud"] or now.timestamp() >= claims["exp"]:
            return None
        namespace, account = (claims["kubernetes.io"][k] for k in ("namespace", "serviceaccount"))
        found = self._store.get("serviceaccounts", namespace, account["name"])
        # Another account of the same name is another one.
        if found is None or found["metadata"]["uid"] != account["uid"]:
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return http_access.Identity(
            claims["sub"],
            (*groups, "system:authenticated"),
            uid=account["uid"],
            credential=f"JTI={claims['jti']}",
        )

    def _signature(self, signed: str) -> str:
        made = hmac.new(self._key, _bytes(signed), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    # As headers are read: what is no UTF-8 is kept.
    return text.encode(errors="surrogateescape")


def _encoded(claims: objects.Object) -> str:
    text = json.dumps(claims, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _decoded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found
