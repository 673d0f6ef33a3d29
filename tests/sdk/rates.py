"""How fast the workers of each SDK are, and what a job costs them: `tests/run rates`, or `just rates`.

They are loaded one after another, round by round, each by `acequia bench` on a server of its own, beside the
ten-line worker of the README. A machine that others use slows down and speeds up, so what counts are the ratios
of one round; the table has their medians, and the spread.
"""

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
E2E = HERE.parent / "e2e"
sys.path[:0] = [str(HERE), str(E2E)]

from cpu import cpu_s  # noqa: E402
from harness import Process, Server, run_acequia  # noqa: E402
from sdks import SDKS, Conduct  # noqa: E402

TEN_LINES, RUST = "ten-lines", "rust"


@dataclass
class Measured:
    """One worker in one round."""

    jobs_per_s: float
    worker_us: float  # of processor time for each job
    server_us: float


def arguments():
    names = [TEN_LINES, *(sdk.name for sdk in SDKS)]
    parser = argparse.ArgumentParser(prog="rates", description=sys.modules[__name__].__doc__)
    parser.add_argument("workers", nargs="*", default=names, metavar="WORKER", help=f"some of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of load for each worker in each round")
    parser.add_argument("--slots", type=int, default=64, help="of each worker but that of ten lines, which has one")
    parser.add_argument("--payload", type=int, default=128, help="bytes of each payload")
    given = parser.parse_args()
    if unknown := set(given.workers) - set(names):
        parser.error(f"no worker {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return given


def start(name, server, slots):
    """The worker, and the queue that it serves."""
    if name == TEN_LINES:
        return Process([sys.executable, E2E / "ten_lines.py", server.jobs, server.results], name=name), "default"
    (sdk,) = (sdk for sdk in SDKS if sdk.name == name)
    return Conduct(sdk, server, slots=slots), "echo"


def measure(name, given):
    server = Server()
    worker, queue = start(name, server, given.slots)
    try:
        server.wait_workers(1)
        load = ["--seconds", given.seconds, "--payload", given.payload, "--connections", 32, "--in-flight", 16]
        before = cpu_s(worker.pid)
        code, out, said = run_acequia("bench", "--server", server.ws, "--server-pid", server.process.pid,
                                      "--queue", queue, *load, "--json")
        assert code == 0, said
        told = json.loads(out)["acequia"]
        assert told["failed"] == 0, told
        ended = server.metric("acequia_jobs_ended_total", queue=queue, outcome="done")
        return Measured(told["jobs_per_s"], (cpu_s(worker.pid) - before) / ended * 1e6, told["server_cpu_us"])
    finally:
        for process in (worker, server.process):
            process.clear_away()


def spread(numbers, digits=2):
    low, middle, high = min(numbers), statistics.median(numbers), max(numbers)
    return f"{middle:.{digits}f} ({low:.{digits}f} – {high:.{digits}f})"


def ratios(rounds, name, to, key):
    """How many times what the other has in the same round."""
    return spread([getattr(each[name], key) / getattr(each[to], key) for each in rounds])


def table(rounds, names):
    """A row for each worker, in Markdown."""
    references = [each for each in (TEN_LINES, RUST) if each in names]
    yield ["worker", "jobs/s", "µs a job, worker", "µs a job, server",
           *(f"{what}, × {each}" for each in references for what in ("rate", "µs"))]
    yield ["---"] * (4 + 2 * len(references))
    for name in names:
        each = [round[name] for round in rounds]
        yield [name, spread([m.jobs_per_s for m in each], 0), spread([m.worker_us for m in each], 1),
               spread([m.server_us for m in each], 1),
               *(ratios(rounds, name, to, key) for to in references for key in ("jobs_per_s", "worker_us"))]


def main():
    given = arguments()
    rounds = []
    for nth in range(1, given.rounds + 1):
        rounds.append({name: measure(name, given) for name in given.workers})
        rates = ", ".join(f"{name} {each.jobs_per_s:.0f}" for name, each in rounds[-1].items())
        print(f"round {nth}: {rates} jobs/s", file=sys.stderr, flush=True)
    for row in table(rounds, given.workers):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
