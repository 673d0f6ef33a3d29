"""The wall clock of one process, which can be set while it runs: Debian's libfaketime."""

from pathlib import Path

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Wall:
    """A clock that goes as the system's does, so many seconds before or behind it."""

    def __init__(self, file):
        assert LIBRARIES, "libfaketime is not there: apt-get install faketime"
        self._file = file
        self.step(0)

    @property
    def env(self):
        """What a process needs to go by it. What counts from the boot stays as it is."""
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, offset_s):
        """From now on, or a second later, it is this far from the system's."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.rename(self._file)
