"""What a worker is set up to be, from its arguments and the environment."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from .._errors import WorkerError
from .._limits import PACK_MAX, SLOTS_MAX

JOBS = "tcp://127.0.0.1:5557"
RESULTS = "tcp://127.0.0.1:5558"

Endpoints = Union[str, Sequence[str]]

_TCP = re.compile(r"tcp://(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]*]+):(?P<port>[0-9]{1,5})")
_IPC = re.compile(r"ipc://\S+")


class Settings(NamedTuple):
    """A worker's options, checked."""

    servers: Tuple[Tuple[str, str], ...]
    slots: int
    name: str
    token: Optional[bytes]
    pack: int
    grace_s: float
    beat_s: float


def settings(
    *,
    jobs: Optional[Endpoints],
    results: Optional[Endpoints],
    slots: Optional[int],
    name: Optional[str],
    token: Union[str, bytes, None],
    token_file: Union[str, "os.PathLike[str]", None],
    pack: int,
    grace_s: float,
    beat_s: float,
) -> Settings:
    """The options that hold: what is given, or else what the environment says, or else defaults."""
    if slots is None:
        slots = _slots_of_environment()
    if not 1 <= slots <= SLOTS_MAX:
        raise WorkerError(f"a worker has 1 to {SLOTS_MAX} slots, this one has {slots}")
    if not 1 <= pack <= PACK_MAX:
        raise WorkerError(f"`pack` is 1 to {PACK_MAX} messages, this one is {pack}")
    if beat_s <= 0 or grace_s < 0:
        raise WorkerError("`beat_s` must be above 0, and `grace_s` not below")
    return Settings(
        _servers(
            _list(jobs if jobs is not None else os.environ.get("ACEQUIA_JOBS") or JOBS),
            _list(results if results is not None else os.environ.get("ACEQUIA_RESULTS") or RESULTS),
        ),
        slots,
        name or os.environ.get("ACEQUIA_NAME") or _default_name(),
        _token(token, token_file),
        pack,
        grace_s,
        beat_s,
    )


def _list(endpoints: Endpoints) -> List[str]:
    if isinstance(endpoints, str):
        endpoints = endpoints.split(",")
    return [endpoint.strip() for endpoint in endpoints]


def _servers(jobs: List[str], results: List[str]) -> Tuple[Tuple[str, str], ...]:
    if len(jobs) != len(results):
        raise WorkerError(
            f"there are {len(jobs)} jobs endpoints and {len(results)} results endpoints; each server "
            "has one of each, in the same order"
        )
    for which, endpoints in (("jobs", jobs), ("results", results)):
        for endpoint in endpoints:
            _check(which, endpoint)
    return tuple(zip(jobs, results))


def _check(which: str, endpoint: str) -> None:
    tcp = _TCP.fullmatch(endpoint)
    if (tcp and 1 <= int(tcp["port"]) <= 65_535) or _IPC.fullmatch(endpoint):
        return
    raise WorkerError(
        f"the {which} endpoint `{endpoint}` cannot be used; expected is tcp://HOST:PORT or "
        "ipc://PATH, such as tcp://127.0.0.1:5557 or ipc:///run/acequia/jobs"
    )


def _slots_of_environment() -> int:
    given = os.environ.get("ACEQUIA_SLOTS") or "1"
    try:
        return int(given)
    except ValueError:
        raise WorkerError(f"ACEQUIA_SLOTS is `{given}`, which is no number") from None


def _token(
    token: Union[str, bytes, None], file: Union[str, "os.PathLike[str]", None]
) -> Optional[bytes]:
    if token is not None:
        return token.encode() if isinstance(token, str) else token
    file = file or os.environ.get("ACEQUIA_WORKER_TOKEN_FILE")
    if not file:
        return None
    try:
        read = Path(file).read_bytes().strip()
    except OSError as error:
        raise WorkerError(f"the worker token cannot be read: {error}") from error
    if not read:
        raise WorkerError(f"the file of the worker token, {os.fspath(file)}, is empty")
    return read


def _default_name() -> str:
    program = Path(sys.argv[0] if sys.argv else "")
    # `python -m package` has a file of this name in the package's folder.
    name = program.parent.name if program.stem == "__main__" else program.stem
    return f"{name if name not in ('', '-c', '-m') else 'worker'}-{os.getpid()}"
