"""Limits of the protocols, by the names that their documents give them."""

PACK_MAX = 1024
"""Messages in one ZeroMQ message."""

SLOTS_MAX = 65_536
"""Slots of a worker."""

QUEUES_PER_WORKER_MAX = 64
"""Queues that one worker serves."""

QUEUE_NAME_BYTES_MAX = 64
"""Bytes of a queue's name."""

WORKER_NAME_BYTES_MAX = 64
"""Bytes of a worker's name."""

CONTENT_TYPE_BYTES_MAX = 128
"""Bytes of a media type."""

TOPIC_BYTES_MAX = 128
"""Bytes of a topic."""

TOPICS_PER_SESSION_MAX = 64
"""Topics that one session is subscribed to."""

TEXT_BYTES_MAX = 4_096
"""Bytes of a text for people: the message of a failure, the note of a progress."""

FAIL_CODE_BYTES_MAX = 64
"""Bytes of the code of a failure."""

DURATION_MS_MAX = 2_592_000_000
"""Milliseconds of a delay or a limit of time: thirty days."""
