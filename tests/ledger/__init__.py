"""The ledger: nothing that was accepted is lost, whatever is killed and when.

A server with a journal, workers and clients, all of them real processes, are killed, stopped and
cut off from one another at random instants. Meanwhile each client writes down what it was told and
each worker what it ran. When all is calm again the books must agree.

    tests/.cache/venv/bin/python tests/ledger --rounds 30
    tests/.cache/venv/bin/python tests/ledger --seed 17        # the same disasters once more

    jobs.py      what is submitted, and how each may end
    client.py    a client, a process          worker.py, worker.sh   workers, processes
    proxy.py     connections that can be cut  fleet.py               all processes of a run
    chaos.py     what goes wrong, and when    calm.py                waits until all is over
    books.py     what was written down        audit.py               the rules that must hold
"""
