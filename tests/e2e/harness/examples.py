"""The apps in `examples/`, begun as their READMEs say: each is a site to its visitors."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import requests

from .process import PATIENCE_S, Process, eventually
from .server import ROOT, acequia, clean_env, quiet_port, samples_of

EXAMPLES = ROOT / "examples"
PYTHON = {"PYTHONPATH": str(ROOT / "clients/python/src"), "PYTHONDONTWRITEBYTECODE": "1"}
PASSWORD = "a password of anna's"
NAMES = ("anna", "berta")


class Site:
    """An app, begun beside a server that lets its pages in. `folder` is for what it writes."""

    # Where the app has users.
    needs_tokens = False
    worker = ()
    worker_env = {}

    def __init__(self, new_server, folder):
        self.folder = folder
        self.port = quiet_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secret = folder / "jwt-secret"
        self.server = self.begin_server(new_server)
        env = {"ACEQUIA_SERVER": f"http://{self.server.http}", "ACEQUIA_JWT_SECRET_FILE": str(self.secret)}
        self.process = self.begin({**env, "PORT": str(self.port)})
        eventually(lambda: answers(self.url) or not self.process.alive, type(self).__name__)
        assert self.process.alive, self.process.log()

    def begin_server(self, new_server):
        flags = ["--allow-origin", self.url]
        if self.needs_tokens:
            self.secret.write_text(os.urandom(32).hex())
            flags += ["--client-auth", "jwt", "--jwt-secret-file", self.secret]
        return new_server(*flags)

    def begin(self, env):
        raise NotImplementedError

    def start(self, *command, env):
        return Process(command, name=type(self).__name__, env=clean_env(env), cwd=EXAMPLES / self.of)

    def start_worker(self):
        env = {"ACEQUIA_JOBS": self.server.jobs, "ACEQUIA_RESULTS": self.server.results, **self.worker_env}
        return self.start(*self.worker, env=env)

    def visitor(self, name="anna"):
        return Visitor(self.url)


class Visitor:
    """Somebody's browser, as far as it makes requests."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.headers = {}

    def post(self, path, body):
        return self.session.post(f"{self.url}/{path}", json=body, headers=self.headers, timeout=PATIENCE_S)

    def make(self, rows, key):
        """Asks for a report: the answer, and the id of the job if there is one."""
        answer = self.post("reports", {"rows": rows, "key": key})
        return answer, answer.json().get("job")

    def announce(self, text):
        return self.post("news", {"text": text})

    def token(self):
        """With which the page comes to the server."""
        return None

    def get(self, path=""):
        return self.session.get(f"{self.url}/{path}", timeout=PATIENCE_S, allow_redirects=False)


class SignedIn(Visitor):
    def token(self):
        answer = self.get("token")
        assert answer.status_code == 200, answer.text
        return answer.text


class Django(Site):
    of = "django"
    needs_tokens = True
    worker = (sys.executable, "worker.py")
    worker_env = PYTHON

    def begin(self, env):
        database = self.folder / "db.sqlite3"
        shutil.copy(Path(self._users().name, "db.sqlite3"), database)
        env = {**env, **PYTHON, "DJANGO_DATABASE": str(database)}
        return self.start(sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}", env=env)

    @classmethod
    @cache
    def _users(cls):
        """A folder with a database in which all of them are: made once, since passwords are slow on purpose."""
        folder = tempfile.TemporaryDirectory(prefix="acequia-django-")
        secret = Path(folder.name, "jwt-secret")
        secret.touch()
        env = {**os.environ, **PYTHON, "DJANGO_DATABASE": f"{folder.name}/db.sqlite3",
               "DJANGO_SUPERUSER_PASSWORD": PASSWORD, "ACEQUIA_JWT_SECRET_FILE": str(secret)}
        anybody = ["createsuperuser", "--noinput", "--email", "", "--username"]
        for arguments in [["migrate"], *([*anybody, name] for name in NAMES)]:
            command = [sys.executable, "manage.py", *arguments]
            subprocess.run(command, cwd=EXAMPLES / cls.of, env=env, check=True, timeout=120, capture_output=True)
        return folder

    def visitor(self, name="anna"):
        return DjangoVisitor(self.url, name)


class DjangoVisitor(SignedIn):
    def __init__(self, url, name):
        super().__init__(url)
        if name is not None:
            self.get("login")
            self.post("login", {"username": name, "password": PASSWORD})

    def post(self, path, body):
        # Forms, with what keeps others from sending them.
        body = {**body, "csrfmiddlewaretoken": self.session.cookies.get("csrftoken")}
        return self.session.post(f"{self.url}/{path}", data=body, timeout=PATIENCE_S, allow_redirects=False)


class Express(Site):
    of = "express"
    worker = ("node", "worker.js")

    def begin(self, env):
        return self.start("node", "server.js", env=env)


class PlainPhp(Site):
    of = "php"
    worker = ("php", "worker.php")

    def begin(self, env):
        return self.start("php", "-S", f"127.0.0.1:{self.port}", "plain/index.php", env=env)

    def visitor(self, name="anna"):
        return FormVisitor(self.url)


class FormVisitor(Visitor):
    """Of a page whose forms are sent as they are, and which comes back."""

    def post(self, path, body):
        return self.session.post(f"{self.url}/", data=body, timeout=PATIENCE_S, allow_redirects=False)

    def make(self, rows, key):
        answer = self.post("", {"rows": rows, "key": key})
        found = re.fullmatch(r"\?job=([0-9a-f-]{36})", answer.headers.get("Location", ""))
        return answer, found and found[1]


class PhpControllers(Site):
    of = "php"
    needs_tokens = True
    worker = ("php", "worker.php")

    def begin(self, env):
        return self.start("php", "-S", f"127.0.0.1:{self.port}", "controller/index.php", env=env)

    def visitor(self, name="anna"):
        visitor = SignedIn(self.url)
        if name is not None:
            visitor.session.post(f"{self.url}/login", data={"name": name}, timeout=PATIENCE_S)
        return visitor


class Axum(Site):
    """The server, the app and the worker in one program."""

    of = "axum"

    def begin_server(self, new_server):
        return Mounted(f"127.0.0.1:{self.port}")

    def begin(self, env):
        env = {"LISTEN": f"127.0.0.1:{self.port}", "ACEQUIA_JOURNAL": str(self.folder / "acequia.redb"),
               "ACEQUIA_JOBS": "tcp://127.0.0.1:0", "ACEQUIA_RESULTS": "tcp://127.0.0.1:0"}
        return self.start(acequia().parent / "examples/axum", env=env)

    def start_worker(self):
        """It is there."""


class Mounted:
    """What tests ask of a server, of one below a path."""

    def __init__(self, http):
        self.http = http
        self.ws = f"ws://{http}/acequia/v1/ws"

    def total(self, name):
        text = requests.get(f"http://{self.http}/acequia/metrics", timeout=PATIENCE_S).text
        return sum(value for (sample, _), value in samples_of(text).items() if sample == name)


SITES = [Axum, Django, Express, PlainPhp, PhpControllers]


def answers(url):
    try:
        return requests.get(url, timeout=PATIENCE_S).ok
    except requests.ConnectionError:
        return False
