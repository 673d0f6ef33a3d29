"""A server whose clock can be set and whose disk can hang: `clocks_and_disks.c`, by LD_PRELOAD."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "clocks_and_disks.c"


class Preload:
    """Built into a folder, in which it also keeps what it is told."""

    def __init__(self, folder):
        self.library, self._clock, self._hanging = folder / "preload.so", folder / "clock", folder / "hanging"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", self.library, SOURCE], check=True)

    @property
    def env(self):
        return {
            "LD_PRELOAD": str(self.library),
            "TEST_CLOCK": str(self._clock),
            "TEST_HANGING": str(self._hanging),
        }

    def set_clock(self, ahead_s):
        """From now on the clock of the system is so many seconds ahead, of what it is really."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{ahead_s}\n")
        new.rename(self._clock)

    def hang(self):
        """From now on the disk does not answer."""
        self._hanging.touch()

    def answer(self):
        self._hanging.unlink()
