"""Makes reports, a row at a time."""

import time

from acequia import Failure, Job, Worker

worker = Worker(slots=4)


@worker.queue("reports")
def report(job: Job) -> object:
    rows = job.json()["rows"]
    for row in range(1, rows + 1):
        if job.wait_cancelled(0.1):  # work
            raise Failure.cancelled()
        job.progress(row, rows)
    return {"summary": f"{rows} rows, made at {time.strftime('%X')}"}


worker.run()
