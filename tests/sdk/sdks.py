"""The worker SDKs, and how the conduct worker of each is started.

A conduct worker serves the same queues in every language, each named after what its handler does: `echo`,
`upper`, `sleep`, `hang`, `throw`, `progress`, `chunks`, `publish`, `meta` and `bytes`. What they do is told where
they are written; all their settings come from the environment, as those of `acequia worker` do.
"""

import sys
from dataclasses import dataclass

from harness import Process, acequia
from harness.server import ROOT, clean_env

# The largest result that a server takes whose tests look at that.
RESULT_BYTES = 1_000_000
# A job of so many milliseconds ends by something else than its time.
LONG = 3_600_000


@dataclass(frozen=True)
class Sdk:
    """The SDK of a language, and what that language cannot do."""

    name: str
    program: tuple  # of its command, the file last
    # Whether a handler that waits leaves the other slots to others.
    runs_at_once: bool = True
    # Whether a handler that blocks its thread does so too.
    hangs_alone: bool = True

    @property
    def command(self):
        *before, file = self.program
        file = ROOT / file if before else self.built(file)
        assert file.is_file(), f"the conduct worker of {self.name} is not there: {file}"
        return [*before, file]

    @staticmethod
    def built(file):
        """An example that cargo has built lies beside the binary."""
        return acequia().parent / "examples" / file


SDKS = [
    Sdk("rust", ("conduct",)),
    Sdk("python", (sys.executable, "clients/python/tests/conduct.py")),
    Sdk("node", ("node", "clients/node/test/conduct.js")),
    Sdk("php", ("php", "clients/php/tests/conduct.php")),
    Sdk("php-react", ("php", "clients/php/tests/conduct_react.php")),
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
            **({"ACEQUIA_WORKER_TOKEN_FILE": str(token_file)} if token_file else {}),
            **(env or {}),
        }
        super().__init__([*prefix, *sdk.command], name=name, env=clean_env(env))
