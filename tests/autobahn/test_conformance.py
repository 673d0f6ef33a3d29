"""The server as a WebSocket server, case by case; docs/conformance.md tells what is meant."""

from collections import Counter

import pytest
import suite
from harness import Server
from harness.process import take_all
from harness.server import ROOT

TABLE = ROOT / "docs/conformance.md"

# What the suite leaves open: it reports what it saw.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}

# The suite's second best is as good: the answer to what came before the fault may be overtaken by
# the close; and text is found wrong at the end of its frame, not in its middle.
MAY_BE_NON_STRICT = {
    "3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15", "6.4.3", "6.4.4",
}

# Messages that the protocol for clients does not know: binary ones of a JSON session, and those
# over the limit. They are declined by closing, as docs/client-protocol.md says.
BINARY = ("1.2.", "9.2.", "9.4.", "9.6.", "9.8.")
TOO_BIG = {"9.1.5", "9.1.6", "9.2.5", "9.2.6"}


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    server.check()
    for process in take_all():
        process.clear_away()


@pytest.fixture(scope="session")
def results(server):
    with suite.answers_for_echoes():
        return suite.run(server.ws)


def kind(id):
    """In which column of the table a case stands."""
    if id in TOO_BIG:
        return "declined, 1009"
    if id.startswith(BINARY):
        return "declined, 1003"
    if id in INFORMATIONAL:
        return "informational"
    return "either" if id in MAY_BE_NON_STRICT else "passed"


def allowed(kind):
    """The suite's verdicts on the messages and on the close."""
    return {
        "passed": {("OK", "OK")},
        "either": {("OK", "OK"), ("NON-STRICT", "OK")},
        "informational": {("INFORMATIONAL", "INFORMATIONAL")},
    }[kind]


@pytest.mark.parametrize("id", suite.IDS)
def test_case(results, id):
    result, told = results[id], kind(id)
    seen = (f"{result.description}\n{result.expectation}\n{result.result} {result.result_close}\n"
            f"received {str(result.received)[:500]}, close code {result.remote_close_code}")
    if told.startswith("declined"):
        code = int(told.split()[-1])
        assert (result.remote_close_code, result.was_clean, result.received) == (code, True, []), seen
    else:
        assert (result.behavior.value, result.behavior_close.value) in allowed(told), seen


def test_what_the_document_tells():
    """The counts of its table are those of the cases above."""
    counted = {}
    for id in suite.IDS:
        counted.setdefault(id.split(".")[0], Counter())[kind(id)] += 1
    lines = TABLE.read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    head = next(row for row in rows if row[0] == "section")
    kinds = head[3:]
    told = {
        row[0]: Counter({kind: int(count) for kind, count in zip(kinds, row[3:], strict=True) if count})
        for row in rows if row[0].isdigit()
    }
    assert told == counted
    assert {row[0]: int(row[2]) for row in rows if row[0].isdigit()} == {
        section: counts.total() for section, counts in counted.items()
    }


def test_compression_is_not_agreed_to(server):
    """So sections 12 and 13 have nothing to test."""
    status, headers, _ = server.get("/v1/ws", {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions": "permessage-deflate",
    })
    assert status == 101 and "sec-websocket-extensions" not in {name.lower() for name in headers}


def test_that_answers_are_waited_for(server):
    """The suite as it is wants echoes, and says so."""
    result = suite.run(server.ws, ["1.1.2"])["1.1.2"]
    assert (result.behavior.value, result.behavior_close.value) == ("FAILED", "FAILED")
    assert [message for _, message, _ in result.received] and not result.passed
