"""A real Prometheus that scrapes servers, and its `promtool`: Debian's package `prometheus`."""

import http.client
import json
import re
import subprocess
from urllib.parse import urlencode

import yaml

from .process import Process, eventually
from .server import ROOT

DEPLOY = ROOT / "deploy"
CONFIG = DEPLOY / "prometheus/prometheus.yml"
RULES = DEPLOY / "prometheus/rules.yml"

# Often, so that a test has not long to wait for the next scrape, and long enough for one.
INTERVAL = "500ms"


def promtool(*args, stdin=""):
    """Runs promtool to its end: exit code, and all that it said."""
    done = subprocess.run(
        ["promtool", *map(str, args)], input=stdin, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


class Prometheus:
    """Scrapes `server` as the configuration that we deploy says, only more often.

    It listens on a port of the system's choice and keeps its data in `folder`.
    """

    def __init__(self, server, folder):
        config = yaml.safe_load(CONFIG.read_text())
        config["global"] |= {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL}
        config["rule_files"] = [str(CONFIG.parent / file) for file in config["rule_files"]]
        (scrape,) = config["scrape_configs"]
        scrape["static_configs"] = [{"targets": [server.http]}]
        file = folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        self.instance = server.http
        self.process = Process(
            ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
             "--web.listen-address=127.0.0.1:0", "--log.format=json"],
            name="prometheus", cwd=folder)
        self._address = None
        self.process.line(self._hear, of="stderr")
        eventually(lambda: self._get("/-/ready")[0] == 200, "Prometheus to be ready")

    def _hear(self, line):
        said = json.loads(line)
        if said.get("msg") == "Listening on":
            self._address = said["address"]
        return self._address is not None

    def _get(self, path):
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def own_metrics(self):
        """Its own metrics, as text."""
        status, text = self._get("/metrics")
        assert status == 200, text
        return text

    def api(self, path, **query):
        """What its HTTP API answers."""
        status, text = self._get(f"/api/v1/{path}?{urlencode(query, doseq=True)}")
        said = json.loads(text)
        assert status == 200 and said["status"] == "success", (path, query, text)
        assert not said.get("warnings"), (path, query, text)
        return said["data"]

    def query(self, expression, time=None):
        """The result of a query: a list of series."""
        at = {} if time is None else {"time": time}
        return self.api("query", query=expression, **at)["result"]

    def values(self, expression, time=None):
        """The numbers of an instant query."""
        return [float(series["value"][1]) for series in self.query(expression, time)]

    def value(self, expression, time=None):
        """The number of an instant query that finds one series; nothing if it finds none."""
        values = self.values(expression, time)
        assert len(values) <= 1, (expression, values)
        return values[0] if values else None

    def wait_value(self, expression, value):
        """Waits until a query has this number."""
        seen = []

        def look():
            seen[:] = self.values(expression)
            return seen == [value]

        try:
            eventually(look, f"{expression} == {value}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen}") from None

    def check(self):
        """That no scrape went wrong, and that it had nothing to complain of."""
        self.wait_value("up", 1)
        (target,) = self.api("targets")["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", ""), target
        refusals = re.findall(r"^(prometheus_target_scrapes?_\w+_total) (\S+)$", self.own_metrics(), re.MULTILINE)
        counted = {name: float(value) for name, value in refusals}
        wrong = {name: value for name, value in counted.items() if name not in HARMLESS and value}
        assert len(counted) > len(HARMLESS) and not wrong, wrong
        said = [json.loads(line) for line in self.process.stderr]
        assert not [line for line in said if line["level"].lower() in ("warn", "error")], said


# Counted without anything being wrong.
HARMLESS = {"prometheus_target_scrape_pools_total", "prometheus_target_scrape_pool_reloads_total",
            "prometheus_target_scrape_pool_sync_total"}
