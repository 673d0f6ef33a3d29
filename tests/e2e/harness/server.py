"""The `acequia` binary: a server, and other commands."""

import fcntl
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from .process import Process, eventually

ROOT = Path(__file__).resolve().parents[3]
# Where servers leave their admin tokens for other programs of this user: nobody else's are there.
_RUNTIME = tempfile.TemporaryDirectory(prefix="acequia-runtime-")
os.environ["XDG_RUNTIME_DIR"] = _RUNTIME.name
MIB = 1024


def samples_of(metrics):
    """All samples of such a text: {(name, ((label, value), ...)): number}."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
    }


def token_left(port):
    """Where a server with admin calls at this port leaves its token."""
    return Path(_RUNTIME.name, "acequia", f"admin-{port}")


def acequia():
    """The binary under test."""
    binary = Path(os.environ.get("ACEQUIA_BIN", ROOT / "target/debug/acequia"))
    assert binary.is_file(), f"{binary} is not there: cargo build, or set ACEQUIA_BIN"
    return binary.resolve()


def acequia_otlp():
    """The same, built with the feature `otlp`: it lies beside the other."""
    binary = acequia().with_name("acequia-otlp")
    assert binary.is_file(), f"{binary} is not there: tests/run e2e builds it"
    return binary


def clean_env(extra=None):
    """Changes to the environment: no setting of the caller's reaches the binary."""
    # `Process` adds to the environment, so what must go is taken out of it here.
    for key in [key for key in os.environ if key.startswith(("ACEQUIA_", "OTEL_")) and key != "ACEQUIA_BIN"]:
        del os.environ[key]
    return extra or {}


