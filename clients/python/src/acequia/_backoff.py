"""How long to wait before something is tried again."""

from __future__ import annotations

import random


class Backoff:
    """Pauses with jitter: anything from nothing to a ceiling that doubles.

    So those that lost the same server do not all come back at one time.

    Args:
        first_s: The first ceiling, in seconds.
        most_s: The highest ceiling, in seconds.
    """

    def __init__(self, first_s: float = 0.05, most_s: float = 5.0):
        self._first_s = first_s
        self._most_s = most_s
        self._attempts = 0

    def reset(self) -> None:
        """It went well."""
        self._attempts = 0

    def pause_s(self) -> float:
        """How long to wait this time, in seconds."""
        ceiling: float = min(self._first_s * 2.0 ** min(self._attempts, 32), self._most_s)
        self._attempts += 1
        return ceiling * random.random()
