"""After the storm: all is up again, and everything that was begun comes to its end."""

import time

from harness.process import eventually

PATIENCE_S = 60


class NoCalm(Exception):
    """Something did not come to its end; what it was."""


def settle(fleet):
    """Waits for the end of all jobs, of all clients, of all sessions."""
    try:
        fleet.come_up()
        eventually(lambda: fleet.server.metric("acequia_workers") == fleet.workers_told,
                   f"{fleet.workers_told} workers to be ready", PATIENCE_S)
        fleet.finish_clients()
        deadline = time.monotonic() + PATIENCE_S
        eventually(lambda: not any(client.alive for client in fleet.clients),
                   "clients that hear of all their jobs", deadline - time.monotonic())
        for client in fleet.clients:
            if client.wait() != 0:
                raise NoCalm(f"a client failed:\n{client.log()}")
        eventually(fleet.is_idle, "the end of all jobs", PATIENCE_S)
        fleet.come_to_rest()
    except AssertionError as error:
        raise NoCalm(f"{error}\n{state_of(fleet)}") from error


def state_of(fleet):
    """What the servers say, for whoever looks for the reason."""
    return "\n".join(state_of_server(site.server) for site in fleet.sites)


def state_of_server(server):
    try:
        samples = server.metrics().items()
    except (OSError, AssertionError) as error:
        return f"the server does not answer: {error}\n{server.process.log()}"
    return "\n".join(
        f"{name}{dict(labels) or ''} {value:g}" for (name, labels), value in sorted(samples)
        if value and "_seconds" not in name and "bytes_total" not in name
    )
