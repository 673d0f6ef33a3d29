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

    tests/.cache/venv/bin/python tests/ledger --rounds 30
    tests/.cache/venv/bin/python tests/ledger --seed 17        # the same disasters once more
    tests/.cache/venv/bin/python tests/ledger --only still     # of the server, one sort: `--help` has all
    tests/.cache/venv/bin/python tests/ledger --cluster --rounds 100

It takes libfaketime (`apt-get install faketime`), and for a cluster PostgreSQL. Where mounts are permitted, in a namespace that is
its own, the journal has a small disk of its own; else a full disk is only a limit on files.

    jobs.py      what is submitted, and how each may end
    client.py    a client, a process          worker.py, worker.sh   workers, processes
    fleet.py     all processes of a run       ways.py                a server, and the ways to it
    chaos.py     what goes wrong, and when    calm.py                waits until all is over
    single.py, single_chaos.py    one server, and what goes wrong with it
    cluster.py, cluster_chaos.py  two servers and a database, and what goes wrong with them
    disk.py, wall.py              what a server lives by
    books.py     what was written down        audit.py               the rules that must hold
"""
