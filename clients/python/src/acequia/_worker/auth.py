"""The proof that a worker knows the worker token, without showing it."""

from __future__ import annotations

import hmac


def answer(token: bytes, nonce: bytes, lane: bytes) -> bytes:
    """What the server asked for with the `nonce` of its `hello`."""
    return hmac.digest(token, nonce + lane, "sha256")
