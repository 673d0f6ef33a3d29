"""What is wrong with how a worker was set up or with whom it speaks."""


class WorkerError(Exception):
    """A worker that cannot start, or cannot go on.

    Its options are at fault, or the server speaks another version of the protocol. A server that is
    not there, or goes, is no error: the worker dials it again.
    """
