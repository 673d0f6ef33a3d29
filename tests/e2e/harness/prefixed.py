"""A proxy that has a server below a path, and takes the path away."""

import socket
import tempfile
import threading


class Prefixed:
    """Passes on what is asked for below `prefix`, and nothing else; `missed` has the paths of that."""

    def __init__(self, server, prefix):
        host, _, port = server.rpartition(":")
        self._server, self._prefix = (host, int(port)), prefix.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.http = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self.missed = []
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        self._folder.cleanup()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        """One request a connection: what comes after its head is passed on as it is."""
        with client:
            head = b""
            while b"\r\n" not in head:
                if not (part := client.recv(65536)):
                    return
                head += part
            method, path, rest = head.split(b" ", 2)
            if not path.startswith(self._prefix + b"/"):
                self.missed.append(path.decode())
                client.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            with socket.create_connection(self._server) as server:
                server.sendall(b" ".join([method, path[len(self._prefix):], rest]))
                threading.Thread(target=pump, args=(client, server), daemon=True).start()
                pump(server, client)


def pump(source, sink):
    try:
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
