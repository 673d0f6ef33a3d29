"""The way by which doors reach an owner's link port: each door's part of it is cut, held and freed by itself."""

import os
from pathlib import Path

from harness.server import quiet_port
from harness.tcp_proxy import Gate, Link, Proxy


class LinkProxy(Proxy):
    """In front of the link port of a server. Its doors are numbered; `door_of` tells whose connection it is that
    comes from a port, or nothing if that is over already."""

    def __init__(self, target, doors, door_of):
        self._doors, self._door_of = doors, door_of
        super().__init__(target, quiet_port())

    def new_link(self, writer):
        link = Link(writer)
        link.door = self._door_of(writer.get_extra_info("peername")[1])
        return link

    def _new_gates(self):
        return [Gate() for _ in range(self._doors)]

    def _gate(self, link):
        return self._gates[link.door]

    async def _serve_link(self, link, reader):
        if link.door is not None:
            await super()._serve_link(link, reader)

    def cut_door(self, door):
        """The connections of a door end by RST."""
        self._cut(lambda link: link.door == door)

    def hold_door(self, door, *ways):
        """From now on nothing that is of a door is passed on in these ways, or in both."""
        self._do(lambda: self._gates[door].close(*ways))

    def free_door(self, door):
        """What was held is passed on."""
        self._do(lambda: self._gates[door].open())


def has_connection_from(pid, port):
    """Whether a process has a connection that comes from this port of 127.0.0.1."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    of_port = f"0100007F:{port:04X}"
    wanted = {f"socket:[{fields[9]}]" for fields in map(str.split, table) if fields[1] == of_port}
    return any(file in wanted for file in files_of(pid))


def files_of(pid):
    """What a process has open; nothing if it is gone."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except (FileNotFoundError, ProcessLookupError):
        return
    for name in names:
        try:
            yield os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:  # closed meanwhile
            pass
