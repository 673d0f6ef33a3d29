"""The cases of the Autobahn test suite, and how they are put to a server that is no echo.

The suite is of Python 2; `kosoku` brings its case files in the words of Python 3, and a client
that runs them. Here is what has to be mended in both, and nothing of the suite itself.
"""

import asyncio
import contextlib
import json
from collections import deque

from kosoku import FailureError, run_fuzzingclient
from kosoku.cases import CASES, GENERATORS  # noqa: F401: makes the module `case` known

from case import Case  # isort: skip

# 12 and 13 are of compression, which the server does not offer.
IDS = [id for id in CASES if id.split(".")[0] not in ("12", "13")]

# Most of a case's time is waiting, for what must not come.
AT_ONCE = 16

# The suite gives a peer one second for most answers. A loaded machine may take longer.
PATIENCE = 3


def right_text(payload):
    """The text that a case means.

    In Python 2 a literal was bytes. Read as text it has a character for each byte, and on its way
    out it would be encoded twice: no longer the bytes at the edges of UTF-8 that the case is about.
    """
    try:
        return payload.encode("latin-1").decode()
    except UnicodeError:
        return payload


class Side:
    """The suite's side of a connection, as a case sees it: remembers the messages that it sent."""

    def __init__(self, protocol):
        vars(self).update(_protocol=protocol, _sent=deque(), _parts=[])

    def __getattr__(self, name):
        return getattr(self._protocol, name)

    def __setattr__(self, name, value):
        setattr(self._protocol, name, value)

    def killAfter(self, delay):  # noqa: N802: the suite's names
        self._protocol.killAfter(delay * PATIENCE)

    def closeAfter(self, delay):  # noqa: N802
        self._protocol.closeAfter(delay * PATIENCE)

    def sendFrame(self, opcode, payload="", fin=True, payload_len=None, **rest):  # noqa: N802
        if isinstance(payload, int):
            # What it takes for a character of a text is in Python 3 a number out of bytes.
            payload = bytes([payload])
        if opcode < 8:
            size = len(payload) if payload_len is None else payload_len
            self._parts.append((payload * (size // max(1, len(payload)) + 1))[:size])
            if fin:
                self._sent.append(self._parts)
                vars(self)["_parts"] = []
        if payload_len is not None:
            rest["payload_len"] = payload_len
        self._protocol.sendFrame(opcode=opcode, payload=payload, fin=fin, **rest)

    def sendMessage(self, payload, isBinary=False, **rest):  # noqa: N802, N803
        self._sent.append([payload])
        self._protocol.sendMessage(payload, isBinary, **rest)

    def answered(self):
        """The first message that had no answer yet, as an echo would send it; none if there is none."""
        if not self._sent:
            return None
        parts = self._sent.popleft()
        return b"".join(part.encode() if isinstance(part, str) else part for part in parts).decode()


def is_answer(message, binary):
    """Whether this is the server's answer to a message that is no op: exactly one `error` for each."""
    try:
        event = json.loads(message)
    except ValueError:
        return False
    return not binary and (event["ev"], event["code"]) == ("error", "bad_request")


def hears_answers(on_message):
    """A case that takes the server's answer for the echo of the message that it answers."""
    def hear(self, message, binary):
        echo = self.p.answered() if is_answer(message, binary) else None
        on_message(self, message if echo is None else echo, binary)

    return hear


def classes_with(name):
    return {cls for case in CASES.values() for cls in case.__mro__ if name in vars(cls)}


for _cls in classes_with("PAYLOAD"):
    if isinstance(_cls.PAYLOAD, str):
        _cls.PAYLOAD = right_text(_cls.PAYLOAD)

_init = Case.__init__
Case.__init__ = lambda self, protocol: _init(self, Side(protocol))


@contextlib.contextmanager
def answers_for_echoes():
    """As long as this lasts, answers count as echoes."""
    originals = {cls: cls.onMessage for cls in classes_with("onMessage")}
    for cls, original in originals.items():
        cls.onMessage = hears_answers(original)
    try:
        yield
    finally:
        for cls, original in originals.items():
            cls.onMessage = original


def run(url, ids=IDS):
    """What became of each case, by its id."""
    async def all_of_them():
        try:
            return await run_fuzzingclient(url, ids, concurrency=AT_ONCE)
        except FailureError as failure:
            return failure.results

    results = {result.case_id: result for result in asyncio.run(all_of_them())}
    assert list(results) == list(ids), "not each case was run"
    return results
