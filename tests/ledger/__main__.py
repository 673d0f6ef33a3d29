"""Runs rounds of disasters and says whether the books agree after each. See `__init__.py`."""

import argparse
import base64
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import audit  # noqa: E402
import books  # noqa: E402
import calm  # noqa: E402
import chaos  # noqa: E402
import cluster_chaos  # noqa: E402
import disk  # noqa: E402
import door_chaos  # noqa: E402
import doubles  # noqa: E402
import single_chaos  # noqa: E402
from cluster import Cluster  # noqa: E402
from doors import Doors  # noqa: E402
from harness import Admin  # noqa: E402
from single import Single  # noqa: E402

COLUMNS = ("round", "submitted", "accepted", "told", "looked up", "refused", "unknown", "runs",
           "again", "lost", "letters", "sessions", "resumed", "cut off", "batches")


def arguments():
    parser = argparse.ArgumentParser(prog="ledger", description=sys.modules[__name__].__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=6, help="of disasters in each round")
    parser.add_argument("--without-journal", action="store_true", help="to see that a loss is noticed")
    of = parser.add_mutually_exclusive_group()
    of.add_argument("--cluster", dest="disasters", action="store_const", const=cluster_chaos,
                    default=single_chaos, help="two servers on one PostgreSQL")
    of.add_argument("--doors", dest="disasters", action="store_const", const=door_chaos,
                    help="three servers on one PostgreSQL, each a door")
    parser.add_argument("--only", metavar="DISASTERS",
                        help=f"what happens besides cuts, some of {','.join(single_chaos.DISASTERS)}; "
                             f"with --cluster of {','.join(cluster_chaos.DISASTERS)}; "
                             f"with --doors of {','.join(door_chaos.DISASTERS)}")
    args = parser.parse_args()
    args.is_single = args.disasters is single_chaos
    args.only = tuple(args.only.split(",")) if args.only else args.disasters.DISASTERS
    if unknown := set(args.only) - set(args.disasters.DISASTERS):
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join(args.disasters.DISASTERS)}")
    if args.without_journal and not args.is_single:
        parser.error("the servers of a cluster have a journal, or are none: --without-journal is for one server")
    return args


def look_up(server, jobs):
    """What the server knows of each of these jobs, by the admin calls."""
    admin = Admin(server)
    known = {job: admin.job(job) for job in jobs}
    for found in known.values():
        result = found and found.get("result")
        if isinstance(result, dict) and "$base64" in result:
            found["result"] = base64.b64decode(result["$base64"]).decode()
    admin.close()
    return known


def take_letters(server):
    """The jobs of all dead letters; they are dropped then, so that the next round has its own."""
    admin, jobs, after = Admin(server), [], None
    while True:
        page, after = admin.dead_letters(limit=1000, after=after)
        jobs += [letter["job"] for letter in page]
        if after is None:
            break
    status, said = admin.call("DELETE", "dead-letters")
    admin.close()
    assert (status, said) == (200, {"dropped": len(jobs)}), (status, said, len(jobs))
    return jobs


def a_round(nth, fleet, args, again):
    """Storm, calm, audit. Returns a row of the table and what is wrong, and counts what runs began again for."""
    plan = plan_of(nth, args)
    fleet.begin(nth, plan)
    done = chaos.carry_out(plan.deeds, fleet)
    wrong, calm_ns = list(fleet.wrong), time.time_ns()
    try:
        calm.settle(fleet)
    except calm.NoCalm as error:
        wrong.append(f"no calm: {error}")
    book = books.read(fleet.folder, nth)
    book.calm_ns, book.addresses = calm_ns, {f"http://{site.server.http}" for site in fleet.sites}
    book.servers = fleet.servers_by_url()
    book.retention_ns = plan.retention_s * 10**9
    book.deeds = [books.Deed(*deed) for deed in sorted(done + fleet.noted, key=lambda deed: deed[2])]
    (fleet.folder / f"r{nth}.deeds").write_text("".join(f"{deed}\n" for deed in book.deeds))
    accepted = {job for submit in book.submits.values() for job in submit.accepted}
    ended = {said["job"] for submit in book.submits.values() for said in submit.ended}
    try:
        known = look_up(fleet.asked, accepted | ended)
        # Later than the last of the answers.
        book.looked_ns = time.time_ns()
        book.letters = take_letters(fleet.asked)
        book.terms = fleet.terms()
        (fleet.folder / f"r{nth}.terms").write_text("".join(f"{term}\n" for term in book.terms))
    except (OSError, AssertionError) as error:
        return [nth], [*wrong, f"no answer: {error!r}"]
    wrong += audit.violations(book, known)
    if book.terms:
        again.update(doubles.reasons(book))
    panics = [line for site in fleet.sites for process in site.processes for line in process.stderr if "panicked" in line]
    wrong += [f"a server panicked: {line}" for line in panics]
    submits = book.submits.values()
    runs = sum(len(runs) for runs in book.runs_by_nonce.values())
    return [
        nth, len(submits), len(accepted), sum(bool(submit.ended) for submit in submits),
        len(accepted - ended), sum(bool(submit.rejected) for submit in submits),
        sum(not (submit.accepted or submit.ended or submit.rejected) for submit in submits),
        runs, runs - len(book.runs_by_nonce),
        sum(audit.end_of(each) == audit.LOST for each in known.values() if each),
        len(book.letters), len(book.opened), len(book.resumed), len(book.opened - book.finished),
        sum(map(len, book.batches.values())),
        *(sum(deed.name in names for deed in book.deeds) for names in args.disasters.COUNTED.values()), len(wrong),
    ], wrong


def plan_of(nth, args):
    return args.disasters.plan(random.Random(f"{args.seed} {nth}"), args.seconds, args.only)


def new_fleet(folder, args):
    if args.disasters is door_chaos:
        return Doors(folder, args.seed)
    if args.disasters is cluster_chaos:
        return Cluster(folder, args.seed)
    return Single(folder, args.seed, plan_of(1, args).retention_s, args.without_journal)


def row(values, columns):
    return "  ".join(f"{value:>{len(name)}}" for value, name in zip(values, columns, strict=False))


def main():
    args = arguments()
    if args.is_single:
        disk.go_apart()
    of = {cluster_chaos: "--cluster ", door_chaos: "--doors "}.get(args.disasters, "")
    print(f"seed {args.seed}: the same disasters again with {of}--seed {args.seed} --only {','.join(args.only)}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="acequia-ledger-"))
    fleet, columns = new_fleet(folder, args), (*COLUMNS, *args.disasters.COUNTED, "wrong")
    began, wrong, totals, again = time.monotonic(), [], [], Counter()
    try:
        print(row(columns, columns), flush=True)
        for nth in range(1, args.rounds + 1):
            # Until it is through.
            wrong = ["it was broken off"]
            values, wrong = a_round(nth, fleet, args, again)
            totals = [sum(pair) for pair in zip(values, totals or [0] * len(values), strict=False)]
            print(row(values, columns), flush=True)
            if wrong:
                break
    finally:
        fleet.close(keep=bool(wrong))
    if again:
        print("runs began again:", ", ".join(f"{why} {count}" for why, count in again.most_common()))
    if wrong:
        print(*wrong[:50], sep="\n")
        print(f"{len(wrong)} times wrong in round {nth}, seed {args.seed}; the books are in {folder}")
        return 1
    shutil.rmtree(folder)
    print(row(["all", *totals[1:]], columns))
    print(f"all {totals[2]} accepted jobs came to their end, in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
