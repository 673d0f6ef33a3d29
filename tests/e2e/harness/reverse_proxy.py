"""The reverse proxies of deploy/proxies: Debian's nginx, HAProxy, Caddy and Apache, as they are configured there."""

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
from dataclasses import dataclass

from .process import Process, eventually
from .programs import program
from .server import ROOT, quiet_port
from .tls_tunnel import tunnel

FOLDER = ROOT / "deploy/proxies"
NAME = "jobs.example"
# What the files say of the machine, each of which has to be there once and is another one in a test.
CERTIFICATES = "/etc/ssl/acequia/"


def _as_whom(directive):
    """Nobody but root is asked as whom it should go on."""
    return directive if os.geteuid() == 0 else ""


def _nginx_command(around):
    def command(folder, config, _):
        main = folder / "main.conf"
        temporary = " ".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        main.write_text(
            f"{_as_whom('user root;')} daemon off; pid {folder}/pid; error_log stderr;\n"
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\nevents {}\n"
            + around.format(file=config, rest=f"access_log off; {temporary}"))
        return [program("nginx"), "-p", folder, "-e", "stderr", "-c", main]

    return command


def _haproxy_command(folder, config, _):
    return [program("haproxy"), "-db", "-f", config]


def _caddy_command(folder, config, port):
    # A site without a port is on this one; else it looks after the ports 80 and 2019 as well.
    options = f"{{\n\thttps_port {port}\n\tadmin off\n\tauto_https disable_redirects\n}}\n"
    config.write_text(options + config.read_text())
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", config]


def _apache_command(folder, config, port):
    modules = "mpm_event authn_core authz_core authz_host alias headers proxy proxy_http rewrite ssl"
    loaded = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules.split())
    main = folder / "main.conf"
    main.write_text(
        f"{loaded}\n{_as_whom('User www-data')}\n{_as_whom('Group www-data')}\nServerName localhost\n"
        f"Listen 127.0.0.1:{port}\nPidFile {folder}/pid\nDefaultRuntimeDir {folder}\nErrorLog /dev/stderr\n"
        f"DocumentRoot {folder}\nInclude {config}\n")
    return [program("apache2"), "-D", "FOREGROUND", "-f", main]


@dataclass(frozen=True)
class Kind:
    """One of the files: how its program is started, and what in it is of the machine."""

    file: str
    command: object
    port: str  # where clients come in
    idle: str  # after how many seconds an idle session is cut: finds nothing if it never is
    server: str = "127.0.0.1:8080"
    prefix: str = "/acequia"

    @property
    def text(self):
        return (FOLDER / self.file).read_text()

    @property
    def is_http(self):
        """Whether it looks into requests, or passes on connections."""
        return bool(self.prefix)


PASSED_ON = {"prefix": "", "server": "127.0.0.1:8443"}
KINDS = {kind.file: kind for kind in [
    Kind("nginx.conf", _nginx_command("http {{ {rest}\ninclude {file};\n}}\n"), "listen 443 ssl;",
         idle=r"proxy_(?:read|send)_timeout (\d+)s;"),
    Kind("haproxy.cfg", _haproxy_command, "bind :443 ssl", idle=r"timeout (?:client|server|tunnel) (\d+)s"),
    Kind("Caddyfile", _caddy_command, "jobs.example {", idle=r"(?!)"),
    Kind("apache.conf", _apache_command, "<VirtualHost *:443>", idle=r"Timeout (\d+)"),
    Kind("nginx-stream.conf", _nginx_command("include {file};\n"), "listen 443;", idle=r"proxy_timeout (\d+)s;",
         **PASSED_ON),
    Kind("haproxy-tcp.cfg", _haproxy_command, "bind :443\n", idle=r"timeout (?:client|server) (\d+)s", **PASSED_ON),
]}


def replaced(text, old, new):
    """A text in which this is there once, and is something else now."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


class ReverseProxy:
    """A proxy in front of `server`, by its file with other ports and paths and, if they are given, idle
    times of `idle_s` seconds."""

    def __init__(self, kind, server, folder, certificate, *, idle_s=None):
        self.kind, self.port, self._authority = kind, quiet_port(), certificate.authority
        # Comments name the same.
        text = re.sub(r"^\s*#.*\n", "", kind.text, flags=re.MULTILINE)
        text = replaced(text, kind.server, server.http)
        text = replaced(text, kind.port, kind.port.replace("443", str(self.port)))
        text = text.replace(CERTIFICATES, f"{certificate.folder}/")
        if idle_s is not None:
            text = re.sub(kind.idle, lambda found: found.group().replace(found.group(1), str(idle_s)), text)
        config = folder / kind.file
        config.write_text(text)
        command = kind.command(folder, config, self.port)
        # Caddy leaves something at home.
        home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self.process = Process(command, name=kind.file, cwd=folder, env=home)
        eventually(self._listens, f"{kind.file} to listen")

    def _listens(self):
        assert self.process.alive, self.process.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        """Has it end with all processes that it has started."""
        self.process.signal(signal.SIGTERM)
        self.process.wait()

    @property
    def host(self):
        return f"{NAME}:{self.port}"

    @property
    def ws(self):
        """For a client that is at the end of a `tunnel`."""
        return f"ws://{self.host}{self.kind.prefix}/v1/ws"

    def context(self):
        return ssl.create_default_context(cadata=self._authority.pem.decode())

    def dial(self, source):
        """A connection from this address of the machine, before TLS."""
        return socket.create_connection(("127.0.0.1", self.port), 30, (source, 0))

    def tunnel(self, source):
        """A plain socket to it, whose other end does the TLS."""
        return tunnel(self.dial(source), self.context(), NAME)

    def dial_tls(self, source):
        dialled = self.dial(source)
        try:
            return self.context().wrap_socket(dialled, server_hostname=NAME)
        except OSError:
            dialled.close()
            raise

    @contextlib.contextmanager
    def asked(self, source, method, path, *, headers=None, body=None):
        """The answer to a request, to be read as it comes."""
        connection = http.client.HTTPSConnection(NAME, self.port)
        connection.sock = self.dial_tls(source)
        try:
            connection.request(method, self.kind.prefix + path, body, headers or {})
            with connection.getresponse() as answer:
                yield answer
        finally:
            connection.close()

    def ask(self, *request, **options):
        """Status, headers and body."""
        with self.asked(*request, **options) as answer:
            return answer.status, answer.headers, answer.read()

    def status(self, *request, **options):
        return self.ask(*request, **options)[0]
