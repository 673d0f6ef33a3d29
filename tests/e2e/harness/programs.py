"""Programs that are not on everybody's path."""

import os
import shutil


def program(name):
    """Where it is; `sbin` is not on everybody's path."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"{name} is not there: tests/run e2e installs it"
    return found
