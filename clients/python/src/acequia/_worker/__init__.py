"""Inside a worker.

    server ──▶ PULL ──▶ connection ──▶ threads, loop or processes ──▶ outbox ──▶ PUSH ──▶ server
                            │                                            │
                            └────────── lane: the jobs that are held ────┘

One thread, of `network`, owns all sockets and the lanes. Handlers never touch a socket, and what
waits in the outbox at one time leaves in one ZeroMQ message.
"""
