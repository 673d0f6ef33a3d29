"""Servers that a test stops, ends and starts again: at its end those have to be well that it did not end."""

import signal

from .process import eventually, state
from .server import Server


class Steered(Server):
    def launch(self):
        super().launch()
        self.is_ended = False

    def pause(self):
        """From now on it does nothing; its connections stay open, and come in."""
        self.process.signal(signal.SIGSTOP)
        eventually(lambda: state(self.process.pid) == "T", "the server to be stopped")

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def terminate(self):
        """Asks it to stop, and does not wait."""
        self.is_ended = True
        self.process.signal(signal.SIGTERM)

    def stop(self):
        self.terminate()
        return self.process.wait()

    def kill(self):
        self.is_ended = True
        return super().kill()

    def check(self):
        if self.is_ended:
            self.check_log()
        else:
            super().check()
