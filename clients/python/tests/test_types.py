"""The package passes the strictest look at its types, and so do programs that use it."""

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def mypy(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_package(tmp_path):
    code, said = mypy("--cache-dir", tmp_path, cwd=PACKAGE)
    assert code == 0, said


def test_a_program_that_uses_it(tmp_path):
    program = tmp_path / "program.py"
    program.write_text('''
from acequia import AsyncClient, Client, Job, JobHandle, Reply, Status, Worker
from acequia.live import Live, LiveJob

worker = Worker(slots=8)

@worker.queue("a")
def a(job: Job) -> Reply:
    return Reply(job.payload)

@worker.queue("b")
async def b(job: Job) -> int:
    await job.achunk(1)
    return job.attempt

def client() -> Status:
    with Client() as client:
        job: JobHandle = client.submit("a", b"x", attempts=3, key="k")
        reveal_type(a)
        return job.wait()

async def main() -> str:
    async with AsyncClient() as client, Live() as live:
        job: LiveJob = live.submit("a", 1)
        state: str = (await (await client.submit("a", 1)).status()).state
        async for event in job:
            print(event["ev"])
        return state

Client().submit("a", 1, prio=3)
Client().submit("a", 1, attempts="3")
''')
    code, said = mypy("--cache-dir", tmp_path / "cache", program, cwd=tmp_path)
    assert code == 1 and said.count("error:") == 2, said
    assert "prio" in said and "attempts" in said
    assert "Job) -> acequia._reply.Reply" in said, "a decorator keeps the type of its function"
