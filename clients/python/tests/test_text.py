"""Texts are valid UTF-8 and within their limits, whatever they come from."""

import pytest

from acequia._text import cut, mended


@pytest.mark.parametrize(("given", "text"), [
    ("grüße", "grüße"),
    (b"caf\xe9", "caf\ufffd"),
    ("caf\udce9", "caf\ufffd"),
    ("\ud83d and \ude00", "\ufffd and \ufffd"),
    ("a\0b", "a\0b"),
    ("", ""),
])
def test_what_is_no_utf_8_is_mended(given, text):
    assert mended(given) == text
    mended(given).encode()


@pytest.mark.parametrize(("given", "bytes_max", "text"), [
    ("abc", 3, "abc"),
    ("abcd", 3, "abc"),
    ("aé", 2, "a"),
    ("aé", 3, "aé"),
    ("🚰🚰", 7, "🚰"),
    ("é", 1, ""),
    ("\udce9\udce9", 5, "\ufffd"),
    (b"\xff\xff", 3, "\ufffd"),
])
def test_what_is_too_long_is_cut_between_characters(given, bytes_max, text):
    assert cut(given, bytes_max) == text
