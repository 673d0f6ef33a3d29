"""The server's host goes without a word, and comes again: no connection ends by that."""

import pytest

from harness import Client, Server
from harness.process import PATIENCE_S, eventually
from hosts import HERE, TwoHosts

# Within which a worker has to see that nobody is there, by protocol: a PING of the server says that 50 seconds of
# silence are enough, and an SDK that looks by itself takes some 30 to 70.
NOTICED_S = 120


@pytest.fixture
def hosts(make):
    return make(TwoHosts())


@pytest.fixture
def far_server(hosts):
    return Server("--allow-open-workers", listen="127.0.0.1:8080", jobs=f"tcp://{HERE}:5557",
                  results=f"tcp://{HERE}:5558")


def works(server):
    with Client(server) as client:
        assert client.result(client.submit("well", queue="echo")) == "well"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("is_long", [True, False], ids=["long", "short"])
def test_an_idle_worker_comes_back(hosts, far_server, new_worker, is_long):
    """Also if the server is there again, as another process, before the worker has noticed anything."""
    worker = new_worker(far_server, prefix=hosts.there)
    far_server.wait_workers(1)
    works(far_server)
    hosts.pull()
    far_server.kill()
    hosts.forget()
    assert hosts.connections() == 2
    if is_long:
        eventually(lambda: hosts.connections() == 0, "the worker to notice", NOTICED_S, pause_s=0.2)
    far_server.start_again()
    hosts.plug_in()
    is_back = (lambda line: "a worker is ready" in line)
    far_server.process.line(is_back, of="stderr", patience_s=PATIENCE_S if is_long else NOTICED_S)
    works(far_server)
    assert worker.alive
    far_server.check()
