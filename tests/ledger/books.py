"""What clients and workers wrote down, read again when all is over."""

import json
from collections import defaultdict
from dataclasses import dataclass, field


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
    ended: list = field(default_factory=list)  # lines of the book

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


@dataclass
class Books:
    """All of a round."""

    submits: dict = field(default_factory=dict)  # by session and id
    strangers: list = field(default_factory=list)  # events about an id that was never submitted
    opened: set = field(default_factory=set)  # sessions
    finished: set = field(default_factory=set)  # sessions that heard all that they were owed
    resumed: set = field(default_factory=set)  # sessions that went on with another connection
    forgotten: set = field(default_factory=set)  # sessions that the server did not know any more
    doubles: list = field(default_factory=list)  # events whose number was there before
    gaps: list = field(default_factory=list)  # outcomes that nobody could tell
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
        elif what == "double":
            self.doubles.append(line)
        elif what == "gap":
            self.gaps.append(line)
        elif what == "resubmit":
            self.resubmitted.add(self.submits[session, line["id"]].nonce)
        elif what == "submit":
            known = {"t", "session", "what", "id", "kind", "nonce"}
            fields = {key: value for key, value in line.items() if key not in known}
            self.submits[session, line["id"]] = Submit(
                session, line["id"], line["kind"], line["nonce"], line["t"], fields
            )
        elif what in ("accepted", "rejected", "ended"):
            submit = self.submits.get((session, line["id"]))
            if submit is None:
                self.strangers.append(line)
            elif what == "ended":
                submit.ended.append(line)
            else:
                getattr(submit, what).append(line["job" if what == "accepted" else "code"])

    def note_run(self, line):
        """One line of a worker."""
        nonce, job, attempt, worker, at_ns = line.split()
        self.runs_by_nonce[nonce].append(Run(nonce, job, int(attempt), worker, int(at_ns)))


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
