"""Two servers, of which one owns the journal, and the PostgreSQL in which it is; each server has its own way to it."""

import contextlib
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from harness import Server
from harness.postgres import Postgres
from harness.postgres_proxy import PostgresProxy
from harness.process import eventually

from fleet import CLIENTS, LONG_S, SERVER_FLAGS, Fleet
from wall import Wall
from ways import Site

SERVERS = 2
NAME = "ledger"
OWNED_S = 60  # until one owns the journal, and the others stand by
REST_S = 10
STOPPED_S = 30  # until a server has ended that is told to, whatever its database does


class Member(Server):
    """A server of the cluster: it has begun when it stands by, too."""

    BEGUN = ("acequia ready ", "acequia standby ")

    @property
    def address_told(self):
        """As others name it."""
        return f"http://{self.http}"

    @property
    def address_written(self):
        """As it is in the database, while this is the owner."""
        return self.address_told

    def readiness(self):
        """The status and text of `/readyz`; nothing if nobody answers."""
        try:
            status, _, text = self.get("/readyz")
        except OSError:
            return None, ""
        return status, text

    def answers(self):
        """Whether its pipeline does."""
        try:
            return self.get("/metrics")[0] == 200
        except OSError:
            return False


class Cluster(Fleet):
    """The servers, the database, and their peers."""

    servers = SERVERS

    def __init__(self, folder, seed):
        self._config = folder / "acequia.toml"
        self._config.write_text(f"[serve]\nretention_s = {LONG_S}\n")
        self.postgres, self.links, self._walls, self.sites = Postgres(), [], [], []
        self._late, self._launches, self._epoch = [None] * self.servers, [None] * self.servers, 0
        self._threads = ThreadPoolExecutor(self.servers)
        try:
            for nth in range(self.servers):
                self.links.append(PostgresProxy(self.postgres))
                self._walls.append(Wall(folder / f"wall{nth}"))
                self.sites.append(Site(self._new_member(
                    *SERVER_FLAGS, "--config", self._config, "--cluster-name", NAME, cwd=folder, env=self._walls[-1].env,
                    # The way there has to look into it.
                    journal=f"{self.postgres.url(port=self.links[-1].port)}?sslmode=disable")))
            self._owner = self.sites[0].server
            super().__init__(folder, seed, self.sites)
        except BaseException:
            self.close()
            raise

    def _new_member(self, *flags, **options):
        return Member.on_quiet_ports(*flags, **options)

    @property
    def server(self):
        """The owner, as it was when all had come up."""
        return self._owner

    def patience_of_client(self, nth):
        # One way it finds its session where another server has taken over; the other way it hears what a
        # server says that has stood still and does not know yet.
        return "hasty" if nth < CLIENTS / 2 else "patient"

    def come_up(self):
        # What was to go wrong has had its time.
        for link in self.links:
            link.disarm()
        for nth in range(self.servers):
            self._begin(nth)
        self._owner = eventually(self._agreed_owner, "one owner, whom all others name", OWNED_S)
        before, self._epoch = self._epoch, int(self._owner.metric("acequia_cluster_epoch"))
        self._note_now("take_over", times=self._epoch - before)

    def _begin(self, nth):
        """Waits until a server has begun. One that has found no database when it started is started again."""
        site = self._site(nth)
        try:
            site.server.wait_ready()
        except AssertionError:
            process = site.server.process
            was_refused = not process.stdout and any("cannot be opened: PostgreSQL" in line for line in process.stderr)
            if process.alive or not was_refused:
                raise
            site.launch()
            site.server.wait_ready()

    def _agreed_owner(self):
        """The one server that works, if there is one and the others stand by for it."""
        said = {site.server: site.server.readiness() for site in self.sites}
        owners = [server for server, (status, _) in said.items() if status == 200]
        if len(owners) != 1:
            return None
        standby = (503, f"standby: the owner is {owners[0].address_told}\n")
        others = [answer for server, answer in said.items() if server is not owners[0]]
        is_agreed = all(answer == standby for answer in others) and self._row() == (owners[0].address_written, True)
        # It may just have woken.
        return owners[0] if is_agreed and owners[0].answers() else None

    def _row(self):
        """Who owns the journal, by the journal itself, and whether its lease holds."""
        (row,) = self.postgres.psql("SELECT address, lease_until > clock_timestamp() FROM acequia.cluster",
                                    database="acequia")
        return row

    def come_to_rest(self):
        """Nothing is left of a job that has ended, and who owned the journal when all was calm still does."""
        def left():
            return [self.postgres.psql(f"SELECT count(*) FROM acequia.{table}", database="acequia")[0][0]
                    for table in ("jobs", "counts", "batches")]

        eventually(lambda: self.server.metric("acequia_journal_waiting_bytes") == 0, "all to be written", REST_S)
        eventually(lambda: left() == [0, 0, 0], "tables without a job that has ended", REST_S)
        owners = [site.server.metric("acequia_cluster_owner") for site in self.sites]
        row = self.postgres.psql("SELECT epoch, address FROM acequia.cluster", database="acequia")
        assert sum(owners) == 1 and row == [(self._epoch, self.server.address_written)], (
            f"at rest the journal has another owner: {owners}, {row}, epoch {self._epoch}")
        for site in self.sites:
            assert site.server.metric("acequia_cluster_lost_commits") == 0, "commits are said to be lost"

    def kill_server(self, nth):
        self._site(nth).server.kill()

    def launch_server(self, nth):
        """As soon as it has ended, which may take until the database is there; other deeds do not wait for that."""
        self._launches[nth] = self._threads.submit(self._launch, nth)

    def _launch(self, nth):
        process = self.sites[nth].server.process
        try:
            process.wait(STOPPED_S)
        except subprocess.TimeoutExpired:
            self.wrong.append(f"stopped: a server was told to, and is still there after {STOPPED_S} s:\n{process.log()}")
            process.kill()
        self.sites[nth].launch()
        self._note_now("launch_server", nth)

    def _site(self, nth):
        """Of a server that is there, if it was launched."""
        if self._launches[nth]:
            self._launches[nth].result()
        return self.sites[nth]

    def stop_server(self, nth):
        self._site(nth).stop()

    def pause_server(self, nth):
        self._site(nth).pause()

    def resume_server(self, nth):
        self._site(nth).resume()

    def step_clock(self, nth, offset_s):
        self._walls[nth].step(offset_s)

    def kill_database(self):
        self.postgres.kill()

    def stop_database(self, mode):
        self.postgres.stop(mode)

    def start_database(self):
        self.postgres.start()

    def pause_database(self):
        self.postgres.pause()

    def resume_database(self):
        self.postgres.resume()

    def cut_link(self, nth):
        """The connections of a server and the database end by RST."""
        self.links[nth].cut()

    def hold_link(self, nth, ways):
        """From now on nothing gets through."""
        self.links[nth].hold(*ways)

    def free_link(self, nth):
        self.links[nth].resume()

    def lose_answer(self, nth, of_groups):
        """A group will be written, and its owner not hear of it."""
        self._note(self.links[nth].lose_answer(of_groups), nth)

    def lose_request(self, nth, of_groups):
        self._note(self.links[nth].lose_request(of_groups), nth)

    def delay_request(self, nth, of_groups):
        """A group will be under way until it is released, while its connection is over for its server."""
        self._late[nth] = self.links[nth].delay_request(of_groups)
        self._note(self._late[nth], nth)

    def _note(self, mishap, nth):
        """When the connection breaks: it is after so many groups, and maybe never."""
        mishap.note(lambda: self._note_now("break_link", nth))

    def _note_now(self, name, *arguments, times=1):
        self.noted += [(name, arguments, time.time_ns(), time.time_ns())] * times

    def release_request(self, nth):
        """What was delayed arrives, or will do so at once."""
        self._late[nth].let_go()

    def close(self, keep=False):
        with contextlib.ExitStack() as last:
            last.callback(self.postgres.close)
            for link in self.links:
                last.callback(link.close)
            # Whatever is still to be launched is ended then, too.
            self._threads.shutdown()
            super().close(keep)
            if keep:
                self._keep_database()

    def _keep_database(self):
        """A copy for whoever looks for the reason; its server is started with `postgres -D`."""
        if self.postgres.alive:
            self.postgres.stop("immediate")
        shutil.copytree(self.postgres.data, self.folder / "postgres")
