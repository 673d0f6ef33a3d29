"""What a worker writes while all goes well: nothing to standard output, and little to its log."""

import re
import signal

# What interpreters and libraries say when something has gone wrong, or will.
TROUBLE = re.compile(
    r"traceback|panicked|warning|deprecated|notice:|fatal|unhandled|uncaught|exception|\berror\b|^\s+at .+:\d+", re.I)
# A line or two for each that begins or ends, and none for each job.
LINES_MAX = 10


def test_in_ordinary_operation(server, client, new_worker):
    worker = new_worker(server, slots=4)
    server.wait_workers(1)
    ids = client.submit_many([f"drop {n}" for n in range(1000)], queue="echo")
    for queue, payload in (("upper", "text"), ("sleep", 10), ("progress", 3), ("chunks", 3), ("meta", 1),
                           ("publish", {"topic": "basin", "data": 1}), ("bytes", 1)):
        ids.append(client.submit(payload, queue=queue))
    for id in ids:
        client.result(id)
    cancelled = client.submit(60_000, queue="sleep")
    client.heard("started", id=cancelled)
    client.cancel(cancelled)
    client.outcome(cancelled)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert not worker.stdout, worker.log()
    assert len(worker.stderr) <= LINES_MAX and not list(filter(TROUBLE.search, worker.stderr)), worker.log()


def test_while_the_server_is_away(new_server, new_worker):
    """That is told, and not again and again."""
    server = new_server(quiet_ports=True)
    worker = new_worker(server)
    server.wait_workers(1)
    for _ in range(3):
        server.crash()
        server.wait_workers(1)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert not worker.stdout, worker.log()
    told = [line for line in worker.stderr if re.search(r"traceback|panicked|unhandled|uncaught|fatal", line, re.I)]
    assert len(worker.stderr) <= 3 * LINES_MAX and not told, worker.log()
