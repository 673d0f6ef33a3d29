"""What a large message took is given back: a session that once sent one costs no more than others."""

from contextlib import ExitStack

import pytest

from harness import Client

SESSIONS = 60
BYTES = 1_500_000

# A fourth of what they would hold if each kept the room of its message.
GROWN_KIB_MAX = SESSIONS * BYTES // 4 // 1024

# One op, or more than are taken from a session at once.
MESSAGES = {
    "one op": [{"op": "submit", "id": 0, "payload": "x" * BYTES}],
    "many ops": [{"op": "submit", "id": id, "payload": "x" * (BYTES // 500), "queue": "no such name"} for id in range(500)],
}


@pytest.mark.parametrize("name", MESSAGES)
def test_its_room_is_given_back(new_server, encoding, name):
    ops = MESSAGES[name]
    server = new_server()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server, encoding)) for _ in range(SESSIONS)]
        for client in clients:
            client.barrier()
        before = server.process.status("VmRSS")
        for client in clients:
            client.send(ops if len(ops) > 1 else ops[0])
            assert {event["ev"] for event in client.outcomes(len(ops))} == {"rejected"}
        grown = server.process.status("VmRSS") - before
        assert grown < GROWN_KIB_MAX, f"{grown} KiB"
        # They are as good as they were.
        for client in clients:
            client.send({**ops[0], "id": "again"})
            assert client.outcome("again")["ev"] == "rejected"
