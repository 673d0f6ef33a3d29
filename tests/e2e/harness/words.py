"""Words that nobody else uses, so that each is found again wherever it has gone."""

import base64
import itertools
import uuid


class Words:
    """Makes words, and knows in what each was said."""

    def __init__(self):
        self.said = {}
        self._count = itertools.count(1)

    def __call__(self, where):
        word = f"xq{next(self._count)}wz{uuid.uuid4().hex[:12]}"
        self.said[word] = where
        return word

    def secret(self, octets, where):
        """Bytes, in each way in which a log may write them."""
        listed = str(list(octets))
        for form in (octets.hex(), str(uuid.UUID(bytes=octets[:16])), listed.replace(" ", "")[1:-1], listed[1:-1],
                     base64.b64encode(octets).decode()):
            self.said[form] = where

    def found_in(self, lines):
        """Which were, and the line in which each stands."""
        lowered = [(line.lower(), line) for line in lines]
        return {word: (where, next(line[:500] for low, line in lowered if word.lower() in low))
                for word, where in self.said.items() if any(word.lower() in low for low, _ in lowered)}
