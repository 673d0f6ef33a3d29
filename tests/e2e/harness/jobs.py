"""Jobs from a client, through a worker that the test drives, to their results."""


def do_jobs(client, worker, count, queue):
    """Jobs that are done, one after another."""
    for _ in range(count):
        id = client.submit("text", queue=queue)
        worker.done(worker.job(), b"1")
        client.result(id)
