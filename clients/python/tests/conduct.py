"""The worker that the suite common to all languages starts. Its settings are in the environment.

It needs the package: installed, or by `PYTHONPATH=clients/python/src`.
"""

from __future__ import annotations

import time
from typing import Any

from acequia import Failure, Job, Reply, Worker

worker = Worker()


@worker.queue("echo")
def echo(job: Job) -> Reply:
    return Reply.same(job.payload)


@worker.queue("upper")
def upper(job: Job) -> Any:
    return job.json().upper()


@worker.queue("sleep")
def sleep(job: Job) -> Any:
    ms = job.json()
    if job.wait_cancelled(ms / 1000):
        job.publish("cancelled", Reply.json(job.id))
        raise Failure.cancelled()
    return ms


@worker.queue("hang")
def hang(job: Job) -> Any:
    time.sleep(3600)


@worker.queue("throw")
def throw(job: Job) -> Any:
    kind = job.json()
    if kind == "error":
        raise ValueError("boom")
    if kind == "bytes":
        raise ValueError("caf\udce9")
    if kind == "long":
        raise ValueError("x" * 10_000)
    if kind == "other":
        raise SystemExit("other")
    if kind == "fail":
        raise Failure("not a picture", code="no_image", retry=False)
    raise ValueError(f"no kind {kind!r}")


@worker.queue("progress")
def progress(job: Job) -> Any:
    total = job.json()
    for step in range(1, total + 1):
        job.progress(step, total, f"step {step}")
    return total


@worker.queue("chunks")
def chunks(job: Job) -> Any:
    total = job.json()
    for n in range(1, total + 1):
        job.chunk(Reply.json(n))
    return total


@worker.queue("publish")
def publish(job: Job) -> Any:
    asked = job.json()
    job.publish(asked["topic"], Reply.json(asked["data"]))


@worker.queue("meta")
def meta(job: Job) -> Any:
    return {
        "id": job.id,
        "queue": job.queue,
        "attempt": job.attempt,
        "type": job.type,
        "timeout_ms": job.timeout_ms,
        "traceparent": job.traceparent,
    }


@worker.queue("bytes")
def some_bytes(job: Job) -> bytes:
    return b"x" * job.json()


if __name__ == "__main__":
    worker.run()
