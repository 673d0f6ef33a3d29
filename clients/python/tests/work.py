"""Handlers for processes, which read them by their names."""

import os
import signal
import time

from acequia import Failure


def pid(job):
    return os.getpid()


def die(job):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(job):
    os._exit(7)


def says(job):
    job.progress(1, 2, "half")
    job.progress(float("nan"), None)
    job.chunk("part")
    job.chunk(b"\0")
    job.publish("news", {"of": job.queue})
    return "all"


def wait(job):
    job.wait_cancelled()


def look(job):
    job.progress(1)
    while not job.cancelled:
        pass
    job.publish("gone", "look")
    raise Failure.cancelled()


def ignore(job):
    job.progress(1)
    while True:
        time.sleep(60)