def run_acequia(*args, stdin=b"", patience_s=60, env=None, cwd=None, binary=None):
    """Runs a command to its end: exit code, standard output and standard error."""
    done = subprocess.run(
        [str(binary or acequia()), *map(str, args)],
        input=stdin,
        capture_output=True,
        timeout=patience_s,
        env={**os.environ, **clean_env(env)},
        cwd=cwd,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


FREE = ["--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0", "--results", "tcp://127.0.0.1:0",
        "--journal", "none"]


def refused_to_serve(*flags, codes=(1, 2), **options):
    """Runs a server that must not start, and ends with one of these codes; returns what it says."""
    code, out, said = run_acequia("serve", *flags, **options)
    assert code in codes and not out and "panicked" not in said, (code, out, said)
    return said


def starts_not(*flags, **options):
    """The same, of one that would start without these flags."""
    return refused_to_serve(*FREE, *flags, **options)


# Which ports were handed out: a byte of it stands for each, and is locked by whoever has it.
_ports = Path(tempfile.gettempdir(), f"acequia-quiet-ports-{os.getuid()}").open("w")


def quiet_port():
    """A free port below those that the system hands out, which no other process of tests is given.

    For tests whose peers dial a port while no server has it: on a port of the system's range, a
    dial may be given that very port as its own and connect to itself.
    """
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.randrange(max(1024, low // 2), low)
        try:
            # Up to the end of this process.
            fcntl.lockf(_ports, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def quiet_ports(count):
    """So many of them, each another."""
    ports = set()
    while len(ports) < count:  # the same may be drawn twice
        ports.add(quiet_port())
    return list(ports)


class Server:
    """A running `acequia serve`, on ports of the system's choice.

    Its jobs live in memory unless it is given a `journal`, a path.
    """

    # How the line begins that tells its ports.
    BEGUN = ("acequia ready ",)

    def __init__(self, *flags, listen="127.0.0.1:0", jobs="tcp://127.0.0.1:0",
                 results="tcp://127.0.0.1:0", journal="none", env=None, cwd=None, binary=None, **popen):
        self._binary = binary or acequia()
        self._flags = flags
        self._journal = journal
        self._env = env
        self._popen = {"cwd": cwd, **popen}
        self.http, self.jobs, self.results = listen, jobs, results
        self.start_again()

    @classmethod
    def on_quiet_ports(cls, *flags, **options):
        """A server that can be restarted while its peers dial."""
        ports = quiet_ports(3)
        return cls(*flags, listen=f"127.0.0.1:{ports[0]}", jobs=f"tcp://127.0.0.1:{ports[1]}",
                   results=f"tcp://127.0.0.1:{ports[2]}", **options)

    def command(self):
        """What is run, up to the flags."""
        command = ["serve", "--listen", self.http, "--jobs", self.jobs, "--results", self.results]
        return command if self._journal is None else [*command, "--journal", self._journal]

    def launch(self):
        """Starts the process and does not wait until it is ready."""
        env = clean_env({"ACEQUIA_LOG": "info", "RUST_BACKTRACE": "1", **(self._env or {})})
        command = [self._binary, *self.command(), *self._flags]
        self.process = Process(command, name=type(self).__name__.lower(), env=env, **self._popen)

    def wait_ready(self):
        """Waits for the line that tells its ports."""
        ready = self.process.line(lambda line: line.startswith(self.BEGUN))
        said = dict(word.split("=", 1) for word in ready.split()[2:])
        # A door for workers has no HTTP.
        self.http, self.jobs, self.results = said.get("http"), said["jobs"], said["results"]
        self.admin = said.get("admin")

    def start_again(self):
        """Starts it, or starts it once more after its end, on the ports that it had."""
        assert not hasattr(self, "process") or not self.process.alive
        self.launch()
        self.wait_ready()

    @property
    def ws(self):
        return f"ws://{self.http}/v1/ws"

    def address(self, port):
        """Host and port of `http`, `admin`, `jobs` or `results`, for a plain socket."""
        host, _, number = getattr(self, port).removeprefix("tcp://").rpartition(":")
        return host, int(number)

    def admin_token(self):
        """The admin token that it made; `None` if it was given one."""
        left = token_left(self.address("admin" if self.admin else "http")[1])
        return left.read_text().strip() if left.exists() else None

    def operator(self):
        """The header with which admin calls are made."""
        token = self.admin_token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path, headers=None):
        """Status, headers and body."""
        return self.request("GET", path, headers)

    def request(self, method, path, headers=None):
        """Status, headers and body."""
        connection = self.connection()
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def connection(self):
        """One on which requests are made."""
        return http.client.HTTPConnection(*self.address("http"), timeout=30)

    def metrics(self):
        """All samples, as `samples_of` has them."""
        status, _, text = self.get("/metrics")
        assert status == 200, text
        return samples_of(text)

    def metric(self, name, **labels):
        """One sample; 0 if there is none."""
        return self.metrics().get((name, tuple(sorted(labels.items()))), 0)

    def total(self, name):
        """The sum of one metric over all its labels."""
        return sum(value for (sample, _), value in self.metrics().items() if sample == name)

    def wait_metric(self, name, at_least, **labels):
        what = f"{name}{json.dumps(labels)} >= {at_least}"
        return eventually(lambda: self.metric(name, **labels) >= at_least, what)

    def wait_workers(self, count):
        """Waits until so many workers are ready."""
        eventually(lambda: self.metric("acequia_workers") == count, f"{count} workers")

    def wait_written(self):
        """Waits until nothing waits for the journal's disk."""
        eventually(lambda: self.metric("acequia_journal_waiting_bytes") == 0, "the disk")

    def peak_mib(self):
        """The most memory that it ever had, in MiB."""
        return self.process.status("VmHWM") / MIB

    def stop(self):
        """Asks it to stop; returns its exit code."""
        self.process.signal(signal.SIGTERM)
        return self.process.wait()

    def kill(self):
        return self.process.kill()

    def crash(self):
        """Is killed and started again, on the ports and with the journal that it had."""
        self.kill()
        self.start_again()

    def check(self):
        """That it lives and nothing in it panicked."""
        assert self.process.alive, f"the server has ended:\n{self.process.log()}"
        self.check_log()
        self.check_health()

    def check_health(self):
        """That it says that it is well."""
        status, _, text = self.get("/healthz")
        assert status == 200, text

    def check_log(self):
        """That nothing in it panicked, whether it lives or not."""
        panics = [line for line in self.process.stderr if "panicked" in line]
        assert not panics, f"the server panicked:\n{self.process.log()}"


def acequia_worker(server, *args, name="worker", env=None, cwd=None):
    """An `acequia worker` of this server, that is ready."""
    before = server.metric("acequia_workers")
    command = [acequia(), "worker", "--jobs", server.jobs, "--results", server.results, *args]
    process = Process(command, name=name, env=clean_env(env), cwd=cwd)
    eventually(lambda: server.metric("acequia_workers") > before or not process.alive, "the worker")
    assert process.alive, process.log()
    return process
