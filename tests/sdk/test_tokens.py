"""A worker proves that it knows the worker token, and says so if that is not enough."""

import pytest

from cpu import cpu_s
from harness import Client

TOKEN = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
REFUSED = "acequia_workers_refused_total"


@pytest.fixture
def token_file(tmp_path):
    return lambda text: put(tmp_path / f"token-{len(list(tmp_path.iterdir()))}", text)


def put(file, text):
    file.write_text(text)
    return file


@pytest.fixture
def server(new_server, token_file):
    return new_server("--worker-token-file", token_file(TOKEN))


@pytest.mark.parametrize("text", [TOKEN, f"{TOKEN}\n", f" \t{TOKEN}\r\n\n"])
def test_the_right_one(server, client, new_worker, token_file, text):
    worker = new_worker(server, token_file=token_file(text))
    assert client.result(client.submit("well", queue="echo")) == "well"
    assert server.total(REFUSED) == 0
    assert TOKEN not in worker.log()


def test_bytes_that_are_no_text(new_server, new_worker, make, tmp_path):
    file = tmp_path / "token"
    file.write_bytes(bytes(range(128, 176)))
    server = new_server("--worker-token-file", file)
    new_worker(server, token_file=file)
    with Client(server) as client:
        assert client.result(client.submit("well", queue="echo")) == "well"


@pytest.mark.parametrize("has", ["another", "none"])
def test_a_wrong_one(server, new_worker, token_file, has):
    """It goes on trying, without haste, and says what may be wrong."""
    worker = new_worker(server, token_file=token_file(OTHER) if has == "another" else None)
    reason = "wrong_auth" if has == "another" else "no_auth"
    server.wait_metric(REFUSED, 2, reason=reason)
    worker.line(lambda line: "token" in line, of="stderr")
    before = cpu_s(worker.pid)
    tried = server.metric(REFUSED, reason=reason)
    server.wait_metric(REFUSED, tried + 2, reason=reason)
    assert worker.alive and OTHER not in worker.log()
    # At most some hundredths for each try.
    assert cpu_s(worker.pid) - before < 0.2 * (server.metric(REFUSED, reason=reason) - tried)
    assert server.metric("acequia_workers") == 0


@pytest.mark.parametrize("content", [None, "", "\n\n"], ids=["no file", "empty", "only lines"])
def test_a_file_that_holds_none(server, new_worker, tmp_path, content):
    """That is said at the start, with the file's name, and the worker does not begin without."""
    file = tmp_path / "not-there"
    if content is not None:
        file.write_text(content)
    worker = new_worker(server, token_file=file)
    assert worker.wait() not in (0, None)
    assert str(file) in "\n".join(worker.stderr), worker.log()


def test_one_that_nobody_asks_for(new_server, new_worker, token_file):
    server = new_server()
    new_worker(server, token_file=token_file(TOKEN))
    with Client(server) as client:
        assert client.result(client.submit("well", queue="echo")) == "well"


def test_the_server_gets_another(new_server, new_worker, token_file, tmp_path):
    """Workers with the old one are turned away, and go on trying until it is theirs again."""
    file = token_file(TOKEN)
    server = new_server("--worker-token-file", file, quiet_ports=True)
    worker = new_worker(server, token_file=token_file(TOKEN))
    server.wait_workers(1)
    file.write_text(OTHER)
    server.crash()
    server.wait_metric(REFUSED, 1, reason="wrong_auth")
    file.write_text(TOKEN)
    server.crash()
    server.wait_workers(1)
    assert worker.alive
