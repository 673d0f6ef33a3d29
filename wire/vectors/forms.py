"""The forms in which the vectors write bytes down."""

import json

import msgpack


def text(value):
    return {"text": value}


def raw(value):
    return {"hex": value.hex()}


def times(*pairs):
    """Bytes too long to write out: pieces, each so many times."""
    return {"parts": [{**piece, "times": count} for piece, count in pairs]}


def bytes_of(form):
    """The bytes that a form stands for."""
    if "parts" in form:
        return b"".join(bytes_of(part) * part["times"] for part in form["parts"])
    return form["text"].encode() if "text" in form else bytes.fromhex(form["hex"])


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def to_json(value):
    """JSON without spaces, as the protocol's own encoders write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def payload(content_type, content):
    """A payload as the vectors write it: text where it is text."""
    if isinstance(content, str):
        return {"type": content_type, "text": content}
    return {"type": content_type, "hex": content.hex()}
