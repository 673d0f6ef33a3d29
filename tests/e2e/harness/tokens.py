"""JSON Web Tokens, signed well or badly, and the keys for them."""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SECRET = "0123456789abcdef0123456789abcdef"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class HmacKey:
    """A secret that both sides know."""

    alg = "HS256"

    def __init__(self, secret=SECRET):
        self._secret = secret if isinstance(secret, bytes) else secret.encode()

    def sign(self, message):
        return hmac.digest(self._secret, message, hashlib.sha256)


class PrivateKey:
    """A key whose public half the server knows."""

    def __init__(self, private):
        self._private = private

    @property
    def pem(self):
        """The public half."""
        return self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


class RsaKey(PrivateKey):
    alg = "RS256"

    def __init__(self, bits=2048):
        super().__init__(rsa.generate_private_key(65537, bits))

    def sign(self, message):
        return self._private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def jwk(self, **fields):
        public = self._private.public_key().public_numbers()
        return {"kty": "RSA", "n": number(public.n), "e": number(public.e), **fields}


class EcKey(PrivateKey):
    alg = "ES256"

    def __init__(self):
        super().__init__(ec.generate_private_key(ec.SECP256R1()))

    def sign(self, message):
        r, s = decode_dss_signature(self._private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jwk(self, **fields):
        public = self._private.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32),
                **fields}


class EdKey(PrivateKey):
    alg = "EdDSA"

    def __init__(self):
        super().__init__(ed25519.Ed25519PrivateKey.generate())

    def sign(self, message):
        return self._private.sign(message)

    def jwk(self, **fields):
        raw = self._private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(raw), **fields}


def token(key=None, *, header=None, life_s=600, **claims):
    """A token of `alice`, unless the claims say otherwise; those that are None are left out."""
    key = key or HmacKey()
    header = {"alg": key.alg, "typ": "JWT", **(header or {})}
    claims = {"sub": "alice", "exp": time.time() + life_s, **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    parts = [base64url(json.dumps(part).encode()) for part in (header, claims)]
    message = ".".join(parts)
    return f"{message}.{base64url(key.sign(message.encode()))}"
