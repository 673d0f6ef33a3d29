"""`acequia-worker MODULE:WORKER`: runs the worker that a module makes."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from typing import List, NoReturn, Optional

from ._errors import WorkerError
from .worker import Worker

_ATTRIBUTE = "worker"

_DESCRIPTION = """\
Runs the Worker that a module makes. What is given here goes before what the module says; what neither
says is taken from the environment, and is the default else."""

_EXAMPLES = """\
examples:
  acequia-worker thumbnails:worker           the object `worker` of thumbnails.py in this folder
  acequia-worker shop.jobs --slots 16        `worker` of the module shop.jobs
  acequia pool --max 8 -- acequia-worker thumbnails:worker
                                             as many processes of it as there is work for"""


def main(arguments: Optional[List[str]] = None) -> None:
    """The command."""
    parser = _parser()
    given = parser.parse_args(arguments)
    logging.basicConfig(level=given.log.upper(), format="%(asctime)s %(levelname)s %(message)s")
    worker = _found(parser, given.worker)
    asked = given.queue or [os.environ.get("ACEQUIA_QUEUE") or ""]
    queues = [name for names in asked for name in names.split(",") if name]
    try:
        if queues:
            worker.only(queues)
        worker.configure(
            jobs=given.jobs, results=given.results, slots=given.slots, name=given.name,
            token_file=given.token_file, grace_s=given.grace_s,
        )
        worker.run()
    except WorkerError as error:
        _refuse(parser, str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acequia-worker", description=_DESCRIPTION, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("worker", metavar="MODULE[:WORKER]",
        help=f"a module that can be imported from this folder, and the name in it, or `{_ATTRIBUTE}`")
    add("--jobs", metavar="URL", help="the server's jobs endpoint; several with commas [ACEQUIA_JOBS]")
    add("--results", metavar="URL", help="the results endpoints, in the same order [ACEQUIA_RESULTS]")
    add("--slots", metavar="N", type=int, help="how many jobs it holds at a time [ACEQUIA_SLOTS]")
    add("--queue", metavar="NAME", action="append",
        help="serve no queue but this; may be given several times [ACEQUIA_QUEUE]")
    add("--name", help="what people call it [ACEQUIA_NAME]")
    add("--token-file", metavar="FILE", help="the file with the worker token [ACEQUIA_WORKER_TOKEN_FILE]")
    add("--grace-s", metavar="SECONDS", type=float, help="how long jobs may take to end once it is told to stop")
    add("--log", metavar="LEVEL", default="info", choices=["debug", "info", "warning", "error"],
        help="what is logged: debug, info, warning or error [info]")
    return parser


def _found(parser: argparse.ArgumentParser, path: str) -> Worker:
    """The worker at `MODULE[:WORKER]`."""
    module_name, _, name = path.partition(":")
    name = name or _ATTRIBUTE
    # As `python -m` does it.
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # What the module itself does not find is not ours to explain.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        hint = f"; name the module, `{module_name[:-3]}`, not its file" if module_name.endswith(".py") else ""
        _refuse(parser, f"there is no module `{module_name}` in {os.getcwd()} or among what is installed{hint}")
    except ValueError:
        _refuse(parser, f"`{path}` names no module; expected is MODULE:WORKER, such as thumbnails:worker")
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            there = [key for key, value in vars(module).items() if isinstance(value, Worker)]
            hint = f"; its workers are {', '.join(there)}" if there else "; nor has it another Worker"
            _refuse(parser, f"the module `{module_name}` has no `{name}`{hint}")
        found = getattr(found, part)
    if not isinstance(found, Worker):
        _refuse(parser, f"`{path}` is no acequia.Worker, but of type {type(found).__name__}")
    return found


def _refuse(parser: argparse.ArgumentParser, why: str) -> NoReturn:
    parser.exit(2, f"{parser.prog}: {why}\n")
