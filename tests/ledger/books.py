"""What clients and workers wrote down, read again when all is over."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property


@dataclass
class Submit:
    """One `id` of one session, and all that was said of it."""

    session: str
    id: int
    kind: str
    nonce: str
    at_ns: int
    fields: dict
    accepted: list = field(default_factory=list)  # names of jobs
    rejected: list = field(default_factory=list)  # codes
    started: list = field(default_factory=list)  # lines of the book
    ended: list = field(default_factory=list)  # lines of the book
    gaps: list = field(default_factory=list)  # lines of the book: it has ended, and how is not known

    @property
    def jobs(self):
        """The names of its jobs, of which there are several only if it was submitted again."""
        return {*self.accepted, *(said["job"] for said in self.ended + self.gaps)}

    def __str__(self):
        return f"{self.nonce} ({self.kind}, id {self.id} of session {self.session})"


@dataclass
class Run:
    """One start of a job at a worker."""

    nonce: str
    job: str
    attempt: int
    worker: str
    at_ns: int
    through_ns: int | None = None  # when it was over, if its worker came to that


@dataclass
class Deed:
    """Something that was done to somebody."""

    name: str
    arguments: tuple
    from_ns: int
    to_ns: int

    @property
    def whom(self):
        """The number of who it was done to, where there are several."""
        return next((argument for argument in self.arguments[:1] if isinstance(argument, int)), None)


@dataclass
class Books:
    """All of a round."""

    submits: dict = field(default_factory=dict)  # by session and id
    strangers: list = field(default_factory=list)  # events about an id that was never submitted
    opened: set = field(default_factory=set)  # sessions
    finished: set = field(default_factory=set)  # sessions that heard all that they were owed
    resumed: set = field(default_factory=set)  # sessions that went on with another connection
    duplicates: list = field(default_factory=list)  # lines of the book: a submit was taken for one that is live
    losses: list = field(default_factory=list)  # lines of the book: connections that ended before all was told
    forgotten: set = field(default_factory=set)  # sessions that the server did not know any more
    doubles: list = field(default_factory=list)  # events whose number was there before
    storage: list = field(default_factory=list)  # refusals because of the disk
    batches: dict = field(default_factory=lambda: defaultdict(list))  # by session and name: what was told
    deeds: list = field(default_factory=list)
    retention_ns: int = 600 * 10**9  # how long outcomes are kept
    looked_ns: int = 0  # when the server was asked what it knows
    turned_away: list = field(default_factory=list)  # upgrades that were refused
    addresses: set = field(default_factory=set)  # of servers, as they are told
    servers: dict = field(default_factory=dict)  # their numbers, by where clients find them
    terms: list = field(default_factory=list)  # of doors: who owned the journal, from when on
    calm_ns: int = 0  # from when on nothing was done to anybody
    resubmitted: set = field(default_factory=set)  # nonces that were submitted again
    letters: list = field(default_factory=list)  # jobs of the dead letters
    runs_by_nonce: dict = field(default_factory=lambda: defaultdict(list))

    def note(self, line):
        """One line of a client."""
        session, what = line["session"], line["what"]
        if what == "opened":
            self.opened.add(session)
        elif what == "finished":
            self.finished.add(session)
        elif what in ("resumed", "forgotten"):
            getattr(self, what).add(session)
        elif what == "duplicate":
            self.duplicates.append(line)
        elif what == "lost":
            self.losses.append(line)
        elif what == "double":
            self.doubles.append(line)
        elif what == "turned away":
            self.turned_away.append(line)
        elif what == "gap":
            self.note_gap(line)
        elif what == "batch":
            self.batches[session, line["batch"]].append(line)
        elif what == "resubmit":
            self.resubmitted.add(self.submits[session, line["id"]].nonce)
        elif what == "submit":
            known = {"t", "session", "what", "id", "kind", "nonce"}
            fields = {key: value for key, value in line.items() if key not in known}
            self.submits[session, line["id"]] = Submit(
                session, line["id"], line["kind"], line["nonce"], line["t"], fields
            )
        elif what in ("accepted", "rejected", "started", "ended"):
            submit = self.submits.get((session, line["id"]))
            if submit is None:
                self.strangers.append(line)
            elif what in ("started", "ended"):
                getattr(submit, what).append(line)
            else:
                getattr(submit, what).append(line["job" if what == "accepted" else "code"])
            if line.get("code") == "storage":
                self.storage.append(line)

    def note_gap(self, line):
        """Of one outcome, or of how many events that nobody is owed."""
        if "id" in line:
            submit = self.submits.get((line["session"], line["id"]))
            (self.strangers if submit is None else submit.gaps).append(line)

    def note_run(self, line):
        """One line of a worker: a run begins, or is through."""
        nonce, job, attempt, worker, at_ns, *through = line.split()
        if not through:
            self.runs_by_nonce[nonce].append(Run(nonce, job, int(attempt), worker, int(at_ns)))
            return
        for run in reversed(self.runs_by_nonce[nonce]):
            if (run.job, run.attempt, run.worker) == (job, int(attempt), worker):
                run.through_ns = int(at_ns)
                return

    def runs(self, job):
        """Those of one job, in the order of their attempts."""
        return sorted(self._runs_by_job.get(job, ()), key=lambda run: (run.attempt, run.at_ns))

    @cached_property
    def _runs_by_job(self):
        by_job = defaultdict(list)
        for runs in self.runs_by_nonce.values():
            for run in runs:
                by_job[run.job].append(run)
        return by_job

    def done(self, names, from_ns, to_ns):
        """The deeds of these names between two moments."""
        return [deed for deed in self.deeds
                if deed.name in names and deed.to_ns >= from_ns and deed.from_ns <= to_ns]

    def spans(self, begins, ends):
        """From when to when something was so, again and again: (ns, ns)."""
        return [(begin.from_ns, end.to_ns) for begin, end in self._pairs(begins, ends)]

    def spans_of(self, whom, begins, ends, are_meant=lambda begin: True):
        """Likewise of one alone, of those that begin with deeds that are meant."""
        return [(begin.from_ns, end.to_ns) for begin, end in self._pairs(begins, ends)
                if begin.whom == whom and are_meant(begin)]

    def _pairs(self, begins, ends):
        """The deeds from which and to which something was so."""
        since = {}
        for deed in self.deeds:
            if deed.name == begins:
                since.setdefault(deed.whom, deed)
            elif deed.name == ends and deed.whom in since:
                yield since.pop(deed.whom), deed


def read(folder, nth_round):
    """The books of a round: `*.client` are of one, `*.worker` of all."""
    books, mine = Books(), f"r{nth_round}."
    for path in sorted(folder.glob(f"{mine}*.client")):
        for line in path.read_text().splitlines():
            books.note(json.loads(line))
    for path in sorted(folder.glob("*.worker")):
        for line in path.read_text().splitlines():
            if line.startswith(mine):
                books.note_run(line)
    return books
