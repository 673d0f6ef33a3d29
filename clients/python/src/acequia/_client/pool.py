"""Connections over HTTP, kept and used again. Of the standard library: a client then needs nothing
that a worker does not have."""

from __future__ import annotations

import http.client
import select
import ssl
import threading
from typing import List, Mapping, Optional, Union

from .address import Address
from .calls import Answer, Call, Lost

_IDLE_MAX = 32
"""Connections that are kept while nobody uses them."""


class Pool:
    """Makes calls, from any thread, as many at a time as there are threads."""

    def __init__(self, address: Address, tls: Optional[ssl.SSLContext], timeout_s: float):
        self._address = address
        self._tls = tls
        self._timeout_s = timeout_s
        self._idle: List[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def make(self, call: Call, headers: Mapping[str, str]) -> Union[Answer, Lost]:
        """Makes a call once."""
        connection = self._taken()
        was_sent = False
        try:
            if connection.sock is None:
                connection.timeout = self._timeout_s
                connection.connect()
            connection.sock.settimeout(self._timeout_s + call.wait_s)
            was_sent = True
            connection.request(
                call.method, self._address.path + call.path, call.body, {**headers, **call.headers}
            )
            response = connection.getresponse()
            answer = Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Lost(error, was_sent)
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._give_back(connection)
        return answer

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _taken(self) -> http.client.HTTPConnection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._new()
            if not _is_over(connection):
                return connection
            connection.close()

    def _new(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port)
        return http.client.HTTPSConnection(host, port, context=self._tls)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < _IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()


def _is_over(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed it meanwhile: one that is kept has nothing to say otherwise."""
    if connection.sock is None:
        return True
    try:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(connection.sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([connection.sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True
