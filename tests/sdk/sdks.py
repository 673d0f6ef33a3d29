"""The worker SDKs, and how the conduct worker of each is started.

A conduct worker serves the same queues in every language, each named after what its handler does: `echo`,
`upper`, `sleep`, `hang`, `throw`, `progress`, `chunks`, `publish`, `meta` and `bytes`. What they do is told where
they are written; all their settings come from the environment, as those of `acequia worker` do.
"""

import sys
from dataclasses import dataclass, field

from harness import Process, acequia
from harness.server import ROOT, clean_env

# The largest result that a server takes whose tests look at that.
RESULT_BYTES = 1_000_000
# A job of so many milliseconds ends by something else than its time.
LONG = 3_600_000


@dataclass(frozen=True)
class Sdk:
    """The SDK of a language."""

    name: str
    program: tuple  # of its command, the file last
    env: dict = field(default_factory=dict)
    # Whether it has a handler that blocks for an hour and lets the worker go on: all but those for which a
    # single thread is all there is.
    hangs: bool = True
    # Rules that only SHOULD be kept, and are not.
    departs: frozenset = frozenset()

    @property
    def command(self):
        *before, file = self.program
        # An example that cargo has built lies beside the binary.
        file = ROOT / file if before else acequia().parent / "examples" / file
        assert file.is_file(), f"the conduct worker of {self.name} is not there: {file}"
        return [*before, file]


SDKS = [
    # A thread cannot be ended from outside: a function that blocks on, after its job was cancelled, keeps its slot,
    # or more would run than the worker has room for.
    Sdk("rust", ("conduct",), departs=frozenset({"W52"})),
    Sdk("python", (sys.executable, "clients/python/tests/conduct.py"),
        env={"PYTHONPATH": str(ROOT / "clients/python/src")}),
    Sdk("node", ("node", "clients/node/test/conduct.js")),
    Sdk("php", ("php", "clients/php/tests/conduct.php")),
    Sdk("php-react", ("php", "clients/php/tests/conduct_react.php"), hangs=False),
]


class Conduct(Process):
    """A running conduct worker of one server, or of several."""

    def __init__(self, sdk, *servers, slots=1, name=None, token_file=None, prefix=(), env=None):
        self.sdk = sdk
        name = name or sdk.name
        env = {
            "ACEQUIA_JOBS": ",".join(server.jobs for server in servers),
            "ACEQUIA_RESULTS": ",".join(server.results for server in servers),
            "ACEQUIA_SLOTS": str(slots),
            "ACEQUIA_NAME": name,
            **sdk.env,
            **({"ACEQUIA_WORKER_TOKEN_FILE": str(token_file)} if token_file else {}),
            **(env or {}),
        }
        super().__init__([*prefix, *sdk.command], name=name, env=clean_env(env))
