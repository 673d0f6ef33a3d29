"""Two hosts with a cable between them, which can be pulled: network namespaces of this machine.

The thread that makes them goes over to the first host with all that it starts, and back at the end. So it needs to
be root: of the system, or of a user namespace and its network (`unshare --user --map-root-user --net`).
"""

import ctypes
import os
import subprocess
from pathlib import Path

from harness.process import eventually

HERE, THERE = "10.77.0.1", "10.77.0.2"
_CLONE_NEWNET = 0x40000000
_ESTABLISHED, _TIME_WAIT = "01", "06"
_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *args):
    if function(*args):
        error = ctypes.get_errno()
        raise OSError(error, f"{os.strerror(error)}: become root, or unshare --user --map-root-user --net")


class TwoHosts:
    """`here` is that of the thread from now to `close`; what is to run on the other has `there` before its command."""

    def __init__(self):
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _call(_libc.unshare, _CLONE_NEWNET)
        # What a killed process leaves to the system to say, or a host that is gone would say it all the same
        # when it is back.
        Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("1")
        # It lives as long as somebody is in it.
        self._other = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        self.there = ["nsenter", f"--net=/proc/{self._other.pid}/ns/net"]
        eventually(lambda: os.readlink(f"/proc/{self._other.pid}/ns/net") != os.readlink("/proc/thread-self/ns/net"),
                   "the other host")
        self._ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(self._other.pid))
        for address, before in ((HERE, []), (THERE, self.there)):
            self._ip("link", "set", "lo", "up", before=before)
            self._ip("address", "add", f"{address}/24", "dev", "cable", before=before)
            self._ip("link", "set", "cable", "up", before=before)

    @staticmethod
    def _ip(*args, before=()):
        subprocess.run([*before, "ip", *args], check=True)

    def pull(self):
        """From now on nothing arrives, and nobody is told."""
        self._ip("link", "set", "cable", "down")

    def plug_in(self):
        self._ip("link", "set", "cable", "up")

    def forget(self):
        """Waits until this host knows nothing of the connections of those that have ended, as after its death."""
        eventually(lambda: set(states("/proc/thread-self/net/tcp")) <= {_TIME_WAIT}, "the last of their connections")

    def connections(self):
        """How many the other host holds to be open."""
        return states(f"/proc/{self._other.pid}/net/tcp").count(_ESTABLISHED)

    def close(self):
        self._other.stdin.close()
        self._other.wait()
        _call(_libc.setns, self._home, _CLONE_NEWNET)
        os.close(self._home)


def states(table):
    """Those of all sockets in such a table."""
    return [row.split()[3] for row in Path(table).read_text().splitlines()[1:]]
