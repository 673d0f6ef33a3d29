"""The fields that records of the journal and frames of a link are made of, as `wire/src/record.rs` says, without the
code that writes and reads them."""

JSON, MSGPACK, OCTETS, TEXT = b"\0", b"\1", b"\2", b"\3"
# Trace, span and flags.
SPAN = bytes(range(1, 25)) + b"\1"


def number(n):
    low = bytearray()
    while n >= 0x80:
        low.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(low) + bytes([n])


def signed(n):
    return number((n << 1 ^ n >> 63) & (1 << 64) - 1)


def data(value):
    return number(len(value)) + value


def text(value):
    return data(value.encode())


def correlation(id):
    return b"\1" + text(id) if isinstance(id, str) else b"\0" + signed(id)


def submit(*, id=7, queue="default", priority=4, delay_ms=0, attempts=1, timeout_ms=None, ttl_ms=None, key=None,
           batch=None, cancel=False, cancel_after_ms=None, traceparent=None, flags=0):
    """All but the payload, which follows."""
    fields = (timeout_ms, ttl_ms, key, batch, True if cancel else None, cancel_after_ms, traceparent)
    flags |= sum(1 << bit for bit, field in enumerate(fields) if field is not None)
    return b"".join([
        bytes([flags, priority]), number(delay_ms), number(attempts),
        *(number(n) for n in (timeout_ms, ttl_ms, cancel_after_ms) if n is not None),
        correlation(id), text(queue), *(text(word) for word in (key, batch) if word is not None),
        traceparent or b""])
