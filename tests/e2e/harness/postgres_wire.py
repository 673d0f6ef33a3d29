"""PostgreSQL's protocol, as far as one has to understand it who stands between and waits for group writes.

A *group* is what Acequia's journal writes at once: one statement, which writes a row to `acequia.groups`.
"""

import asyncio
import re
import struct
from dataclasses import dataclass

GROUP_WRITE = re.compile(rb"\binsert\s+into\s+acequia\.groups\b", re.IGNORECASE)

# Codes in the place of a version: may we speak TLS, or GSSAPI? The answer is one byte.
OFFERS = (80877103, 80877104)

# What a client may send before it asks for answers, by Sync or Flush.
BEFORE_SYNC = b"PBDEC"
ANSWERED = b"SQF"  # by a ReadyForQuery, after the answers themselves


class Talk:
    """What one direction of a connection has to know of the other."""

    def __init__(self):
        self.offers = 0  # that are not answered yet
        self.group_writes = set()  # names of prepared statements


@dataclass(frozen=True)
class Request:
    """Messages of a client that belong together."""

    data: bytes
    answered: bool = False  # by a ReadyForQuery
    group_writes: int = 0


@dataclass
class Answer:
    """What the server says to a request."""

    tag: str = None  # of what was done, such as `INSERT 0 1`
    error: str = None  # its SQLSTATE
    status: str = None  # of the transaction after it: `I` is none

    def hear(self, kind, data):
        """Takes in a message; returns whether it was the last."""
        body = data[5:]
        if kind == b"C":
            self.tag = body.rstrip(b"\0").decode()
        elif kind == b"E":
            self.error = next(field[1:].decode() for field in body.split(b"\0") if field[:1] == b"C")
        elif kind == b"Z":
            self.status = body.decode()
        return kind == b"Z"


async def _sized(reader, kind=b""):
    """A message after its kind, which one that begins a connection has not."""
    size = await reader.readexactly(4)
    return kind + size + await reader.readexactly(struct.unpack(">I", size)[0] - 4)


async def requests(reader, talk):
    """What a client sends, up to its end."""
    try:
        while True:
            first = await _sized(reader)
            is_offer = struct.unpack(">I", first[4:8])[0] in OFFERS
            talk.offers += is_offer
            yield Request(first)
            if not is_offer:
                break
        gathered, group_writes = [], 0
        while True:
            kind = await reader.readexactly(1)
            gathered.append(await _sized(reader, kind))
            group_writes += _writes_group(kind, gathered[-1][5:], talk)
            if kind not in BEFORE_SYNC:
                yield Request(b"".join(gathered), kind in ANSWERED, group_writes)
                gathered, group_writes = [], 0
    except asyncio.IncompleteReadError:
        pass  # half a message is nothing to a server


def _writes_group(kind, body, talk):
    """Whether it does, when it is run; a statement that is only prepared does not."""
    if kind == b"Q":
        return bool(GROUP_WRITE.search(body))
    if kind == b"P":
        name, sql = body.split(b"\0")[:2]
        (talk.group_writes.add if GROUP_WRITE.search(sql) else talk.group_writes.discard)(name)
    return kind == b"B" and body.split(b"\0", 2)[1] in talk.group_writes


async def answers(reader, talk):
    """What a server sends, up to its end: the kind and all bytes of each message."""
    try:
        while True:
            kind = await reader.readexactly(1)
            if talk.offers:
                talk.offers -= 1
                assert kind == b"N", "there is TLS, into which nobody can look: sslmode=disable"
                yield b"", kind
            else:
                yield kind, await _sized(reader, kind)
    except asyncio.IncompleteReadError:
        pass
