"""The ledger: nothing that was accepted is lost, whatever goes wrong and when.

A server with a journal, workers and clients, all of them real processes, are killed, stopped and
cut off from one another at random instants. The server stands still for longer than a lease, its
disk is full, also while nobody asks for anything, and its clock is set by hours, either way; clients
stay away while more comes to its end than is kept for them in memory. Meanwhile each client writes
down what it was told, each worker what it ran, and whoever does all that what was done. When all is
calm again the books must agree.

With `--cluster` there are two such servers, and the PostgreSQL in which their journal is. Either server,
and the database, is killed, stopped, told to end and started again; a server stands still until another
has taken over, and wakes; what is on the way between a server and the database is cut off, held up, lost,
or arrives when nobody waits for it any more. At rest one server owns the journal, the other names it, and
the tables have no job that has ended.

With `--doors` there are three servers, each of them a door all the time: clients and workers come to any, and
one is the owner, too. What else goes wrong is the way between a door and the owner: it is cut off, held up in
both ways or in one, lost or late. A run that began again then is an error unless it was asked for, its worker
or its own door was disturbed, or its door could not find the next owner in time: that the owner died, was
stopped or stood still is no reason. The reasons are counted at the end. And a session that can be resumed stays
open for as long as its door lives.

    tests/.cache/venv/bin/python tests/ledger --rounds 30
    tests/.cache/venv/bin/python tests/ledger --seed 17        # the same disasters once more
    tests/.cache/venv/bin/python tests/ledger --only still     # of the server, one sort: `--help` has all
    tests/.cache/venv/bin/python tests/ledger --cluster --rounds 100
    tests/.cache/venv/bin/python tests/ledger --doors --rounds 100

It takes libfaketime (`apt-get install faketime`), and for a cluster PostgreSQL. Where mounts are permitted, in a namespace that is
its own, the journal has a small disk of its own; else a full disk is only a limit on files.

    jobs.py      what is submitted, and how each may end
    client.py    a client, a process          worker.py, worker.sh   workers, processes
    fleet.py     all processes of a run       ways.py                a server, and the ways to it
    chaos.py     what goes wrong, and when    calm.py                waits until all is over
    single.py, single_chaos.py    one server, and what goes wrong with it
    cluster.py, cluster_chaos.py  two servers and a database, and what goes wrong with them
    doors.py, door_chaos.py       three that are doors, and what goes wrong between them
    link_proxy.py                 the ways from doors to an owner
    disk.py, wall.py              what a server lives by
    books.py, terms.py            what was written down, by peers, and by the database of who owned it
    audit.py, doubles.py          the rules that must hold; that of runs at doors
    troubles.py                   what was done that explains what would be wrong otherwise
"""
