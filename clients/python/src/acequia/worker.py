"""The worker: which queues it serves, and how."""

from __future__ import annotations

import asyncio
import functools
import inspect
import multiprocessing
import os
import threading
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Type, TypeVar, Union

from ._errors import WorkerError
from ._limits import QUEUES_PER_WORKER_MAX
from ._worker import processes, wire
from ._worker.bell import Bell
from ._worker.handler import Handler, Runner
from ._worker.job import Job
from ._worker.loop import Loop
from ._worker.network import Network
from ._worker.processes import Processes
from ._worker.settings import Endpoints, Settings, settings
from ._worker.signals import Signals
from ._worker.threads import Threads

F = TypeVar("F", bound=Callable[[Job], Any])


class _Served(NamedTuple):
    function: Callable[[Job], Any]
    in_processes: bool


class Worker:
    """Serves queues of one or several servers with functions.

    ```python
    worker = Worker(slots=8)

    @worker.queue("thumbnail")
    def thumbnail(job: Job) -> Reply:
        return Reply(shrunk(job.payload), "image/jpeg")

    worker.run()
    ```

    It dials the server, and dials again for ever when that goes; both may start in any order.
    Execution is at least once: a job whose worker or connection is lost is given out again, so a
    handler should bear to be run twice.

    What is not given is taken from the environment, and else is the default.

    Args:
        jobs: The server's jobs endpoint, `tcp://HOST:PORT` or `ipc://PATH`; of several servers a
            list, or a string with commas. `ACEQUIA_JOBS`, or `tcp://127.0.0.1:5557`.
        results: The results endpoints, in the same order. `ACEQUIA_RESULTS`, or
            `tcp://127.0.0.1:5558`.
        slots: How many jobs it is willing to hold at a time for each server, 1 to 65,536. For work
            that computes, the number of processors; for work that waits, as many as may wait.
            `ACEQUIA_SLOTS`, or 1.
        name: What people call it. `ACEQUIA_NAME`, or the program's name and process id.
        token: The worker token, for a server that asks for one.
        token_file: The file that holds it, white space around it aside.
            `ACEQUIA_WORKER_TOKEN_FILE`.
        processes: How many processes run the queues that are served by `processes=True`. As many as
            there are slots, but no more than processors.
        pack: The most messages that it takes in one ZeroMQ message, 1 to 1,024.
        grace_s: How long to go on with what is held once told to stop, in seconds. What is not done
            by then the server gives to another worker.
        beat_s: How long it may be silent while it holds jobs, in seconds; must be below 5.
        cancel_grace_s: How long a job in a process may run on that was cancelled, in seconds, before
            its process is killed.
    """

    def __init__(
        self,
        jobs: Optional[Endpoints] = None,
        results: Optional[Endpoints] = None,
        *,
        slots: Optional[int] = None,
        name: Optional[str] = None,
        token: Union[str, bytes, None] = None,
        token_file: Union[str, "os.PathLike[str]", None] = None,
        processes: Optional[int] = None,
        pack: int = 256,
        grace_s: float = 30.0,
        beat_s: float = 3.0,
        cancel_grace_s: float = 5.0,
    ):
        self._options: Dict[str, Any] = {
            "jobs": jobs, "results": results, "slots": slots, "name": name, "token": token,
            "token_file": token_file, "pack": pack, "grace_s": grace_s, "beat_s": beat_s,
        }
        self._processes = processes
        self._cancel_grace_s = cancel_grace_s
        self._served: Dict[str, _Served] = {}
        self._network: Optional[Network] = None

    @property
    def queues(self) -> List[str]:
        """The queues that it serves."""
        return sorted(self._served)

    def queue(self, name: str, *, processes: bool = False) -> Callable[[F], F]:
        """Serves a queue with the function below it, which is given the job and returns the result.

        A plain function runs on a thread, as many at a time as there are slots. A coroutine function
        is a task of one event loop, which all of them share, and is cancelled with its job. With
        `processes` a plain function runs in a process of a pool: for what computes, since in one
        process Python runs the code of one thread at a time.

        What is returned becomes the result: a `Reply` as it is; bytes as
        `application/octet-stream`; for a job of MessagePack anything else as MessagePack; for a job
        of a `text/` type a string as that; and anything else as JSON.

        Raises `WorkerError` if there can be no such queue, or it has a handler, or `processes` is
        asked for and the function cannot be found by its name from another process.
        """
        if not wire.is_queue_name(name):
            raise WorkerError(
                f"`{name}` cannot be the name of a queue, which is 1 to 64 of A-Z a-z 0-9 . _ -"
            )
        if name in self._served:
            raise WorkerError(f"the queue `{name}` has two handlers; give each queue one")

        def serve(function: F) -> F:
            if processes:
                _check_for_process(function)
            self._served[name] = _Served(function, processes)
            return function

        return serve

    def only(self, queues: Iterable[str]) -> None:
        """Serves no other queues than these. Raises `WorkerError` for one that has no handler."""
        wanted = set(queues)
        for name in sorted(wanted - self._served.keys()):
            raise WorkerError(
                f"no handler serves the queue `{name}`; there are {', '.join(self.queues) or 'none'}"
            )
        self._served = {name: served for name, served in self._served.items() if name in wanted}

    def configure(self, **options: Any) -> None:
        """Sets options anew, by the names that they have here; `None` leaves one as it is."""
        for name, value in options.items():
            if name not in self._options:
                raise TypeError(f"Worker.configure() has no option `{name}`")
            if value is not None:
                self._options[name] = value

    def start(self) -> None:
        """Begins to work, in the background. Returns at once.

        Raises `WorkerError` if its options are wrong.
        """
        self._network = self._made()
        self._network.start()

    def _made(self) -> Network:
        """What runs it, before it does. Raises `WorkerError`."""
        if self._network is not None:
            raise WorkerError("the worker runs already")
        _check_main()
        if not 1 <= len(self._served) <= QUEUES_PER_WORKER_MAX:
            raise WorkerError(
                f"a worker serves 1 to {QUEUES_PER_WORKER_MAX} queues, this one has {len(self._served)}"
            )
        options = settings(**self._options)
        bell = Bell()
        runners: Dict[str, Runner] = {}
        handlers = {
            name: Handler(served.function, self._runner(served, runners, options, bell))
            for name, served in self._served.items()
        }
        return Network(options, bell, handlers, list(runners.values()))

    def _runner(
        self, served: _Served, runners: Dict[str, Runner], options: Settings, bell: Bell
    ) -> Runner:
        """What runs the function: one of each kind, made when it is asked for first."""
        slots = options.slots * len(options.servers)
        if served.in_processes:
            if "processes" not in runners:
                count = self._processes or min(slots, os.cpu_count() or 1)
                runners["processes"] = Processes(count, self._cancel_grace_s)
            return runners["processes"]
        if _is_coroutine_function(served.function):
            if "loop" not in runners:
                runners["loop"] = Loop(bell.ring)
            return runners["loop"]
        if "threads" not in runners:
            runners["threads"] = Threads(slots, bell.ring)
        return runners["threads"]

    def stop(self) -> None:
        """Takes no more jobs, finishes those that are held within the grace time, and returns then.

        Raises `WorkerError` if the worker could not go on before.
        """
        if self._network is not None:
            self._network.stop()
            self._wait()

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.stop()

    def run(self) -> None:
        """Works until SIGTERM or SIGINT, then does what `stop` does. A second signal ends it at once.

        Where it is not called on the main thread, no signals are handled.

        Raises `WorkerError` if its options are wrong or it cannot go on.
        """
        if threading.current_thread() is not threading.main_thread():
            self.start()
            self._wait()
            return
        network = self._network = self._made()
        with Signals(network.stop) as signals:
            network.start(at_end=signals.ring)
            signals.wait(lambda: network.wait(0))
        self._wait()

    async def serve(self) -> None:
        """Works until the task that awaits it is cancelled, then does what `stop` does.

        Coroutine functions run on a loop of the worker's own, not on this one.
        """
        self.start()
        loop = asyncio.get_running_loop()
        ending = loop.run_in_executor(None, self._wait)
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            if self._network is not None:
                self._network.stop()
            await ending
            raise

    def _wait(self) -> None:
        network = self._network
        if network is None:
            return
        network.wait()
        self._network = None
        if network.error is not None:
            raise network.error


def _is_coroutine_function(function: Callable[[Job], Any]) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)
    )


def _check_for_process(function: Callable[[Job], Any]) -> None:
    name = getattr(function, "__qualname__", "")
    if _is_coroutine_function(function):
        raise WorkerError(f"`{name}` is a coroutine function, and `processes` is for plain functions")
    if not name or "<" in name:
        raise WorkerError(
            f"{name or function!r} cannot be found from another process; define it by `def` at the top "
            "of a module"
        )


def _check_main() -> None:
    if multiprocessing.current_process().name.startswith(processes.NAME):
        raise WorkerError(
            "a process of the pool has read the program and begun to run the worker once more; "
            'put what starts it below `if __name__ == "__main__":`'
        )
