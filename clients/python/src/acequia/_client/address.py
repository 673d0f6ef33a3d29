"""Where the server is, and how a client shows who it is."""

from __future__ import annotations

import os
import ssl
from typing import Callable, Dict, NamedTuple, Optional, Union
from urllib.parse import urlsplit

SERVER = "http://127.0.0.1:8080"

Token = Union[str, Callable[[], str], None]
"""A JSON Web Token, or what returns one that is valid now."""


class Address(NamedTuple):
    """The server of a client."""

    scheme: str
    host: str
    port: int
    path: str
    """What comes before `/v1`, without a slash at its end."""


def address(server: Optional[str]) -> Address:
    """From what is given, or else `ACEQUIA_SERVER`, or else a server on this machine.

    Raises `ValueError` if it is no `http://` or `https://` URL.
    """
    url = server or os.environ.get("ACEQUIA_SERVER") or SERVER
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"the server `{url}` is no URL of one, such as {SERVER} or https://jobs.example")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Address(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))


def authorization(token: Token) -> Dict[str, str]:
    """The header that shows the token."""
    if token is None:
        return {}
    return {"Authorization": f"Bearer {token() if callable(token) else token}"}


def tls(scheme: str, ca_file: Union[str, "os.PathLike[str]", None]) -> Optional[ssl.SSLContext]:
    """Whom to trust for `https`: the authorities of a file in PEM, or those of the system."""
    return ssl.create_default_context(cafile=ca_file) if scheme == "https" else None
