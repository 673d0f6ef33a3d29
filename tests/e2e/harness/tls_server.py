"""A server that is spoken to by TLS."""

import http.client
import socket
import ssl

from .client import Client
from .server import Server
from .tls_tunnel import tunnel


class TlsServer(Server):
    """A server that is spoken to by TLS; it is asked for its health and the like on its port `asked`."""

    def __init__(self, authority, *flags, asked="http", **options):
        self.context = ssl.create_default_context(cadata=authority.pem.decode())
        self._asked = asked
        super().__init__(*flags, **options)

    @property
    def ws(self):
        return f"wss://{self.http}/v1/ws"

    def connection(self):
        return http.client.HTTPSConnection(*self.address(self._asked), timeout=30, context=self.context)

    def client(self):
        """A session; its client does not see the TLS."""
        sock = tunnel(socket.create_connection(self.address("http"), 30), self.context, "localhost")
        return Client(self, uri=f"ws://{self.http}/v1/ws", sock=sock)

    def result(self, payload):
        """Has a job done over a session of its own."""
        with self.client() as client:
            return client.result(client.submit(payload))

    def serial(self):
        """The serial number of the certificate that it shows."""
        with socket.create_connection(self.address("http"), 30) as tcp:
            with self.context.wrap_socket(tcp, server_hostname="localhost") as tls:
                return tls.getpeercert()["serialNumber"]
