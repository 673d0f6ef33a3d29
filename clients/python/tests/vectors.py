"""The golden vectors of both protocols."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "wire/vectors"


def bytes_of(form):
    """The bytes that a case writes down in one of three ways."""
    if "parts" in form:
        return b"".join(bytes_of(part) * part["times"] for part in form["parts"])
    return form["text"].encode() if "text" in form else bytes.fromhex(form["hex"])


def cases(file):
    """The cases of a file."""
    read = json.loads((FOLDER / file).read_text())
    assert read["version"] == 1
    return read["cases"]


def name_of(case):
    return case["name"]
