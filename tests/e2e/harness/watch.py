"""Whoever looks after a server from outside: asks for its health all the time."""

import http.client
import threading
import time

# A probe of this kind gives up after a second to ten.
PROBE_TIME_MAX_S = 10


class Watch:
    """Asks `/healthz` again and again, on a new connection each time, from now to `close`."""

    def __init__(self, server):
        self._server = server
        self._stopping = threading.Event()
        self.answers, self.slowest_s, self.error = 0, 0.0, None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._stopping.set()
        self._thread.join(2 * PROBE_TIME_MAX_S)
        print(f"/healthz: {self.answers} answers, the slowest after {self.slowest_s * 1000:.0f} ms")
        if kind is None:
            assert self.error is None, self.error
            assert self.answers > 0

    def _run(self):
        try:
            while not self._stopping.is_set():
                asked = time.monotonic()
                connection = http.client.HTTPConnection(*self._server.address("http"), timeout=PROBE_TIME_MAX_S)
                try:
                    connection.request("GET", "/healthz")
                    assert connection.getresponse().status == 200
                finally:
                    connection.close()
                self.slowest_s = max(self.slowest_s, time.monotonic() - asked)
                self.answers += 1
                # Often enough: what is watched shall not be kept busy by it.
                self._stopping.wait(0.02)
        except BaseException as error:  # told by the thread that asks
            self.error = error
